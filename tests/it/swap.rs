//! Models that are published while requests are answered: no request fails, and each answer comes from one model.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::{Value, json};
use windrow_testing::served::{row, server};
use windrow_testing::{STEP_TIMEOUT, http, json, wait_until};

/// Publishes a model in the registry of another process by a rename, as a trainer does. Its intercept and its lineage
/// contain its number.
fn publish(models: &Path, template: &Value, number: u32) {
    let mut model = template.clone();
    let id = format!("window-{number}");
    model["id"] = json!(id);
    model["lineage"]["id"] = json!(format!("lineage-{number}"));
    model["outcome"]["intercept"]["weight"] = json!(f64::from(number) / 10.0);
    let beside = models.join(format!(".{id}"));
    fs::create_dir_all(&beside).expect("a folder");
    fs::write(beside.join("model.json"), model.to_string()).expect("a file");
    fs::rename(&beside, models.join(&id)).expect("a free place");
}

#[test]
fn fifty_models_are_published_under_constant_traffic() {
    const MODELS: u32 = 50;
    const CLIENTS: usize = 4;
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let models = folder.path().join("work/models");
    let template = json(&models.join("window-2/model.json"));
    let is_through = AtomicBool::new(false);
    let seen: Vec<BTreeSet<String>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| ask_until(&is_through, &url))).collect();
        for number in 10..10 + MODELS {
            publish(&models, &template, number);
            std::thread::park_timeout(std::time::Duration::from_millis(40));
        }
        let last = format!("{url}/v1/models/window-{}", 9 + MODELS);
        wait_until("the last model is noticed", || http("GET", &last, None).0 == 200);
        is_through.store(true, SeqCst);
        clients.into_iter().map(|client| client.join().expect("every answer was right")).collect()
    });
    assert!(seen.iter().all(|seen| seen.len() > 3), "the traffic saw models come: {seen:?}");
    let document = http("GET", &format!("{url}/openapi.json"), None).2;
    assert!(document.contains("/v1/models/window-59/predict") && document.contains("/v1/models/window-10/predict"));
}

/// Sends requests to the newest model repeatedly. Every answer must come from a single model.
fn ask_until(is_through: &AtomicBool, url: &str) -> BTreeSet<String> {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(STEP_TIMEOUT)).build(),
    );
    let (mut seen, row) = (BTreeSet::new(), row());
    while !is_through.load(SeqCst) {
        let request = agent.post(format!("{url}/v1/models/latest/predict?explain=true"));
        let mut response = request.send_json(&row).expect("no connection is dropped");
        let answer: Value = response.body_mut().read_json().expect("JSON");
        assert_eq!(response.status(), 200, "{answer}");
        let model = answer["model"].as_str().expect("a name").to_owned();
        if let Some(number) = model.strip_prefix("window-").and_then(|number| number.parse::<u32>().ok()) {
            assert_eq!(answer["lineage"], format!("lineage-{number}"));
            let explained = &answer["explanation"];
            assert_eq!(explained["baseline"], f64::from(number) / 10.0);
            let parts = explained["contributions"].as_array().expect("a list").iter();
            let sum =
                parts.fold(f64::from(number) / 10.0, |sum, part| sum + part["log_odds"].as_f64().expect("a number"));
            assert_eq!(answer["probability"], 1.0 / (1.0 + (-sum).exp()));
        }
        seen.insert(model);
    }
    seen
}
