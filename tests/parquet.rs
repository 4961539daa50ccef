//! Parquet: datasets that come in it, batch files that are stored in it, and what pandas, polars, DuckDB and Spark make of them.

#[path = "support/windrow.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod windrow;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::windrow::{Running, fixture, free_port, json, python, sample_with, succeed, text, windrow};

const PARQUET: &str = "partitions = 3\n[batch]\nformat = \"parquet\"";

/// Runs `tests/clients/parquet.py`; gives what it prints.
fn script(python: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/parquet.py");
    let output = Command::new(python).arg(script).args(arguments).output().expect("Python runs");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn run(file: &str, workdir: &Path) {
    let workdir = workdir.display().to_string();
    succeed(&["run", file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
}

fn batch_files(workdir: &Path, kind: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(workdir.join("batches")).expect("batches").map(|entry| entry.expect("a file").path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|found| found == kind)).collect();
    files.sort();
    files
}

/// What every engine must find in the sample's batch files: rows, then kind, missing cells and a sum for some columns.
fn sample_by_csv() -> (usize, f64, usize, usize) {
    let file = zstd::decode_all(&fs::read(fixture("flights-sample.csv.zst")).expect("a fixture")[..]).expect("zstd");
    let file = String::from_utf8(file).expect("UTF-8");
    let rows: Vec<Vec<&str>> = file.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let distance = rows.iter().map(|row| row[6].parse::<f64>().expect("a number")).sum();
    let missing = rows.iter().filter(|row| row[9].is_empty()).count();
    let carriers = rows.iter().map(|row| row[1].len()).sum();
    (rows.len(), distance, missing, carriers)
}

#[test]
fn batch_files_in_parquet_make_the_same_models_and_stand_an_audit() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "parts = 3", "partitions = 3");
    let (csv, parquet) = (folder.path().join("csv"), folder.path().join("parquet"));
    run(&file, &csv);
    let file = sample_with(folder.path(), "parts = 3", PARQUET);
    run(&file, &parquet);
    assert_eq!(batch_files(&parquet, "parquet").len(), 3);
    assert!(batch_files(&parquet, "csv").is_empty());
    for model in ["cumulative-3", "window-2"] {
        let [one, other] = [&csv, &parquet].map(|workdir| json(&workdir.join(format!("models/{model}/model.json"))));
        for key in ["encoder", "coefficients", "intercept", "scores"] {
            assert_eq!(one[key], other[key], "{model}: {key}");
        }
    }
    let manifests = [&csv, &parquet].map(|workdir| json(&workdir.join("batches/window-00002.json")));
    let [one, other] = &manifests;
    for key in ["rows", "labelled", "row_numbers", "event_time", "sealed"] {
        assert_eq!(one[key], other[key], "{key}");
    }
    let keys = |manifest: &Value| manifest.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(one), keys(other));
    // The audit reads values, and finds one that was changed.
    let workdir = parquet.display().to_string();
    let audit = succeed(&["audit", &file, "--workdir", &workdir]);
    assert!(audit.contains("every stored row is the dataset's, value for value"), "{audit}");
    let path = &batch_files(&parquet, "parquet")[1];
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("a file");
    let audit = windrow(&["audit", &file, "--workdir", &workdir]);
    assert_eq!(audit.status.code(), Some(1));
    assert!(text(&audit.stdout).contains("window-00002.parquet"), "{}", text(&audit.stdout));
    // A work directory has one format.
    let file = sample_with(folder.path(), "parts = 3", "partitions = 3");
    let refused = windrow(&["consume", &file, "--workdir", &workdir, "--once"]);
    assert!(
        text(&refused.stderr).contains("batch.format: \"parquet\" before, now nothing"),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn a_killed_consumer_and_a_group_write_the_files_that_one_consumer_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let pace = "pace = { kind = \"fixed\", delay = \"500us\" }\n";
    let file = sample_with(folder.path(), "rows = 1000", &format!("{pace}{PARQUET}"));
    let address = format!("127.0.0.1:{}", free_port());
    let broker = Running::start(&["broker", "--listen", &address]);
    broker.wait_for("broker: embedded");
    succeed(&["topic", "create", &file, "--broker", &address]);
    let places = ["one", "killed", "group"].map(|name| folder.path().join(name));
    let consume = |workdir: &Path, more: &[&str]| {
        let workdir = workdir.display().to_string();
        let arguments = ["consume", &file, "--broker", &address, "--workdir", &workdir, "--once"];
        Running::start(&[&arguments[..], more].concat())
    };
    let mut one = consume(&places[0], &[]);
    let mut killed = consume(&places[1], &[]);
    let mut members = [(); 2].map(|()| consume(&places[2], &["--group", "readers"]));
    let mut producer = Running::start(&["produce", &file, "--broker", &address]);
    for window in [2, 4, 6] {
        killed.wait_for(&format!("window {window}:"));
        killed.kill();
        // What a consumer leaves that dies while it writes.
        fs::write(places[1].join("batches/window-00008.parquet"), "PAR1").expect("a file");
        killed = consume(&places[1], &[]);
    }
    for running in [&mut producer, &mut one, &mut killed].into_iter().chain(&mut members) {
        assert!(running.end().success(), "{}", running.said());
    }
    for other in &places[1..] {
        for window in 1..=9 {
            let manifests =
                [&places[0], other].map(|workdir| json(&workdir.join(format!("batches/window-{window:05}.json"))));
            assert_eq!(manifests[0]["sha256"], manifests[1]["sha256"], "{}: window {window}", other.display());
        }
        let audit = windrow(&["audit", &file, "--workdir", &other.display().to_string(), "--broker", &address]);
        assert!(audit.status.success(), "{}", text(&audit.stdout));
    }
}

#[test]
fn pandas_polars_duckdb_and_spark_read_batch_files_with_their_types() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "parts = 3", PARQUET);
    let workdir = folder.path().join("work");
    run(&file, &workdir);
    let files: Vec<String> = batch_files(&workdir, "parquet").iter().map(|path| path.display().to_string()).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let layout: Value = serde_json::from_str(&script(&python, &["layout", files[0]])).expect("JSON");
    assert_eq!(layout["made_by"], "windrow");
    assert_eq!(layout["compression"], serde_json::json!(["ZSTD"]));
    assert_eq!((&layout["with_statistics"], &layout["with_page_index"]), (&22.into(), &22.into()));
    for (column, kind) in
        [("sched_dep", "timestamp[us]"), ("temp", "double"), ("carrier", "string"), ("flight", "string")]
    {
        assert_eq!(layout["types"][column], kind, "{column}");
    }
    let (rows, distance, missing, carriers) = sample_by_csv();
    for engine in ["pandas", "polars", "duckdb", "spark"] {
        let told: Value =
            serde_json::from_str(&script(&python, &[&["read", engine][..], &files].concat())).expect("JSON");
        assert_eq!(told["rows"], rows, "{engine}");
        let columns = &told["columns"];
        assert_eq!(columns["sched_dep"], serde_json::json!(["time", 0, "2013-01-01 05:45:00"]), "{engine}");
        assert_eq!(columns["distance"], serde_json::json!(["number", 0, distance]), "{engine}");
        assert_eq!(columns["arr_delay"][1], missing, "{engine}");
        assert_eq!(columns["carrier"], serde_json::json!(["text", 0, carriers]), "{engine}");
    }
}

#[test]
fn a_dataset_in_parquet_is_looked_at_replayed_and_learned_from_as_one_in_csv() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let csv = folder.path().join("flights.csv");
    let bytes = fs::read(fixture("flights-sample.csv.zst")).expect("a fixture");
    fs::write(&csv, zstd::decode_all(&bytes[..]).expect("zstd")).expect("a file");
    let file = sample_with(folder.path(), "parts = 3", "partitions = 3");
    let expected = folder.path().join("csv");
    run(&file, &expected);
    for engine in ["pandas", "polars", "duckdb", "spark"] {
        let data = folder.path().join(format!("{engine}.parquet"));
        let data_text = data.display().to_string();
        script(&python, &["write", engine, &csv.display().to_string(), &data_text]);
        // Drafted from the file alone, then learned from.
        let drafted = folder.path().join(format!("{engine}.toml")).display().to_string();
        succeed(&["init", &data_text, "--target", "arr_delay >= 15", "--leave-out", "flight", "--out", &drafted]);
        assert!(fs::read_to_string(&drafted).expect("a file").contains("column = \"sched_dep\""), "{engine}");
        succeed(&["check", &drafted]);
        // The same pipeline as for the CSV file: the same models.
        let pipeline = fs::read_to_string(&file).expect("a file");
        let dataset = fixture("flights-sample.csv.zst").display().to_string();
        let pipeline = pipeline.replace(&dataset, &data_text).replace("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f");
        let other = folder.path().join(format!("{engine}-same.toml"));
        fs::write(&other, pipeline).expect("a file");
        let workdir = folder.path().join(engine);
        run(&other.display().to_string(), &workdir);
        let [one, other] = [&expected, &workdir].map(|workdir| json(&workdir.join("models/cumulative-3/model.json")));
        assert_eq!(one["coefficients"], other["coefficients"], "{engine}");
    }
}

#[test]
fn files_of_every_type_are_read_and_those_that_are_no_table_are_told() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    script(&python, &["odd", &folder.path().display().to_string()]);
    for (name, told) in [
        ("nested", "columns of lists, maps or structs (tags, place)"),
        ("bytes", "picture: a value has no text"),
        ("none", "it has no columns"),
        ("brotli", "brotli"),
    ] {
        let data = folder.path().join(format!("{name}.parquet")).display().to_string();
        let out = folder.path().join("p.toml").display().to_string();
        let refused = windrow(&["init", &data, "--target", "x >= 1", "--out", &out]);
        let said = text(&refused.stderr);
        assert!(!refused.status.success() && said.contains(told), "{name}: {said}");
        assert!(said.contains(&format!("{name}.parquet")), "{said}");
    }
    let pipeline = |name: &str, target: &str, feature: &str| {
        let file = folder.path().join(format!("{name}.toml"));
        let text = format!(
            "name = \"odd\"\n[dataset]\npath = \"{name}.parquet\"\n[target]\ncolumn = \"{target}\"\nequals = \"1\"\n\
             [features]\nnumeric = [\"{feature}\"]\n[window]\nrows = 10\n"
        );
        fs::write(&file, text).expect("a file");
        file.display().to_string()
    };
    let workdir = folder.path().join("kinds");
    run(&pipeline("kinds", "word", "small"), &workdir);
    let rows = fs::read_to_string(workdir.join("batches/window-00001.csv")).expect("a file");
    let expected = "day,at,clock,price,large,is_late,small,huge,single,double,half,word,nothing\n\
                    1969-12-31,1970-01-01 00:00:00.000000001,23:59:58.5,-0.05,-12345678901234567890.5,true,255,\
                    18446744073709551615,0.1,1e300,0.5,a,\n,,,,,,,,,,,,\n";
    assert_eq!(rows, expected);
    let workdir = folder.path().join("int96");
    run(&pipeline("int96", "at", "x"), &workdir);
    assert!(
        fs::read_to_string(workdir.join("batches/window-00001.csv")).expect("a file").contains("2013-01-01 05:15:00")
    );
}

#[test]
fn windows_scores_and_losses_are_exported_and_every_engine_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 1000", "partitions = 1");
    let (workdir, out) = (folder.path().join("work"), folder.path().join("tables"));
    let (workdir_text, out_text) = (workdir.display().to_string(), out.display().to_string());
    let export = ["export", &file, "--workdir", &workdir_text, "--out", &out_text];
    let early = windrow(&export);
    assert_eq!(early.status.code(), Some(1));
    assert!(text(&early.stderr).contains("`windrow run` or `windrow consume` makes them"), "{}", text(&early.stderr));
    assert!(!workdir.exists() && !out.exists(), "something was made all the same");
    run(&file, &workdir);
    let said = succeed(&export);
    assert_eq!(said.lines().count(), 3, "{said}");
    succeed(&[&export[..], &["--format", "csv"]].concat());
    // The same numbers as the files that they come from.
    let reports: Vec<Value> =
        (1..=9).map(|window| json(&workdir.join(format!("windows/window-{window:05}.json")))).collect();
    let scores = reports.iter().flat_map(|report| report["scores"].as_array().expect("a list"));
    let losses: Vec<f64> = scores
        .flat_map(|score| [&score["window"], &score["holdout"]])
        .filter_map(|score| score["log_loss"].as_f64())
        .collect();
    let lines = fs::read_to_string(out.join("scores.csv")).expect("a table");
    let header: Vec<&str> = lines.lines().next().expect("a header").split(',').collect();
    let place = header.iter().position(|name| *name == "log_loss").expect("a column");
    let read: Vec<f64> = lines
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(place).expect("a cell").parse().expect("a number"))
        .collect();
    assert_eq!(read, losses);
    let Some(python) = python() else { return };
    let table = |engine: &str, name: &str| -> Value {
        let path = out.join(format!("{name}.parquet")).display().to_string();
        serde_json::from_str(&script(&python, &["read", engine, &path])).expect("JSON")
    };
    for name in ["windows", "scores", "losses"] {
        let expected = table("pandas", name);
        let lines = fs::read_to_string(out.join(format!("{name}.csv"))).expect("a table").lines().count();
        assert_eq!(expected["rows"], lines - 1, "{name}");
        for engine in ["polars", "duckdb", "spark"] {
            assert_eq!(table(engine, name), expected, "{engine}: {name}");
        }
    }
    let windows = table("duckdb", "windows");
    assert_eq!(windows["columns"]["rows"], serde_json::json!(["number", 0, 8019.0]));
    assert_eq!(windows["columns"]["first_time"], serde_json::json!(["time", 0, "2013-01-01 05:45:00"]));
}
