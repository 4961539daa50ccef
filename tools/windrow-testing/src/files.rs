//! Fixtures, pipeline files, and the files that a run wrote.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::text;

/// Returns the root of the workspace.
///
/// # Panics
/// The crate is not two folders below the root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tools/windrow-testing lies in the workspace")
}

/// Returns the path of a file in `fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    root().join("fixtures").join(name)
}

/// Writes the pipeline file of the flights sample with another window policy and `[stream]` table; returns its path.
///
/// # Panics
/// The file cannot be written.
pub fn sample_with(folder: &Path, window: &str, stream: &str) -> String {
    let pipeline = fs::read_to_string(fixture("flights-sample.toml")).expect("a fixture");
    let dataset = fixture("flights-sample.csv.zst").display().to_string();
    let pipeline = pipeline.replace("flights-sample.csv.zst", &dataset).replace("parts = 3", window);
    let file = folder.join("pipeline.toml");
    fs::write(&file, format!("{pipeline}\n[stream]\n{stream}\n")).expect("a file");
    file.display().to_string()
}

/// Returns the rows of all CSV batch files in window order, without their header lines.
///
/// # Panics
/// A file cannot be read.
pub fn batch_rows(workdir: &Path) -> Vec<u8> {
    let mut paths: Vec<PathBuf> = fs::read_dir(workdir.join("batches"))
        .expect("a batches folder")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .collect();
    paths.sort();
    paths.iter().flat_map(|path| without_header(&fs::read(path).expect("a batch file"))).collect()
}

/// Returns the sample of the flights as CSV.
///
/// # Panics
/// The fixture is missing.
pub fn sample_csv() -> Vec<u8> {
    let file = fs::read(fixture("flights-sample.csv.zst")).expect("a fixture");
    zstd::decode_all(&file[..]).expect("a zstd file")
}

/// Returns the rows of the sample of the flights, without their header line.
pub fn fixture_rows() -> Vec<u8> {
    without_header(&sample_csv())
}

fn without_header(file: &[u8]) -> Vec<u8> {
    let header = file.iter().position(|byte| *byte == b'\n').expect("a header line") + 1;
    file[header..].to_vec()
}

/// Compares two tables; the message names the first row that differs instead of printing both.
///
/// # Panics
/// The tables differ.
pub fn assert_same(stored: &[u8], expected: &[u8]) {
    let (stored, expected) = (text(stored), text(expected));
    let (rows, wanted) = (stored.lines().count(), expected.lines().count());
    let parts = stored.lines().zip(expected.lines()).position(|(a, b)| a != b);
    assert_eq!(parts.map(|line| stored.lines().nth(line)), None, "row {parts:?} differs; {rows} of {wanted} rows");
    assert_eq!(rows, wanted);
    assert_eq!(stored.len(), expected.len());
}

/// Checks that the batch files hold every row of the sample of the flights once, in order.
///
/// # Panics
/// A row is missing, repeated or out of order.
pub fn assert_whole(workdir: &Path) {
    assert_same(&batch_rows(workdir), &fixture_rows());
}

/// Reads a JSON file.
///
/// # Panics
/// The file cannot be read or is not JSON.
pub fn json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns all queries of the Grafana dashboard, each with the title of its panel.
///
/// # Panics
/// `docs/grafana.json` is not a dashboard.
pub fn dashboard_queries() -> Vec<(String, String)> {
    let dashboard = json(&root().join("docs/grafana.json"));
    let panels = dashboard["panels"].as_array().expect("a list").clone();
    assert!(panels.len() > 12);
    let of = |panel: &Value| {
        let title = panel["title"].as_str().expect("a title").to_owned();
        let targets = panel["targets"].as_array().expect("a list").clone();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().expect("a text").to_owned()))
    };
    panels.iter().flat_map(of).collect()
}

/// Copies a folder with all files in it.
///
/// # Panics
/// A file cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file");
        }
    }
}
