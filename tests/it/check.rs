//! `windrow check`: compares a pipeline file with its dataset, reports all faults at once, and writes nothing.

use std::fs;
use std::path::Path;

use serde_json::Value;
use windrow_testing::{fixture, run_arguments, sample_with, succeed, text, windrow};

/// Writes a dataset with faults of every kind, and its pipeline file.
fn scene(folder: &Path, window: &str) -> String {
    let mut rows = String::from("at,late,miles,who,after\n");
    for row in 1..=1000 {
        let late = if row % 3 == 0 { "yes" } else { "no" };
        let late = if row % 50 == 0 { "" } else { late };
        let after = if late == "yes" { 9 } else { row % 5 };
        let (day, miles) = (1 + row / 40, if row % 400 == 0 { "far".to_owned() } else { row.to_string() });
        let who = if row % 100 == 7 { format!("rare {row}") } else { ["ann", "bob"][row % 2].to_owned() };
        match row {
            500 => rows.push_str("2021-03-13,yes\n"),
            600 => rows.push_str("2021-03-01,yes,600,ann,9\n"),
            700 => rows.push_str("soon,yes,700,ann,9\n"),
            _ => rows.push_str(&format!("2021-03-{day:02},{late},{miles},{who},{after}\n")),
        }
    }
    fs::write(folder.join("d.csv"), rows).expect("a file");
    let file = folder.join("p.toml");
    let pipeline = format!(
        "name = \"p\"\n[dataset]\npath = \"d.csv\"\ntime = {{ column = \"at\", format = \"%Y-%m-%d\" }}\n\
         [target]\ncolumn = \"late\"\nequals = \"yes\"\n\
         [features]\nnumeric = [\"miles\", \"after\"]\ncategorical = [\"who\"]\n[window]\n{window}\n"
    );
    fs::write(&file, pipeline).expect("a file");
    file.display().to_string()
}

#[test]
fn all_faults_are_reported_at_once_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = scene(folder.path(), "rows = 200");
    let output = windrow(&["check", &file]);
    let output_text = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output_text}");
    let unwrapped = output_text.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "1,000 rows; 15 have no target; 33.4% of the others are positive",
        "miles: 2 rows would go to quarantine; row 400: miles: `far` is not a number",
        "number of fields: 1 row would go to quarantine; row 500: it has 2 fields, but the dataset has 5 columns",
        "at: 1 row would go to quarantine; row 700: at: `soon` is not a time of the form %Y-%m-%d",
        "1 row is out of order (the first is row 600), the largest step back is 14 days at row 600: models would be",
        "features: after: it predicts the target too well without other columns (AUC 1.000)",
        "who: 10 of 12 values are too rare and count as 'other' (10 rows)",
    ] {
        assert!(unwrapped.contains(expected), "{expected}:\n{output_text}");
    }
    assert!(unwrapped.contains("who: 12 values: ann 496, bob 490, "), "{output_text}");
    assert!(output_text.lines().all(|line| line.chars().count() <= 80), "{output_text}");
    // A run that would use the row number in place of the time is refused.
    let run = ["run", &file, "--once", "--broker", "embedded", "--listen", "127.0.0.1:0"];
    let run = windrow(&[&run[..], &["--workdir", &folder.path().join("work").display().to_string()]].concat());
    assert_eq!(run.status.code(), Some(1));
    assert!(
        text(&run.stderr).contains("with windows by rows or parts, models would be judged on rows from before"),
        "{}",
        text(&run.stderr)
    );
    assert!(text(&output.stderr).contains("the check found 5 faults"), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing is written");
    let machine = windrow(&["check", &file, "--json"]);
    let machine: Value = serde_json::from_slice(&machine.stdout).expect("JSON");
    assert_eq!(machine["faults"].as_array().map(Vec::len), Some(5));
    assert_eq!((machine["rows"].as_u64(), machine["without_target"].as_u64()), (Some(1000), Some(15)));
    assert_eq!(machine["refused"]["miles"]["first"], 400);
    assert_eq!(machine["windows"].as_array().map(Vec::len), Some(5));
    // Row 600 has a time of the first day.
    assert_eq!(machine["windows"][0]["period"], "2021-03-01 to 2021-03-06");
    assert_eq!(machine["windows"][2]["period"], "2021-03-01 to 2021-03-15");
    assert_eq!(machine["categories"][0]["levels"], 12);
}

#[test]
fn late_rows_are_those_that_a_run_refuses() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = scene(folder.path(), "event = \"day\"");
    let output = windrow(&["check", &file, "--json"]);
    let machine: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (machine["refused"]["late"]["rows"].as_u64(), machine["refused"]["late"]["first"].as_u64()),
        (Some(1), Some(600))
    );
    let taken: u64 =
        machine["windows"].as_array().expect("a list").iter().filter_map(|window| window["rows"].as_u64()).sum();
    let workdir = folder.path().join("work").display().to_string();
    let run = run_arguments(&file, &workdir);
    let output_text = succeed(&run);
    assert!(output_text.contains("5 rows were put in quarantine"), "{output_text}");
    let end: Value =
        serde_json::from_slice(&fs::read(folder.path().join("work/batches/end.json")).expect("a file")).expect("JSON");
    assert_eq!((end["rows"].as_u64(), taken), (Some(995), 995));
    assert_eq!(machine["windows"][0]["period"], "2021-03-01");
}

#[test]
fn a_last_row_in_a_far_year_is_a_mistake_and_makes_no_empty_windows() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rows = String::from("at,late,miles\n");
    for row in 0..420 {
        let late = if row % 3 == 0 { "yes" } else { "no" };
        rows.push_str(&format!("2024-{:02}-{:02},{late},{}\n", 1 + row / 56, 1 + row / 2 % 28, row % 17));
    }
    rows.push_str("2099-08-14,yes,5\n");
    fs::write(folder.path().join("d.csv"), rows).expect("a file");
    let file = folder.path().join("p.toml");
    let pipeline = "name = \"p\"\ndataset = { path = \"d.csv\", time = { column = \"at\", format = \"%Y-%m-%d\" } }\n\
                    target = { column = \"late\", equals = \"yes\" }\nfeatures = { numeric = [\"miles\"] }\n\
                    window = { event = \"week\" }\nstream = { partitions = 2 }\n";
    fs::write(&file, pipeline).expect("a file");
    let (file, work) = (file.display().to_string(), folder.path().join("work"));
    let check = windrow(&["check", &file]);
    assert_eq!(check.status.code(), Some(1));
    let found = text(&check.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "at (outlier): 1 row would go to quarantine; row 421: its time is 2099-08-14 00:00, which would";
    assert!(found.contains(expected), "{found}");
    assert!(found.contains("no later row confirms it: correct the time, or use longer windows"), "{found}");
    let workdir = work.display().to_string();
    let run = run_arguments(&file, &workdir);
    let summary = succeed(&run);
    assert!(summary.contains("1 row was put in quarantine"), "{summary}");
    let end: Value = serde_json::from_slice(&fs::read(work.join("batches/end.json")).expect("a file")).expect("JSON");
    assert_eq!((end["rows"].as_u64(), end["quarantined"].as_u64()), (Some(420), Some(1)));
    assert!(end["windows"].as_u64().is_some_and(|windows| windows < 40), "{end}");
}

#[test]
fn a_file_that_fits_has_no_faults_and_many_windows_stay_short() {
    let sample = fixture("flights-sample.toml").display().to_string();
    let output_text = succeed(&["check", &sample]);
    assert!(output_text.starts_with("8,019 rows; "), "{output_text}");
    assert!(output_text.contains("no faults: every row would be stored"), "{output_text}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 16", "");
    let output_text = succeed(&["check", &file]);
    assert!(output_text.lines().count() < 40 && output_text.contains("more windows: --all"), "{output_text}");
    assert!(succeed(&["check", &file, "--all"]).lines().count() > 500);
    let data = fixture("flights-sample.csv.zst").display().to_string();
    for command in ["check", "advise", "models", "audit"] {
        let output = windrow(&[command, &data]);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains(&format!("`windrow init {data}` writes one")),
            "{}",
            text(&output.stderr)
        );
    }
    let output = windrow(&["check", &folder.path().join("none.toml").display().to_string()]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
