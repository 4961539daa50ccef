//! The API with clients of other projects: Triton's client, one that is generated from the API document, schemathesis,
//! and Prometheus' own reader of metrics. They need the Python that `WINDROW_TEST_PYTHON` names.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use windrow_testing::served::{row, server};
use windrow_testing::{http, python, root, text};

fn script(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

/// Runs a client to its end. Returns its standard output.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("Python runs");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    stdout
}

fn probability(url: &str, model: &str, row: &Value) -> f64 {
    let (_, _, answer) = http("POST", &format!("{url}/v1/models/{model}/predict"), Some(&row.to_string()));
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    answer["probability"].as_f64().expect("a number")
}

#[test]
#[ignore = "needs Python with tritonclient"]
fn tritons_client_asks_in_tensors() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let mut other = row();
    other["miles"] = Value::Null;
    let path = folder.path().join("rows.json");
    std::fs::write(&path, json!([row(), other]).to_string()).expect("a file");
    let address = url.trim_start_matches("http://");
    let output = run(Command::new(python).arg(script("triton.py")).args([address, "cumulative-2"]).arg(path));
    let found: Vec<f64> = serde_json::from_str(&output).expect("JSON");
    assert_eq!(found, [row(), other].map(|row| probability(&url, "cumulative-2", &row)));
}

#[test]
#[ignore = "needs Python with openapi-python-client"]
fn a_client_made_from_the_document_asks_a_model() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let path = folder.path().join("row.json");
    std::fs::write(&path, row().to_string()).expect("a file");
    let mut command = Command::new(python);
    command.arg(script("generated.py")).args([&url, "cumulative-2"]).arg(path).arg(folder.path());
    let found: f64 = serde_json::from_str(&run(&mut command)).expect("a number");
    assert_eq!(found, probability(&url, "cumulative-2", &row()));
}

#[test]
#[ignore = "needs Python with schemathesis"]
fn thousands_of_generated_requests_get_answers_of_the_document() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let document = folder.path().join("openapi.json");
    std::fs::write(&document, http("GET", &format!("{url}/openapi.json"), None).2).expect("a file");
    let schemathesis = Path::new(&python).with_file_name("schemathesis");
    // The stream of events does not end, so it is excluded. 31 June matches the pattern of a time but is not accepted.
    let output = run(Command::new(schemathesis)
        .current_dir(folder.path())
        .env("SCHEMATHESIS_HOOKS", script("schemathesis_hooks.py"))
        .arg("run")
        .arg(&document)
        .args(["--url", &url, "--exclude-path", "/v1/events", "--max-examples", "40", "--seed", "1"])
        .args(["--exclude-checks", "positive_data_acceptance"]));
    let count = output.lines().find_map(|line| line.trim().split_once(" generated, "));
    let generated = count.and_then(|(count, _)| count.parse::<u32>().ok());
    assert!(generated.is_some_and(|generated| generated > 1_000), "{output}");
}

#[test]
#[ignore = "needs Python with prometheus-client"]
fn the_prometheus_parser_reads_the_metrics() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    probability(&url, "latest", &row());
    let reader = "import sys, urllib.request\n\
                  from prometheus_client.openmetrics.parser import text_string_to_metric_families as read\n\
                  text = urllib.request.urlopen(sys.argv[1] + '/metrics').read().decode()\n\
                  print(len(list(read(text))))";
    let families: u32 = run(Command::new(python).args(["-c", reader, &url])).trim().parse().expect("a number");
    assert!(families > 15, "{families}");
}
