//! A run that is killed and started again in the same work directory.

use std::fs;
use std::path::{Path, PathBuf};

use windrow_testing::{
    Running, assert_whole, fixture, json, run_arguments, sample_csv, sample_with, succeed, text, windrow,
};

/// Writes the pipeline of the sample with other tables. Returns its path, and a work directory next to it.
fn scene(folder: &Path, window: &str, stream: &str) -> (String, PathBuf) {
    (sample_with(folder, window, stream), folder.join("work"))
}

#[test]
fn a_killed_run_is_finished_without_its_old_broker() {
    let cases = [
        ("rows = 1000", "pace = { kind = \"fixed\", delay = \"300us\" }"),
        ("rows = 1000", "partitions = 3\npace = { kind = \"fixed\", delay = \"300us\" }"),
        ("event = \"60d\"", "partitions = 2\npace = { kind = \"fixed\", delay = \"300us\" }"),
    ];
    for (window, stream) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, workdir) = scene(folder.path(), window, stream);
        let workdir_text = workdir.display().to_string();
        for sealed in [1, 3] {
            let mut running = Running::start(&run_arguments(&file, &workdir_text));
            running.wait_for(&format!("window {sealed}"));
            running.signal("KILL");
            running.end();
        }
        let last = windrow(&run_arguments(&file, &workdir_text));
        assert!(last.status.success(), "{window}: {}", text(&last.stderr));
        assert!(text(&last.stderr).contains("continuing after window "), "{}", text(&last.stderr));
        assert_whole(&workdir);
        let windows = json(&workdir.join("batches/end.json"))["windows"].as_u64().expect("a count");
        for window in 1..=windows {
            assert!(workdir.join(format!("models/cumulative-{window}/model.json")).exists());
        }
        assert_eq!(fs::read_dir(workdir.join("batches/.open")).expect("a folder").count(), 0);
    }
}

#[test]
fn temporary_files_of_a_killed_run_are_removed_by_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = scene(folder.path(), "parts = 3", "");
    let workdir_text = workdir.display().to_string();
    succeed(&run_arguments(&file, &workdir_text));
    let left = ["windows", "losses", "models/window-1", "batches", "."];
    let left = left.map(|name| workdir.join(name).join(".windrow-a1b2c3.tmp"));
    left.iter().for_each(|path| fs::write(path, "half a fi").expect("a file"));
    succeed(&run_arguments(&file, &workdir_text));
    assert!(left.iter().all(|path| !path.exists()), "{left:?}");
}

#[test]
fn another_pipeline_or_dataset_is_refused_with_the_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = scene(folder.path(), "parts = 3", "");
    let (workdir_text, text_of) = (workdir.display().to_string(), fs::read_to_string(&file).expect("a file"));
    succeed(&run_arguments(&file, &workdir_text));
    let other = folder.path().join("other.csv");
    let rows = sample_csv();
    fs::write(&other, &rows[..rows.len() - 200]).expect("a file");
    let dataset = fixture("flights-sample.csv.zst").display().to_string();
    let cases = [
        ("parts = 3", "parts = 4", "window.parts: 3 before, now 4"),
        ("at_least = 15", "at_least = 20", "target.at_least: 15.0 before, now 20.0"),
        (dataset.as_str(), "other.csv", "other.csv is not as it was read before"),
    ];
    for (from, to, expected) in cases {
        fs::write(&file, text_of.replacen(from, to, 1)).expect("a file");
        let refused = windrow(&run_arguments(&file, &workdir_text));
        let stderr = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{to}: {stderr}");
        assert!(stderr.contains(expected) && stderr.contains("--fresh"), "{to}: {stderr}");
    }
    // Another pace changes no row.
    fs::write(&file, format!("{text_of}seed = 7\n")).expect("a file");
    succeed(&run_arguments(&file, &workdir_text));
}

#[test]
fn a_mostly_invalid_stream_resumes_with_a_higher_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rows = String::from("at,late,miles\n");
    for row in 1..=3000 {
        let miles = if row % 50 == 0 { "far".to_owned() } else { row.to_string() };
        rows.push_str(&format!("2013-01-01,{},{miles}\n", row % 30));
    }
    fs::write(folder.path().join("d.csv"), rows).expect("a file");
    let file = folder.path().join("p.toml");
    let pipeline = |share: &str| {
        let text = format!(
            "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"late\", at_least = 15 }}\n\
             features = {{ numeric = [\"miles\"] }}\nwindow = {{ rows = 500 }}\n{share}"
        );
        fs::write(&file, text).expect("a file");
    };
    let (file_text, workdir) = (file.display().to_string(), folder.path().join("work").display().to_string());
    pipeline("");
    let garbage = windrow(&run_arguments(&file_text, &workdir));
    assert_eq!(garbage.status.code(), Some(1), "{}", text(&garbage.stderr));
    let stderr = text(&garbage.stderr);
    assert!(stderr.contains(" messages were rejected, more than quarantine.max_share = 0.01"), "{stderr}");
    assert!(stderr.contains("miles: `far` is not a number (partition 0, offset 49)"), "{stderr}");
    pipeline("quarantine = { max_share = 0.02 }\n");
    succeed(&run_arguments(&file_text, &workdir));
    let end = json(&folder.path().join("work/batches/end.json"));
    assert_eq!((end["rows"].as_u64(), end["quarantined"].as_u64()), (Some(2940), Some(60)));
}

#[test]
fn the_share_of_quarantined_rows_is_checked_at_each_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rows = String::from("at,late,miles\n");
    for row in 1..=3000 {
        // 11 of the first 1,005 rows are refused: 1.09%. Of the first 1,024, which arrive together, they are 1.07%.
        let miles = if (995..=1005).contains(&row) { "far".to_owned() } else { row.to_string() };
        rows.push_str(&format!("2013-01-01,{},{miles}\n", row % 30));
    }
    fs::write(folder.path().join("d.csv"), rows).expect("a file");
    let file = folder.path().join("p.toml");
    let (file_text, workdir) = (file.display().to_string(), folder.path().join("work").display().to_string());
    for (share, status) in [("0.0108", Some(1)), ("0.011", Some(0))] {
        let pipeline = format!(
            "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"late\", at_least = 15 }}\n\
             features = {{ numeric = [\"miles\"] }}\nwindow = {{ rows = 500 }}\nquarantine = {{ max_share = {share} }}\n"
        );
        fs::write(&file, pipeline).expect("a file");
        let output = windrow(&run_arguments(&file_text, &workdir));
        assert_eq!(output.status.code(), status, "{share}: {}", text(&output.stderr));
    }
}
