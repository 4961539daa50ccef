//! The commands of docs/lessons.md, run as a class would type them. Lesson 4 is in `timing::clock`, lesson 6 in
//! `.ci/run`.

use std::fs;

use windrow_testing::lessons::lesson;
use windrow_testing::root;

#[test]
fn lesson_1_a_consumer_is_killed() {
    let said = lesson(1);
    // No window is sealed twice, and the second consumer seals the rest.
    for window in 1..=17 {
        assert!(said.matches(&format!("window {window}: ")).count() <= 1, "{said}");
    }
    let behind = said.rsplit_once("window-00001.json").map_or("", |(_, behind)| behind);
    assert!(behind.contains("window 17: ") && !behind.contains("window 1: "), "{said}");
    assert!(
        said.contains("every row is accounted for: 8,019 read = 8,019 delivered = 8,019 stored + 0 quarantined"),
        "{said}"
    );
}

#[test]
fn lesson_2_a_row_comes_late() {
    let said = lesson(2);
    assert!(said.contains("\"row\":121"), "{said}");
    assert!(said.contains("121 read = 121 stored + 0 quarantined"), "{said}");
    assert!(said.contains("1 2024-05-01      41"), "{said}");
}

#[test]
fn lesson_3_a_third_member_joins() {
    let said = lesson(3);
    assert!(said.matches("partitions assigned").count() >= 3 && said.contains("partitions revoked"), "{said}");
    assert!(said.contains("8,019 read = 8,019 delivered = 8,019 stored + 0 quarantined"), "{said}");
}

#[test]
fn lesson_5_a_poisoned_row() {
    let said = lesson(5);
    let unwrapped = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unwrapped.contains("row 1,234: size: `enormous` is not a number"), "{said}");
    assert!(said.contains("1 row was put in quarantine"), "{said}");
    assert!(said.contains("more than quarantine.max_share = 0.01") && said.contains("exit code 1"), "{said}");
}

#[test]
fn lesson_6_is_run_by_ci() {
    let page = fs::read_to_string(root().join("docs/lessons.md")).expect("a page");
    let run = fs::read_to_string(root().join(".ci/run")).expect("a script");
    assert_eq!(page.matches("\n## ").count(), 6);
    assert!(page.contains("windrow demo --dataset taxi --once") && run.contains("docs/lessons.md"));
}
