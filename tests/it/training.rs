//! Training by the binary, from sealed batch files: identical results for each run and each memory limit; schemes,
//! penalties and acceptance rules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use windrow_testing::{Running, command, http, json, run_once, sample_with, succeed, text, windrow};

/// A folder with a pipeline over the sample and its sealed batch files.
struct TestPipeline {
    folder: tempfile::TempDir,
    file: String,
}

impl TestPipeline {
    fn new(window: &str, train: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = sample_with(folder.path(), window, &format!("[train]\n{train}"));
        let pipeline = Self { file, folder };
        run_once(&pipeline.file, pipeline.workdir(), &[]);
        pipeline
    }

    fn workdir(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Removes models and reports, and trains again from the batch files with further arguments.
    fn train(&self, more: &[&str]) -> BTreeMap<PathBuf, String> {
        for made in ["models", "windows"] {
            fs::remove_dir_all(self.workdir().join(made)).expect("a folder to remove");
        }
        self.resume(more)
    }

    fn resume(&self, more: &[&str]) -> BTreeMap<PathBuf, String> {
        let workdir = self.workdir().display().to_string();
        succeed(&[&["train", &self.file, "--once", "--workdir", &workdir][..], more].concat());
        self.model_files()
    }

    fn model(&self, id: &str) -> Value {
        json(&self.workdir().join(format!("models/{id}/model.json")))
    }

    fn window(&self, index: u32) -> Value {
        json(&self.workdir().join(format!("windows/window-{index:05}.json")))
    }

    fn listed(&self, more: &[&str]) -> String {
        let workdir = self.workdir().display().to_string();
        succeed(&[&["models", &self.file, "--workdir", &workdir][..], more].concat())
    }

    /// Returns all files that training makes, without their times.
    fn model_files(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.workdir().join("models"), self.workdir().join("windows")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("readable").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let read = fs::read_to_string(&path).expect("a file");
                    files.insert(path, without_times(&read));
                }
            }
        }
        files
    }
}

fn without_times(text: &str) -> String {
    let is_time = |line: &&str| ["\"created\":", "\"seconds\":"].iter().any(|key| line.trim_start().starts_with(key));
    text.lines().filter(|line| !is_time(line)).collect::<Vec<_>>().join("\n")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn training_again_gives_the_same_bytes_but_for_times() {
    let pipeline = TestPipeline::new("parts = 3", "schemes = [\"cumulative\", \"window\", \"sliding=2\"]");
    let first = pipeline.model_files();
    assert_eq!(first.len(), 9 + 3);
    let same = |made: &BTreeMap<PathBuf, String>, how: &str| {
        assert!(first.keys().eq(made.keys()), "{how}: {:?}", made.keys());
        for (path, text) in made {
            assert!(first[path] == *text, "{how}: {} differs", path.display());
        }
    };
    same(&pipeline.train(&[]), "again");
    // No data fit into one byte, so every pass reads the files.
    same(&pipeline.train(&["--memory", "1B"]), "from files");
    assert!(fs::read_dir(pipeline.workdir()).expect("a folder").all(|entry| {
        let name = entry.expect("readable").file_name();
        let known = [
            "batches",
            "broker",
            "models",
            "windows",
            "losses",
            "advice",
            "advice.json",
            "quarantine",
            "run.json",
            "run.lock",
            "status",
        ];
        known.iter().any(|known| name == *known)
    }));
    // Only missing or broken files are made again.
    let path = |name: &str| pipeline.workdir().join(name);
    fs::remove_dir_all(path("models/window-2")).expect("a folder to remove");
    fs::write(path("models/cumulative-3/model.json"), "{").expect("a file");
    fs::remove_file(path("windows/window-00002.json")).expect("a file to remove");
    let kept = fs::metadata(path("models/cumulative-2/model.json")).expect("a file").modified().expect("a time");
    same(&pipeline.resume(&[]), "what was missing");
    assert_eq!(fs::metadata(path("models/cumulative-2/model.json")).expect("a file").modified().expect("a time"), kept);
    // The results are the same on one thread.
    for made in ["models", "windows"] {
        fs::remove_dir_all(path(made)).expect("a folder to remove");
    }
    let workdir = pipeline.workdir().display().to_string();
    let output = command(&["train", &pipeline.file, "--once", "--workdir", &workdir])
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    same(&pipeline.model_files(), "on one thread");
}

#[test]
fn a_model_card_describes_the_data_and_the_training() {
    let pipeline = TestPipeline::new("parts = 3", "");
    let card = pipeline.model("cumulative-2");
    let windows = card["lineage"]["windows"].as_array().expect("a list");
    assert_eq!(windows.len(), 2);
    assert_eq!(windows[1]["row_numbers"], serde_json::json!([{ "first": 2674, "last": 5346 }]));
    assert_eq!(windows[1]["offsets"], serde_json::json!([{ "partition": 0, "first": 2673, "last": 5345 }]));
    let manifest = json(&pipeline.workdir().join("batches/window-00002.json"));
    assert_eq!(windows[1]["sha256"], manifest["rows"]["file"]["sha256"]);
    let learned = &card["outcome"];
    assert_eq!(learned["solver"]["method"], "newton");
    assert!(number(&learned["solver"]["passes"]) >= 2.0);
    for coefficient in learned["coefficients"].as_array().expect("a list") {
        // A one-hot column has no reference level, so its standard error would mean nothing.
        let is_number = !coefficient["name"].as_str().expect("a name").contains('=');
        assert_eq!(coefficient["standard_error"].is_number(), is_number, "{coefficient}");
        let ratio = number(&coefficient["weight"]).exp();
        assert!((number(&coefficient["odds_ratio"]) / ratio - 1.0).abs() < 1e-12, "{coefficient}");
    }
    assert_eq!(learned["coefficients"][0]["name"], "distance");
    assert!(card["versions"]["ndarray"].is_string() && card["versions"]["windrow"].is_string());
}

#[test]
fn every_model_is_scored_on_every_later_window() {
    let pipeline = TestPipeline::new("parts = 4", "schemes = [\"cumulative\", \"window\", \"sliding=2\"]");
    let report = pipeline.window(4);
    let scores = report["scores"].as_array().expect("a list");
    assert_eq!(scores.len(), 12);
    let rows = number(&report["profile"]["rows"]);
    for score in scores {
        let model = score["model"].as_str().expect("a name");
        let is_new = model.ends_with("-4");
        assert_eq!(score["window"].is_null(), is_new, "{model}");
        if !is_new {
            assert_eq!(number(&score["window"]["rows"]), rows, "{model}");
        }
        assert_eq!(score["holdout"].is_null(), !is_new, "{model}");
        if is_new {
            assert_eq!(number(&score["holdout"]["rows"]), (rows * 0.1).floor(), "{model}");
        }
    }
    // The stored losses are the same scores, by block.
    let losses = json(&pipeline.workdir().join("losses/window-00004.json"));
    for found in losses["models"].as_array().expect("a list") {
        let score = scores.iter().find(|score| score["model"] == found["model"]).expect("a score");
        let sum = |key: &str| found[key].as_array().expect("blocks").iter().map(number).sum::<f64>();
        assert!((sum("log_loss") / rows - number(&score["window"]["log_loss"])).abs() < 1e-7, "{found}");
        assert!((sum("squared_error") / rows - number(&score["window"]["brier"])).abs() < 1e-7, "{found}");
        let confusion = &score["window"]["confusion"];
        assert_eq!(sum("false_alarms"), number(&confusion["false_positives"]));
        assert_eq!(sum("misses"), number(&confusion["false_negatives"]));
    }
    assert!(report["drift"]["features"].as_array().is_some_and(|features| features.len() == 15), "{}", report["drift"]);
    assert!(pipeline.window(1)["drift"].is_null());
    let listed = pipeline.listed(&["--windows"]);
    assert!(listed.contains("sliding2") && listed.contains("shifted"), "{listed}");
    let reports: Value = serde_json::from_str(&pipeline.listed(&["--windows", "--json"])).expect("JSON");
    assert_eq!(reports.as_array().map(Vec::len), Some(4));
}

#[test]
fn the_best_of_several_penalties_is_taken_and_all_are_recorded() {
    let pipeline = TestPipeline::new("parts = 2", "l2 = [1000, 10.0, 0.1]");
    let outcome = &pipeline.model("cumulative-2")["outcome"];
    let trials = outcome["penalties"].as_array().expect("a list");
    assert_eq!(trials.iter().map(|trial| number(&trial["l2"])).collect::<Vec<_>>(), [1000.0, 10.0, 0.1]);
    let best = trials.iter().min_by(|a, b| number(&a["log_loss"]).total_cmp(&number(&b["log_loss"]))).expect("three");
    assert_eq!(outcome["solver"]["l2"], best["l2"]);
    assert_ne!(outcome["scores"]["holdout"]["log_loss"], best["log_loss"], "another half of the held-out rows");
    let warm = number(&trials[1]["passes"]) + number(&trials[2]["passes"]);
    assert!(warm <= 2.0 * number(&trials[0]["passes"]) + 2.0, "each starts from the one before: {trials:?}");
}

#[test]
fn a_rejected_model_is_served_by_id_and_has_no_alias() {
    let pipeline = TestPipeline::new("parts = 3", "accept = { min_auc = 0.99 }");
    let rejected = pipeline.model("cumulative-3");
    assert_eq!(rejected["verdict"]["status"], "rejected");
    let reason = rejected["verdict"]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.starts_with("its AUC is 0.") && reason.ends_with("below min_auc 0.99"), "{reason}");
    assert!(pipeline.listed(&[]).contains("cumulative-3: rejected, so no alias points to it: its AUC"));

    let workdir = pipeline.workdir().display().to_string();
    let serve = Running::start(&["serve", &pipeline.file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = serve.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    let row = rejected["outcome"]["examples"][0]["row"].to_string();
    assert_eq!(http("POST", &format!("{url}/v1/models/cumulative-3/predict"), Some(&row)).0, 200);
    for alias in ["latest", "champion", "advised"] {
        assert_eq!(http("POST", &format!("{url}/v1/models/{alias}/predict"), Some(&row)).0, 404, "{alias}");
    }
    let (_, _, listed) = http("GET", &format!("{url}/v1/models"), None);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert!(listed["models"].as_array().expect("a list").iter().all(|model| model["status"] == "rejected"));
    assert_eq!(listed["aliases"], serde_json::json!({}));
}

#[test]
fn a_model_may_not_be_much_worse_than_the_champion_before_it() {
    // This setting rejects every model that is not better than the champion, and the champion stays.
    let pipeline = TestPipeline::new("parts = 6", "accept = { max_log_loss_increase = 0.0 }");
    let mut rejected = 0;
    for window in 2..=6 {
        let card = pipeline.model(&format!("window-{window}"));
        if card["verdict"]["status"] == "rejected" {
            rejected += 1;
            let reason = card["verdict"]["reason"].as_str().expect("a reason");
            assert!(reason.contains("above that of the champion"), "{reason}");
        }
    }
    assert!(rejected > 0, "small windows make worse models");
    assert_eq!(pipeline.model("window-1")["verdict"]["status"], "accepted", "there was no champion yet");
}

#[test]
fn an_invalid_memory_size_and_a_changed_batch_file_are_reported() {
    let pipeline = TestPipeline::new("parts = 2", "");
    let workdir = pipeline.workdir().display().to_string();
    let output = windrow(&["train", &pipeline.file, "--workdir", &workdir, "--once", "--memory", "much"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("--memory"), "{}", text(&output.stderr));
    // A batch file that was changed after it was sealed.
    fs::remove_dir_all(pipeline.workdir().join("models")).expect("a folder to remove");
    let batch: &Path = &pipeline.workdir().join("batches/window-00002.csv");
    let whole = fs::read_to_string(batch).expect("a file");
    let short: String = whole.split_inclusive('\n').take(100).collect();
    fs::write(batch, short).expect("a file");
    let output = windrow(&["train", &pipeline.file, "--workdir", &workdir, "--once"]);
    assert_eq!(output.status.code(), Some(1));
    let output_text = text(&output.stderr);
    assert!(output_text.contains("the batch file of window 2 has 99 rows, but its manifest says"), "{output_text}");
}
