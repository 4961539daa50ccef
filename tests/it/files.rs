//! CSV files of every form: plain, gzip and zstd, with and without a header line, quoted, CRLF, with a byte order mark.

use std::fs;
use std::io::Write;
use std::path::Path;

use windrow_testing::{batch_rows, fixture, json, program, run_once, text};

const RECORDS: usize = 400;

/// Returns rows with every kind of quoting and the given line end. The class depends on the size, and slightly on the
/// row number.
fn rows(line_end: &str) -> String {
    let mut rows = String::new();
    for row in 0..RECORDS {
        let size = (row * 37) % 101;
        let price = if (row * 37) % 101 > 50 || row % 7 == 0 { 300 } else { 200 };
        let place = ["\"Bath, Somerset\"", "\"the \"\"Old\"\" Mill\"", "\"two\nlines\"", "Zürich", ""][row % 5];
        rows.push_str(&format!("{row},{price},{size},{place}{line_end}"));
    }
    rows
}

fn pipeline(folder: &Path, name: &str, dataset: &str, more: &str) -> String {
    let file = folder.join(format!("{name}.toml"));
    let text = format!(
        "name = \"{name}\"\n[dataset]\npath = \"{dataset}\"\n{more}\n[target]\ncolumn = \"price\"\nat_least = 250\n\
         [features]\nnumeric = [\"size\"]\ncategorical = [\"place\"]\nmin_count = 5\n[window]\nrows = 150\n"
    );
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

fn run(folder: &Path, pipeline: &str) -> (Vec<u8>, serde_json::Value) {
    let workdir = folder.join("work");
    run_once(pipeline, &workdir, &["--fresh"]);
    (batch_rows(&workdir), json(&workdir.join("models/cumulative-3/model.json")))
}

#[test]
fn every_form_of_the_same_rows_gives_the_same_windows_and_models() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let header = "id,price,size,place\n";
    let with_mark = format!("\u{feff}{}{}", header.replace('\n', "\r\n"), rows("\r\n"));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(format!("{header}{}", rows("\n")).as_bytes()).expect("memory");
    let files: [(&str, Vec<u8>, &str); 5] = [
        ("plain.csv", format!("{header}{}", rows("\n")).into_bytes(), ""),
        ("windows.csv", with_mark.into_bytes(), ""),
        ("packed.csv.gz", gzip.finish().expect("memory"), ""),
        ("packed.csv.zst", zstd::encode_all(format!("{header}{}", rows("\n")).as_bytes(), 3).expect("memory"), ""),
        ("headless.csv", rows("\n").into_bytes(), "columns = [\"id\", \"price\", \"size\", \"place\"]"),
    ];
    let mut weights = Vec::new();
    for (name, bytes, more) in files {
        fs::write(folder.join(name), bytes).expect("a file");
        let (stored, model) = run(folder, &pipeline(folder, "forms", name, more));
        assert_eq!(text(&stored), rows("\n"), "{name}");
        assert_eq!(model["outcome"]["status"], "learned", "{name}: {model:#}");
        weights.push(model["outcome"]["weights"].clone());
    }
    assert!(weights.iter().all(|other| *other == weights[0]), "{weights:?}");
}

#[test]
fn other_delimiters_and_other_texts_for_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut dataset = "id;price;size;place\n".to_owned();
    for row in 0..RECORDS {
        let size = if row % 10 == 0 { "NA".to_owned() } else { (row % 90).to_string() };
        dataset.push_str(&format!("{row};{};{size};a,b\n", if row % 90 > 40 { 300 } else { 200 }));
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let (_, model) = run(folder, &pipeline(folder, "semicolons", "d.csv", "delimiter = \";\"\nnull = [\"NA\"]"));
    assert_eq!(model["outcome"]["status"], "learned", "{model:#}");
}

#[test]
fn rows_that_cannot_be_taken_are_kept_aside_with_their_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut dataset = b"id,price,size,place\n".to_vec();
    for row in 0..RECORDS {
        dataset.extend_from_slice(match row {
            17 => b"17,200,10\n".as_slice(),
            200 => b"200,dear,10,here\n",
            399 => b"399,200,10,\xff\xfe\n",
            _ if row % 3 == 0 => b"1,300,90,here\n",
            _ => b"1,200,10,there\n",
        });
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let (stored, _) = run(folder, &pipeline(folder, "faulty", "d.csv", ""));
    assert_eq!(stored.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(), RECORDS - 3);
    let expected = [(1, 18, "3 fields, but the dataset has 4"), (2, 201, "price: `dear`"), (3, 400, "not UTF-8")];
    for (window, row, reason) in expected {
        let kept = json(&folder.join(format!("work/quarantine/window-0000{window}.jsonl")));
        assert_eq!(kept["row"], row);
        assert!(kept["reason"].as_str().is_some_and(|text| text.contains(reason)), "{kept}");
        assert_eq!(json(&folder.join(format!("work/batches/window-0000{window}.json")))["quarantine"]["count"], 1);
    }
}

#[test]
fn price_paid_data_run_as_published() {
    // Invented rows in the published form: every field quoted, no header line.
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut dataset = String::new();
    for row in 0..600 {
        let (price, kind) = if row % 3 == 0 { (450_000, "D") } else { (120_000, "F") };
        dataset.push_str(&format!(
            "\"{{{row:08X}}}\",\"{price}\",\"2023-{:02}-01 00:00\",\"XX1 1XX\",\"{kind}\",\"N\",\"F\",\"1\",\"\",\"A STREET\",\"\",\
             \"TOWN\",\"DISTRICT, NORTH\",\"COUNTY\",\"A\",\"A\"\n",
            row % 12 + 1
        ));
    }
    fs::write(folder.join("price-paid.csv"), &dataset).expect("a file");
    let pipeline = fs::read_to_string(fixture("price-paid.toml")).expect("a fixture");
    // Runs the command that the comment in the file gives, in a shell.
    let line = pipeline.lines().find_map(|line| line.strip_prefix("#     windrow ")).expect("a command");
    let line = format!("{} {line}", program().display());
    let made = std::process::Command::new("sh").args(["-c", &line]).current_dir(folder).output().expect("a shell");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let file = folder.join("price-paid.toml");
    fs::write(&file, pipeline.replace("event = \"month\"", "rows = 200")).expect("a file");
    let (stored, model) = run(folder, &file.display().to_string());
    let mut ordered: Vec<&str> = dataset.lines().collect();
    ordered.sort_by_key(|row| row.split(',').nth(2));
    // The sorted copy has quotes only where a field needs them.
    let expected =
        format!("{}\n", ordered.join("\n")).replace('"', "").replace("DISTRICT, NORTH", "\"DISTRICT, NORTH\"");
    assert_eq!(text(&stored), expected);
    assert_eq!(model["outcome"]["status"], "learned", "{model:#}");
    let run = json(&folder.join("work/run.json"));
    assert_eq!(run["pipeline"]["stream"]["topic"], "price_paid_data");
}
