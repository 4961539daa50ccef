//! Tests that rows are read back as written, and that damaged files cause errors.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write as _};

use super::*;
use windrow_record::{RecordParser, RecordReader, TimeFormat, write_record};

fn columns(kinds: &[ColumnType]) -> Vec<Column> {
    kinds.iter().enumerate().map(|(index, kind)| Column { name: format!("c{index}"), kind: *kind }).collect()
}

fn style() -> Style {
    let time = TimeFormat::new("%d.%m.%Y %H:%M").expect("a good format");
    Style { delimiter: b';', null: vec!["NA".to_owned(), String::new()], time: Some(time) }
}

/// Writes rows of texts to a temporary file.
fn written(style: &Style, columns: &[Column], rows: &[Vec<String>]) -> File {
    let file = tempfile::tempfile().expect("room on the disk");
    let mut writer = Writer::new(file.try_clone().expect("a file"), columns).expect("a writer");
    for row in rows {
        let cells = columns.iter().zip(row).map(|(column, text)| style.value(column.kind, text).expect("a value"));
        writer.push(cells.collect::<Vec<_>>()).expect("room on the disk");
    }
    let mut file = writer.finish().expect("room on the disk");
    file.seek(SeekFrom::Start(0)).expect("a file");
    file
}

/// Reads the records of a file, without its header.
fn records(file: File, style: &Style) -> Vec<Vec<u8>> {
    let mut records = RecordReader::new(CsvReader::open(file, style.clone()).expect("a file"), style.delimiter);
    let mut found = Vec::new();
    while let Some(record) = records.next_record().expect("a record") {
        found.push(record.bytes.to_vec());
    }
    found.remove(0);
    found
}

proptest::proptest! {
    #[test]
    fn rows_are_read_back_as_promised(
        rows in proptest::collection::vec(
            ("\\PC{0,6}|[;\"\r\n ]{0,3}|NA", proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 0_i64..4_000_000_000),
            0..40,
        )
    ) {
        let (style, columns) = (style(), columns(&[ColumnType::Text, ColumnType::Number, ColumnType::Time]));
        let time = |seconds: i64| style.time.as_ref().and_then(|time| time.write(seconds * 1_000_000)).expect("a time");
        let rows = rows.into_iter().map(|(text, number, seconds)| {
            let number = if seconds % 7 == 0 { "NA".to_owned() } else { format!("{number:e}") };
            vec![text, number, if seconds % 5 == 0 { String::new() } else { time(seconds) }]
        });
        let rows: Vec<Vec<String>> = rows.collect();
        let mut parser = RecordParser::new(style.delimiter);
        let expected = rows.iter().map(|row| {
            let record = write_record(row.iter().map(String::as_str), style.delimiter);
            let fields = parser.parse(&record).expect("a record");
            let canonical = style.canonical(&columns, &fields).expect("cells");
            // The canonical form of a canonical record is the record itself.
            let mut again = RecordParser::new(style.delimiter);
            let fields = again.parse(&canonical).expect("a record");
            assert_eq!(style.canonical(&columns, &fields).expect("cells"), canonical);
            canonical
        });
        let expected: Vec<Vec<u8>> = expected.collect();
        proptest::prop_assert_eq!(records(written(&style, &columns, &rows), &style), expected);
    }
}

#[test]
fn row_groups_end_and_go_on() {
    let columns = columns(&[ColumnType::Integer]);
    let rows: Vec<Vec<String>> = (0..300_000).map(|row: i64| vec![(row * row - 7).to_string()]).collect();
    let file = written(&Style::plain(), &columns, &rows);
    let reader = parquet::file::reader::SerializedFileReader::new(file.try_clone().expect("a file")).expect("a file");
    assert_eq!(parquet::file::reader::FileReader::num_row_groups(&reader), 3);
    let read = records(file, &Style::plain());
    assert!(read.iter().map(Vec::as_slice).eq(rows.iter().map(|row| row[0].as_bytes())));
}

#[test]
fn a_row_of_one_missing_cell_is_a_row() {
    let columns = columns(&[ColumnType::Text]);
    let file = written(&Style::plain(), &columns, &[vec![String::new()], vec!["a".to_owned()]]);
    assert_eq!(records(file, &Style::plain()), [b"\"\"".to_vec(), b"a".to_vec()]);
}

#[test]
fn a_damaged_file_is_an_error_and_not_a_panic() {
    let (style, columns) = (style(), columns(&[ColumnType::Text, ColumnType::Number, ColumnType::Time]));
    let rows: Vec<Vec<String>> =
        (0..50).map(|row| vec![format!("text {}", row % 3), row.to_string(), "01.02.2013 10:00".to_owned()]).collect();
    let mut whole = Vec::new();
    written(&style, &columns, &rows).read_to_end(&mut whole).expect("a file");
    let read = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().expect("room on the disk");
        file.write_all(bytes).and_then(|()| file.rewind()).expect("room on the disk");
        let mut text = Vec::new();
        CsvReader::open(file, style.clone()).map(|mut reader| reader.read_to_end(&mut text).map(|_| text))
    };
    let right = read(&whole).expect("a file").expect("rows");
    // The library may panic. The hook keeps it from printing thousands of messages.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut failures = 0;
    for position in 0..whole.len() {
        for damaged in [
            whole[..position].to_vec(),
            whole.iter().enumerate().map(|(at, byte)| if at == position { byte ^ 0x55 } else { *byte }).collect(),
        ] {
            match read(&damaged) {
                Ok(Ok(text)) => assert!(text.len() <= 100 * right.len(), "{position}: {} bytes", text.len()),
                Ok(Err(_)) | Err(_) => failures += 1,
            }
        }
    }
    std::panic::set_hook(hook);
    assert!(failures > whole.len(), "every file that is cut short is reported: {failures} of {}", whole.len());
}

#[test]
fn typed_cells_are_those_that_were_written() {
    let kinds = [ColumnType::Time, ColumnType::Number, ColumnType::Integer, ColumnType::Text];
    let columns = ["at", "p", "y", "model"].into_iter().zip(kinds);
    let columns: Vec<Column> = columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).collect();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut writer = Writer::new(file.reopen().expect("a file"), &columns).expect("a writer");
    // More rows than a batch holds, of which every third has no label.
    let rows = 20_000_i64;
    for row in 0..rows {
        let label = if row % 3 == 0 { Value::Missing } else { Value::Integer(row % 2) };
        let model = if row % 2 == 0 { "a" } else { "b" };
        let p = match row {
            7 => f64::NAN,
            8 => f64::INFINITY,
            row => row as f64 / 1e5,
        };
        writer.push([Value::Time(row * 1_000_000), Value::Number(p), label, Value::Text(model)]).expect("a row");
    }
    writer.finish().expect("a file");
    let mut reader = TypedReader::open(file.reopen().expect("a file"), |name| name != "p").expect("a reader");
    assert_eq!((reader.names().len(), reader.columns().collect::<Vec<_>>()), (4, vec!["at", "y", "model"]));
    let mut number = 0;
    loop {
        let batch = reader.next_batch().expect("rows");
        if batch == 0 {
            break;
        }
        for row in 0..batch {
            let label = (number % 3 != 0).then_some(TypedCell::Integer(number % 2));
            assert_eq!(reader.cell(0, row), Some(TypedCell::Micros(number * 1_000_000)));
            assert_eq!(reader.cell(1, row), label);
            assert_eq!(reader.cell(2, row), Some(TypedCell::Text(if number % 2 == 0 { "a" } else { "b" })));
            number += 1;
        }
    }
    assert_eq!(number, rows);
    let mut reader = TypedReader::open(file.reopen().expect("a file"), |name| name == "p").expect("a reader");
    reader.next_batch().expect("rows");
    let numbers = [6, 7, 8].map(|row| reader.cell(0, row));
    let expected = [Some(TypedCell::Number(6e-5)), None, Some(TypedCell::Number(f64::INFINITY))];
    assert_eq!(numbers, expected, "only NaN counts as missing");
}

#[test]
fn codes_and_flags_are_small_columns() {
    let kinds = [ColumnType::Code, ColumnType::Flag];
    let columns = columns(&kinds);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut writer = Writer::new(file.reopen().expect("a file"), &columns).expect("a writer");
    let rows = [(Value::Code(23), true), (Value::Missing, false), (Value::Code(-1), true)];
    for (code, flag) in rows {
        writer.push([code, Value::Flag(flag)]).expect("a row");
    }
    writer.finish().expect("a file");
    let mut reader = TypedReader::open(file.reopen().expect("a file"), |_| true).expect("a reader");
    assert_eq!(reader.next_batch().expect("rows"), 3);
    let codes = [0, 1, 2].map(|row| reader.cell(0, row));
    assert_eq!(codes, [Some(TypedCell::Integer(23)), None, Some(TypedCell::Integer(-1))]);
    assert_eq!([0, 1, 2].map(|row| reader.cell(1, row)), [true, false, true].map(|flag| Some(TypedCell::Flag(flag))));
    let texts = vec![vec!["7".to_owned(), "true".to_owned()], vec![String::new(), "false".to_owned()]];
    let read = records(written(&Style::plain(), &columns, &texts), &Style::plain());
    assert_eq!(read, [b"7,true".to_vec(), b",false".to_vec()]);
    assert!(
        Style::plain().value(ColumnType::Flag, "yes").is_err() && Style::plain().value(ColumnType::Code, "x").is_err()
    );
}
