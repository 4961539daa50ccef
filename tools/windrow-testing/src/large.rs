//! A work directory with hundreds of models and windows, made from a small one.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::served::serve;
use crate::{Running, run_once};

/// Writes a pipeline file and a dataset of twenty windows with 160 categories; returns the file's path.
///
/// # Panics
/// A file cannot be written.
pub fn pipeline(folder: &Path) -> String {
    let mut dataset = "y,x,place\n".to_owned();
    for row in 0..8000_u32 {
        writeln!(dataset, "{},{},place {}", u32::from(row % 7 < 3), row % 90, row % 160).expect("memory");
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let file = folder.join("p.toml");
    let text = "name = \"p\"\ndataset = { path = \"d.csv\" }\ntarget = { column = \"y\", equals = \"1\" }\n\
                features = { numeric = [\"x\"], categorical = [\"place\"], min_count = 2 }\nwindow = { rows = 400 }\n\
                train = { schemes = [\"window\"] }\n";
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

/// Writes a work directory `to` with `count` windows. Each has a model of the scheme `window`, scored on every later window.
/// The files are copies of what a run of a few windows wrote to `from`.
///
/// # Panics
/// A file is missing or cannot be written.
pub fn enlarge(from: &Path, to: &Path, count: u32) {
    let read = |name: &str| -> Value {
        let text = fs::read(from.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_json::from_slice(&text).expect("JSON")
    };
    for folder in ["batches", "quarantine", "windows", "status"] {
        fs::create_dir_all(to.join(folder)).expect("a folder");
    }
    fs::copy(from.join("advice.json"), to.join("advice.json")).expect("the advice");
    let (model, report) = (read("models/window-2/model.json"), read("windows/window-00003.json"));
    let (manifest, mut end) = (read("batches/window-00002.json"), read("batches/end.json"));
    let score = report["scores"].as_array().expect("a list");
    let score = score.iter().find(|score| score["model"] == "window-2").expect("a score").to_string();
    let (head, tail) = score.split_once("window-2").expect("the model's name");
    for window in 1..=count {
        let file = format!("window-{window:05}.json");
        let mut model = model.clone();
        model["id"] = json!(format!("window-{window}"));
        let folder = to.join(format!("models/window-{window}"));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("model.json"), model.to_string()).expect("room on the disk");
        let mut manifest = manifest.clone();
        manifest["window"] = json!(window);
        fs::write(to.join("batches").join(&file), manifest.to_string()).expect("room on the disk");
        let scores: Vec<String> = (1..window).map(|model| format!("{head}window-{model}{tail}")).collect();
        let mut report = report.clone();
        report["window"] = json!(window);
        report["scores"] = json!("scores");
        let text =
            report.to_string().replacen("\"scores\":\"scores\"", &format!("\"scores\":[{}]", scores.join(",")), 1);
        fs::write(to.join("windows").join(&file), text).expect("room on the disk");
    }
    end["windows"] = json!(count);
    fs::write(to.join("batches/end.json"), end.to_string()).expect("room on the disk");
}

/// Starts a server with `count` windows and models; returns it and its URL.
pub fn server(folder: &Path, count: u32) -> (Running, String) {
    let file = pipeline(folder);
    let (few, many) = (folder.join("few"), folder.join("many"));
    run_once(&file, &few, &[]);
    enlarge(&few, &many, count);
    serve(&file, &many.display().to_string())
}
