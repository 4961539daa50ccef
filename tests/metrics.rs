//! The dashboard for Grafana, its queries run by Prometheus itself on what a server tells; and what the server tells of stages in other
//! processes.

#[path = "support/served.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod served;
#[path = "support/windrow.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod windrow;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::served::{row, serve, serve_by, server};
use crate::windrow::{LIMIT, Running, command, free_port, http, json, sample_with, succeed};

/// What a model of the sample must know.
const SAMPLE_ROW: &str = r#"{"sched_dep": "2013-01-01 05:45", "carrier": "B6", "origin": "JFK", "dest": "BQN", "distance": 1576,
    "temp": 39, "dewp": 27, "humid": 62, "wind_speed": 15, "precip": 0, "pressure": 1012, "visib": 10, "plane_year": 2012, "seats": 200}"#;

/// Ended with this.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// All queries of the dashboard, with the titles of their panels.
fn queries() -> Vec<(String, String)> {
    let dashboard = json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grafana.json"));
    let panels = dashboard["panels"].as_array().expect("a list").clone();
    assert!(panels.len() > 12);
    let of = |panel: &Value| {
        let title = panel["title"].as_str().expect("a title").to_owned();
        let targets = panel["targets"].as_array().expect("a list").clone();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().expect("a text").to_owned()))
    };
    panels.iter().flat_map(of).collect()
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    assert_eq!(http("POST", &format!("{url}/v1/models/latest/predict"), Some(&row().to_string())).0, 200);
    let (_, _, metrics) = http("GET", &format!("{url}/metrics"), None);
    for (title, asked) in queries() {
        let names = asked.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for name in names.filter(|name| name.starts_with("windrow_")) {
            assert!(metrics.lines().any(|line| line.starts_with(name)), "{title}: {name} of {asked}");
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn prometheus_answers_every_query_of_the_dashboard() {
    if Command::new("prometheus").arg("--version").output().is_err() {
        println!("skipped: no prometheus on the PATH (Debian: prometheus)");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // At work for the whole test: 80 seconds.
    let file = sample_with(folder.path(), "rows = 500", "pace = { kind = \"fixed\", delay = \"10ms\" }");
    let workdir = folder.path().join("work").display().to_string();
    let run = ["run", &file, "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"];
    let (_server, url) = serve_by(&mut command(&run), &workdir);
    let example: Value = serde_json::from_str(SAMPLE_ROW).expect("JSON");
    let config = folder.path().join("prometheus.yml");
    let target = url.trim_start_matches("http://");
    let text = format!(
        "global: {{scrape_interval: 500ms}}\nscrape_configs: [{{job_name: windrow, static_configs: [{{targets: ['{target}']}}]}}]\n"
    );
    std::fs::write(&config, text).expect("a file");
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config.display())).arg(format!("--web.listen-address={address}"));
    command.arg(format!("--storage.tsdb.path={}", folder.path().join("tsdb").display()));
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _prometheus = Process(started.expect("it runs"));
    let began = Instant::now();
    let mut open = queries();
    while !open.is_empty() {
        assert!(began.elapsed() < LIMIT, "nothing is answered to {open:?}");
        // Rates need requests between two scrapes.
        http("POST", &format!("{url}/v1/models/latest/predict"), Some(&example.to_string()));
        std::thread::park_timeout(std::time::Duration::from_millis(300));
        open.retain(|(title, asked)| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            let query = query.append_pair("query", asked).finish();
            let asked = ureq::get(format!("http://{address}/api/v1/query?{query}"));
            let answer = asked.config().http_status_as_error(false).build().call();
            // Until it is up.
            let Ok(mut answer) = answer else { return true };
            let answer: Value = answer.body_mut().read_json().unwrap_or_default();
            // A query that is none will never be answered.
            assert_ne!(answer["errorType"], "bad_data", "{title}: {answer}");
            answer["data"]["result"].as_array().is_none_or(Vec::is_empty)
        });
    }
}

#[test]
fn a_server_alone_tells_of_the_rows_of_stages_in_other_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let stream = "partitions = 2\npace = { kind = \"fixed\", delay = \"1ms\" }";
    let file = sample_with(folder.path(), "rows = 1000", stream);
    let address = format!("127.0.0.1:{}", free_port());
    let broker = Running::start(&["broker", "--listen", &address]);
    broker.wait_for("broker: embedded");
    succeed(&["topic", "create", &file, "--broker", &address]);
    let workdir = folder.path().join("work").display().to_string();
    let stage = |name: &str| Running::start(&[name, &file, "--broker", &address, "--workdir", &workdir]);
    let (_producer, mut consumer) = (stage("produce"), stage("consume"));
    let (_server, url) = serve(&file, &workdir);
    let wait_for = |wanted: &dyn Fn(&str) -> bool| {
        let began = Instant::now();
        loop {
            let (_, _, metrics) = http("GET", &format!("{url}/metrics"), None);
            if wanted(&metrics) {
                return;
            }
            assert!(began.elapsed() < LIMIT, "{metrics}");
            std::thread::park_timeout(std::time::Duration::from_millis(100));
        }
    };
    let value = |metrics: &str, series: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series)).unwrap_or_default();
        line.trim().parse().unwrap_or(f64::NAN)
    };
    wait_for(&|metrics| {
        value(metrics, "windrow_rows_total{state=\"sent\"}") > 1000.0
            && value(metrics, "windrow_rows_total{state=\"stored\"}") > 1000.0
            && value(metrics, "windrow_window") >= 2.0
            && value(metrics, "windrow_dataset_rows") == 8019.0
            && value(metrics, "windrow_lag_messages") >= 0.0
    });
    consumer.kill();
    wait_for(&|metrics| value(metrics, "windrow_stage_silent{stage=\"consumer\"}") == 1.0);
}
