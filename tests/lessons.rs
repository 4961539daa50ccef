//! The commands of docs/lessons.md, as a class would type them.

#[path = "support/windrow.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod windrow;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::windrow::{fixture, free_port, text};

/// What a lesson prints, results and progress in one; the last command's exit code is the lesson's.
fn lesson(number: usize) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lessons.md")).expect("a page");
    let part = page.split("\n## ").nth(number).expect("a lesson");
    let script = part.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
    let (fixtures, port) = (fixture("").display().to_string(), free_port().to_string());
    let mut script = script.replace("../../fixtures/", &fixtures).replace("9092", &port);
    // The commands look for a broker at its usual port, which others may have here.
    for command in ["topic create flights.toml", "produce flights.toml", "consume flights.toml"] {
        script = script.replace(command, &format!("{command} --broker 127.0.0.1:{port}"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let programs = Path::new(env!("CARGO_BIN_EXE_windrow")).parent().expect("a folder").display().to_string();
    // Whatever a lesson leaves running ends with it.
    let script = format!(
        "set -eu\nexec 2>&1\nexport PATH=\"{programs}:$PATH\"\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"
    );
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().expect("bash runs");
    let said = text(&output.stdout);
    assert!(output.status.success(), "lesson {number}: {}\n{said}", output.status);
    said
}

#[test]
fn a_consumer_is_killed() {
    let said = lesson(1);
    // No window is sealed twice, and the second consumer seals some.
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
fn a_row_comes_late() {
    let said = lesson(2);
    assert!(said.contains("\"row\":121"), "{said}");
    assert!(said.contains("121 read = 121 stored + 0 quarantined"), "{said}");
    assert!(said.contains("1 2024-05-01      41"), "{said}");
}

#[test]
fn a_third_member_joins() {
    let said = lesson(3);
    assert!(
        said.matches("partitions are ours").count() >= 3 && said.contains("partitions are no longer ours"),
        "{said}"
    );
    assert!(said.contains("8,019 read = 8,019 delivered = 8,019 stored + 0 quarantined"), "{said}");
}

#[test]
fn the_same_year_at_two_speeds() {
    let said = lesson(4);
    let sums: Vec<&str> = said
        .lines()
        .filter(|line| line.split(' ').count() == 2 && line.bytes().all(|byte| byte.is_ascii_digit() || byte == b' '))
        .collect();
    assert!(sums.len() == 2 && sums[0] == sums[1], "{sums:?}\n{said}");
    let counts: Vec<u32> = said.lines().rev().take(2).filter_map(|line| line.trim().parse().ok()).collect();
    assert!(counts[1] > 2 * counts[0], "{counts:?}\n{said}");
}

#[test]
fn a_poisoned_row() {
    let said = lesson(5);
    let unwrapped = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unwrapped.contains("row 1,234: size: `enormous` is not a number"), "{said}");
    assert!(said.contains("1 row was not taken"), "{said}");
    assert!(said.contains("more than quarantine.max_share = 0.01") && said.contains("exit code 1"), "{said}");
}

#[test]
fn the_sixth_is_there_for_ci() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lessons.md")).expect("a page");
    let run = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run")).expect("a script");
    assert_eq!(page.matches("\n## ").count(), 6);
    assert!(page.contains("windrow demo --dataset taxi --once") && run.contains("docs/lessons.md"));
}
