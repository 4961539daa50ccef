//! The advice, on how often to retrain and on how much history: from the command line, over HTTP, after a kill, with
//! delayed labels.

mod job;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use windrow_testing::documents::block;
use windrow_testing::{Running, fixture, has, http, sample_with, succeed, text, wait_until, windrow};

/// A pipeline of the sample with a given window policy, and a work directory for it.
struct TestPipeline {
    folder: tempfile::TempDir,
    file: String,
}

impl TestPipeline {
    fn new(window: &str, rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = sample_with(folder.path(), window, "");
        let pipeline = fs::read_to_string(&file).expect("a file");
        fs::write(&file, format!("{pipeline}\n{rest}\n")).expect("a file");
        Self { folder, file }
    }

    fn run(&self, arguments: &[&str]) -> String {
        let workdir = self.workdir().display().to_string();
        let fixed =
            ["run", &self.file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"];
        succeed(&[&fixed[..], arguments].concat())
    }

    fn advise(&self, arguments: &[&str]) -> String {
        let workdir = self.workdir().display().to_string();
        succeed(&[&["advise", &self.file, "--workdir", &workdir][..], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.advise(&[&["--json"][..], arguments].concat())).expect("JSON")
    }

    /// Runs `windrow advise --exit-code`. Returns the exit code with the output.
    fn exit_code(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let workdir = self.workdir().display().to_string();
        let fixed = ["advise", &self.file, "--workdir", &workdir, "--exit-code"];
        let output = windrow(&[&fixed[..], arguments].concat());
        (output.status.code(), text(&output.stdout))
    }

    fn workdir(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn file(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.workdir().join(name)).expect(name)).expect("JSON")
    }
}

#[test]
fn advice_is_a_page_of_text_for_any_number_of_windows() {
    let pipeline = TestPipeline::new("rows = 200", "");
    let output = pipeline.run(&[]);
    assert!(
        output.starts_with("flights-sample: arr_delay at least 15?\n41 windows of 200 rows, Jan 2013 to Dec 2013\n"),
        "{output}"
    );
    let page = pipeline.advise(&[]);
    assert!(output.lines().zip(page.lines()).take(4).all(|(a, b)| a == b), "the run says the same\n{output}\n{page}");
    assert!(page.lines().count() <= 50, "{page}");
    for line in page.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let all = pipeline.advise(&["--all"]);
    assert!(all.lines().count() > page.lines().count());
    assert!(page.contains("wrong fits/yr") && page.contains("Wrong: more (+) or fewer (-) wrong answers"), "{page}");
    assert!(all.contains("recalibrate") && all.contains("on PSI alarm") && all.contains("on loss alarm"), "{all}");
    let json = pipeline.json(&[]);
    assert_eq!(json, pipeline.file("advice.json"));
    assert!(["clear", "partly"].contains(&json["recommendation"]["status"].as_str().expect("a status")));
    let judged = &json["basis"]["judged"];
    assert_eq!((judged["first"].as_u64(), judged["last"].as_u64()), (Some(17), Some(41)), "behind the last 16 windows");
    // Without verdict, but with the AUC of each window judged.
    let auc = json["over_time"]["auc"].as_array().expect("a list");
    assert!(auc.len() >= 2, "{auc:?}");
    for found in auc {
        let windows = found["windows"].as_array().expect("a list");
        let first = windows.first().and_then(|first| first["label"].as_str()).expect("a name");
        assert!(windows.len() == 25 && first.starts_with("window 17 ("), "{found}");
        assert!(windows.iter().any(|at| at["auc"].as_f64().is_some_and(|auc| auc > 0.0 && auc < 1.0)), "{found}");
    }
}

#[test]
fn every_figure_follows_from_the_stored_losses() {
    if !has("python3") {
        return;
    }
    let pipeline = TestPipeline::new("rows = 200", "");
    pipeline.run(&[]);
    let script = block("docs/advice.md", "import json, math", &[]);
    let workdir = pipeline.workdir().display().to_string();
    let output = Command::new("python3").args(["-c", &script, &workdir]).output().expect("Python runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let advice = pipeline.file("advice.json");
    let policies = advice["comparison"]["planned"].as_array().expect("a list").iter();
    let planned: Vec<&Value> = policies.filter(|found| found["policy"]["refit"]["kind"] == "every").collect();
    let printed = text(&output.stdout);
    assert_eq!(printed.lines().count(), planned.len());
    let mut checked = 0;
    for (line, found) in printed.lines().zip(planned) {
        let figures: Vec<f64> = line.rsplit(' ').take(4).map(|figure| figure.parse().expect("a number")).collect();
        let same = |figure: f64, stored: &Value| (figure - stored.as_f64().expect("a number")).abs() < 2e-4;
        assert!(
            same(figures[3], &found["compared"]["difference"]) && same(figures[2], &found["kept"]["share"]),
            "{line} {found}"
        );
        if found["kept"]["interval"].is_object() {
            checked += 1;
            assert!(same(figures[1], &found["kept"]["interval"]["low"]), "{line} {found}");
            assert!(same(figures[0], &found["kept"]["interval"]["high"]), "{line} {found}");
        }
    }
    assert!(
        checked > 0 || advice["basis"]["judged"]["gain_interval"]["low"].as_f64().is_some_and(|low| low < 0.02),
        "{printed}"
    );
}

#[test]
fn missing_files_are_recreated_and_the_advice_is_the_same() {
    let pipeline = TestPipeline::new("rows = 300", "");
    pipeline.run(&[]);
    let before = pipeline.file("advice.json");
    let losses = pipeline.file("advice/losses/window-00020.json");
    assert!(losses["models"].as_array().is_some_and(|models| !models.is_empty()));
    for lost in [
        "advice/models/window-00005.json",
        "advice/losses/window-00012.json",
        "advice/recalibrated-0.json",
        "advice.json",
    ] {
        fs::remove_file(pipeline.workdir().join(lost)).expect(lost);
    }
    assert_eq!(pipeline.json(&[]), before);
    assert_eq!(pipeline.file("advice.json"), before);
    fs::remove_dir_all(pipeline.workdir().join("advice")).expect("a folder");
    assert_eq!(pipeline.json(&[]), before);
    assert_eq!(pipeline.file("advice/losses/window-00020.json"), losses, "to the last digit that is kept");
    // Damaged files are made again if possible.
    for name in ["advice/losses/window-00014.json", "advice/models/window-00009.json"] {
        let whole = fs::read_to_string(pipeline.workdir().join(name)).expect(name);
        fs::write(pipeline.workdir().join(name), &whole[..whole.len() / 2]).expect(name);
    }
    let cut = fs::read_to_string(pipeline.workdir().join("advice/models/window-00010.json")).expect("a ladder");
    let shorter = cut.replacen("\"weights\":[", "\"weights\":[0.5,", 1);
    assert_ne!(cut, shorter);
    fs::write(pipeline.workdir().join("advice/models/window-00010.json"), shorter).expect("a file");
    assert_eq!(pipeline.json(&[]), before);
    assert_eq!(fs::read_to_string(pipeline.workdir().join("advice/models/window-00010.json")).expect("a ladder"), cut);
    // The losses of published models belong to the trainer, so the advisor does not make them again.
    fs::write(pipeline.workdir().join("losses/window-00003.json"), "{").expect("a file");
    let workdir = pipeline.workdir().display().to_string();
    let output = windrow(&["advise", &pipeline.file, "--workdir", &workdir]);
    assert_eq!(output.status.code(), Some(1));
    let output_text = text(&output.stderr);
    assert!(
        output_text.contains("window-00003.json is damaged") && output_text.contains("remove it, and `windrow train`"),
        "{output_text}"
    );
    fs::remove_file(pipeline.workdir().join("losses/window-00003.json")).expect("a file");
    succeed(&["train", &pipeline.file, "--workdir", &workdir, "--once"]);
    assert_eq!(pipeline.json(&[]), before);
}

/// Returns the files of the losses of models that only the advice needs, and the number of these losses.
fn losses_for_advice(pipeline: &TestPipeline) -> (BTreeMap<PathBuf, Vec<u8>>, usize) {
    let folder = fs::read_dir(pipeline.workdir().join("advice/losses")).expect("a folder");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let files: BTreeMap<PathBuf, Vec<u8>> =
        paths.map(|path| (path.clone(), fs::read(&path).expect("a file"))).collect();
    let models = |file: &Vec<u8>| {
        let losses: Value = serde_json::from_slice(file).expect("JSON");
        losses["models"].as_array().map_or(0, Vec::len)
    };
    let count = files.values().map(models).sum();
    (files, count)
}

#[test]
fn only_losses_that_the_advice_needs_are_computed_whenever_it_is() {
    let pipeline = TestPipeline::new("rows = 200", "");
    // The advisor follows the stream.
    pipeline.run(&[]);
    let (live, count) = losses_for_advice(&pipeline);
    // The last 2, 4, 8 and 16 windows: 2,235 pairs with later windows. The policies need 1,361 whatever the rows are: 25
    // windows are judged, so the longest refit period has 8.
    assert!((1_361..2_235).contains(&count), "{count}");
    // The same from all windows at once, and after another question.
    fs::remove_dir_all(pipeline.workdir().join("advice")).expect("a folder");
    let advice = pipeline.json(&[]);
    assert!(losses_for_advice(&pipeline).0 == live, "the advisor computes the same losses");
    pipeline.advise(&["--label-delay", "4"]);
    assert!(losses_for_advice(&pipeline).1 > count);
    assert_eq!(pipeline.json(&[]), advice);
    assert!(losses_for_advice(&pipeline).0 == live, "what was asked before makes no difference");
}

#[test]
fn only_advised_models_of_the_ladder_are_published_and_more_memory_changes_nothing() {
    let pipeline = TestPipeline::new("rows = 300", "");
    pipeline.run(&["--memory", "100KB"]);
    let models = fs::read_dir(pipeline.workdir().join("models")).expect("models");
    let names: Vec<String> =
        models.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    let journal = fs::read_to_string(pipeline.workdir().join("aliases.jsonl")).unwrap_or_default();
    let of_ladder = |name: &&String| !name.starts_with("cumulative-") && !name.starts_with("window-");
    for name in names.iter().filter(of_ladder) {
        assert!(journal.contains(&format!("\"to\":\"{name}\"")), "{name}: {journal}");
    }
    let small = pipeline.file("advice.json");
    let other = TestPipeline::new("rows = 300", "");
    other.run(&[]);
    assert_eq!(other.file("advice.json"), small);
}

#[test]
fn late_labels_are_a_question_and_not_what_is_served() {
    let pipeline = TestPipeline::new("rows = 200", "");
    pipeline.run(&[]);
    let stored = pipeline.file("advice.json");
    let late = pipeline.json(&["--label-delay", "3"]);
    assert_eq!((late["basis"]["label_delay"].as_u64(), late["basis"]["judged"]["first"].as_u64()), (Some(3), Some(20)));
    assert_eq!(pipeline.file("advice.json"), stored);
    assert!(pipeline.workdir().join("advice/recalibrated-0.json").exists(), "the question leaves it");
    let workdir = pipeline.workdir().display().to_string();
    assert_eq!(
        windrow(&["advise", &pipeline.file, "--workdir", &workdir, "--label-delay", "33"]).status.code(),
        Some(2)
    );
    // A duration needs windows of a length in time.
    let output = windrow(&["advise", &pipeline.file, "--workdir", &workdir, "--label-delay", "30d"]);
    let output_text = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{output_text}");
    assert!(output_text.contains("--label-delay: `30d` is a duration, but windows that are cut"), "{output_text}");
    // The settings of the pipeline file are used.
    let own = TestPipeline::new(
        "rows = 200",
        "[advise]\nlabel_delay = 3\nkeep = 0.8\nhistories = [1, 4, \"all\"]\ncost = { false_alarm = 1, miss = 5, refit = 20 }",
    );
    own.run(&[]);
    let advice = own.file("advice.json");
    assert_eq!((advice["basis"]["label_delay"].as_u64(), advice["basis"]["keep"].as_f64()), (Some(3), Some(0.8)));
    assert_eq!(advice["basis"]["judged"]["first"].as_u64(), Some(8), "behind the last 4 windows, and 3 more");
    assert!(
        advice["comparison"]["cost"]["per_window"].as_f64().is_some_and(|cost| cost > 0.0),
        "{}",
        advice["comparison"]["cost"]
    );
    assert!(own.advise(&[]).contains("Cheapest"), "{}", own.advise(&[]));
}

#[test]
fn costs_are_tried_without_storing_an_answer() {
    let pipeline = TestPipeline::new("rows = 200", "");
    pipeline.run(&[]);
    let stored = pipeline.file("advice.json");
    assert!(stored["comparison"]["cost"].is_null());
    let page = pipeline.advise(&["--cost", "refit=2,miss=5,false_alarm=1"]);
    assert!(page.contains("Rows are labelled positive from a probability of 0.5"), "{page}");
    assert!(page.contains("\nCheapest ") && page.contains("always predicting the commoner class: "), "{page}");
    let tried = pipeline.json(&["--cost", "false_alarm=1,refit=2,miss=5"]);
    let cost = &tried["comparison"]["cost"];
    assert_eq!((cost["miss"].as_f64(), cost["threshold"].as_f64()), (Some(5.0), Some(0.5)), "{cost}");
    assert_eq!(pipeline.file("advice.json"), stored);
    // The costs of the pipeline file give the same answer, and it is stored.
    let own = TestPipeline::new("rows = 200", "[advise]\ncost = { false_alarm = 1, miss = 5, refit = 2 }");
    own.run(&[]);
    assert_eq!(own.file("advice.json"), tried);
    assert_eq!(own.json(&["--cost", "refit=2,miss=5,false_alarm=1"]), tried);
    let workdir = pipeline.workdir().display().to_string();
    for (costs, problem) in [
        ("refit=2,miss=5", "false_alarm must be given too"),
        ("refit=2,miss=5,false_alarm=-1", "false_alarm must be a finite number of at least 0"),
        ("refit=2,mis=5,false_alarm=1", "unknown cost `mis`: the costs are false_alarm, miss, refit"),
    ] {
        let output = windrow(&["advise", &pipeline.file, "--workdir", &workdir, "--cost", costs]);
        assert_eq!(output.status.code(), Some(2), "{costs}");
        assert!(text(&output.stderr).contains(problem), "{}", text(&output.stderr));
    }
}

#[test]
fn too_few_windows_are_an_answer() {
    let pipeline = TestPipeline::new("parts = 3", "");
    pipeline.run(&[]);
    let advice = pipeline.json(&[]);
    assert_eq!(
        (advice["recommendation"]["status"].as_str(), advice["basis"]["first_advice"].as_u64()),
        (Some("too_few"), Some(16))
    );
    assert!(advice["recommendation"]["named"].is_null());
    assert!(
        pipeline.advise(&[]).contains("Too few windows for advice: schedules can be compared on 2, and 12 are needed."),
        "{}",
        pipeline.advise(&[])
    );
    let (code, page) = pipeline.exit_code(&[]);
    assert_eq!((code, page.lines().next_back()), (Some(0), Some("Too few windows: advice needs 16.")));
    // If no window has models, the error names the commands that train.
    let sample = fixture("flights-sample.toml").display().to_string();
    let empty = pipeline.folder.path().join("empty").display().to_string();
    let output = windrow(&["advise", &sample, "--workdir", &empty, "--exit-code"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("train them with `windrow run`"), "{}", text(&output.stderr));
}

#[test]
fn repeated_rows_are_not_evidence() {
    let pipeline = TestPipeline::new("rows = 500", "");
    // The sample has 8,019 rows, so window 17 is the first with a row of the second round.
    pipeline.run(&["--loop", "--limit", "12000"]);
    let advice = pipeline.json(&[]);
    assert_eq!(advice["subject"]["windows"].as_u64(), Some(16));
    let sentences = advice["recommendation"]["sentences"].to_string();
    assert!(sentences.contains("The windows after window 16 repeat rows, so they are not used."), "{sentences}");
    assert!(pipeline.workdir().join("losses/window-00016.json").exists());
    assert!(!pipeline.workdir().join("losses/window-00017.json").exists());
    assert_eq!(pipeline.file("windows/window-00017.json")["is_evidence"], false);
}

#[test]
fn windows_of_the_calendar_have_their_names_everywhere() {
    let pipeline = TestPipeline::new("event = \"week\"", "");
    pipeline.run(&[]);
    let manifest = pipeline.file("batches/window-00002.json");
    // Monday, 7 January 2013.
    assert_eq!(manifest["times"]["span"]["from"].as_i64(), Some(1_357_516_800));
    assert_eq!(pipeline.file("windows/window-00002.json")["period"], "week of 2013-01-07");
    assert!(pipeline.advise(&[]).contains("53 weeks, Jan 2013 to Dec 2013"), "{}", pipeline.advise(&[]));
    let workdir = pipeline.workdir().display().to_string();
    let listed = succeed(&["models", &pipeline.file, "--workdir", &workdir, "--windows"]);
    assert!(listed.contains("\n53 2013-12-30 ") && listed.contains("33 earlier windows: --all"), "{listed}");
    assert_eq!(listed.lines().count(), 27, "{listed}");
    assert!(listed.lines().all(|line| line.chars().count() <= 80), "{listed}");
    let models = succeed(&["models", &pipeline.file, "--workdir", &workdir]);
    assert!(models.lines().count() < 20 && models.contains("96 earlier models: --all"), "{models}");
    assert!(models.contains("latest: cumulative-53"), "{models}");
    let answer = pipeline.advise(&[]);
    assert!(answer.contains("This holds if labels are known at the end of each week."), "{answer}");
    let late = pipeline.json(&["--label-delay", "30d"]);
    let basis = &late["basis"];
    assert_eq!((basis["label_delay"].as_u64(), basis["label_delay_text"].as_str()), (Some(5), Some("30 days")));
    let sentences = late["recommendation"]["sentences"].as_array().and_then(|all| all.last()).and_then(Value::as_str);
    assert_eq!(sentences, Some("This holds if labels are known 30 days later."));
    let audit = succeed(&["audit", &pipeline.file, "--workdir", &workdir]);
    assert!(audit.contains("\n53 2013-12-30 ") && audit.contains("33 more windows, all intact: --all"), "{audit}");
    assert!(audit.lines().count() < 40 && audit.lines().all(|line| line.chars().count() <= 80), "{audit}");
    let audit = succeed(&["audit", &pipeline.file, "--workdir", &workdir, "--all"]);
    assert!(audit.contains("\n1 2012-12-31 ") && !audit.contains("--all"), "{audit}");
    let batch = pipeline.workdir().join("batches/window-00009.csv");
    let whole = fs::read(&batch).expect("a batch file");
    fs::write(&batch, &whole[..whole.len() - 1]).expect("a file");
    let output = text(&windrow(&["audit", &pipeline.file, "--workdir", &workdir]).stdout);
    assert!(
        output.contains("\n9 2013-02-25 ") && output.contains("window-00009.csv, week of 2013-02-25: it has"),
        "{output}"
    );
    fs::write(&batch, whole).expect("a file");

    let serve = Running::start(&["serve", &pipeline.file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = serve.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    let (status, _, body) = http("GET", &format!("{url}/v1/advice"), None);
    let served: Value = serde_json::from_str(&body).expect("JSON");
    let stored = pipeline.file("advice.json");
    assert_eq!((status, served["as_of_window"].as_u64()), (200, Some(53)));
    for name in ["sentences", "status"] {
        assert_eq!(served[name], stored["recommendation"][name], "{name}");
    }
    for (list, pointer) in [
        ("policies", "/comparison/planned"),
        ("steps", "/comparison/steps"),
        ("changes", "/recommendation/changes"),
        ("ages", "/over_time/ages"),
    ] {
        let stored = stored.pointer(pointer).and_then(Value::as_array).expect("a list");
        assert_eq!(served[list].as_array().map(Vec::len), Some(stored.len()), "{list}");
    }
    let (quality, kept) = (&served["quality"], &stored["over_time"]["quality"]);
    assert_eq!(quality["windows"][0]["window"], stored["basis"]["judged"]["first"]);
    let from = quality["windows"][0]["from"].as_str().expect("a date");
    let label = served["auc"][0]["windows"][0]["label"].as_str().expect("a name");
    assert!(label.ends_with(&format!("(week of {from})")), "{label} {from}");
    for list in ["average_rate", "refits"] {
        assert_eq!(quality[list], kept[list], "{list}");
    }
    let first_losses = |quality: &Value| -> Vec<Value> {
        let policies = quality["policies"].as_array().expect("a list").iter();
        policies.map(|policy| policy["log_loss"][0]["mean"].clone()).collect()
    };
    assert_eq!(first_losses(quality), first_losses(kept));
    // A server loads the advice of another process, and makes none itself.
    fs::remove_file(pipeline.workdir().join("advice.json")).expect("a file");
    let bare = Running::start(&["serve", &pipeline.file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = bare.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    assert_eq!(http("GET", &format!("{url}/v1/advice"), None).0, 404);
    pipeline.advise(&[]);
    wait_until("the advice is taken up", || http("GET", &format!("{url}/v1/advice"), None).0 == 200);
}

#[test]
fn retired_models_leave_their_losses() {
    let pipeline = TestPipeline::new("rows = 300", "[train]\nkeep = 4");
    pipeline.run(&[]);
    let losses = pipeline.file("losses/window-00020.json");
    let models = losses["models"].as_array().expect("a list");
    // The models of each scheme from the previous four windows.
    assert_eq!(models.len(), 8, "{models:?}");
    assert!(pipeline.json(&[])["basis"]["judged"]["windows"].as_u64().is_some_and(|windows| windows > 12));
}

#[test]
fn invalid_advice_settings_are_reported() {
    let cases = [
        ("keep = 1.0", "advise.keep", "must be a share above 0 and below 1"),
        ("label_delay = 40", "advise.label_delay", "must be at most 32 windows"),
        ("label_delay = -1", "advise.label_delay", "expected a number of windows, or a duration as in \"30d\""),
        ("label_delay = \"soon\"", "advise.label_delay", "`soon` is neither a number of windows nor a duration"),
        ("label_delay = \"30d\"", "advise.label_delay", "`30d` is a duration, but windows that are cut"),
        ("histories = []", "advise.histories", "must have at least one history"),
        ("histories = [2, 2]", "advise.histories", "no history twice"),
        ("histories = [0]", "advise.histories", "expected a count of windows (at least 1), or \"all\""),
        ("histories = [\"some\"]", "advise.histories", "expected a count of windows (at least 1), or \"all\""),
        ("cost = { false_alarm = -1, miss = 1, refit = 1 }", "advise.cost.false_alarm", "must be a finite number"),
        ("keeps = 1", "advise", "unknown field"),
    ];
    for (line, key, problem) in cases {
        let pipeline = TestPipeline::new("parts = 3", &format!("[advise]\n{line}"));
        let output = windrow(&["advise", &pipeline.file]);
        let output_text = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {output_text}");
        assert!(
            output_text.contains(key) && output_text.contains(problem) && output_text.contains("pipeline.toml:"),
            "{line}: {output_text}"
        );
    }
    let pipeline = TestPipeline::new("event = \"fortnight\"", "");
    let output_text = text(&windrow(&["advise", &pipeline.file]).stderr);
    assert!(output_text.contains("`fortnight` is not day, week, month, quarter, or a duration"), "{output_text}");
}
