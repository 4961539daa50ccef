//! Parquet: batch files, datasets and exported tables. What other engines write and read is in `tests/external/parquet.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use windrow_testing::http::ask;
use windrow_testing::{
    Running, broker_with_topic, fixture, json, run_once, sample_with, served, succeed, text, wait_until, windrow,
};

const PARQUET: &str = "partitions = 3\n[batch]\nformat = \"parquet\"";

fn batch_files(workdir: &Path, kind: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(workdir.join("batches")).expect("batches").map(|entry| entry.expect("a file").path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|found| found == kind)).collect();
    files.sort();
    files
}

#[test]
fn batch_files_in_parquet_make_the_same_models_and_stand_an_audit() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "parts = 3", "partitions = 3");
    let (csv, parquet) = (folder.path().join("csv"), folder.path().join("parquet"));
    run_once(&file, &csv, &[]);
    let file = sample_with(folder.path(), "parts = 3", PARQUET);
    run_once(&file, &parquet, &[]);
    assert_eq!(batch_files(&parquet, "parquet").len(), 3);
    assert!(batch_files(&parquet, "csv").is_empty());
    for model in ["cumulative-3", "window-2"] {
        let [one, other] = [&csv, &parquet].map(|workdir| json(&workdir.join(format!("models/{model}/model.json"))));
        for key in ["encoder", "coefficients", "intercept", "scores"] {
            assert_eq!(one[key], other[key], "{model}: {key}");
        }
    }
    let manifests = [&csv, &parquet].map(|workdir| json(&workdir.join("batches/window-00002.json")));
    let [one, other] = &manifests;
    for key in ["/sealed", "/times", "/rows/count", "/rows/labelled", "/rows/numbers"] {
        assert_eq!(one.pointer(key).expect(key), other.pointer(key).expect(key), "{key}");
    }
    let keys = |object: &Value| object.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!((keys(one), keys(&one["rows"])), (keys(other), keys(&other["rows"])));
    // The audit compares values, and finds one that was changed.
    let workdir = parquet.display().to_string();
    let audit = succeed(&["audit", &file, "--workdir", &workdir]);
    assert!(audit.contains("every stored row is the same as in the dataset, value for value"), "{audit}");
    let path = &batch_files(&parquet, "parquet")[1];
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("a file");
    let audit = windrow(&["audit", &file, "--workdir", &workdir]);
    assert_eq!(audit.status.code(), Some(1));
    assert!(text(&audit.stdout).contains("window-00002.parquet"), "{}", text(&audit.stdout));
    // A work directory has only one format.
    let file = sample_with(folder.path(), "parts = 3", "partitions = 3");
    let refused = windrow(&["consume", &file, "--workdir", &workdir, "--once"]);
    assert!(
        text(&refused.stderr).contains("batch.format: \"parquet\" before, now \"csv\""),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn a_parquet_dataset_gives_the_models_of_its_csv() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    // A single window with all rows is the dataset as Parquet.
    run_once(&sample_with(folder.path(), "parts = 1", PARQUET), at("one"), &[]);
    let dataset = batch_files(&at("one"), "parquet")[0].display().to_string();
    let file = sample_with(folder.path(), "parts = 3", "partitions = 3");
    run_once(&file, at("csv"), &[]);
    let pipeline = fs::read_to_string(&file).expect("a file");
    let csv = fixture("flights-sample.csv.zst").display().to_string();
    let pipeline = pipeline.replace(&csv, &dataset).replace("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f");
    fs::write(&file, pipeline).expect("a file");
    succeed(&["check", &file]);
    run_once(&file, at("parquet"), &[]);
    for model in ["cumulative-3", "window-2"] {
        let [one, other] = ["csv", "parquet"].map(|name| json(&at(name).join(format!("models/{model}/model.json"))));
        assert_eq!(one["coefficients"], other["coefficients"], "{model}");
    }
}

#[test]
fn killed_and_grouped_consumers_write_the_same_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let pace = "pace = { kind = \"fixed\", delay = \"500us\" }\n";
    let file = sample_with(folder.path(), "rows = 1000", &format!("{pace}{PARQUET}"));
    let (_broker, address) = broker_with_topic(&file);
    let workdirs = ["one", "killed", "group"].map(|name| folder.path().join(name));
    let consume = |workdir: &Path, more: &[&str]| {
        let workdir = workdir.display().to_string();
        let arguments = ["consume", &file, "--broker", &address, "--workdir", &workdir, "--once"];
        Running::start(&[&arguments[..], more].concat())
    };
    let mut one = consume(&workdirs[0], &[]);
    let mut killed = consume(&workdirs[1], &[]);
    let mut members = [(); 2].map(|()| consume(&workdirs[2], &["--group", "readers"]));
    let mut producer = Running::start(&["produce", &file, "--broker", &address]);
    for window in [2, 4, 6] {
        killed.wait_for(&format!("window {window} ("));
        killed.kill();
        // A file that a consumer leaves if it is killed during a write.
        fs::write(workdirs[1].join("batches/window-00008.parquet"), "PAR1").expect("a file");
        killed = consume(&workdirs[1], &[]);
    }
    for running in [&mut producer, &mut one, &mut killed].into_iter().chain(&mut members) {
        assert!(running.end().success(), "{}", running.output());
    }
    for other in &workdirs[1..] {
        let names = (1..=9).flat_map(|window| ["json", "parquet"].map(|kind| format!("window-{window:05}.{kind}")));
        for name in names.chain(["end.json".to_owned()]) {
            let [expected, found] =
                [&workdirs[0], other].map(|workdir| fs::read(workdir.join("batches").join(&name)).expect("a file"));
            assert!(expected == found, "{}: {name}\n{}", other.display(), text(&found));
        }
        let audit = windrow(&["audit", &file, "--workdir", &other.display().to_string(), "--broker", &address]);
        assert!(audit.status.success(), "{}", text(&audit.stdout));
    }
}

#[test]
fn pages_and_lineage_name_the_parquet_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (served::pipeline(folder.path()), folder.path().join("work").display().to_string());
    let pipeline = fs::read_to_string(&file).expect("a file");
    fs::write(&file, format!("{pipeline}[batch]\nformat = \"parquet\"\n")).expect("a file");
    run_once(&file, &workdir, &[]);
    let (_server, url) = served::serve(&file, &workdir);
    for page in ["/stream", "/windows/1"] {
        wait_until(page, || {
            let body = ask("GET", &format!("{url}{page}"), &[], b"").body;
            assert!(!body.contains("window-00001.csv"), "{page}");
            body.contains("window-00001.parquet, ")
        });
    }
    let id = json(&Path::new(&workdir).join("models/window-1/model.json"))["lineage"]["id"].clone();
    let path = format!("{url}/v1/lineage/{}", id.as_str().expect("a text"));
    let lineage: Value = serde_json::from_str(&ask("GET", &path, &[], b"").body).expect("JSON");
    assert_eq!(lineage["windows"][0]["file"], "batches/window-00001.parquet");
}

#[test]
fn windows_scores_and_losses_are_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 1000", "partitions = 1");
    let (workdir, out) = (folder.path().join("work"), folder.path().join("tables"));
    let (workdir_text, out_text) = (workdir.display().to_string(), out.display().to_string());
    let export = ["export", &file, "--workdir", &workdir_text, "--out", &out_text];
    let early = windrow(&export);
    assert_eq!(early.status.code(), Some(1));
    assert!(text(&early.stderr).contains("create windows with `windrow run`"), "{}", text(&early.stderr));
    assert!(!workdir.exists() && !out.exists(), "something was made all the same");
    run_once(&file, &workdir, &[]);
    let output = succeed(&export);
    assert_eq!(output.lines().count(), 3, "{output}");
    succeed(&[&export[..], &["--format", "csv"]].concat());
    // The table has the same numbers as the files from which it is made.
    let reports: Vec<Value> =
        (1..=9).map(|window| json(&workdir.join(format!("windows/window-{window:05}.json")))).collect();
    let scores = reports.iter().flat_map(|report| report["scores"].as_array().expect("a list"));
    let losses: Vec<f64> = scores
        .flat_map(|score| [&score["window"], &score["holdout"]])
        .filter_map(|score| score["log_loss"].as_f64())
        .collect();
    let lines = fs::read_to_string(out.join("scores.csv")).expect("a table");
    let header: Vec<&str> = lines.lines().next().expect("a header").split(',').collect();
    let column = header.iter().position(|name| *name == "log_loss").expect("a column");
    let read: Vec<f64> = lines
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(column).expect("a cell").parse().expect("a number"))
        .collect();
    assert_eq!(read, losses);
}
