//! The metrics that the Grafana dashboard queries, and those of stages in other processes.

use std::time::Instant;

use windrow_testing::served::{row, serve, server};
use windrow_testing::{
    Running, STEP_TIMEOUT, broker_with_topic, dashboard_queries, has, http, plain_learner, root, sample_with,
};

/// Checks that a server has the metrics of some queries, each with a title, after a prediction.
fn check(url: &str, queries: &[(String, String)]) {
    assert_eq!(http("POST", &format!("{url}/v1/models/latest/predict"), Some(&row().to_string())).0, 200);
    let (_, _, metrics) = http("GET", &format!("{url}/metrics"), None);
    assert!(!queries.is_empty());
    for (title, asked) in queries {
        let names = asked.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for name in names.filter(|name| name.starts_with("windrow_")) {
            assert!(metrics.lines().any(|line| line.starts_with(name)), "{title}: {name} of {asked}");
        }
    }
}

/// Returns the queries that only a server with a learner can answer, or all others.
fn queries(of_learner: bool) -> Vec<(String, String)> {
    let is_wanted = |asked: &str| asked.contains("windrow_learner_") == of_learner;
    dashboard_queries().into_iter().filter(|(_, asked)| is_wanted(asked)).collect()
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    check(&url, &queries(false));
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_metrics_of_a_learner_that_there_are() {
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = plain_learner::server(folder.path());
    let alerts = std::fs::read_to_string(root().join("docs/prometheus-rules.yml")).expect("a file");
    check(&url, &[queries(true), vec![("the alerts".to_owned(), alerts)]].concat());
}

#[test]
fn a_separate_server_reports_the_rows_of_other_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let stream = "partitions = 2\npace = { kind = \"fixed\", delay = \"1ms\" }";
    let file = sample_with(folder.path(), "rows = 1000", stream);
    let (_broker, address) = broker_with_topic(&file);
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
            assert!(began.elapsed() < STEP_TIMEOUT, "{metrics}");
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
