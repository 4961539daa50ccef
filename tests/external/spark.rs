//! `train.solver = "spark"`: the models of the Spark Connect server in pyspark are compared with those of Newton. Other
//! tests stop the server, or give it the wrong files.

mod server;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use windrow_testing::documents::{block, start};
use windrow_testing::{Running, command, json, python, refused, sample_with, succeed};

use crate::spark::server::SparkServer;

/// The largest allowed difference of coefficients. It follows from Spark's tolerance of 1e-12 on standardised columns.
const COEFFICIENT_TOLERANCE: f64 = 2e-4;

/// Writes the pipeline of the sample in `parts` windows of Parquet, with these schemes, for a training at `remote`.
fn sample(folder: &Path, parts: usize, schemes: &str, remote: &str) -> String {
    let stream = "partitions = 1\n[batch]\nformat = \"parquet\"";
    let train = format!("[train]\nschemes = [{schemes}]\n[train.spark]\nremote = \"{remote}\"");
    sample_with(folder, &format!("parts = {parts}"), &format!("{stream}\n{train}"))
}

fn run(file: &str, workdir: &Path, solver: &str) {
    let workdir_text = workdir.display().to_string();
    let quiet = ["--broker", "embedded", "--listen", "127.0.0.1:0", "--once"];
    succeed(&[&["run", file, "--workdir", &workdir_text, "--solver", solver][..], &quiet].concat());
}

/// Copies the windows of a work directory to a new one, without models.
fn windows_of(trained: &Path, at: &Path) -> PathBuf {
    fs::create_dir_all(at).expect("a folder");
    let copied = std::process::Command::new("cp")
        .args(["-r", "run.json", "batches", "quarantine"].map(|name| match name {
            "-r" => name.to_owned(),
            _ => trained.join(name).display().to_string(),
        }))
        .arg(at)
        .status();
    assert!(copied.expect("cp runs").success());
    at.to_owned()
}

fn models(workdir: &Path) -> BTreeMap<String, Value> {
    let entries = fs::read_dir(workdir.join("models")).into_iter().flatten();
    let model = |name: String| Some((name.clone(), json(&workdir.join("models").join(&name).join("model.json"))));
    entries.filter_map(|entry| model(entry.ok()?.file_name().into_string().ok()?)).collect()
}

/// Compares the models of two work directories; those of the second are Spark's.
fn assert_alike(newton: &Path, spark: &Path) {
    let (ours, theirs) = (models(newton), models(spark));
    assert!(!ours.is_empty());
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (id, ours) in &ours {
        let (ours, theirs) = (&ours["outcome"], &theirs[id]["outcome"]);
        assert_eq!(ours["status"], theirs["status"], "{id}");
        if ours["status"] != "learned" {
            assert_eq!(ours, theirs, "{id}");
            continue;
        }
        assert_eq!(ours["encoder"], theirs["encoder"], "{id}");
        assert_eq!((&theirs["solver"]["method"], &theirs["solver"]["converged"]), (&"spark".into(), &true.into()));
        let weight = |of: &Value| of["weight"].as_f64().expect("a number");
        let pairs = |key: &str| {
            let [a, b] = [ours, theirs].map(|model| model[key].as_array().cloned().unwrap_or(vec![model[key].clone()]));
            assert_eq!(a.len(), b.len(), "{id}");
            a.into_iter().zip(b)
        };
        for (a, b) in pairs("coefficients").chain(pairs("intercept")) {
            assert_eq!(a["name"], b["name"], "{id}");
            let apart = weight(&a) - weight(&b);
            assert!(apart.abs() < COEFFICIENT_TOLERANCE, "{id}: {} {} {}", a["name"], weight(&a), weight(&b));
        }
        let objective = |of: &Value| of["solver"]["objective"].as_f64().expect("a number");
        let apart = objective(theirs) / objective(ours) - 1.0;
        assert!(apart.abs() < 1e-9, "{id}: {apart}");
        let loss = |of: &Value| of["scores"]["holdout"]["log_loss"].as_f64();
        match (loss(ours), loss(theirs)) {
            (Some(a), Some(b)) => assert!((a - b).abs() < 1e-4, "{id}: {a} {b}"),
            (a, b) => assert_eq!(a, b, "{id}"),
        }
    }
}

/// Writes rows that are difficult for a query language: columns that differ only by case, names with dots, spaces and
/// quotes, values with special characters, missing cells, rows without a target, and times as counts.
fn odd_rows(file: &Path) {
    let mut csv = String::from("t,a,A,`b.c` d,\"q,\"\"x'\",y\n");
    let texts = ["it's", "a\\b", "100%", "x=1", "1!other", "`", "${v}", "\u{e9}\u{1f980}", "NA", "", " "];
    for row in 0..1_200_u32 {
        let wave = |by: f64| (f64::from(row) * by).sin();
        let a = if row % 13 == 0 { String::new() } else { format!("{:.6}", 1e6 * wave(0.37)) };
        let upper = if row % 7 == 0 { String::new() } else { format!("{:.6}", wave(0.11) + 1.0) };
        let text = texts[(row * row + row / 5) as usize % texts.len()];
        let time = 1_600_000_000_u64 + u64::from(row) * 3_607;
        let late = wave(0.37) + wave(0.11) + f64::from(u8::from(text == "a\\b")) + wave(2.9) > 0.3;
        let target = if row % 17 == 3 {
            ""
        } else if late {
            "yes"
        } else {
            "no"
        };
        csv.push_str(&format!("{time},{a},{upper},{text},{},{target}\n", ["u", "v", ""][row as usize % 3]));
    }
    fs::write(file, csv).expect("a file");
}

#[test]
#[ignore = "needs Python with pyspark, and Java 17"]
fn models_by_spark_are_those_by_newton() {
    let Some(python) = python() else { return };
    let server = SparkServer::start(&python);
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    // The settings and the command of the trainer are those of the document.
    let page = "docs/deployment.md";
    let begins = "[batch]\nformat = \"parquet\"\n\n[train.spark]";
    let settings = block(page, begins, &[("sc://spark.example.org:15002", &server.remote())]);
    let file = sample_with(folder.path(), "parts = 2", &format!("partitions = 1\n{settings}"));
    run(&file, &at("newton"), "newton");
    // The folder's name contains characters that Spark reads as a pattern.
    let workdir = windows_of(&at("newton"), &at("we[i]rd {x,y} *%20"));
    let arguments = format!("{file} --once --workdir '{}'", workdir.display());
    let mut training =
        start(folder.path(), &block(page, "windrow train my.toml --solver spark", &[("my.toml", &arguments)]));
    for model in ["cumulative-1", "cumulative-2"] {
        training.wait_for(&format!("  {model} "));
    }
    assert!(training.end().success(), "{}", training.output());
    let log = training.output();
    assert_alike(&at("newton"), &workdir);
    let sentences = |workdir: &Path| json(&workdir.join("advice.json"))["recommendation"]["sentences"].clone();
    assert_eq!(sentences(&at("newton")), sentences(&workdir), "the advice is the same: {log}");
    let shown = succeed(&["models", &file, "--workdir", &workdir.display().to_string()]);
    assert!(shown.contains("cumulative-2"), "{shown}");

    odd_rows(&at("odd.csv"));
    // The first case has every kind of feature and scheme; the last one chooses a penalty.
    for (name, features, target, schemes, rows, l2) in [
        (
            "odd",
            "numeric = [\"a\"]\nlog = [\"A\"]\ncategorical = [\"`b.c` d\", \"q,\\\"x'\"]\n\
             calendar = [\"hour\", \"weekday\", \"month\"]\nmin_count = 20",
            "equals = \"yes\"",
            "\"cumulative\", \"window\", \"sliding=2\"",
            400,
            "1.0",
        ),
        ("numbers", "numeric = [\"a\", \"A\"]", "one_of = [\"yes\", \"it's\"]", "\"cumulative\"", 600, "1.0"),
        ("texts", "categorical = [\"`b.c` d\"]\nmin_count = 1", "equals = \"no\"", "\"window\"", 600, "[10.0, 0.5]"),
    ] {
        // One case uses an object store, whose files have other names.
        let url = (name == "numbers").then(|| format!("url = \"file://{}\"", at("a store").display()));
        let url = url.unwrap_or_default();
        let pipeline = format!(
            "name = \"{name}\"\n[dataset]\npath = \"odd.csv\"\nnull = [\"\", \"NA\"]\n\
             time = {{ column = \"t\", format = \"seconds\" }}\n[target]\ncolumn = \"y\"\n{target}\n\
             [features]\n{features}\n[window]\nrows = {rows}\n[batch]\nformat = \"parquet\"\n{url}\n[train]\nl2 = {l2}\n\
             schemes = [{schemes}]\n[train.spark]\nremote = \"{}\"\n",
            server.remote()
        );
        let file = at(&format!("{name}.toml"));
        fs::write(&file, pipeline).expect("a file");
        let file = file.display().to_string();
        run(&file, &at(name), "newton");
        let spark = at(&format!("{name}-spark"));
        run(&file, &spark, "spark");
        assert_alike(&at(name), &spark);
    }
}

#[test]
#[ignore = "needs Python with pyspark, and Java 17"]
fn a_spark_outage_is_waited_for_and_a_failing_cluster_is_reported() {
    let Some(python) = python() else { return };
    let mut server = SparkServer::start(&python);
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let secret = "a-token-that-nobody-may-see";
    let file = sample(folder.path(), 2, "\"cumulative\"", &format!("{}/;token={secret}", server.remote()));
    run(&file, &at("newton"), "newton");

    // The server is killed during a fit, and started again.
    let workdir = windows_of(&at("newton"), &at("killed"));
    let arguments =
        ["train", &file, "--workdir", &workdir.display().to_string(), "--solver", "spark", "--once"].map(str::to_owned);
    let arguments = arguments.each_ref().map(String::as_str);
    let mut training = Running::spawn(command(&arguments).env("WINDROW_LOG", "trace"));
    training.wait_for("cumulative-1");
    server.process().kill();
    let result = training.wait_for("does not answer (");
    assert!(result.contains("the windows wait until it answers"), "{result}");
    server.restart();
    // A fit takes half a minute on two busy cores if the server has just started.
    for model in ["cumulative-1", "cumulative-2"] {
        training.wait_for(&format!("  {model} "));
    }
    assert!(training.end().success(), "{}", training.output());
    assert_alike(&at("newton"), &workdir);
    let log = training.output();
    assert_eq!(log.matches("does not answer (").count(), 1, "logged once");
    assert!(!log.contains(secret), "the token is in the log");
    for entry in ["run.json", "status/trainer.json"] {
        let written = fs::read_to_string(workdir.join(entry)).unwrap_or_default();
        assert!(!written.contains(secret), "{entry}");
    }

    // The trainer is stopped during a fit, and continued.
    let workdir = windows_of(&at("newton"), &at("stopped"));
    let stopped = workdir.display().to_string();
    let mut training = Running::start(&["train", &file, "--workdir", &stopped, "--solver", "spark", "--once"]);
    training.wait_for("cumulative-1");
    // Five seconds are promised. The server that fits and another test share the cores.
    let (_, took) = training.interrupt();
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert!(models(&workdir).len() < models(&at("newton")).len(), "the fits went on: {}", training.output());
    succeed(&["train", &file, "--workdir", &stopped, "--solver", "newton", "--once"]);
    assert_eq!(models(&workdir).len(), models(&at("newton")).len());

    // A cluster that reads other rows, or no rows.
    let other = windows_of(&at("newton"), &at("other"));
    let workdir = windows_of(&at("newton"), &at("misled"));
    let misled = workdir.display().to_string();
    let second = fs::read(other.join("batches/window-00002.parquet")).expect("a file");
    fs::write(other.join("batches/window-00001.parquet"), second).expect("a file");
    for (batches, reason) in [
        (format!("file://{}", other.join("batches").display()), "must be the path or URL of the batch files"),
        ("file:///nowhere/at/all".to_owned(), "PATH_NOT_FOUND"),
        ("s3x://bucket/prefix".to_owned(), "s3x"),
    ] {
        let text = fs::read_to_string(&file).expect("a file");
        let misled_file = at("misled.toml");
        fs::write(&misled_file, format!("{text}batches = \"{batches}\"\n")).expect("a file");
        let output = refused(&[
            "train",
            &misled_file.display().to_string(),
            "--workdir",
            &misled,
            "--solver",
            "spark",
            "--once",
        ]);
        assert!(output.contains(reason) && output.contains("the windows are kept"), "{output}");
        // The line before the error, if there is one, is on the settings that changed.
        let before: Vec<&str> = output.trim_end().lines().rev().skip(1).collect();
        let is_change = |line: &&str| line.starts_with("the settings have changed");
        assert!(before.len() <= 1 && before.iter().all(is_change) && !output.contains(secret), "{output}");
        assert!(models(&workdir).is_empty(), "{batches}");
    }
    succeed(&["train", &file, "--workdir", &misled, "--solver", "spark", "--once"]);
    assert_alike(&at("newton"), &workdir);
}
