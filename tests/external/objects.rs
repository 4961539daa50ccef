//! `batch.url`: batch files in an object store, on moto's S3 server. A proxy in front of it drops connections.

mod store;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use windrow_testing::documents::{block, finish};
use windrow_testing::{
    Running, broker_with_topic, command, free_port, json, python, run_arguments, sample_with, succeed, text,
};

use crate::objects::store::{BadLine, SECRET, Store, with_store};

/// Writes the pipeline of the sample with windows of `rows` rows, and with these `[stream]` and `[batch]` tables.
fn sample(folder: &Path, rows: u32, stream: &str, batch: &str) -> String {
    sample_with(folder, &format!("rows = {rows}"), &format!("{stream}\n[batch]\n{batch}"))
}

fn run_command(file: &str, workdir: &Path) -> Vec<String> {
    let workdir_text = workdir.display().to_string();
    run_arguments(file, &workdir_text).map(str::to_owned).to_vec()
}

fn at_store(endpoint: &str, arguments: &[String]) -> Output {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    with_store(&mut command(&arguments), endpoint).output().expect("the binary runs")
}

fn succeed_at(endpoint: &str, arguments: &[String]) -> String {
    let output = at_store(endpoint, arguments);
    assert!(output.status.success(), "{arguments:?}: {}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout) + &text(&output.stderr)
}

fn refused_at(endpoint: &str, arguments: &[String]) -> String {
    let output = at_store(endpoint, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Returns the output of an audit of the windows that a new work directory finds in the store.
fn audit(endpoint: &str, file: &str, folder: &Path) -> String {
    let workdir = tempfile::tempdir_in(folder).expect("a folder");
    succeed_at(endpoint, &words(&format!("audit {file} --workdir {}", workdir.path().display())))
}

fn model(workdir: &Path, id: &str) -> Value {
    json(&workdir.join(format!("models/{id}/model.json")))["outcome"]["coefficients"].clone()
}

#[test]
#[ignore = "needs Python with moto"]
fn a_bad_line_changes_no_row_and_no_model() {
    let Some(python) = python() else { return };
    let (store, folder) = (Store::start(&python), tempfile::tempdir().expect("a folder"));
    let line = BadLine::to(&store, 3);
    let at = |name: &str| folder.path().join(name);
    let file = sample(folder.path(), 500, "partitions = 3", "format = \"parquet\"");
    succeed(&run_command(&file, &at("local")).iter().map(String::as_str).collect::<Vec<_>>());
    for format in ["parquet", "csv"] {
        let url = format!("s3://bucket/a/prefix-{format}");
        let file = sample(folder.path(), 500, "partitions = 3", &format!("format = \"{format}\"\nurl = \"{url}\""));
        let workdir = at(format);
        let command = run_command(&file, &workdir);
        let output = with_store(&mut command_of(&command), &line.endpoint()).env("WINDROW_LOG", "trace").output();
        let output = output.expect("the binary runs");
        let output_text = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{}", output_text.lines().rev().take(20).collect::<Vec<_>>().join("\n"));
        assert!(
            !output_text.contains(SECRET)
                && !fs::read_to_string(workdir.join("run.json")).expect("a file").contains(SECRET)
        );
        for id in ["cumulative-17", "window-3"] {
            assert_eq!(model(&at("local"), id), model(&workdir, id), "{format} {id}");
        }
        let names: Vec<String> = store
            .names()
            .into_iter()
            .filter_map(|name| Some(name.strip_prefix(&format!("a/prefix-{format}/"))?.to_owned()))
            .collect();
        assert_eq!(
            names.iter().filter(|name| name.ends_with(".json")).count(),
            19,
            "17 manifests, run and end: {names:?}"
        );
        assert_eq!(names.iter().filter(|name| name.ends_with(&format!(".{format}"))).count(), 17, "{names:?}");
        // The batch files are only in the store. The windows can be audited, trained on and exported without this work
        // directory.
        let left = fs::read_dir(workdir.join("batches")).expect("a folder").flatten();
        let left: Vec<PathBuf> =
            left.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == format)).collect();
        assert_eq!(left, [] as [PathBuf; 0]);
        let output_text = audit(&line.endpoint(), &file, folder.path());
        assert!(output_text.contains("every row is accounted for: 8,019 read = 8,019 stored"), "{output_text}");
        let other = at(&format!("{format}-trained"));
        succeed_at(&line.endpoint(), &words(&format!("train {file} --once --workdir {}", other.display())));
        assert_eq!(model(&workdir, "cumulative-17"), model(&other, "cumulative-17"));
        let tables = at(&format!("{format}-tables"));
        let export = format!("export {file} --workdir {} --out {}", other.display(), tables.display());
        succeed_at(&line.endpoint(), &words(&export));
        assert!(fs::read_dir(tables).expect("a folder").count() > 0);
    }
    assert!(line.faults.load(Ordering::Relaxed) >= 20, "{:?}", line.faults);
}

fn command_of(arguments: &[String]) -> std::process::Command {
    command(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
#[ignore = "needs Python with moto"]
fn the_documented_command_fills_a_store() {
    let Some(python) = python() else { return };
    let (store, folder) = (Store::start(&python), tempfile::tempdir().expect("a folder"));
    let page = "docs/deployment.md";
    let table = block(page, "[batch]\nformat = \"parquet\"\nurl", &[]);
    let file = sample_with(folder.path(), "rows = 500", &format!("partitions = 3\n{table}"));
    let (_broker, address) = broker_with_topic(&file);
    let produced = folder.path().join("produced").display().to_string();
    succeed(&["produce", &file, "--broker", &address, "--workdir", &produced]);
    let consume = block(
        page,
        "AWS_ACCESS_KEY_ID=",
        &[
            ("ACCESS_KEY_ID=...", "ACCESS_KEY_ID=key"),
            ("SECRET_ACCESS_KEY=...", &format!("SECRET_ACCESS_KEY={SECRET}")),
            ("AWS_REGION=...", &format!("AWS_REGION=us-east-1 AWS_ENDPOINT_URL={}", store.endpoint())),
            ("my.toml", &format!("{file} --once --broker {address}")),
        ],
    );
    finish(folder.path(), &consume);
    let names = store.names();
    let batches = names.iter().filter(|name| name.starts_with("prefix/window-") && name.ends_with(".parquet"));
    assert_eq!(batches.count(), 17, "{names:?}");
    let output = audit(&store.endpoint(), &file, folder.path());
    assert!(output.contains("every row is accounted for: 8,019 read = 8,019 stored"), "{output}");
}

#[test]
#[ignore = "needs Python with moto"]
fn a_killed_run_resumes_from_the_store() {
    let Some(python) = python() else { return };
    let (store, folder) = (Store::start(&python), tempfile::tempdir().expect("a folder"));
    let line = BadLine::to(&store, 5);
    let stream = "pace = { kind = \"fixed\", delay = \"400us\" }";
    let batch = "format = \"parquet\"\nurl = \"s3://bucket/killed\"";
    let file = sample(folder.path(), 250, stream, batch);
    for round in 0..12 {
        // Every second round uses a new work directory, as on a new machine: it knows only the files in the store.
        let arguments = run_command(&file, &folder.path().join(format!("work-{}", round / 2)));
        let mut running = Running::spawn(with_store(&mut command_of(&arguments), &line.endpoint()));
        std::thread::sleep(Duration::from_millis(700 + 130 * round));
        if let Some(status) = running.ended() {
            assert!(status.success(), "{}", running.output());
            break;
        }
        running.kill();
    }
    let arguments = run_command(&file, &folder.path().join("last"));
    succeed_at(&line.endpoint(), &arguments);
    let output = audit(&line.endpoint(), &file, folder.path());
    assert!(output.contains("every row is accounted for: 8,019 read = 8,019 stored"), "{output}");
    let manifests =
        store.names().into_iter().filter(|name| name.starts_with("killed/window-") && name.ends_with(".json"));
    assert_eq!(manifests.count(), 33);
}

#[test]
#[ignore = "needs Python with moto"]
fn a_store_that_is_away_is_waited_for() {
    let Some(python) = python() else { return };
    let (store, folder) = (Store::start(&python), tempfile::tempdir().expect("a folder"));
    let line = BadLine::to(&store, usize::MAX);
    let file = sample(
        folder.path(),
        500,
        "pace = { kind = \"fixed\", delay = \"1ms\" }",
        "format = \"parquet\"\nurl = \"s3://bucket/away\"",
    );
    let arguments = run_command(&file, &folder.path().join("work"));
    let mut running = Running::spawn(with_store(&mut command_of(&arguments), &line.endpoint()));
    running.wait_for("cumulative-2");
    line.down(true);
    let result = running.wait_for("does not answer");
    assert!(result.contains("s3://bucket/away") && result.contains(&line.endpoint()), "{result}");
    line.down(false);
    assert!(running.end().success(), "{}", running.output());
    assert!(audit(&line.endpoint(), &file, folder.path()).contains("8,019 read = 8,019 stored"));
}

#[test]
#[ignore = "needs Python with moto"]
fn two_consumers_of_one_store_seal_the_same_windows_or_one_ends() {
    let Some(python) = python() else { return };
    let (store, folder) = (Store::start(&python), tempfile::tempdir().expect("a folder"));
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let broker = Running::start(&["broker", "--listen", &address]);
    broker.wait_for(&address);
    let consume = |file: &str, name: &str| {
        let workdir = folder.path().join(name).display().to_string();
        let line = format!("consume {file} --once --broker {address} --workdir {workdir}");
        Running::spawn(with_store(&mut command_of(&words(&line)), &store.endpoint()))
    };
    let produce = |file: &str| {
        let workdir = folder.path().join("produced").display().to_string();
        succeed(&["produce", file, "--broker", &address, "--workdir", &workdir]);
    };
    // Windows by rows are the same for both consumers.
    let file = sample(folder.path(), 500, "topic = \"rows\"", "url = \"s3://bucket/rows\"");
    let create = |file: &str| succeed(&["topic", "create", file, "--broker", &address]);
    create(&file);
    let (mut one, mut other) = (consume(&file, "one"), consume(&file, "other"));
    produce(&file);
    assert!(one.end().success() && other.end().success(), "{}\n{}", one.output(), other.output());
    assert!(audit(&store.endpoint(), &file, folder.path()).contains("8,019 read = 8,019 stored"));
    // Windows by the clock differ, and one of the consumers must stop.
    let text = fs::read_to_string(&file).expect("a file");
    let text = text.replace("rows = 500", "every = \"400ms\"").replace("s3://bucket/rows", "s3://bucket/clock");
    let pace = "topic = \"clock\"\npace = { kind = \"fixed\", delay = \"400us\" }";
    fs::write(&file, text.replace("topic = \"rows\"", pace)).expect("a file");
    create(&file);
    let (mut one, mut other) = (consume(&file, "clock-one"), consume(&file, "clock-other"));
    let workdir = folder.path().join("produced").display().to_string();
    let mut producing = Running::start(&["produce", &file, "--broker", &address, "--workdir", &workdir]);
    other.wait_for("window");
    // Stops one consumer for a time, unless it has already ended.
    let stopped = other.ended().is_none();
    if stopped {
        other.signal("STOP");
    }
    assert!(producing.end().success(), "{}", producing.output());
    one.end();
    if stopped {
        other.signal("CONT");
    }
    let ends = [one.end().success(), other.end().success()];
    assert!(ends.contains(&true) && ends.contains(&false), "{}\n{}", one.output(), other.output());
    let output = if ends[0] { other.output() } else { one.output() };
    assert!(output.contains("another consumer writes to this store"), "{output}");
    let output = audit(&store.endpoint(), &file, folder.path());
    assert!(output.contains("every row is accounted for: 8,019 read = 8,019 stored"), "{output}");
}

#[test]
#[ignore = "needs Python with moto"]
fn faults_of_a_store_are_reported_before_anything_is_created() {
    let Some(python) = python() else { return };
    let (store, folder) = (Store::start(&python), tempfile::tempdir().expect("a folder"));
    let at = |name: &str| folder.path().join(name);
    let file = sample(folder.path(), 4_500, "seed = 1", "url = \"s3://bucket/good\"");
    succeed_at(&store.endpoint(), &run_command(&file, &at("good")));
    let written = fs::read_to_string(&file).expect("a file");
    let changed = |name: &str, from: &str, to: &str| {
        assert!(written.contains(from));
        fs::write(at(name), written.replace(from, to)).expect("a file");
        at(name).display().to_string()
    };
    let elsewhere = format!("http://127.0.0.1:{}", free_port());
    let no_bucket = changed("no-bucket.toml", "bucket/good", "nowhere/good");
    let other = changed("other.toml", "rows = 4500", "rows = 1000");
    let mut fresh = run_command(&file, &at("w4"));
    fresh.push("--fresh".to_owned());
    for (endpoint, arguments, reason, workdir) in [
        (&store.endpoint(), run_command(&no_bucket, &at("w1")), "the bucket does not exist", "w1"),
        (&elsewhere, run_command(&file, &at("w2")), "Connection refused", "w2"),
        (&store.endpoint(), run_command(&other, &at("w3")), "4500 before, now 1000", "w3"),
        (&store.endpoint(), fresh, "--fresh does not remove", "w4"),
    ] {
        let output = refused_at(endpoint, &arguments);
        assert!(output.contains(reason) && output.contains("s3://"), "{output}");
        assert!(!at(workdir).exists(), "{reason}: something was made all the same");
    }
    let none = command_of(&run_command(&file, &at("w5"))).env_remove("AWS_ACCESS_KEY_ID").output().expect("it runs");
    assert!(text(&none.stderr).contains("credentials"), "{}", text(&none.stderr));

    // Files that were changed or removed after the run.
    let names = store.names();
    let batch = names.iter().find(|name| name.contains("good/window-00002-")).expect("a batch file");
    let mut spoilt = store.get(batch);
    let last = spoilt.len() - 2;
    spoilt[last] ^= 1;
    store.put(batch, &spoilt);
    let output =
        refused_at(&store.endpoint(), &words(&format!("train {file} --once --workdir {}", at("w6").display())));
    assert!(output.contains(batch.as_str()) && output.contains("differs from its manifest"), "{output}");
    let result = at_store(&store.endpoint(), &words(&format!("audit {file} --workdir {}", at("w7").display())));
    assert!(
        !result.status.success() && text(&result.stdout).contains("differs from its manifest"),
        "{}",
        text(&result.stdout)
    );
    store.delete(batch);
    let output = refused_at(&store.endpoint(), &run_command(&file, &at("w8")));
    assert!(output.contains("does not exist"), "{output}");
    store.delete("good/window-00001.json");
    let output = refused_at(&store.endpoint(), &run_command(&file, &at("good")));
    assert!(output.contains("does not contain window-00001.json"), "{output}");
    store.put("good/window-00001.json", b"{");
    let output =
        refused_at(&store.endpoint(), &words(&format!("train {file} --once --workdir {}", at("w9").display())));
    assert!(output.contains("window-00001.json is damaged"), "{output}");
}

#[test]
#[ignore = "needs Python with moto"]
fn a_large_window_is_uploaded_in_parts() {
    let Some(python) = python() else { return };
    let (store, folder) = (Store::start(&python), tempfile::tempdir().expect("a folder"));
    let at = |name: &str| folder.path().join(name);
    let file = sample(folder.path(), 170_000, "seed = 1", "url = \"s3://bucket/large\"");
    let mut arguments = run_command(&file, &at("large"));
    arguments.extend(words("--loop --limit 170000"));
    succeed_at(&store.endpoint(), &arguments);
    let manifest = json(&at("large/batches/window-00001.json"));
    let bytes = &manifest["rows"]["file"]["bytes"];
    assert!(bytes.as_u64().is_some_and(|bytes| bytes > 17 << 20), "{bytes}");
    assert!(audit(&store.endpoint(), &file, folder.path()).contains("170,000 stored"));
}
