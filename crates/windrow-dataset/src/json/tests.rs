use std::io::Write as _;
use std::path::PathBuf;

use crate::json::JsonKeys;
use crate::tests::{archive, dataset, rows};
use crate::{DatasetError, DatasetReader};
use windrow_config::Dataset;
use windrow_record::{CsvError, RecordParser};

/// Writes a file into a folder that is removed at the end of the test.
fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, bytes).expect("a file");
    (folder, path)
}

fn columns(path: PathBuf) -> Result<Vec<String>, DatasetError> {
    DatasetReader::open(&dataset(path, None)).map(|reader| reader.columns().to_vec())
}

fn keys(path: &std::path::Path) -> JsonKeys {
    JsonKeys::find(path).expect("reads").expect("JSON Lines")
}

#[test]
fn objects_are_records_with_the_values_as_they_are_written() {
    let text = "\u{feff}{\"a\": \"x, \\\"y\\\"\", \"n\": 1.50, \"ok\": true}\r\n\r\n  \
                \n{\"n\": 1e400, \"a\": null, \"new\": \"\u{e9}\\u00e9\\n\"}\r\n{}\n\
                {\"a\": 1, \"a\": \"last\", \"n\": -0.0}";
    let (_folder, path) = file(text.as_bytes());
    assert_eq!(columns(path.clone()).expect("opens"), ["a", "n", "ok", "new"]);
    let expected = ["\"x, \"\"y\"\"\",1.50,true,", ",1e400,,\"\u{e9}\u{e9}\n\"", ",,,", "last,-0.0,,"];
    assert_eq!(rows(&dataset(path.clone(), None)).expect("reads"), expected);
    let mut reader = DatasetReader::open(&dataset(path, None)).expect("opens");
    let mut lines = Vec::new();
    while let Some(row) = reader.next_row().expect("reads") {
        lines.push(row.line);
    }
    assert_eq!(lines, [1, 4, 5, 6], "blank lines count");
}

#[test]
fn the_content_and_not_the_name_makes_a_file_json_lines() {
    let text = b"{ \"id\": 1, \"name\": \"a\" }\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).expect("memory");
    let zipped = archive(&[("inner.jsonl", text)]);
    let zstd = zstd::encode_all(&text[..], 1).expect("zstd");
    for bytes in [&text[..], &gzip.finish().expect("memory"), &zipped, &zstd] {
        let (_folder, path) = file(bytes);
        assert_eq!(rows(&dataset(path, None)).expect("reads"), ["1,a"]);
    }
    for csv in ["{3F2504E0-4F89},x\n{3F2504E0-4F8A},y\n", "[10/Oct/2000:13:55:36],x\n"] {
        let (_folder, path) = file(csv.as_bytes());
        assert!(JsonKeys::find(&path).expect("reads").is_none(), "{csv}");
    }
}

#[test]
fn lines_that_are_not_objects_go_to_quarantine_with_their_text() {
    let lines = [
        "5",
        "[1, 2]",
        "\"text\"",
        "{\"c\": 1} {\"b\": 2}",
        "{\"c\": 1,}",
        "{\"a\": 1, \"c\": [1, 2}",
        // Half of a pair of escapes.
        "{\"a\": \"\\ud800\"}",
    ];
    let (_folder, path) = file(format!("{{\"a\": 1, \"b\": 2}}\n{}\n", lines.join("\n")).as_bytes());
    assert_eq!(columns(path.clone()).expect("opens"), ["a", "b"], "other lines add no columns");
    let read = rows(&dataset(path.clone(), None)).expect("reads");
    assert_eq!(read[0], "1,2");
    let mut parser = RecordParser::new(b',');
    for (record, line) in read[1..].iter().zip(lines) {
        let fields = parser.parse(record.as_bytes()).expect("a record");
        assert_eq!(fields.iter().collect::<Vec<_>>(), [line]);
    }
    let notes = keys(&path).notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    let expected = "6 lines are not JSON objects (the first is row 2 on line 2: invalid type: integer `5`, expected an \
                    object at column ";
    assert!(notes[0].starts_with(expected), "{notes:?}");
    // A single column needs a record of two fields.
    let (_folder, path) = file(b"{\"a\": 1}\nx\n");
    assert_eq!(rows(&dataset(path, None)).expect("reads"), ["1", "\"x\","]);
}

#[test]
fn nested_values_are_skipped_at_any_depth() {
    let deep = "[".repeat(1_000_000);
    let whole = format!("{{\"deep\": {deep}{}, \"a\": 1, \"b\": 2}}", "]".repeat(1_000_000));
    let text = format!("{whole}\n{{\"a\": 3, \"deep\": {deep}\n{{\"b\": {{}}, \"a\": 4, \"b\": 5}}\n");
    let (_folder, path) = file(text.as_bytes());
    let read = rows(&dataset(path.clone(), None)).expect("reads");
    assert_eq!((read[0].as_str(), read[2].as_str(), read.len()), ("1,2", "4,5", 3), "the last value of a key counts");
    assert!(read[1].starts_with("\"{\"\"a\"\": 3") && read[1].len() < 70_000, "{} bytes are kept", read[1].len());
    let left_out: Vec<_> = keys(&path).left_out().collect();
    let reason = "objects or lists in 1 row; nested values are not read, so the column is left out";
    assert_eq!(left_out, [("deep".to_owned(), reason.to_owned())]);
    let (_folder, path) = file(b"{\"data\": [{\"a\": 1}]}\n");
    let error = columns(path).expect_err("no columns").to_string();
    assert!(error.contains("its objects have no key with plain values; nested values"), "{error}");
}

#[test]
fn numbers_that_only_python_writes_are_texts() {
    let (_folder, path) = file(b"{\"a\": NaN, \"b\": -Infinity, \"c\": \"NaN, \\\" Infinity\", \"d\": [NaN]}\n");
    assert_eq!(columns(path.clone()).expect("opens"), ["a", "b", "c"]);
    assert_eq!(rows(&dataset(path, None)).expect("reads"), ["NaN,-Infinity,\"NaN, \"\" Infinity\""]);
}

#[test]
fn lines_that_are_not_utf8_are_decoded_on_request() {
    let (_folder, path) = file(b"{\"a\": \"x\"}\n{\"a\": \"\xe9\", \"b\xe9\": 1}\n");
    assert_eq!(columns(path.clone()).expect("opens"), ["a", "b\u{e9}"]);
    let mut reader = DatasetReader::open(&dataset(path.clone(), None)).expect("opens");
    reader.next_row().expect("reads").expect("a row");
    let row = reader.next_row().expect("reads").expect("a row");
    assert_eq!(RecordParser::new(b',').parse(row.bytes).map(drop), Err(CsvError::NotUtf8));
    assert!(reader.next_row().expect("reads").is_none());
    let mut reader = DatasetReader::open_decoding(&dataset(path, None)).expect("opens");
    assert!(!reader.next_row().expect("reads").expect("a row").is_decoded);
    let row = reader.next_row().expect("reads").expect("a row");
    assert_eq!((String::from_utf8_lossy(row.bytes).as_ref(), row.is_decoded), ("\u{e9},1", true));
}

#[test]
fn the_pipeline_file_chooses_keys_and_their_order() {
    let (_folder, path) = file(b"{\"a\": 1, \"b\": 2, \"c\": 3}\n{\"b\": [4], \"a\": 5}\n");
    assert_eq!(rows(&dataset(path.clone(), Some(&["c", "a"]))).expect("reads"), ["3,1", ",5"]);
    let nested = rows(&dataset(path.clone(), Some(&["b", "a"]))).expect("reads");
    assert_eq!(nested, ["2,1", "\"{\"\"b\"\": [4], \"\"a\"\": 5}\""]);
    let error = rows(&dataset(path.clone(), Some(&["a", "d"]))).expect_err("no such key").to_string();
    assert!(error.contains("has the key `d` (dataset.columns in the pipeline file)"), "{error}");
    let plain = dataset(path, None);
    for (key, odd) in [
        ("skip", Dataset { skip: Some(1), ..plain.clone() }),
        ("delimiter", Dataset { delimiter: b';', ..plain.clone() }),
        ("quote", Dataset { quote: Some(b'\''), ..plain.clone() }),
        ("skip_initial_space", Dataset { skip_initial_space: Some(true), ..plain.clone() }),
    ] {
        let error = rows(&odd).expect_err(key).to_string();
        assert!(error.contains(&format!("is JSON Lines, for which dataset.{key} has no meaning")), "{error}");
    }
}

#[test]
fn keys_and_lines_are_bounded() {
    let names = |count: usize| (0..count).map(|name| format!("\"k{name}\": 1")).collect::<Vec<_>>().join(", ");
    let (_folder, path) = file(format!("{{{}}}\n", names(5001)).as_bytes());
    let error = columns(path).expect_err("too many").to_string();
    assert!(error.contains("has more than 5,000 different keys"), "{error}");
    // A line that is not an object adds none of its keys.
    let (_folder, path) = file(format!("{{\"a\": 1}}\n{{{}\n{{{}}}\n", names(6000), names(4999)).as_bytes());
    assert_eq!(columns(path).expect("opens").len(), 5000);
    let (_folder, path) = file(format!("{{\"a\": 1, \"{}\": 2}}\n", "k".repeat(1_000_000)).as_bytes());
    assert_eq!(rows(&dataset(path.clone(), None)).expect("reads"), ["1"]);
    assert_eq!(keys(&path).notes(), ["keys of more than 1,000 bytes are not read (the first is in row 1)"]);
    let (_folder, path) = file(format!("{{\"a\": 1}}\n{{\"a\": \"{}\"}}\n", "x".repeat(17 << 20)).as_bytes());
    let error = columns(path).expect_err("a long line").to_string();
    assert!(error.contains("cannot be read: line 2 is longer than 16 MiB"), "{error}");
}
