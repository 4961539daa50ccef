//! The windows of a file: those of a small file, the dates of equal parts, and a first window that is cut off.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use windrow_testing::random::below;
use windrow_testing::served::serve;
use windrow_testing::{command, http, json, run_once, succeed, text, windrow};

/// 2 January 2023, 00:00 UTC.
const START: u64 = 1_672_617_600;
const DAY: u64 = 86_400;

/// Writes 1,800 rows, spread evenly over 743 days. The first `skipped` days have none.
fn dataset(folder: &Path, skipped: u64) {
    let mut next = below(11);
    let mut rows = "ts,size,kind,late\n".to_owned();
    for row in 0..1800 {
        let at = START + row * 743 * DAY / 1800;
        let (size, kind) = (next(1000), ["alpha", "beta", "gamma"][next(3) as usize]);
        let late = ["no", "yes"][usize::from(next(1000) < 100 + size / 2)];
        if at >= START + skipped * DAY {
            writeln!(rows, "{at},{}.{},{kind},{late}", size / 10, size % 10).expect("memory");
        }
    }
    fs::write(folder.join("small.csv"), rows).expect("a file");
}

/// Writes a pipeline file for the dataset; returns its path.
fn pipeline(folder: &Path, window: &str, rest: &str) -> String {
    let file = folder.join("small.toml");
    let text = format!(
        "name = \"small\"\n[dataset]\npath = \"small.csv\"\ntime = {{ column = \"ts\", format = \"seconds\" }}\n\
         [target]\ncolumn = \"late\"\nequals = \"yes\"\n[features]\nnumeric = [\"size\"]\ncategorical = [\"kind\"]\n\
         calendar = [\"hour\", \"weekday\"]\nmin_count = 5\n[window]\n{window}\n{rest}\n"
    );
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

/// Returns the result of `windrow check` as JSON.
fn check(file: &str) -> Value {
    serde_json::from_slice(&windrow(&["check", file, "--json"]).stdout).expect("JSON")
}

fn report(workdir: &Path, window: usize) -> Value {
    json(&workdir.join(format!("windows/window-{window:05}.json")))
}

#[test]
fn a_small_file_over_two_years_gets_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    dataset(folder.path(), 0);
    let init = command(&["init", "small.csv", "--target", "late"]).current_dir(folder.path()).output();
    let init = init.expect("the binary runs");
    assert!(init.status.success(), "{}", text(&init.stderr));
    let unwrapped = text(&init.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = "25 months of about 75 rows, few for advice; 14d (54 windows) and 28d (27) also fit: --window 28d";
    assert!(unwrapped.contains(&format!("windows: {reason}")), "{unwrapped}");
    let file = folder.path().join("small.toml");
    let drafted = fs::read_to_string(&file).expect("a pipeline file");
    assert!(drafted.contains(&format!("event = \"month\"  # {reason}")), "{drafted}");

    let (file, workdir) = (file.display().to_string(), folder.path().join("work"));
    assert_eq!(check(&file)["windows"].as_array().map(Vec::len), Some(25));
    run_once(&file, &workdir, &[]);
    let advice = json(&workdir.join("advice.json"));
    assert!(advice["basis"]["first_advice"].is_null(), "{advice}");
    assert!(advice["basis"]["judged"]["windows"].as_u64().is_some_and(|windows| windows >= 12), "{advice}");
    let sentences = advice["recommendation"]["sentences"].to_string();
    if advice["recommendation"]["status"] == "partly" {
        assert!(sentences.contains("A window has about 7"), "{sentences}");
    }
    assert!(!sentences.contains("Too few windows"), "{sentences}");
}

#[test]
fn windows_by_number_have_the_dates_of_their_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    dataset(folder.path(), 0);
    let file = pipeline(folder.path(), "parts = 20", "");
    let checked = check(&file);
    let windows = checked["windows"].as_array().expect("a list");
    let periods: Vec<&Value> = windows.iter().map(|window| &window["period"]).collect();
    assert_eq!((periods.len(), periods[0].as_str()), (20, Some("2023-01-02 to 2023-02-07")));
    let listed = succeed(&["check", &file, "--all"]);
    assert!(listed.contains("\n1 2023-01-02 ") && !listed.contains("too few for advice"), "{listed}");

    let workdir = folder.path().join("work");
    let run = ["run", &file, "--once", "--broker", "embedded", "--listen", "127.0.0.1:0", "--workdir"];
    let run = windrow(&[&run[..], &[&workdir.display().to_string()]].concat());
    let printed = text(&run.stderr);
    assert!(run.status.success(), "{printed}");
    assert!(printed.contains("window 1 (2023-01-02 to 2023-02-07): 90 rows, sealed: all its rows"), "{printed}");
    for (period, window) in periods.iter().zip(1..) {
        assert_eq!(&report(&workdir, window)["period"], *period, "{window}");
    }
    let workdir_text = workdir.display().to_string();
    let listed = succeed(&["models", &file, "--workdir", &workdir_text, "--windows"]);
    assert!(listed.contains("\n1 2023-01-02 "), "{listed}");
    let audit = succeed(&["audit", &file, "--workdir", &workdir_text]);
    assert!(audit.contains("\n1 2023-01-02 "), "{audit}");

    // The dates do not depend on the partitions.
    let file = pipeline(folder.path(), "parts = 20", "[stream]\npartitions = 3");
    let other = folder.path().join("other");
    run_once(&file, &other, &[]);
    for (period, window) in periods.iter().zip(1..) {
        assert_eq!(&report(&other, window)["period"], *period, "{window}");
    }
    // Three windows are too few, and `check` says so.
    let file = pipeline(folder.path(), "rows = 600", "");
    let notes = check(&file)["notes"].to_string();
    assert!(notes.contains("3 windows are too few for advice, which needs 16 windows"), "{notes}");
}

#[test]
fn a_first_month_that_is_cut_off_is_no_reference_of_the_drift() {
    let folder = tempfile::tempdir().expect("a folder");
    // The data begin on 25 January.
    dataset(folder.path(), 23);
    let (file, workdir) = (pipeline(folder.path(), "event = \"month\"", ""), folder.path().join("work"));
    run_once(&file, &workdir, &[]);
    let [first, second, third] = [1, 2, 3].map(|window| report(&workdir, window));
    assert_eq!((&first["is_cut_off"], &second["is_cut_off"]), (&Value::Bool(true), &Value::Bool(false)));
    for window in [&first, &second] {
        assert!(window["first_full"].is_null() && window["drift_since_first"].is_null(), "{window}");
    }
    assert_eq!(third["first_full"], 2);
    let features = third["drift_since_first"]["features"].as_array().expect("a list").clone();
    let is_calendar: Vec<bool> = features.iter().filter_map(|feature| feature["is_calendar"].as_bool()).collect();
    assert_eq!(is_calendar, [false, false, true, true], "{features:?}");

    // Parts of the calendar are not ranked.
    let workdir_text = workdir.display().to_string();
    let listed = succeed(&["models", &file, "--workdir", &workdir_text, "--windows", "--all"]);
    assert!(!listed.contains("weekday") && !listed.contains("hour"), "{listed}");
    let (_server, url) = serve(&file, &workdir_text);
    let (status, _, page) = http("GET", &format!("{url}/evidence"), None);
    assert!(status == 200 && page.contains("the first full one (2023-02-01 (window 2))"), "{page}");
    assert!(!page.contains("weekday") && page.contains(">size<"), "{page}");
    let (_, _, window) = http("GET", &format!("{url}/v1/windows/3"), None);
    let window: Value = serde_json::from_str(&window).expect("JSON");
    assert_eq!((&window["first_full"], &window["period"]), (&Value::from(2), &Value::from("2023-03")));
    assert_eq!(window["drift_since_first"]["features"][3]["is_calendar"], true);

    // Data that begin on the second day of a month are whole.
    dataset(folder.path(), 0);
    let (file, workdir) = (pipeline(folder.path(), "event = \"month\"", ""), folder.path().join("whole"));
    run_once(&file, &workdir, &["--limit", "300"]);
    assert_eq!(report(&workdir, 1)["is_cut_off"], false);
    assert_eq!(report(&workdir, 2)["first_full"], 1);
}
