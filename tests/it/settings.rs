//! Settings that change between two processes of a run: schemes that are added or removed, and rules of acceptance.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use windrow_testing::{Running, json, refused, sample_with, succeed, text, windrow};

const WINDOWS: u32 = 6;

/// The sample with a pipeline file that changes.
struct Scene {
    folder: tempfile::TempDir,
    file: String,
}

impl Scene {
    /// Writes the pipeline file with these keys of `[train]`.
    fn new(train: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = sample_with(folder.path(), "parts = 6", &format!("[train]\n{train}"));
        Self { folder, file }
    }

    /// Writes the pipeline file again, with other keys of `[train]` and `[stream]`.
    fn set(&self, train: &str, stream: &str) {
        sample_with(self.folder.path(), "parts = 6", &format!("{stream}\n[train]\n{train}"));
    }

    fn work(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn arguments(&self, workdir: &Path) -> Vec<String> {
        let run = ["run", &self.file, "--once", "--broker", "embedded", "--listen", "127.0.0.1:0", "--workdir"];
        run.into_iter().map(str::to_owned).chain([workdir.display().to_string()]).collect()
    }

    /// Starts a run, and kills it after it has printed a text.
    fn kill_at(&self, workdir: &Path, moment: &str) {
        let arguments = self.arguments(workdir);
        let mut running = Running::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        running.wait_for(moment);
        running.kill();
    }

    /// Runs the pipeline; returns the exit code and what it printed to standard error.
    fn outcome(&self, workdir: &Path) -> (Option<i32>, String) {
        let arguments = self.arguments(workdir);
        let output = windrow(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        (output.status.code(), text(&output.stderr))
    }

    /// Runs the pipeline to its end; returns what it printed to standard error.
    fn run(&self, workdir: &Path) -> String {
        let (code, stderr) = self.outcome(workdir);
        assert_eq!(code, Some(0), "{stderr}");
        stderr
    }
}

/// Returns the model files by id.
fn models(workdir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(workdir.join("models")).expect("a folder").map(|entry| entry.expect("readable").path());
    let model = |path: PathBuf| {
        let text = fs::read_to_string(path.join("model.json")).expect("a model");
        (path.file_name().expect("a name").to_string_lossy().into_owned(), text)
    };
    entries.map(model).collect()
}

/// Returns the model files by id, without their times.
fn timeless(workdir: &Path) -> BTreeMap<String, String> {
    let is_time = |line: &&str| ["\"created\":", "\"seconds\":"].iter().any(|key| line.trim().starts_with(key));
    let without = |text: String| text.lines().filter(|line| !is_time(line)).collect::<Vec<_>>().join("\n");
    models(workdir).into_iter().map(|(id, text)| (id, without(text))).collect()
}

fn report(workdir: &Path, window: u32) -> Value {
    json(&workdir.join(format!("windows/window-{window:05}.json")))
}

/// Checks that two values are the same, except for the last digits of numbers.
fn is_close(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_close(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_close(one, other))
        }
        (Value::Number(one), Value::Number(other)) => {
            let [one, other] = [one, other].map(|number| number.as_f64().expect("a number"));
            (one - other).abs() <= 1e-8 * one.abs().max(1.0) + 2e-6
        }
        _ => one == other,
    }
}

/// Returns the losses on a window and its report, without the schemes that the report names.
fn scores(workdir: &Path, window: u32) -> [Value; 2] {
    let mut report = report(workdir, window);
    for key in ["schemes", "added"] {
        report[key] = Value::Null;
    }
    [json(&workdir.join(format!("losses/window-{window:05}.json"))), report]
}

/// Checks that two work directories have the same losses and scores, whenever the models were made. Models that are
/// scored in other groups have scores with other last digits.
fn assert_same_scores(one: &Path, other: &Path) {
    for window in 1..=WINDOWS {
        let [mine, theirs] = [one, other].map(|workdir| scores(workdir, window));
        for (mine, theirs) in mine.iter().zip(&theirs) {
            assert!(is_close(mine, theirs), "window {window}: {mine:#}\n{theirs:#}");
        }
    }
}

/// Checks that all of these models exist with the same bytes.
fn assert_kept(before: &BTreeMap<String, String>, workdir: &Path) {
    let now = models(workdir);
    for (id, text) in before {
        assert!(now.get(id) == Some(text), "{id} differs");
    }
}

/// Returns the keys of each change that `run.json` records, with the number of windows before it.
fn recorded(workdir: &Path) -> Vec<(u64, Vec<String>)> {
    let changes = json(&workdir.join("run.json"))["changes"].as_array().expect("a list").clone();
    let change = |change: &Value| {
        let keys = change["keys"].as_array().expect("a list").iter().map(|one| one["key"].as_str().expect("a key"));
        (change["windows"].as_u64().expect("a number"), keys.map(str::to_owned).collect())
    };
    changes.iter().map(change).collect()
}

#[test]
fn a_scheme_that_is_added_after_the_run_gets_models_from_the_first_window_on() {
    let scene = Scene::new("schemes = [\"cumulative\", \"window\"]");
    let [work, whole] = ["work", "whole"].map(|name| scene.work(name));
    scene.run(&work);
    let before = models(&work);
    let advice = fs::read(work.join("advice.json")).expect("a file");

    scene.set("schemes = [\"cumulative\", \"window\", \"sliding=3\"]", "");
    let workdir = work.display().to_string();
    let unmade = refused(&["advise", &scene.file, "--workdir", &workdir]);
    assert!(unmade.contains("train.schemes has sliding3, but its model of window 1 is not made yet"), "{unmade}");
    assert!(fs::read(work.join("advice.json")).expect("a file") == advice, "it stays until the models are made");

    let stderr = scene.run(&work);
    let changed = "train.schemes: [\"cumulative\",\"window\"] before, now [\"cumulative\",\"window\",\"sliding3\"]";
    assert!(stderr.contains(changed), "{stderr}");
    for window in 1..=WINDOWS {
        assert!(stderr.contains(&format!("  sliding3-{window} ")), "{stderr}");
    }
    assert!(!stderr.contains("cumulative-1 "), "it is not made again: {stderr}");
    assert_kept(&before, &work);
    scene.run(&whole);
    assert_eq!(timeless(&work), timeless(&whole));
    assert_same_scores(&work, &whole);
    let sentences = |workdir: &Path| json(&workdir.join("advice.json"))["recommendation"]["sentences"].clone();
    assert_eq!(sentences(&work), sentences(&whole));
    assert_eq!(report(&work, 1)["added"], serde_json::json!(["sliding3"]));
    assert_eq!(recorded(&work), [(u64::from(WINDOWS), vec!["train.schemes".to_owned()])]);
    let report_file = scene.work("report.md").display().to_string();
    succeed(&["report", &scene.file, "--workdir", &workdir, "--format", "md", "--out", &report_file]);
    let text = fs::read_to_string(&report_file).expect("a report");
    assert!(text.contains("after window 6, at ") && text.contains("train.schemes"), "{text}");

    // Nothing is left to do.
    let (made, run) = (models(&work), fs::read(work.join("run.json")).expect("a file"));
    let stderr = scene.run(&work);
    assert!(!stderr.contains("sliding3-") && !stderr.contains("settings have changed"), "{stderr}");
    assert!(models(&work) == made && fs::read(work.join("run.json")).expect("a file") == run);
}

#[test]
fn the_same_settings_give_the_same_files_after_a_kill_while_models_are_made() {
    let scene = Scene::new("schemes = \"window\"");
    let [work, killed] = ["work", "killed"].map(|name| scene.work(name));
    scene.run(&work);
    scene.run(&killed);
    scene.set("schemes = [\"window\", \"cumulative\", \"sliding=2\"]", "");
    scene.run(&work);
    for moment in ["settings have changed", "cumulative-2 ", "sliding2-3 "] {
        // If a model exists already, it is not printed again.
        if !killed.join("models").join(moment.trim()).exists() {
            scene.kill_at(&killed, moment.trim());
        }
    }
    scene.run(&killed);
    assert_eq!(timeless(&work), timeless(&killed));
    for window in 1..=WINDOWS {
        assert_eq!(scores(&work, window), scores(&killed, window), "window {window}");
        assert_eq!(report(&work, window)["added"], report(&killed, window)["added"], "window {window}");
    }
    assert_eq!(recorded(&killed).len(), 1);
}

#[test]
fn schemes_that_change_while_windows_come_count_from_the_next_window_on() {
    let pace = "pace = { kind = \"fixed\", delay = \"500us\" }";
    let scene = Scene::new("");
    let [work, whole] = ["work", "whole"].map(|name| scene.work(name));
    scene.set("schemes = [\"cumulative\", \"window\"]", pace);
    scene.kill_at(&work, "window-3 ");
    let before = models(&work);
    let cumulative = |models: &BTreeMap<String, String>| -> Vec<String> {
        models.keys().filter(|id| id.starts_with("cumulative-")).cloned().collect()
    };
    scene.set("schemes = [\"window\", \"sliding=2\"]", "");
    scene.run(&work);
    assert_kept(&before, &work);
    let after = models(&work);
    assert_eq!(cumulative(&after), cumulative(&before), "no further model of a scheme that was removed");
    let last = report(&work, WINDOWS);
    assert_eq!(
        (&last["schemes"], &last["added"]),
        (&serde_json::json!(["window", "sliding2"]), &serde_json::json!([]))
    );
    let first = report(&work, 1);
    assert_eq!(first["schemes"], serde_json::json!(["cumulative", "window"]));
    assert_eq!(first["added"], serde_json::json!(["sliding2"]));
    let is_scored = |id: &str| {
        last["scores"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|score| score["model"] == id && !score["window"].is_null())
    };
    assert!(is_scored("cumulative-1") && is_scored("sliding2-1"), "{last:#}");

    // The models of each scheme are those of a run that had the scheme all the time.
    scene.set("schemes = [\"window\", \"sliding=2\"]", "");
    scene.run(&whole);
    let mut made = timeless(&work);
    made.retain(|id, _| !id.starts_with("cumulative-"));
    assert_eq!(made, timeless(&whole));
}

#[test]
fn verdicts_that_were_given_stay_when_the_rules_of_acceptance_change() {
    let scene = Scene::new("schemes = \"cumulative\"");
    let work = scene.work("work");
    scene.run(&work);
    let before = models(&work);
    scene.set("schemes = \"cumulative\"\naccept = { min_auc = 0.99 }", "");
    let stderr = scene.run(&work);
    assert!(stderr.contains("train.accept.min_auc: not set before, now 0.99"), "{stderr}");
    assert_eq!(models(&work), before);
    // The models of a scheme that is added are judged by the rules of now.
    scene.set("schemes = [\"cumulative\", \"window\"]\naccept = { min_auc = 0.99 }", "");
    succeed(&["train", &scene.file, "--once", "--workdir", &work.display().to_string()]);
    assert_kept(&before, &work);
    let verdict = |id: &str| json(&work.join(format!("models/{id}/model.json")))["verdict"]["status"].clone();
    assert_eq!((verdict("cumulative-6"), verdict("window-6")), ("accepted".into(), "rejected".into()));
    let [rules, schemes] = ["train.accept.min_auc", "train.schemes"].map(|key| (6, vec![key.to_owned()]));
    assert_eq!(recorded(&work), [rules, schemes]);
}

#[test]
fn models_that_were_removed_are_not_made_again_for_another_scheme() {
    let scene = Scene::new("schemes = \"window\"\nkeep = 2");
    let [work, whole] = ["work", "whole"].map(|name| scene.work(name));
    scene.run(&work);
    let before = models(&work);
    scene.set("schemes = [\"window\", \"sliding=2\"]\nkeep = 2", "");
    let stderr = scene.run(&work);
    assert!(stderr.contains("  sliding2-1 ") && !stderr.contains("  window-1 "), "{stderr}");
    assert_kept(&before, &work);
    scene.run(&whole);
    assert_eq!(timeless(&work), timeless(&whole));
    assert_same_scores(&work, &whole);
    let stderr = scene.run(&work);
    assert!(!stderr.contains("sliding2-1 "), "it was made and removed: {stderr}");
}

#[test]
fn what_changes_the_bytes_of_a_model_is_refused_with_the_key_and_a_command() {
    let scene = Scene::new("");
    let work = scene.work("work");
    scene.run(&work);
    let (before, run) = (models(&work), fs::read(work.join("run.json")).expect("a file"));
    let cases = [
        ("l2 = 2.0", "train.l2: 1.0 before, now 2.0"),
        ("holdout = 0.2", "train.holdout: 0.1 before, now 0.2"),
        ("l2 = 2.0\nschemes = \"window\"", "train.l2: 1.0 before, now 2.0"),
    ];
    for (train, expected) in cases {
        scene.set(train, "");
        let (code, stderr) = scene.outcome(&work);
        assert_eq!(code, Some(2), "{train}: {stderr}");
        let command = format!("`windrow run {} --workdir {}-2`", scene.file, work.display());
        assert!(stderr.contains(expected) && stderr.contains(&command), "{train}: {stderr}");
        assert!(!stderr.contains("train.schemes"), "{train}: {stderr}");
    }
    assert_eq!(models(&work), before);
    assert!(fs::read(work.join("run.json")).expect("a file") == run, "nothing is recorded");
}
