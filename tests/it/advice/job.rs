//! The action that the advice asks for: exit codes for a job, and the same answer over HTTP.

use std::fs;

use serde_json::Value;
use windrow_testing::{Running, http};

use crate::advice::TestPipeline;

/// Writes a dataset of 19 windows of 200 rows, in which `size` and `load` predict the target well. From window 11 on,
/// only `size` does, so the first model needs more than another intercept and slope. In the last window, all sizes are larger.
/// Returns the pipeline.
fn drifting() -> TestPipeline {
    let folder = tempfile::tempdir().expect("a folder");
    let mut table = "size,load,late\n".to_owned();
    for row in 0..3_800_u32 {
        // Multiples of the golden ratio fill the interval evenly, so no window drifts by chance.
        let part = |factor: f64| (f64::from(row) * factor).fract();
        let (size, load, luck) = (part(0.618_033_988_75), part(0.569_840_290_99), part(0.754_877_666_25));
        let size = if row >= 3_600 { size + 0.5 } else { size };
        let cause = if row >= 2_000 { size } else { 0.6 * size + 0.4 * load };
        let late = cause + 0.4 * (luck - 0.5) > 0.5;
        table.push_str(&format!("{size:.4},{load:.4},{}\n", u8::from(late)));
    }
    fs::write(folder.path().join("sizes.csv"), table).expect("a file");
    let file = folder.path().join("pipeline.toml").display().to_string();
    let pipeline = "name = \"sizes\"\n[dataset]\npath = \"sizes.csv\"\n[target]\ncolumn = \"late\"\nequals = \"1\"\n\
                    [features]\nnumeric = [\"size\", \"load\"]\n[window]\nrows = 200\n";
    fs::write(&file, pipeline).expect("a file");
    TestPipeline { folder, file }
}

#[test]
fn an_alarm_has_an_exit_code_and_its_reason_everywhere() {
    let pipeline = drifting();
    pipeline.run(&[]);
    let (code, page) = pipeline.exit_code(&[]);
    let stored = pipeline.file("advice.json")["recommendation"].clone();
    let (action, reason) =
        (stored["action"].as_str().expect("an action"), stored["reason"].as_str().expect("a reason"));
    assert!(reason.contains("the drift alarm") && reason.ends_with("after window 19."), "{reason}");
    // The policy was named after window 16, and asks for no fit after window 19.
    let expected = 4;
    assert_eq!(action, "refit_now", "{reason}");
    assert_eq!(code, Some(expected), "{page}");
    assert_eq!(page.lines().next_back(), Some(reason));
    assert!(!pipeline.advise(&[]).contains(reason), "without the option the exit code is 0, and there is no reason");
    let (code, json) = pipeline.exit_code(&["--json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, &json["recommendation"]), (Some(expected), &stored));
    let workdir = pipeline.workdir().display().to_string();
    let serve = Running::start(&["serve", &pipeline.file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = serve.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    let served: Value = serde_json::from_str(&http("GET", &format!("{url}/v1/advice"), None).2).expect("JSON");
    assert_eq!((&served["action"], &served["reason"]), (&stored["action"], &stored["reason"]));
}

#[test]
fn a_change_has_an_exit_code_while_its_window_is_the_newest() {
    let pipeline = drifting();
    // The first advice is after window 16.
    pipeline.run(&["--limit", "3200"]);
    let recommendation = pipeline.file("advice.json")["recommendation"].clone();
    assert_eq!(recommendation["changes"][0]["window"].as_u64(), Some(16), "{recommendation}");
    let is_shown = recommendation["named"]["provisional"] == false;
    let reason = recommendation["reason"].as_str().expect("a reason");
    let first = "For the first time, a ";
    assert_eq!(reason.starts_with(first) && reason.contains(" is shown good enough"), is_shown, "{reason}");
    assert_eq!(pipeline.exit_code(&[]).0, Some(if is_shown { 3 } else { 0 }), "{reason}");
    // The answer does not depend on the questions before.
    assert_eq!(pipeline.exit_code(&[]).0, Some(if is_shown { 3 } else { 0 }), "{reason}");
}
