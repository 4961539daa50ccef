//! A pipeline with a learner of scikit-learn, from the dataset to answers, while the learner's process is killed.
//!
//! It runs in the Python that `WINDROW_TEST_PYTHON` names; `tests/clients/requirements.txt` lists its packages.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use serde_json::{Value, json};
use windrow_testing::http::{JSON, ask};
use windrow_testing::random::uniform;
use windrow_testing::served::serve_by;
use windrow_testing::{command, http, json, python, root, run_arguments, text, wait_until};

const WINDOWS: u32 = 6;
const ROWS: u32 = 200;
const KILLS: usize = 3;

/// The learner. Each process leaves a file with its id in the folder of the pipeline.
const LEARNER: &str = r#"
import os
from sklearn.ensemble import HistGradientBoostingClassifier
import windrow

open(f"process-{os.getpid()}", "w").close()
windrow.learner(HistGradientBoostingClassifier(max_iter=20, max_depth=3))
"#;

/// Writes a dataset, a pipeline file and the learner; returns the path of the pipeline file.
fn pipeline(folder: &Path, python: &str) -> String {
    let mut uniform = uniform(7);
    let mut dataset = "y,x,c\n".to_owned();
    for row in 0..WINDOWS * ROWS {
        let (x, c) = (2.0 * uniform() - 1.0, ["UA", "B6", "AA"][row as usize % 3]);
        let log_odds = 3.0 * x + if c == "UA" { 1.0 } else { -0.5 };
        let y = u8::from(uniform() < 1.0 / (1.0 + (-log_odds).exp()));
        writeln!(dataset, "{y},{x:.4},{c}").expect("memory");
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    fs::write(folder.join("model.py"), LEARNER).expect("a file");
    let file = folder.join("p.toml");
    let text = format!(
        "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"y\", equals = \"1\" }}\n\
         features = {{ numeric = [\"x\"], categorical = [\"c\"] }}\nwindow = {{ rows = {ROWS} }}\n\
         [train]\nsolver = \"command\"\n[train.command]\nrun = [{}, \"model.py\"]\nworkers = 1\n\
         [serve]\ntimeout = \"2m\"\n",
        json!(python)
    );
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

/// Returns a command of Windrow whose learner finds the Python package of this repository.
fn windrow(arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command.env("PYTHONPATH", root().join("python"));
    command
}

/// Returns the files of the processes that were started and not killed by this test.
fn processes(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path());
    entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("process-"))).collect()
}

fn id(process: &Path) -> String {
    let name = process.file_name().expect("a name").to_string_lossy();
    name.strip_prefix("process-").expect("a process").to_owned()
}

/// Returns true if the process of a file exists.
fn is_alive(process: &Path) -> bool {
    let status = Command::new("kill").args(["-0", &id(process)]).stderr(Stdio::null()).status();
    status.expect("kill runs").success()
}

fn forget_processes(folder: &Path) {
    for process in processes(folder) {
        fs::remove_file(process).expect("a file");
    }
}

#[test]
#[ignore = "needs Python with scikit-learn, pandas and pyarrow"]
fn models_of_scikit_learn_are_trained_and_served_also_if_their_process_is_killed() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path(), &python), folder.path().join("work"));
    let folder_of_run = workdir.display().to_string();
    let run = windrow(&run_arguments(&file, &folder_of_run)).output().expect("the binary runs");
    let printed = text(&run.stderr);
    assert!(run.status.success(), "{printed}");
    assert!(printed.contains("learner: starts the command of the pipeline file"), "{printed}");
    assert!(workdir.join("advice.json").exists(), "{printed}");
    wait_until("all processes of the run have ended", || !processes(folder.path()).iter().any(|one| is_alive(one)));
    forget_processes(folder.path());
    let model = json(&workdir.join("models/cumulative-6/model.json"));
    assert_eq!(model["outcome"]["kind"], "foreign", "{model}");
    let example = &model["outcome"]["examples"][0];

    let mut starting = windrow(&["serve", &file, "--workdir", &folder_of_run, "--listen", "127.0.0.1:0"]);
    let (mut server, url) = serve_by(&mut starting, &folder_of_run);
    assert!(server.output().contains("learner: starts the command of the pipeline file"), "{}", server.output());
    let (path, row) = (format!("{url}/v1/models/cumulative-6/predict"), example["row"].to_string());
    let probability = || {
        let (status, _, answer) = http("POST", &path, Some(&row));
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["model"], "cumulative-6");
        answer["probability"].as_f64().expect("a number")
    };
    let expected = example["probability"].as_f64().expect("a number");
    assert!((probability() - expected).abs() < 1e-9, "the row of the fit");

    // A batch file is answered as a whole, and its rows as one by one.
    let batch = fs::read(workdir.join("batches/window-00006.csv")).expect("a batch file");
    let answer = ask("POST", &format!("{path}/batch"), &[("content-type", "text/csv")], &batch);
    assert_eq!((answer.status, answer.body.lines().count()), (200, 1 + ROWS as usize), "{}", answer.body);
    assert_eq!(answer.header("windrow-model"), "cumulative-6");
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok()).expect("a number");
    let batch = text(&batch);
    for (line, answer) in batch.lines().zip(answer.body.lines()).skip(1).take(3) {
        let cells: Vec<&str> = line.split(',').collect();
        let row = json!({ "x": number(cells.get(1).copied()), "c": cells[2] }).to_string();
        let one = ask("POST", &path, &[JSON], row.as_bytes()).json();
        assert!((one["probability"].as_f64().expect("a number") - number(answer.split(',').next())).abs() < 1e-9);
    }

    // Requests go on while the process is killed. Only one lives at a time.
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut answers = 0_u32;
            while !is_over.load(Relaxed) {
                assert!((probability() - expected).abs() < 1e-9);
                answers += 1;
            }
            answers
        });
        let killing = scope.spawn(|| {
            for _ in 0..KILLS {
                // After an answer, a process runs, and the one that was killed before is replaced.
                probability();
                for process in processes(folder.path()) {
                    let killed = Command::new("kill").args(["-KILL", &id(&process)]).status();
                    assert!(killed.expect("kill runs").success(), "{}", process.display());
                    fs::remove_file(process).expect("a file");
                }
            }
            probability();
        });
        let killed = killing.join();
        is_over.store(true, Relaxed);
        assert!(asking.join().expect("all requests are answered") > 0);
        killed.expect("each process is replaced");
    });
    let metrics = http("GET", &format!("{url}/metrics"), None).2;
    let starts = metrics.lines().find_map(|line| line.strip_prefix("windrow_learner_starts_total "));
    assert_eq!(starts.and_then(|starts| starts.parse::<usize>().ok()), Some(1 + KILLS), "{metrics}");
    let health: Value = serde_json::from_str(&http("GET", &format!("{url}/health/ready"), None).2).expect("JSON");
    assert_eq!((&health["learner"]["workers"], &health["learner"]["starts"]), (&json!(1), &json!(1 + KILLS)));

    let (status, _) = server.interrupt();
    assert!(status.success(), "{}", server.output());
    wait_until("no process outlives the server", || !processes(folder.path()).iter().any(|one| is_alive(one)));
}
