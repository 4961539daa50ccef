//! Recalibration in office: the alias points to a recalibrated model, which is made, served and removed like any model.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use windrow_testing::http::{JSON, ask};
use windrow_testing::random::uniform;
use windrow_testing::served::serve;
use windrow_testing::{http, json, run_once, succeed, text, windrow};

use crate::advised::{changes, models, to, whole_and_killed};

const WINDOWS: u32 = 30;
const ROWS: u32 = 400;
/// The number of windows after which the base rate jumps, if labels are known at once.
const JUMP: u32 = 6;

/// Writes a dataset in which only the base rate jumps, every `jump` windows, and its pipeline file; returns the file's
/// path. `train` and `advise` are further keys of these tables.
fn pipeline(folder: &Path, jump: u32, train: &str, advise: &str) -> String {
    let mut uniform = uniform(7);
    let mut dataset = "y,x,z\n".to_owned();
    for row in 0..WINDOWS * ROWS {
        let intercept = if (row / ROWS / jump).is_multiple_of(2) { -0.8 } else { 0.8 };
        let (x, z) = (2.0 * uniform() - 1.0, 2.0 * uniform() - 1.0);
        let log_odds: f64 = intercept + 3.0 * x - 2.0 * z;
        let y = u8::from(uniform() < 1.0 / (1.0 + (-log_odds).exp()));
        writeln!(dataset, "{y},{x:.4},{z:.4}").expect("memory");
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let file = folder.join("p.toml");
    let text = format!(
        "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"y\", equals = \"1\" }}\n\
         features = {{ numeric = [\"x\", \"z\"] }}\nwindow = {{ rows = {ROWS} }}\n\
         train = {{ schemes = [\"cumulative\"]{train} }}\nadvise = {{ histories = [2, \"all\"]{advise} }}\n\
         stream = {{ pace = {{ kind = \"fixed\", delay = \"100us\" }} }}\n"
    );
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

/// Returns the id of a recalibrated model as the id of its fit, and the window that it was recalibrated on.
fn parts(id: &str) -> (&str, u32) {
    let (fit, on) = id.split_once("-recalibrated-").unwrap_or_else(|| panic!("{id} is not recalibrated"));
    (fit, on.parse().expect("a window"))
}

/// Returns the newest window of a model.
fn newest_window(id: &str) -> u32 {
    id.rsplit_once('-').and_then(|(_, window)| window.parse().ok()).unwrap_or_else(|| panic!("{id} is not a model id"))
}

/// Returns a field of a model's answer to a request.
fn number(answer: &Value, field: &str) -> f64 {
    answer[field].as_f64().unwrap_or_else(|| panic!("{field} in {answer}"))
}

#[test]
fn the_recalibrated_model_is_served_and_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path(), JUMP, "", "");
    let [whole, killed] = whole_and_killed(folder.path(), &file);
    let workdir = killed.display().to_string();
    let (made, history) = (models(&whole, true), changes(&whole));
    assert!(models(&killed, true) == made && changes(&killed) == history, "{history:?}");

    let recommendation = json(&whole.join("advice.json"))["recommendation"].clone();
    let named = &recommendation["named"];
    assert_eq!(named["policy"]["refit"]["kind"], "recalibrated", "{recommendation}");
    assert_eq!(named["provisional"], false, "{recommendation}");
    let last = history.last().expect("a change");
    let advised = to(last);
    let (fit, on) = parts(&advised);
    assert_eq!(on, WINDOWS, "{last}");
    assert!(made.contains_key(&advised) && made.contains_key(fit), "{:?}", made.keys());
    assert_eq!((last["action"].as_str(), last["by"].as_str()), (Some("advised"), Some("windrow")));
    let why = last["why"].as_str().expect("a reason");
    assert!(why.starts_with("recalibrated after window 30, named after window "), "{why}");
    let recalibrated: Vec<String> = history.iter().map(to).filter(|to| to.contains("-recalibrated-")).collect();
    assert!(recalibrated.iter().all(|id| parts(id).0 == fit), "the model in service is kept: {recalibrated:?}");
    assert!(recalibrated.windows(2).all(|pair| parts(&pair[1]).1 == parts(&pair[0]).1 + 1), "{recalibrated:?}");

    // Lost models are made again, to the same bytes.
    for lost in [fit, advised.as_str()] {
        fs::remove_dir_all(killed.join("models").join(lost)).expect("a folder");
    }
    succeed(&["train", &file, "--once", "--workdir", &workdir]);
    assert!(models(&killed, true) == made && changes(&killed) == history);

    // The lineage says what was recalibrated, and on which rows.
    let card = |id: &str| json(&killed.join(format!("models/{id}/model.json")));
    let (of_fit, own) = (card(fit)["lineage"].clone(), card(&advised)["lineage"].clone());
    let found = &own["recalibration"];
    assert_eq!((&found["model"], &found["lineage"]), (&json!(fit), &of_fit["id"]), "{found}");
    assert_eq!((&found["window"], &found["rows"]), (&json!(WINDOWS), &json!(ROWS)), "{found}");
    let mut windows = of_fit["windows"].as_array().expect("windows").clone();
    windows.push(own["windows"].as_array().and_then(|all| all.last()).expect("a window").clone());
    assert_eq!((own["windows"].as_array(), &windows[windows.len() - 1]["window"]), (Some(&windows), &json!(WINDOWS)));
    let (intercept, slope) = (number(found, "intercept"), number(found, "slope"));
    assert!(intercept.abs() > 0.1, "the base rate is another one: {found}");

    let (_server, url) = serve(&file, &workdir);
    let get = |path: &str| serde_json::from_str::<Value>(&http("GET", &format!("{url}{path}"), None).2).expect("JSON");
    let log_odds = |name: &str, row: &str| {
        let (status, _, answer) = http("POST", &format!("{url}/v1/models/{name}/predict"), Some(row));
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["model"], if name == "advised" { advised.as_str() } else { fit }, "{answer}");
        let p = number(&answer, "probability");
        (p / (1.0 - p)).ln()
    };
    for row in ["{\"x\": 0.5, \"z\": 0.5}", "{\"x\": -0.9, \"z\": 0.1}", "{\"x\": 0.7, \"z\": null}"] {
        let (before, after) = (log_odds(fit, row), log_odds("advised", row));
        assert!((after - (intercept + slope * before)).abs() < 1e-9, "{row}: {after} of {before}");
    }
    // The probabilities add up to the positives on the rows that gave the intercept.
    let batch = fs::read_to_string(killed.join("batches/window-00030.csv")).expect("a batch file");
    let headers = [("content-type", "text/csv"), ("accept", "application/json")];
    let answer = ask("POST", &format!("{url}/v1/models/advised/predict/batch"), &headers, batch.as_bytes()).json();
    let predictions = answer["predictions"].as_array().expect("predictions");
    let sum: f64 = predictions.iter().map(|one| number(one, "probability")).sum();
    let positives = batch.lines().filter(|line| line.starts_with("1,")).count() as f64;
    assert_eq!(predictions.len(), ROWS as usize);
    assert!((sum - positives).abs() < 1e-3, "{sum} {positives}");

    assert_eq!(get("/v1/models")["aliases"]["advised"], json!(advised));
    let (shown, of_fit) = (get("/v1/models/advised"), get(&format!("/v1/models/{fit}")));
    assert_eq!(shown["recalibration"]["model"], json!(fit), "{shown}");
    assert!(of_fit["recalibration"].is_null(), "{of_fit}");
    for (own, fit) in [0_usize, 1].map(|column| (&shown["coefficients"][column], &of_fit["coefficients"][column])) {
        assert_eq!(number(own, "weight"), slope * number(fit, "weight"));
        assert_eq!(number(own, "standard_error"), slope.abs() * number(fit, "standard_error"));
    }
    assert!(shown["intercept"]["standard_error"].is_null(), "{shown}");
    assert_eq!(get(&format!("/v1/models/{fit}/diff/advised"))["second"], json!(advised));
    let id = own["id"].as_str().expect("an id");
    assert_eq!(get(&format!("/v1/lineage/{id}"))["models"], json!([advised]));
    let page = http("GET", &format!("{url}/models/advised"), None).2;
    assert!(page.contains("Recalibrated") && page.contains(&format!("/models/{fit}")), "{page}");
    assert!(http("GET", &format!("{url}/metrics"), None).2.contains(&format!("model=\"{advised}\"")));

    // The recalibration is in office.
    let reason = recommendation["reason"].as_str().expect("a reason");
    let is_held = reason.starts_with("The policy in office holds: fit once, on ");
    assert!(is_held && reason.ends_with(" and recalibrate every window."), "{reason}");
    let stored = get("/v1/advice");
    assert_eq!((&stored["action"], &stored["reason"]), (&json!("hold"), &json!(reason)));
    let asked = windrow(&["advise", &file, "--workdir", &workdir, "--exit-code"]);
    assert_eq!((asked.status.code(), text(&asked.stdout).lines().next_back()), (Some(0), Some(reason)));

    let rolled = ask("POST", &format!("{url}/v1/aliases/advised/rollback"), &[JSON], b"{}").json();
    assert_eq!(rolled["to"], json!(to(&history[history.len() - 2])), "{rolled}");
    succeed(&["train", &file, "--once", "--workdir", &workdir]);
    assert_eq!(changes(&killed).len(), history.len() + 1, "a change by a user stays until the next recalibration");
}

#[test]
fn late_labels_are_awaited_and_old_recalibrated_models_are_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path(), 10, ", keep = 3", ", label_delay = 2");
    let workdir = folder.path().join("work");
    run_once(&file, &workdir, &[]);
    let history = changes(&workdir);
    let advised = to(history.last().expect("a change"));
    let (fit, on) = parts(&advised);
    assert_eq!(on, WINDOWS - 2, "the labels of the last two windows are not known yet");
    let kept: Vec<String> = models(&workdir, true).into_keys().collect();
    assert!(kept.contains(&advised) && kept.iter().any(|id| id == fit), "{kept:?}");
    // Only the fit and the model of a rollback are kept of older models.
    let old: Vec<&String> = kept.iter().filter(|id| newest_window(id) < on && *id != fit).collect();
    assert!(old.len() <= 1, "{kept:?}");
    assert!(old.iter().all(|id| history.iter().any(|change| to(change) == **id)), "{old:?}");
}
