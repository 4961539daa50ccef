//! The commands of docs/lessons.md, run as a class would type them. Lesson 4 is in `timing::clock`, lessons 6 and 7 are
//! in `.ci/run`.

use std::fs;

use windrow_testing::lessons::lesson;
use windrow_testing::root;

#[test]
fn lesson_1_a_consumer_is_killed() {
    let output = lesson(1);
    // No window is sealed twice, and the second consumer seals the rest.
    for window in 1..=17 {
        assert!(output.matches(&format!("window {window} (")).count() <= 1, "{output}");
    }
    let behind = output.rsplit_once("window-00001.json").map_or("", |(_, behind)| behind);
    assert!(behind.contains("window 17 (") && !behind.contains("window 1 ("), "{output}");
    assert!(
        output.contains("every row is accounted for: 8,019 read = 8,019 delivered = 8,019 stored + 0 quarantined"),
        "{output}"
    );
}

#[test]
fn lesson_2_a_row_comes_late() {
    let output = lesson(2);
    assert!(output.contains("\"row\":121"), "{output}");
    assert!(output.contains("121 read = 121 stored + 0 quarantined"), "{output}");
    assert!(output.contains("1 2024-05-01      41"), "{output}");
}

#[test]
fn lesson_3_a_third_member_joins() {
    let output = lesson(3);
    assert!(output.matches("partitions assigned").count() >= 3 && output.contains("partitions revoked"), "{output}");
    assert!(output.contains("8,019 read = 8,019 delivered = 8,019 stored + 0 quarantined"), "{output}");
}

#[test]
fn lesson_5_a_poisoned_row() {
    let output = lesson(5);
    let unwrapped = output.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unwrapped.contains("row 1,234: size: `9 or 10` is not a number"), "{output}");
    assert!(output.contains("1 row was put in quarantine"), "{output}");
    assert!(output.contains("more than quarantine.max_share = 0.01") && output.contains("exit code 1"), "{output}");
}

#[test]
fn lesson_8_the_second_monday() {
    let output = lesson(8);
    let (_, second) = output.split_once("the second Monday\n").expect("a line");
    let (second, third) = second.split_once("the first rows are gone\n").expect("a line");
    assert!(second.contains("400 new rows after row 2,000; window 16 is opened again"), "{output}");
    let differing: Vec<&str> = second.lines().filter(|line| line.ends_with("FAILED")).collect();
    assert!(!differing.is_empty() && differing.iter().all(|line| line.contains("-16/model.json")), "{output}");
    assert!(third.contains("the rows before row 1,000 are not in the file any more"), "{output}");
    assert!(third.contains("2,800 read = 2,800 stored + 0 quarantined"), "{output}");
    assert!(third.contains("window 16 was opened again"), "{output}");
}

#[test]
fn lessons_6_and_7_are_run_by_ci() {
    let page = fs::read_to_string(root().join("docs/lessons.md")).expect("a page");
    let run = fs::read_to_string(root().join(".ci/run")).expect("a script");
    assert_eq!(page.matches("\n## ").count(), 8);
    assert!(page.contains("windrow demo --dataset taxi --once") && page.contains("python flights.py"));
    assert!(run.contains("lesson 6 >") && run.contains("lesson 7 >"));
}
