//! A whole pipeline in one process, on the sample of the flights.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use windrow_testing::{
    Running, assert_whole, command, fixture, has, http, json, run_arguments, run_once, sample_with, succeed, text,
    windrow,
};

fn sample() -> String {
    fixture("flights-sample.toml").display().to_string()
}

#[test]
fn a_work_directory_may_be_a_relative_path_that_does_not_exist() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample();
    for (workdir, made) in [(&["--workdir", "work"][..], "work"), (&[][..], ".windrow/flights-sample")] {
        let fixed = ["run", &file, "--once", "--broker", "embedded", "--listen", "127.0.0.1:0"];
        let output =
            command(&[&fixed[..], workdir].concat()).current_dir(folder.path()).output().expect("the binary runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(folder.path().join(made).join("batches/end.json").exists(), "{made}");
    }
}

#[test]
fn every_row_is_in_one_window_and_every_window_has_its_models() {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work");
    let workdir_text = workdir.display().to_string();
    let stdout = run_once(&sample(), &workdir_text, &[]);

    assert_whole(&workdir);
    let mut next = 1;
    for window in 1..=3 {
        let manifest = json(&workdir.join(format!("batches/window-0000{window}.json")));
        assert_eq!(manifest["rows"]["count"], 2673);
        assert_eq!(manifest["rows"]["numbers"][0]["first"], next);
        next += 2673;
        let file = fs::read(workdir.join(format!("batches/window-0000{window}.csv"))).expect("a batch file");
        assert_eq!(manifest["rows"]["file"]["bytes"], file.len());
    }
    for id in ["cumulative-1", "window-1", "cumulative-2", "window-2", "cumulative-3", "window-3"] {
        let model = json(&workdir.join(format!("models/{id}/model.json")));
        assert_eq!(model["outcome"]["status"], "learned", "{id}");
        assert_eq!(model["outcome"]["solver"]["converged"], true, "{id}");
    }
    assert!(stdout.contains("Too few windows for advice") && stdout.contains("windrow advise"), "{stdout}");
    // The first window has no earlier ones: both schemes train on the same rows and must find the same model.
    let weights = |id: &str| {
        let model = json(&workdir.join(format!("models/{id}/model.json")));
        let coefficients = model["outcome"]["coefficients"].as_array().expect("a list").clone();
        coefficients.into_iter().map(|coefficient| coefficient["weight"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(weights("cumulative-1"), weights("window-1"));
    assert_ne!(weights("cumulative-2"), weights("window-2"));

    let run = json(&workdir.join("run.json"));
    assert_eq!(run["pipeline"]["name"], "flights-sample");

    // A second run finds everything done and changes nothing; --fresh starts from the beginning.
    let before = fs::read(workdir.join("batches/window-00001.json")).expect("a manifest");
    let (file, listen) = (sample(), "127.0.0.1:0");
    let again =
        windrow(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir_text, "--listen", listen]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(
        text(&again.stderr).contains("the stream is complete: 3 windows with 8,019 rows"),
        "{}",
        text(&again.stderr)
    );
    assert!(text(&again.stdout).contains("Too few windows for advice"), "{}", text(&again.stdout));
    assert_eq!(fs::read(workdir.join("batches/window-00001.json")).expect("a manifest"), before);
    fs::write(workdir.join("notes.txt"), "mine").expect("a file");
    run_once(&sample(), &workdir_text, &["--fresh"]);
    assert_whole(&workdir);
    assert_eq!(fs::read_to_string(workdir.join("notes.txt")).expect("still there"), "mine");

    let models: Value = serde_json::from_str(&succeed(&["models", &sample(), "--workdir", &workdir_text, "--json"]))
        .expect("JSON for machines");
    assert_eq!(models.as_array().map(Vec::len), Some(6));
}

#[test]
fn scores_on_the_next_window_come_before_those_on_held_out_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (sample(), folder.path().join("work"));
    let workdir_text = workdir.display().to_string();
    let run = ["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir_text, "--listen", "127.0.0.1:0"];
    let printed = text(&windrow(&run).stderr);
    let listed = succeed(&["models", &file, "--workdir", &workdir_text]);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let prints = |text: &str, wanted: &[String]| text.lines().any(|line| words(line) == wanted);
    for id in ["cumulative-1", "window-1", "cumulative-2", "window-2"] {
        let (_, window) = id.split_once('-').expect("a window");
        let next: u32 = window.parse::<u32>().expect("a number") + 1;
        let report = json(&workdir.join(format!("windows/window-0000{next}.json")));
        let scores = report["scores"].as_array().expect("a list");
        let score = &scores.iter().find(|score| score["model"] == id).expect("a score")["window"];
        let model = json(&workdir.join(format!("models/{id}/model.json")));
        let held_out = &model["outcome"]["scores"]["holdout"];
        let number = |score: &Value, name: &str| format!("{:.4}", score[name].as_f64().expect("a number"));
        let mut numbers = ["log_loss", "baseline_log_loss", "auc"].map(|name| number(score, name)).to_vec();
        numbers.extend(["log_loss", "auc"].map(|name| number(held_out, name)));
        let line = [vec![id.to_owned()], numbers.clone()].concat();
        assert!(prints(&printed, &line), "{line:?}: {printed}");
        let rows = model["lineage"]["fit_rows"].as_u64().expect("a number");
        let rows = format!("{},{:03}", rows / 1000, rows % 1000);
        let line = [vec![id.to_owned(), rows], numbers].concat();
        assert!(prints(&listed, &line), "{line:?}: {listed}");
    }
    assert!(
        printed.contains("\n  on window 2       log-loss  baseline      AUC   held out: log-loss      AUC\n"),
        "{printed}"
    );
    assert!(printed.contains("\n  no next window    log-loss"), "{printed}");
    assert!(listed.contains("held-out: a first fit, on the last rows of its newest window"), "{listed}");
}

#[test]
fn the_api_answers_from_the_first_second_and_the_curl_line_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work").display().to_string();
    let mut run =
        Running::start(&["run", &sample(), "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let output_text = run.wait_for("API: http");
    let url = output_text.split_whitespace().nth(1).expect("an address").to_owned();
    assert_eq!(http("GET", &format!("{url}/health/live"), None).0, 200);

    run.wait_for("serving until Ctrl-C");
    assert_eq!(http("GET", &format!("{url}/health/ready"), None).0, 200);
    let line = run.wait_for("curl -s");
    assert!(line.contains("/v1/models/advised/predict"), "{line}");
    if has("curl") {
        let output = std::process::Command::new("sh").args(["-c", line.trim()]).output().expect("a shell");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{line}: {error}"));
        let probability = answer["probability"].as_f64().expect("a probability");
        assert!((0.0..=1.0).contains(&probability), "{answer}");
    }

    let (_, _, document) = http("GET", &format!("{url}/openapi.json"), None);
    for id in ["cumulative-1", "cumulative-2", "cumulative-3", "window-1", "window-2", "window-3"] {
        assert!(document.contains(&format!("\"/v1/models/{id}/predict\"")), "{id} has no path of its own");
        let body = line.split("-d '").nth(1).and_then(|body| body.strip_suffix('\'')).expect("a body");
        let (status, _, answer) = http("POST", &format!("{url}/v1/models/{id}/predict"), Some(body));
        assert_eq!(status, 200, "{id}: {answer}");
        assert!(answer.contains(id), "{answer}");
    }
    let (status, _) = run.interrupt();
    assert_eq!(status.code(), Some(0), "{}", run.output());
}

#[test]
fn several_partitions_give_the_same_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work");
    run_once(&sample_with(folder.path(), "parts = 3", "partitions = 3"), &workdir, &[]);
    assert_whole(&workdir);
}

#[test]
fn output_into_a_pipe_that_closes_is_no_failure() {
    let mut child = command(&["--help"]).stdout(std::process::Stdio::piped()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn shells_and_man_read_what_they_are_given() {
    for shell in ["bash", "zsh", "fish"] {
        let output = succeed(&["completions", shell]);
        assert!(output.contains("windrow") && output.contains("advise"), "{output}");
    }
    let page = succeed(&["man"]);
    assert!(
        page.starts_with(".ie") && page.contains("windrow init") && page.contains("\\-\\-repaired\\-copy"),
        "{page}"
    );
}

#[test]
fn quiet_prints_only_results_and_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work").display().to_string();
    let sample = fixture("flights-sample.toml").display().to_string();
    let run = run_arguments(&sample, &workdir);
    let output = windrow(&[&run[..], &["--quiet"]].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Too few windows"), "{}", text(&output.stdout));
    let output = windrow(&["run", "none.toml", "-q"]);
    assert!(text(&output.stderr).starts_with("error: "), "{}", text(&output.stderr));
}

/// Returns all result files of a run by their paths, without times and without the name of the broker's log.
fn results(workdir: &Path) -> BTreeMap<String, String> {
    fn visit(folder: &Path, workdir: &Path, files: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                visit(&path, workdir, files);
                continue;
            }
            let name = path.strip_prefix(workdir).expect("below it").display().to_string();
            let text = String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned();
            let is_time = |line: &&str| {
                ["\"created\":", "\"seconds\":", "\"log\":"].iter().any(|key| line.trim().starts_with(key))
            };
            files.insert(name, text.lines().filter(|line| !is_time(line)).collect::<Vec<_>>().join("\n"));
        }
    }

    let mut files = BTreeMap::new();
    for part in ["batches", "quarantine", "models", "windows", "losses", "advice"] {
        visit(&workdir.join(part), workdir, &mut files);
    }
    files.insert("advice.json".to_owned(), fs::read_to_string(workdir.join("advice.json")).expect("a file"));
    files
}

#[test]
fn two_runs_of_a_pipeline_write_the_same_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "event = \"30d\"", "partitions = 3");
    let [one, other] = ["one", "other"].map(|name| {
        let workdir = folder.path().join(name);
        run_once(&file, &workdir, &[]);
        results(&workdir)
    });
    assert!(one.contains_key("models/cumulative-3/model.json") && one.contains_key("losses/window-00003.json"));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, text) in &one {
        assert_eq!(Some(text), other.get(name), "{name}");
    }
}
