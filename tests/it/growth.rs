//! A dataset that grew: only what is new is replayed, and everything else stays as it was. `interrupted`: kills in the
//! middle; `stages`: a cluster of its own; `far_ahead`: a last row that only the next rows confirm.

mod far_ahead;
mod interrupted;
mod stages;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use windrow_testing::http::{JSON, ask};
use windrow_testing::{Running, json, succeed, text, windrow};

/// The first row that is on Monday, 1 January 2024.
const BEGIN: u64 = 1_704_067_200;
/// The seconds between two rows: a week has 201 or 202 of them.
const STEP: u64 = 3000;

/// A dataset and its pipeline, in a folder of their own.
struct Scene {
    folder: tempfile::TempDir,
    file: String,
}

/// Returns a row. No two rows are the same.
fn row(number: u64, is_labelled: bool) -> String {
    let size = number * 7919 % 1000;
    let colour = ["red", "green", "blue"][(number % 3) as usize];
    let label = match (is_labelled, size + number * 31 % 400 > 700) {
        (false, _) => "",
        (true, true) => "1",
        (true, false) => "0",
    };
    format!("{},{size},{colour},{label}\n", BEGIN + number * STEP)
}

/// Returns a file with these rows, all labelled.
fn rows(first: u64, last: u64) -> String {
    rows_without(first, last, u64::MAX)
}

/// Returns a file with these rows. Those from `unlabelled` on have no label yet.
fn rows_without(first: u64, last: u64, unlabelled: u64) -> String {
    let rows = (first..=last).map(|number| row(number, number < unlabelled));
    ["at,size,colour,late\n".to_owned()].into_iter().chain(rows).collect()
}

impl Scene {
    fn new(window: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("p.toml");
        let pipeline = format!(
            "name = \"p\"\ndataset = {{ path = \"d.csv\", time = {{ column = \"at\", format = \"seconds\" }} }}\n\
             target = {{ column = \"late\", equals = \"1\" }}\n\
             features = {{ numeric = [\"size\"], categorical = [\"colour\"] }}\nwindow = {{ {window} }}\n{more}\n"
        );
        fs::write(&path, pipeline).expect("a file");
        Self { file: path.display().to_string(), folder }
    }

    fn work(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, dataset: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join("d.csv"), dataset).expect("a file");
    }

    fn arguments(&self, workdir: &Path) -> Vec<String> {
        let run = ["run", &self.file, "--once", "--broker", "embedded", "--listen", "127.0.0.1:0", "--workdir"];
        run.into_iter().map(str::to_owned).chain([workdir.display().to_string()]).collect()
    }

    /// Runs the pipeline to its end; returns what it printed to standard error.
    fn run(&self, workdir: &Path) -> String {
        let (code, stderr) = self.outcome(workdir);
        assert_eq!(code, Some(0), "{stderr}");
        stderr
    }

    fn outcome(&self, workdir: &Path) -> (Option<i32>, String) {
        let arguments = self.arguments(workdir);
        let output = windrow(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        (output.status.code(), text(&output.stderr))
    }

    /// Checks that the audit finds no fault; returns what it printed.
    fn audit(&self, workdir: &Path) -> String {
        succeed(&["audit", &self.file, "--workdir", &workdir.display().to_string()])
    }
}

/// Returns the files of a folder by their names, with all folders in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else if !name.starts_with('.') {
            found.insert(name, fs::read(path).expect("a file"));
        }
    }
    found
}

/// Returns the number of the window of a file or a folder: its last digits.
fn window_of(name: &str) -> u32 {
    let stem = name.split(['/', '.']).next().unwrap_or_default();
    stem.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(u32::MAX)
}

/// Returns the files of windows before `first`.
fn before(workdir: &Path, folder: &str, first: u32) -> BTreeMap<String, Vec<u8>> {
    files(&workdir.join(folder)).into_iter().filter(|(name, _)| window_of(name) < first).collect()
}

/// Returns the models that only the advice needs, of windows before `first`, by window and history.
fn ladder_models(workdir: &Path, first: u32) -> BTreeMap<(String, String), Value> {
    let of_window = |name: String| {
        let found = json(&workdir.join("advice/models").join(&name));
        let models = found["models"].as_object().expect("models").clone();
        models.into_iter().map(move |(history, model)| ((name.clone(), history), model))
    };
    before(workdir, "advice/models", first).into_keys().flat_map(of_window).collect()
}

/// Checks that a grown run has the windows, losses, reports and advice of a run of the whole dataset.
fn assert_same_answer(grown: &Path, whole: &Path) {
    let batches = |workdir: &Path| {
        let mut files = files(&workdir.join("batches"));
        // The manifests have the offsets in two logs.
        files.retain(|name, _| name.ends_with(".csv") || name.ends_with(".parquet"));
        files
    };
    assert_eq!(batches(grown).keys().collect::<Vec<_>>(), batches(whole).keys().collect::<Vec<_>>());
    assert!(batches(grown) == batches(whole), "the rows differ");
    for folder in ["losses", "windows", "quarantine"] {
        let [one, other] = [grown, whole].map(|workdir| files(&workdir.join(folder)));
        assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{folder}");
        let differing: Vec<&String> = one.keys().filter(|name| one[*name] != other[*name]).collect();
        assert!(differing.is_empty(), "{folder}: {differing:?}");
    }
    assert_eq!(json(&grown.join("advice.json")), json(&whole.join("advice.json")));
}

#[test]
fn appended_weeks_are_replayed_alone() {
    let cases = [
        ("event = \"week\"", "", 7),
        ("event = \"week\", lateness = \"2d\"", "stream = { partitions = 3 }", 7),
        ("rows = 200", "stream = { partitions = 2 }", 7),
        ("event = \"week\"", "batch = { format = \"parquet\" }", 7),
    ];
    for (window, more, reopened) in cases {
        let scene = Scene::new(window, more);
        let [grown, whole] = ["grown", "whole"].map(|name| scene.work(name));
        scene.write(rows(1, 1300));
        scene.run(&grown);
        let kept = ["batches", "models", "losses", "windows"];
        let first = kept.map(|folder| before(&grown, folder, reopened));
        assert!(first.iter().all(|files| !files.is_empty()), "{window}");
        let ladder = ladder_models(&grown, reopened);
        assert!(!ladder.is_empty(), "{window}");
        let name = json(&grown.join("batches/window-00001.json"))["run"].clone();
        // The content decides, not the name.
        scene.write(zstd::encode_all(rows(1, 1900).as_bytes(), 3).expect("memory"));
        let stderr = scene.run(&grown);
        assert!(stderr.contains("600 new rows after row 1,300"), "{window}: {stderr}");
        assert!(stderr.contains("window 7 is opened again"), "{window}: {stderr}");
        for (folder, first) in kept.into_iter().zip(first) {
            let now = before(&grown, folder, reopened);
            let differing: Vec<&String> = first.keys().filter(|name| first.get(*name) != now.get(*name)).collect();
            assert!(differing.is_empty(), "{window}: {folder}: {differing:?}");
        }
        // More windows add models of longer histories, and change none.
        let now = ladder_models(&grown, reopened);
        assert!(ladder.iter().all(|(id, model)| now.get(id) == Some(model)), "{window}");
        let last = json(&grown.join("batches/window-00010.json"));
        assert_eq!(last["run"], name, "the replay keeps its name");
        scene.run(&whole);
        assert_same_answer(&grown, &whole);
        let audit = scene.audit(&grown);
        assert!(audit.contains("every row is accounted for: 1,900 read = 1,900 stored + 0 quarantined"), "{audit}");
        assert!(audit.contains("rows 1 to 1,300 from ") && audit.contains("rows 1,301 to 1,900 from "), "{audit}");
        assert!(audit.contains("window 7 was opened again"), "{audit}");
        // Nothing is left to do.
        assert!(scene.run(&grown).contains("the stream is complete: 10 windows with 1,900 rows"));
    }
}

#[test]
fn a_dataset_grows_again_and_again() {
    let scene = Scene::new("event = \"week\"", "");
    let [grown, whole] = ["grown", "whole"].map(|name| scene.work(name));
    for last in [500, 700, 702, 1100, 1500] {
        scene.write(rows(1, last));
        scene.run(&grown);
    }
    scene.run(&whole);
    assert_same_answer(&grown, &whole);
    let audit = scene.audit(&grown);
    assert_eq!(json(&grown.join("run.json"))["extracts"].as_array().map(Vec::len), Some(5));
    assert!(audit.contains("rows 701 to 702 from "), "{audit}");
}

#[test]
fn a_late_row_for_a_sealed_window_is_late_as_ever() {
    let scene = Scene::new("event = \"week\"", "quarantine = { max_share = 0.1 }");
    let work = scene.work("work");
    scene.write(rows(1, 1000));
    scene.run(&work);
    scene.write(format!("{}{}", rows(1, 1200), row(3, true)));
    scene.run(&work);
    let end = json(&work.join("batches/end.json"));
    assert_eq!((end["rows"].as_u64(), end["quarantined"].as_u64()), (Some(1200), Some(1)));
    assert!(scene.audit(&work).contains("1,201 read = 1,200 stored + 1 quarantined"));
}

#[test]
fn models_of_windows_that_do_not_come_back_are_removed() {
    let scene = Scene::new("event = \"week\"", "quarantine = { max_share = 0.1 }");
    let [grown, whole] = ["grown", "whole"].map(|name| scene.work(name));
    // The time of the last row is a mistake, which only the next rows show.
    let first = format!("{}{}", rows(1, 1000), row(2500, true));
    scene.write(&first);
    scene.run(&grown);
    assert!(grown.join("models/cumulative-13/model.json").exists());
    let new: String = (1001..=1400).map(|number| row(number, true)).collect();
    scene.write(format!("{first}{new}"));
    scene.run(&grown);
    scene.run(&whole);
    let models = |workdir: &Path| files(&workdir.join("models")).into_keys().collect::<Vec<_>>();
    assert_eq!(models(&grown), models(&whole));
}

#[test]
fn an_alias_stands_for_the_model_that_was_made_again() {
    let scene = Scene::new("event = \"week\"", "");
    let work = scene.work("work");
    scene.write(rows(1, 1300));
    scene.run(&work);
    let model = work.join("models/cumulative-7/model.json");
    let promote = |alias: &str, model: &str| {
        let workdir = work.display().to_string();
        let mut serve = Running::start(&["serve", &scene.file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
        let line = serve.wait_for("API: http://");
        let url = line.split_whitespace().nth(1).expect("a URL").to_owned();
        let body = format!("{{\"model\": \"{model}\"}}");
        assert_eq!(ask("PUT", &format!("{url}/v1/aliases/{alias}"), &[JSON], body.as_bytes()).status, 200);
        serve.kill();
    };
    promote("prod", "cumulative-7");
    promote("old", "cumulative-5");
    let before = json(&model);
    scene.write(rows(1, 1700));
    let stderr = scene.run(&work);
    assert!(stderr.contains("alias prod: cumulative-7 was made again"), "{stderr}");
    let now = json(&model);
    assert_ne!(before["lineage"]["id"], now["lineage"]["id"]);
    let journal = fs::read_to_string(work.join("aliases.jsonl")).expect("a journal");
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let lines: Vec<Value> = lines.filter(|line| line["alias"] != "advised").collect();
    let changes = lines.iter().map(|line| [&line["alias"], &line["action"]].map(|text| text.as_str().expect("a text")));
    assert_eq!(changes.collect::<Vec<_>>(), [["prod", "promoted"], ["old", "promoted"], ["prod", "renewed"]]);
    assert_eq!((&lines[0]["lineage"], &lines[2]["lineage"]), (&before["lineage"]["id"], &now["lineage"]["id"]));
    assert_eq!((&lines[2]["from"], &lines[2]["to"]), (&Value::from("cumulative-7"), &Value::from("cumulative-7")));
    // The line is written once.
    scene.run(&work);
    assert_eq!(fs::read_to_string(work.join("aliases.jsonl")).expect("a journal"), journal);
}

#[test]
fn two_runs_at_once_account_for_an_extract_once() {
    let scene = Scene::new("event = \"week\"", "");
    let [work, whole] = ["work", "whole"].map(|name| scene.work(name));
    scene.write(rows(1, 1300));
    scene.run(&work);
    scene.write(rows(1, 1700));
    std::thread::scope(|scope| {
        let runs = [(), ()].map(|()| scope.spawn(|| scene.outcome(&work)));
        let outcomes = runs.map(|run| run.join().expect("it ends"));
        assert!(outcomes.iter().any(|(code, _)| *code == Some(0)), "{outcomes:?}");
    });
    assert_eq!(json(&work.join("run.json"))["extracts"].as_array().map(Vec::len), Some(2));
    scene.run(&whole);
    assert_same_answer(&work, &whole);
}

#[test]
fn the_first_rows_may_be_gone() {
    let scene = Scene::new("event = \"week\"", "");
    let [cut, whole] = ["cut", "whole"].map(|name| scene.work(name));
    scene.write(rows(1, 1300));
    scene.run(&cut);
    scene.write(rows(301, 1700));
    let stderr = scene.run(&cut);
    assert!(stderr.contains("400 new rows after row 1,300"), "{stderr}");
    assert!(stderr.contains("the rows before row 301 are not in the file any more"), "{stderr}");
    let audit = scene.audit(&cut);
    assert!(audit.contains("it begins with row 301"), "{audit}");
    assert!(audit.contains("every stored row from row 301 on is the same as in the dataset"), "{audit}");
    assert!(audit.contains("every row is accounted for: 1,700 read = 1,700 stored"), "{audit}");
    // The next extract begins later.
    scene.write(rows(601, 1900));
    scene.run(&cut);
    assert!(scene.audit(&cut).contains("1,900 read = 1,900 stored"));
    // Only the last window that was complete is still in the file, and later the first rows are back.
    scene.write(rows(1810, 2600));
    let stderr = scene.run(&cut);
    assert!(stderr.contains("the rows before row 1,810 are not in the file any more"), "{stderr}");
    scene.write(rows(1, 2700));
    scene.run(&cut);
    assert!(scene.audit(&cut).contains("2,700 read = 2,700 stored"));
    scene.run(&whole);
    assert_same_answer(&cut, &whole);
}

#[test]
fn labels_that_have_arrived_count_for_losses_and_later_fits() {
    let scene = Scene::new("event = \"week\"", "");
    let [late, whole] = ["late", "whole"].map(|name| scene.work(name));
    // The rows of windows 6 and 7 have no label yet.
    scene.write(rows_without(1, 1300, 1050));
    scene.run(&late);
    let (batches, models) = (before(&late, "batches", 7), before(&late, "models", 7));
    scene.write(rows(1, 1700));
    let stderr = scene.run(&late);
    assert!(stderr.contains("labels of sealed windows have arrived"), "{stderr}");
    let labels = json(&late.join("batches/window-00006.labels.json"));
    assert!(labels["labels"].as_array().is_some_and(|labels| labels.len() > 100), "{labels}");
    let now = before(&late, "batches", 7);
    assert!(batches.iter().all(|(name, bytes)| now.get(name) == Some(bytes)), "a batch or a manifest has changed");
    let now = before(&late, "models", 7);
    let is_kept = |(name, bytes): (&String, &Vec<u8>)| now.get(name) == Some(bytes);
    assert!(models.iter().all(is_kept), "a model that was fitted without the labels has changed");
    assert!(scene.audit(&late).contains("1,700 read = 1,700 stored"));
    // The models before window 6 had all their labels, so their losses on it are those of a run with all labels.
    scene.run(&whole);
    let losses = |workdir: &Path| {
        let losses = json(&workdir.join("losses/window-00006.json"));
        let of_early = |one: &&Value| one["model"].as_str().is_some_and(|model| window_of(model) < 5);
        let models = losses["models"].as_array().expect("a list").iter().filter(of_early).cloned();
        (losses["rows"].clone(), losses["positives"].clone(), models.collect::<Vec<_>>())
    };
    assert!(!losses(&whole).2.is_empty());
    assert_eq!(losses(&late), losses(&whole));
    // The same labels again change nothing, and a label that changes is refused.
    let changed = rows(1, 1700).replacen(row(1100, true).trim_end(), &format!("{}7", row(1100, false).trim_end()), 1);
    scene.write(changed);
    let (code, stderr) = scene.outcome(&late);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("row 1,100 of the dataset") && stderr.contains("late was `"), "{stderr}");
}

#[test]
fn labels_that_arrive_do_not_change_which_schemes_were_trained() {
    let scene = Scene::new("event = \"week\"", "train = { schemes = [\"cumulative\"] }");
    let work = scene.work("work");
    let two_blank = (1..=1300).map(|number| row(number, ![500, 501].contains(&number)));
    scene.write(["at,size,colour,late\n".to_owned()].into_iter().chain(two_blank).collect::<String>());
    scene.run(&work);
    let pipeline = fs::read_to_string(&scene.file).expect("a file");
    fs::write(&scene.file, pipeline.replace("[\"cumulative\"]", "[\"cumulative\", \"window\"]")).expect("a file");
    scene.write(rows(1, 1300));
    let stderr = scene.run(&work);
    assert!(stderr.contains("labels of sealed windows have arrived"), "{stderr}");
    for window in 1..=7 {
        let report = json(&work.join(format!("windows/window-{window:05}.json")));
        assert_eq!(report["schemes"], serde_json::json!(["cumulative"]), "window {window}");
        assert_eq!(report["added"], serde_json::json!(["window"]), "window {window}");
        assert!(report["sha256"].as_str().is_some_and(|sha256| sha256.len() == 64), "window {window}");
    }
    let change = json(&work.join("run.json"))["changes"][0].clone();
    assert_eq!(change["windows"], 7, "{change}");
}

#[test]
fn any_other_change_is_refused_and_changes_nothing() {
    let scene = Scene::new("event = \"week\"", "");
    let work = scene.work("work");
    scene.write(rows(1, 1300));
    scene.run(&work);
    let before = files(&work);
    let replaced = |number: u64, new: &str| rows(1, 1500).replacen(&row(number, true), new, 1);
    let cases = [
        (
            "a changed cell",
            replaced(700, &row(700, true).replace("green", "pink")),
            "row 700 of the dataset",
            "colour was `green` and is `pink` now",
        ),
        ("a label that is gone", replaced(5, &row(5, false)), "row 5 of the dataset", "late was `"),
        ("a row that is gone", replaced(700, ""), "row 700 of the dataset", "at was `"),
        ("a shorter file", rows(1, 1200), "ends too early", "rows 1,201 to 1,300 were read before"),
        (
            "the first rows, and a cell",
            rows(301, 1500).replacen(&row(1000, true), &row(3000, true), 1),
            "row 1,000 of the dataset",
            "(row 700 of the file)",
        ),
        ("another column", rows(1, 1500).replace('\n', ",x\n"), "has other columns", "now at, size, colour, late, x"),
        ("no row that was read", rows(2001, 2500), "row 1 of the dataset", "at was `"),
    ];
    for (what, dataset, expected, detail) in cases {
        scene.write(dataset);
        let (code, stderr) = scene.outcome(&work);
        assert_eq!(code, Some(2), "{what}: {stderr}");
        assert!(stderr.contains(expected) && stderr.contains(detail), "{what}: {stderr}");
        let now = files(&work);
        let differing: Vec<&String> = before.keys().filter(|name| before.get(*name) != now.get(*name)).collect();
        assert!(differing.is_empty(), "{what}: {differing:?}");
    }
    // Parts would all change.
    let scene = Scene::new("parts = 4", "");
    let work = scene.work("work");
    scene.write(rows(1, 1200));
    scene.run(&work);
    scene.write(rows(1, 1300));
    let (code, stderr) = scene.outcome(&work);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("`rows = 300` in place of `parts = 4` keeps this cut"), "{stderr}");
}
