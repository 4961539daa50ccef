//! Parquet files that pandas, polars, DuckDB and Spark write and read: datasets, batch files, exported tables.

use std::fs;
use std::process::Command;

use serde_json::Value;
use windrow_testing::{fixture, json, python, root, run_once, sample_csv, sample_with, succeed, text, windrow};

/// Runs `tests/clients/parquet.py`. Returns its standard output.
fn script(python: &str, arguments: &[&str]) -> String {
    let script = root().join("tests/clients/parquet.py");
    let output = Command::new(python).arg(script).args(arguments).output().expect("Python runs");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Returns the values that every engine must find in the sample's batch files: the number of rows, a sum, the number of
/// missing cells, and the total length of a text column.
fn sample_by_csv() -> (usize, f64, usize, usize) {
    let file = sample_csv();
    let file = String::from_utf8(file).expect("UTF-8");
    let rows: Vec<Vec<&str>> = file.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let distance = rows.iter().map(|row| row[6].parse::<f64>().expect("a number")).sum();
    let missing = rows.iter().filter(|row| row[9].is_empty()).count();
    let carriers = rows.iter().map(|row| row[1].len()).sum();
    (rows.len(), distance, missing, carriers)
}

#[test]
#[ignore = "needs Python with pandas, polars, DuckDB and pyspark, and Java"]
fn pandas_polars_duckdb_and_spark_read_batch_files_with_their_types() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let stream = "partitions = 3\n[batch]\nformat = \"parquet\"";
    let file = sample_with(folder.path(), "parts = 3", stream);
    let workdir = folder.path().join("work");
    run_once(&file, &workdir, &[]);
    let file = |window| workdir.join(format!("batches/window-{window:05}.parquet")).display().to_string();
    let files: Vec<String> = (1..=3).map(file).collect();
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
        let metadata: Value =
            serde_json::from_str(&script(&python, &[&["read", engine][..], &files].concat())).expect("JSON");
        assert_eq!(metadata["rows"], rows, "{engine}");
        let columns = &metadata["columns"];
        assert_eq!(columns["sched_dep"], serde_json::json!(["time", 0, "2013-01-01 05:45:00"]), "{engine}");
        assert_eq!(columns["distance"], serde_json::json!(["number", 0, distance]), "{engine}");
        assert_eq!(columns["arr_delay"][1], missing, "{engine}");
        assert_eq!(columns["carrier"], serde_json::json!(["text", 0, carriers]), "{engine}");
    }
}

#[test]
#[ignore = "needs Python with pandas, polars, DuckDB and pyspark, and Java"]
fn a_parquet_dataset_is_treated_as_one_in_csv() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let csv = folder.path().join("flights.csv");
    let bytes = fs::read(fixture("flights-sample.csv.zst")).expect("a fixture");
    fs::write(&csv, zstd::decode_all(&bytes[..]).expect("zstd")).expect("a file");
    let file = sample_with(folder.path(), "parts = 3", "partitions = 3");
    let expected = folder.path().join("csv");
    run_once(&file, &expected, &[]);
    for engine in ["pandas", "polars", "duckdb", "spark"] {
        let data = folder.path().join(format!("{engine}.parquet"));
        let data_text = data.display().to_string();
        script(&python, &["write", engine, &csv.display().to_string(), &data_text]);
        // Drafts a pipeline from the file only, and trains with it.
        let drafted = folder.path().join(format!("{engine}.toml")).display().to_string();
        succeed(&["init", &data_text, "--target", "arr_delay >= 15", "--leave-out", "flight", "--out", &drafted]);
        assert!(fs::read_to_string(&drafted).expect("a file").contains("column = \"sched_dep\""), "{engine}");
        succeed(&["check", &drafted]);
        // The same pipeline as for the CSV file gives the same models.
        let pipeline = fs::read_to_string(&file).expect("a file");
        let dataset = fixture("flights-sample.csv.zst").display().to_string();
        let pipeline = pipeline.replace(&dataset, &data_text).replace("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f");
        let other = folder.path().join(format!("{engine}-same.toml"));
        fs::write(&other, pipeline).expect("a file");
        let workdir = folder.path().join(engine);
        run_once(&other.display().to_string(), &workdir, &[]);
        let [one, other] = [&expected, &workdir].map(|workdir| json(&workdir.join("models/cumulative-3/model.json")));
        assert_eq!(one["coefficients"], other["coefficients"], "{engine}");
    }
}

#[test]
#[ignore = "needs Python with pandas, polars, DuckDB and pyspark, and Java"]
fn files_of_every_type_are_read_or_reported() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    script(&python, &["odd", &folder.path().display().to_string()]);
    for (name, message) in [
        ("nested", "columns of lists, maps or structs (tags, place)"),
        ("bytes", "picture: a value cannot be written as text"),
        ("none", "it has no columns"),
        ("brotli", "brotli"),
    ] {
        let data = folder.path().join(format!("{name}.parquet")).display().to_string();
        let out = folder.path().join("p.toml").display().to_string();
        let refused = windrow(&["init", &data, "--target", "x >= 1", "--out", &out]);
        let output = text(&refused.stderr);
        assert!(!refused.status.success() && output.contains(message), "{name}: {output}");
        assert!(output.contains(&format!("{name}.parquet")), "{output}");
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
    run_once(&pipeline("kinds", "word", "small"), &workdir, &[]);
    let rows = fs::read_to_string(workdir.join("batches/window-00001.csv")).expect("a file");
    let expected = "day,at,clock,price,large,is_late,small,huge,single,double,half,word,nothing\n\
                    1969-12-31,1970-01-01 00:00:00.000000001,23:59:58.5,-0.05,-12345678901234567890.5,true,255,\
                    18446744073709551615,0.1,1e300,0.5,a,\n,,,,,,,,,,,,\n";
    assert_eq!(rows, expected);
    let workdir = folder.path().join("int96");
    run_once(&pipeline("int96", "at", "x"), &workdir, &[]);
    assert!(
        fs::read_to_string(workdir.join("batches/window-00001.csv")).expect("a file").contains("2013-01-01 05:15:00")
    );
}

#[test]
#[ignore = "needs Python with pandas, polars, DuckDB and pyspark, and Java"]
fn exported_tables_are_read_by_every_engine() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 1000", "partitions = 1");
    let (workdir, out) = (folder.path().join("work"), folder.path().join("tables"));
    run_once(&file, &workdir, &[]);
    let export = ["export", &file, "--workdir", &workdir.display().to_string(), "--out", &out.display().to_string()]
        .map(str::to_owned);
    let export: Vec<&str> = export.iter().map(String::as_str).collect();
    succeed(&export);
    succeed(&[&export[..], &["--format", "csv"]].concat());
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
