//! Forms of data files that `windrow init` must read: JSON Lines, a header that is not UTF-8, very wide files.

use std::fs;
use std::path::Path;

use windrow_testing::text;

use crate::init::shapes::{objects, plain};
use crate::init::{at, done, fails};

fn unwrapped(output: &str) -> String {
    output.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Encodes a text as Latin-1.
fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).expect("Latin")).collect()
}

/// Returns the text of all files of a folder.
fn texts(folder: &Path) -> String {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("an entry").path());
    files.map(|file| fs::read_to_string(file).expect("a text")).collect()
}

#[test]
fn json_lines_are_read_and_what_they_lack_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let mut lines: Vec<String> = objects(", \"tags\": [\"a\", {}]").lines().map(str::to_owned).collect();
    lines[1000] = "{\"at\": \"unfinished".to_owned();
    fs::write(here.join("rows.jsonl"), lines.join("\n")).expect("a file");
    let init = unwrapped(&done(here, &["init", "rows.jsonl", "--target", "late"]));
    let tags = "tags: objects or lists in 1,999 rows; nested values are not read, so the column is left out";
    let unfinished =
        "1 line is not a JSON object (the first is row 1,001 on line 1,001: EOF while parsing a string at column";
    assert!(init.contains(tags) && init.contains(unfinished), "{init}");
    let pipeline = fs::read_to_string(here.join("rows.toml")).expect("a pipeline file");
    assert!(pipeline.contains("#     {\"at\": \"2021-03-01 00:00\", \"size\": "), "the file begins: {pipeline}");
    let check = at(here, &["check", "rows.toml"]);
    let check_text = unwrapped(&text(&check.stdout));
    assert_eq!(check.status.code(), Some(1), "{check_text}");
    assert!(check_text.contains(tags) && check_text.contains(unfinished), "{check_text}");
    assert!(check_text.contains("row 1,001: it has 1 field, but the dataset has 4 columns"), "{check_text}");
    let run = done(here, &["run", "rows.toml", "--once", "--broker", "embedded", "--listen", "127.0.0.1:0"]);
    assert!(run.contains("1 row was put in quarantine"), "{run}");
    assert!(texts(&here.join(".windrow/rows/quarantine")).contains("unfinished"));
    done(here, &["audit", "rows.toml"]);
    // A key with nested values can be neither a target nor a column.
    let output = fails(here, &["init", "rows.jsonl", "--target", "tags", "--name", "other"], 2);
    assert!(
        output.contains("--target: tags has objects or lists in 1,999 rows; nested values are not read"),
        "{output}"
    );
    let named = pipeline.replace("columns = [", "columns = [\"tags\", ");
    fs::write(here.join("named.toml"), named).expect("a file");
    let check = unwrapped(&text(&at(here, &["check", "named.toml"]).stdout));
    assert!(check.contains("dataset.columns: tags: objects or lists in 1,999 rows; nested values are not"), "{check}");
    let output = fails(here, &["init", "rows.jsonl", "--target", "late", "--delimiter", ";"], 2);
    assert!(output.contains("--delimiter and --header are for CSV, but the file is JSON Lines"), "{output}");
    fs::write(here.join("array.json"), format!("[{}]", lines[0])).expect("a file");
    let output = fails(here, &["init", "array.json", "--target", "late"], 1);
    assert!(output.contains("it is a JSON array; write one object on each line, as `jq -c '.[]'` does"), "{output}");
}

#[test]
fn json_lines_that_are_not_utf8_are_repaired_as_csv() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::write(here.join("old.jsonl"), latin(&objects("").replace("blue", "bl\u{e9}u"))).expect("a file");
    let output = fails(here, &["init", "old.jsonl", "--target", "late"], 1);
    assert!(output.contains("rows are not UTF-8 (the first is row "), "{output}");
    done(here, &["init", "old.jsonl", "--target", "late", "--repaired-copy", "new.csv.zst"]);
    let copy = zstd::decode_all(fs::File::open(here.join("new.csv.zst")).expect("a copy")).expect("zstd");
    assert_eq!(text(&copy), plain().replace("blue", "bl\u{e9}u"));
}

#[test]
fn a_header_that_is_not_utf8_is_reported_and_repaired() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let table = plain().replacen("size", "gr\u{f6}\u{df}e", 1);
    fs::write(here.join("old.csv"), latin(&table)).expect("a file");
    let output = fails(here, &["init", "old.csv", "--target", "late"], 1);
    assert!(output.contains("the header line is not UTF-8\n"), "{output}");
    assert!(output.contains("windrow init old.csv --target late --repaired-copy OUT.csv.zst"), "{output}");
    let both = table.replace("blue", "bl\u{e9}u");
    fs::write(here.join("both.csv"), latin(&both)).expect("a file");
    let output = fails(here, &["init", "both.csv", "--target", "late"], 1);
    assert!(
        output.contains("the header line is not UTF-8, and ") && output.contains(" rows are not UTF-8"),
        "{output}"
    );
    for (name, table, decoded) in [("old.csv", &table, "line converted"), ("both.csv", &both, "line and ")] {
        let copy = format!("{name}.zst");
        let output = at(here, &["init", name, "--target", "late", "--repaired-copy", &copy]);
        let output_text = text(&output.stderr);
        assert!(output.status.success() && output_text.contains(&format!("the header {decoded}")), "{output_text}");
        let copy = zstd::decode_all(fs::File::open(here.join(copy)).expect("a copy")).expect("zstd");
        assert_eq!(text(&copy), *table);
    }
    let pipeline = fs::read_to_string(here.join("old.toml")).expect("a pipeline file");
    assert!(pipeline.contains("numeric = [\"gr\u{f6}\u{df}e\"]"), "{pipeline}");
    fs::write(here.join("old.toml"), pipeline.replace("old.csv.zst", "old.csv")).expect("a file");
    let run = ["run", "old.toml", "--once", "--broker", "embedded", "--listen", "127.0.0.1:0"];
    for command in [&["check", "old.toml"][..], &run] {
        let output = fails(here, command, 1);
        let expected = "cannot be read: the record is not UTF-8: `windrow init DATA --repaired-copy OUT.csv.zst` makes";
        assert!(output.contains(expected), "{output}");
    }
}

#[test]
fn the_limit_of_a_file_that_is_too_wide_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let names = |length: usize| (0..6001).map(|name| format!("c{name:0length$}")).collect::<Vec<_>>().join(",");
    let row = vec!["1"; 6001].join(",");
    let too_many = "has 6,001 columns; at most 5,000 are read: write a copy";
    let cases = [
        ("wide.csv", format!("{}\n{row}\n{row}\n", names(4)), too_many),
        // The first bytes, from which the columns are detected, do not contain a whole line.
        ("wider.csv", format!("{}\n{row}\n{row}\n", names(100)), too_many),
        (
            "name.csv",
            format!("a,{}\n1,2\n3,4\n", "n".repeat(1 << 20)),
            "line 1 of the file name.csv has 1,048,578 bytes, but the columns are found in the first 524,288 bytes",
        ),
    ];
    for (name, table, expected) in cases {
        fs::write(here.join(name), table).expect("a file");
        let output = fails(here, &["init", name, "--target", "a"], 1);
        assert!(output.contains(expected), "{output}");
    }
}
