//! The time of a run, as `windrow init` estimates it.

use std::fs;

use crate::init::done;

#[test]
fn the_time_of_a_long_run_is_estimated() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let rows: String = (0..40_000).map(|row| format!("{}.5,{}\n", row % 97, u8::from(row % 3 == 0))).collect();
    fs::write(here.join("many.csv"), format!("size,late\n{rows}")).expect("a file");
    let init = ["init", "many.csv", "--target", "late", "--force", "--window"];
    // Ten thousand windows, each with a fit of everything so far.
    let output = done(here, &[&init[..], &["parts=10000"]].concat());
    let line = output.lines().find_map(|line| line.strip_prefix("  running it takes about ")).expect("an estimate");
    let seconds: u32 = line.strip_suffix(" s").and_then(|seconds| seconds.parse().ok()).expect("seconds");
    assert!((10..120).contains(&seconds), "{output}");
    let output = done(here, &[&init[..], &["parts=16"]].concat());
    assert!(!output.contains("running it takes"), "{output}");
}
