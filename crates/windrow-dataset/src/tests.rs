use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use super::*;
use windrow_config::Dataset;

pub(crate) fn dataset(path: PathBuf, columns: Option<&[&str]>) -> Dataset {
    let columns = columns.map(|columns| columns.iter().map(|column| (*column).to_owned()).collect());
    Dataset { columns, ..Dataset::new(path) }
}

pub(crate) fn rows(dataset: &Dataset) -> Result<Vec<String>, DatasetError> {
    let mut reader = DatasetReader::open(dataset)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        assert_eq!(row.number.get(), rows.len() as u64 + 1);
        rows.push(String::from_utf8_lossy(row.bytes).into_owned());
    }
    Ok(rows)
}

/// Builds a zip archive with deflated members and the directory after them, as Python's `zipfile` does.
pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).expect("memory");
        let packed = packer.finish().expect("memory");
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let (offset, number) = (archive.len() as u32, |length: usize| (length as u32).to_le_bytes());
        let mut facts = [20, 0, 0, 0, 8, 0, 0, 0, 33, 0].to_vec();
        for part in [crc.sum().to_le_bytes(), number(packed.len()), number(bytes.len())] {
            facts.extend(part);
        }
        facts.extend((name.len() as u16).to_le_bytes());
        facts.extend([0, 0]);
        archive.extend(b"PK\x03\x04".iter().chain(&facts).chain(name.as_bytes()).chain(&packed));
        directory.extend(b"PK\x01\x02\x14\x00".iter().chain(&facts));
        directory.extend([0; 10].iter().chain(&offset.to_le_bytes()).chain(name.as_bytes()));
    }
    let (count, start) = ((members.len() as u16).to_le_bytes(), archive.len() as u32);
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0".iter().chain(&count).chain(&count));
    archive.extend((directory.len() as u32).to_le_bytes().iter().chain(&start.to_le_bytes()).chain(&[0, 0]));
    archive
}

#[test]
fn content_decides_what_a_file_is_and_not_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = b"id,name\n1,a\n";
    let zipped = archive(&[("inner/table.csv", text)]);
    let mut damaged = zipped.clone();
    let crc = zipped.len() - 22 - 46 - "inner/table.csv".len() + 16;
    damaged[crc] ^= 1;
    for (name, bytes) in [
        ("no-ending", &text[..]),
        ("plain.csv.gz", &text[..]),
        ("zipped.txt", &zipped),
        ("zstd", &zstd::encode_all(&text[..], 1).expect("zstd")),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        assert_eq!(rows(&dataset(path, None)).expect("reads"), ["1,a"], "{name}");
    }
    let path = folder.path().join("damaged.zip");
    std::fs::write(&path, damaged).expect("a file");
    let error = rows(&dataset(path, None)).expect_err("a wrong checksum").to_string();
    assert!(error.contains("the checksum of the zip archive does not match"), "{error}");
}

#[test]
fn rows_of_another_dialect_are_written_as_standard_csv() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("d.csv");
    let text = "Report of 2020\n\nday;clock;price;what\n2020-01-02;10:30;1.234,5;'a;b'\n;;;\n2020-01-03;;0,5;x\n";
    std::fs::write(&path, text).expect("a file");
    let time = windrow_config::TimeColumn {
        column: "when".to_owned(),
        format: windrow_record::TimeFormat::new("%Y-%m-%d %H:%M").expect("a format"),
        from: Some(["day".to_owned(), "clock".to_owned()]),
    };
    let (skip, delimiter, quote, decimal, time) = (Some(2), b';', Some(b'\''), Some(b','), Some(time));
    let odd = Dataset { skip, delimiter, quote, decimal, time, ..dataset(path.clone(), None) };
    assert_eq!(DatasetReader::open(&odd).expect("opens").columns(), ["day", "clock", "price", "what", "when"]);
    let expected = ["2020-01-02;10:30;1234.5;\"a;b\";2020-01-02 10:30", ";;;;", "2020-01-03;;0.5;x;2020-01-03 "];
    assert_eq!(rows(&odd).expect("reads"), expected);
    let mut reader = DatasetReader::open(&odd).expect("opens");
    assert_eq!(reader.next_row().expect("reads").map(|row| row.line), Some(4), "lines before the header count");
    // Columns that the pipeline file names in place of a header line.
    let names = ["a", "b", "c", "d"];
    let named = Dataset { skip: Some(3), delimiter, ..dataset(path.clone(), Some(&names)) };
    assert_eq!(rows(&named).expect("reads").first().map(String::as_str), Some("2020-01-02;10:30;1.234,5;'a;b'"));
    let error = rows(&Dataset { skip: Some(99), ..dataset(path, None) }).expect_err("nothing left").to_string();
    assert!(error.contains("nothing after its first 99 lines"), "{error}");
}

#[test]
fn cells_are_rewritten_by_the_rules_of_their_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("d.csv");
    let text = "at,price,rate,size,joined\n\
        2024-03-01 12:00,\"$1,234.50\",12.5%,k.A.,2024-02-01\n\
        2024-03-01 12:00,($2.00),7%, <0.01 ,2024-03-01 12:00\n\
        2024-03-02 00:00,FREE,x,5,2024-03-03\n\
        later,$1,,5,2024-02-01\n";
    std::fs::write(&path, text).expect("a file");
    let form = |example: &str| windrow_record::NumberForm::try_from(example.to_owned()).expect("a form");
    let format = |format: &str| windrow_record::TimeFormat::new(format).expect("a format");
    let texts = |texts: &[(&str, &str)]| texts.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let rules = Dataset {
        numbers: [("price".to_owned(), form("$1,234.50")), ("rate".to_owned(), form("12.5%"))].into(),
        replace: [
            ("size".to_owned(), texts(&[("k.A.", ""), ("<0.01", "0.01")])),
            ("price".to_owned(), texts(&[("FREE", "0")])),
        ]
        .into(),
        days_since: [("joined".to_owned(), format("%Y-%m-%d"))].into(),
        null: vec!["NA".to_owned()],
        time: Some(windrow_config::TimeColumn {
            column: "at".to_owned(),
            format: format("%Y-%m-%d %H:%M"),
            from: None,
        }),
        ..dataset(path, None)
    };
    let expected = [
        "2024-03-01 12:00,1234.50,12.5,NA,29.50",
        // A text that has another form stays, so that the row goes to quarantine.
        "2024-03-01 12:00,-2.00,7,0.01,2024-03-01 12:00",
        "2024-03-02 00:00,0,x,5,-1",
        "later,1,,5,2024-02-01",
    ];
    assert_eq!(rows(&rules).expect("reads"), expected);
    let unknown = Dataset { numbers: [("prise".to_owned(), form("12.5%"))].into(), ..rules };
    let error = rows(&unknown).expect_err("no such column").to_string();
    assert!(error.contains("dataset.numbers") && error.contains("did you mean `price`?"), "{error}");
}

#[test]
fn spaces_before_fields_are_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("d.csv");
    std::fs::write(&path, "a report\n a, b\n 1, \"x, y\"\n2,  'z, w'\n").expect("a file");
    let spaced = Dataset { skip: Some(1), skip_initial_space: Some(true), ..dataset(path, None) };
    assert_eq!(DatasetReader::open(&spaced).expect("opens").columns(), ["a", "b"]);
    assert_eq!(rows(&spaced).expect("reads"), ["1,\"x, y\"", "2,'z,w'"]);
    let spaced = Dataset { quote: Some(b'\''), ..spaced };
    assert_eq!(rows(&spaced).expect("reads"), ["1,\"\"\"x\",\"y\"\"\"", "2,\"z, w\""]);
}

#[test]
fn rows_that_are_not_utf8_are_decoded_before_they_are_rewritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("d.csv");
    std::fs::write(&path, b"a,b\n'x, \xe9',1\n'\xc3\xa9, x',2\n").expect("a file");
    let quoted = Dataset { quote: Some(b'\''), ..dataset(path, None) };
    let mut reader = DatasetReader::open_decoding(&quoted).expect("opens");
    for (bytes, is_decoded) in [("\"x, \u{e9}\",1", true), ("\"\u{e9}, x\",2", false)] {
        let row = reader.next_row().expect("reads").expect("a row");
        assert_eq!((String::from_utf8_lossy(row.bytes).as_ref(), row.is_decoded), (bytes, is_decoded));
    }
    let mut reader = DatasetReader::open(&quoted).expect("opens");
    let row = reader.next_row().expect("reads").expect("a row");
    assert_eq!((row.bytes, row.is_decoded), (&b"'x, \xe9',1"[..], false), "the bytes of the file");
}

#[test]
fn plain_gzip_and_zstd_give_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = b"\xef\xbb\xbfid,name\r\n1,\"a, b\"\r\n2,\"c\r\nd\"\r\n";
    let plain = folder.path().join("d.csv");
    std::fs::write(&plain, text).expect("a file");
    let zipped = folder.path().join("d.csv.gz");
    let mut gzip = flate2::write::GzEncoder::new(File::create(&zipped).expect("a file"), flate2::Compression::fast());
    gzip.write_all(text).and_then(|()| gzip.finish().map(drop)).expect("a gzip file");
    let zstd = folder.path().join("d.csv.zst");
    std::fs::write(&zstd, zstd::encode_all(&text[..], 1).expect("zstd")).expect("a file");
    for path in [plain, zipped, zstd] {
        let dataset = dataset(path, None);
        assert_eq!(DatasetReader::open(&dataset).expect("opens").columns(), ["id", "name"]);
        assert_eq!(rows(&dataset).expect("reads"), ["1,\"a, b\"", "2,\"c\r\nd\""]);
        assert_eq!(DatasetReader::open(&dataset).expect("opens").count().expect("reads"), 2);
    }
}

#[test]
fn with_named_columns_the_first_line_is_a_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("d.csv");
    std::fs::write(&path, "1,a\n2,b").expect("a file");
    assert_eq!(rows(&dataset(path, Some(&["id", "name"]))).expect("reads"), ["1,a", "2,b"]);
}

#[test]
fn a_read_error_names_the_file_and_the_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = zstd::encode_all(&b"a,b\n1,2\n".repeat(10_000)[..], 1).expect("zstd");
    let half_a_gzip = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 75, 212];
    let two = archive(&[("a.csv", b"a\n1\n"), ("b.csv", b"b\n2\n")]);
    let cases: [(&str, &[u8], &str); 14] = [
        ("cut.csv.zst", &whole[..whole.len() / 2], "cannot be read beyond row"),
        ("cut.csv.gz", half_a_gzip, "cannot be read beyond row 1"),
        ("no.csv.zst", &[0x28, 0xb5, 0x2f, 0xfd], "cannot be read beyond row 1"),
        ("empty.csv", b"", "is empty"),
        ("twice.csv", b"a,a\n", "two columns named `a`"),
        ("data.parquet", b"PAR1", "its Parquet data is damaged"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "it is not a text file"),
        ("wide.csv", b"\xff\xfea\0,\0", "is UTF-16"),
        ("latin.csv", b"Gr\xf6sse,b\n1,2\n", "OUT.csv.zst` makes a copy that can be read"),
        ("array.json", b"\xef\xbb\xbf [ {\"a\": 1} ]", "it is a JSON array; write one object on each line"),
        ("pretty.json", b"{\n  \"a\": 1\n}\n", "no line is a JSON object (line 1: EOF while parsing an object"),
        ("broken.zip", b"PK\x03\x04 and no more", "a broken zip archive"),
        ("two.zip", &two, "a zip archive of 2 files (`a.csv`, `b.csv`)"),
        ("book.xlsx", &archive(&[("[Content_Types].xml", b"<a/>"), ("xl/b.xml", b"<b/>")]), "it is a workbook"),
    ];
    for (name, bytes, expected) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        let error = rows(&dataset(path, None)).expect_err(name).to_string();
        assert!(error.contains(expected) && error.contains(name), "{name}: {error}");
    }
    let error = rows(&dataset(folder.path().join("none.csv"), None)).expect_err("no file").to_string();
    assert!(error.starts_with("cannot open the dataset"), "{error}");
}
