//! Windows by the clock, whose number depends on how fast rows arrive. Lesson 4 of docs/lessons.md is about them.

use windrow_testing::lessons::lesson;
use windrow_testing::{assert_whole, json, run_once, sample_with};

use crate::exclusive;

#[test]
fn windows_by_processing_time() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    // 8,019 rows at 500 us each take four seconds.
    let file = sample_with(folder.path(), "every = \"1s\"", "pace = { kind = \"fixed\", delay = \"500us\" }");
    let workdir = folder.path().join("work");
    run_once(&file, &workdir, &[]);
    let windows = json(&workdir.join("batches/end.json"))["windows"].as_u64().expect("a count");
    assert!((3..=7).contains(&windows), "{windows} windows");
    assert_whole(&workdir);
}

#[test]
#[ignore = "needs half a minute by the clock"]
fn lesson_4_the_same_year_at_two_speeds() {
    let _exclusive = exclusive();
    let output = lesson(4);
    let sums: Vec<&str> = output
        .lines()
        .filter(|line| line.split(' ').count() == 2 && line.bytes().all(|byte| byte.is_ascii_digit() || byte == b' '))
        .collect();
    assert!(sums.len() == 2 && sums[0] == sums[1], "{sums:?}\n{output}");
    let counts: Vec<u32> = output.lines().rev().take(2).filter_map(|line| line.trim().parse().ok()).collect();
    assert!(counts[1] > 2 * counts[0], "{counts:?}\n{output}");
}
