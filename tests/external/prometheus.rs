//! The Grafana dashboard and the alerts: Prometheus runs every query on the metrics of two servers, one of them with a
//! learner in Python.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windrow_testing::served::{row, serve_by};
use windrow_testing::{
    Running, STEP_TIMEOUT, command, dashboard_queries, free_port, has, http, plain_learner, root, sample_with,
    wait_until,
};

/// A row with all features that a model of the sample needs.
const SAMPLE_ROW: &str = r#"{"sched_dep": "2013-01-01 05:45", "carrier": "B6", "origin": "JFK", "dest": "BQN", "distance": 1576,
    "temp": 39, "dewp": 27, "humid": 62, "wind_speed": 15, "precip": 0, "pressure": 1012, "visib": 10, "plane_year": 2012, "seats": 200}"#;

#[test]
#[ignore = "needs Prometheus"]
fn prometheus_answers_every_query_of_the_dashboard_and_knows_every_alert() {
    if !has("prometheus") {
        return;
    }
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let learner = has("python3").then(|| plain_learner::server(other.path()));
    // The pace keeps the server busy during the whole test: 80 seconds.
    let file = sample_with(folder.path(), "rows = 500", "pace = { kind = \"fixed\", delay = \"10ms\" }");
    let workdir = folder.path().join("work").display().to_string();
    let run = ["run", &file, "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"];
    let (_server, url) = serve_by(&mut command(&run), &workdir);
    let example: Value = serde_json::from_str(SAMPLE_ROW).expect("JSON");
    let config = folder.path().join("prometheus.yml");
    let urls: Vec<&str> = [&url].into_iter().chain(learner.as_ref().map(|(_, url)| url)).map(String::as_str).collect();
    let targets: Vec<&str> = urls.iter().map(|url| url.trim_start_matches("http://")).collect();
    let (targets, rules) = (json!(targets), json!([root().join("docs/prometheus-rules.yml")]));
    let text = format!(
        "global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}\nrule_files: {rules}\n\
         scrape_configs: [{{job_name: windrow, static_configs: [{{targets: {targets}}}]}}]\n"
    );
    std::fs::write(&config, text).expect("a file");
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config.display())).arg(format!("--web.listen-address={address}"));
    command.arg(format!("--storage.tsdb.path={}", folder.path().join("tsdb").display()));
    let _prometheus = Running::spawn(&mut command);
    let began = Instant::now();
    let mut open = dashboard_queries();
    open.retain(|(_, asked)| learner.is_some() || !asked.contains("windrow_learner_"));
    while !open.is_empty() {
        assert!(began.elapsed() < STEP_TIMEOUT, "nothing is answered to {open:?}");
        // Rates need requests between two scrapes.
        http("POST", &format!("{url}/v1/models/latest/predict"), Some(&example.to_string()));
        if let Some((_, url)) = &learner {
            http("POST", &format!("{url}/v1/models/latest/predict"), Some(&row().to_string()));
        }
        std::thread::park_timeout(Duration::from_millis(300));
        open.retain(|(title, asked)| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            let query = query.append_pair("query", asked).finish();
            let asked = ureq::get(format!("http://{address}/api/v1/query?{query}"));
            let answer = asked.config().http_status_as_error(false).build().call();
            // Prometheus is not up yet.
            let Ok(mut answer) = answer else { return true };
            let answer: Value = answer.body_mut().read_json().unwrap_or_default();
            // An invalid query would never be answered.
            assert_ne!(answer["errorType"], "bad_data", "{title}: {answer}");
            answer["data"]["result"].as_array().is_none_or(Vec::is_empty)
        });
    }
    // Prometheus does not start with an alert that it cannot read, and says which one it cannot evaluate.
    let is_known = || {
        let mut answer = ureq::get(format!("http://{address}/api/v1/rules")).call().expect("Prometheus answers");
        let answer: Value = answer.body_mut().read_json().expect("JSON");
        let rules = answer["data"]["groups"][0]["rules"].as_array().expect("rules").clone();
        assert!(rules.len() >= 4 && rules.iter().all(|rule| rule["health"] != "err"), "{answer}");
        rules.iter().all(|rule| rule["health"] == "ok")
    };
    wait_until("every alert is evaluated", is_known);
}
