use proptest::prelude::*;

use super::*;

fn records(file: &str) -> Vec<(u64, String)> {
    let mut reader = RecordReader::new(file.as_bytes(), b',');
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().expect("memory can be read") {
        records.push((record.line, String::from_utf8_lossy(record.bytes).into_owned()));
    }
    records
}

fn fields(record: &[u8]) -> Result<Vec<String>, CsvError> {
    RecordParser::new(b',').parse(record).map(|fields| fields.iter().map(str::to_owned).collect())
}

#[test]
fn records_keep_their_bytes_and_lose_their_line_ends() {
    let file = "\u{feff}a,b\r\n1,\"x, \"\"y\"\"\r\nz\"\r\n\r\n3,4\n\n5,6";
    let expected = [(1, "a,b"), (2, "1,\"x, \"\"y\"\"\r\nz\""), (5, "3,4"), (7, "5,6")];
    assert_eq!(records(file), expected.map(|(line, text)| (line, text.to_owned())));
}

#[test]
fn empty_files_have_no_records() {
    for file in ["", "\n", "\r\n\r\n"] {
        assert_eq!(records(file), []);
    }
}

#[test]
fn fields_come_unquoted() {
    assert_eq!(fields(b"1,\"x, \"\"y\"\"\nz\",,"), Ok(["1", "x, \"y\"\nz", "", ""].map(str::to_owned).to_vec()));
}

#[test]
fn one_parser_splits_short_and_long_records() {
    let mut parser = RecordParser::new(b',');
    let lengths = [1, 2, SHORT_RECORD - 1, SHORT_RECORD, SHORT_RECORD + 1, 3 * SHORT_RECORD, 1, SHORT_RECORD];
    for (length, pattern) in lengths.into_iter().flat_map(|length| ["a", ",", "ab,"].map(|pattern| (length, pattern))) {
        let record = &pattern.repeat(length)[..length];
        let fields = parser.parse(record.as_bytes()).expect("a record");
        assert!(fields.iter().eq(record.split(',')), "{length} bytes of {pattern:?}");
    }
}

#[test]
fn text_that_is_not_exactly_one_record_is_rejected() {
    assert_eq!(fields(b""), Err(CsvError::Empty));
    assert_eq!(fields(b"a,b\nc,d"), Err(CsvError::MoreThanOne));
    assert_eq!(fields(b"a,\xff"), Err(CsvError::NotUtf8));
    for open in ["2,\"b", "\"", "a,\"b\"\"", "a,\"b\n"] {
        assert_eq!(fields(open.as_bytes()), Err(CsvError::OpenQuote), "{open}");
    }
    assert_eq!(fields(b"a,b\r\n").map(|fields| fields.len()), Ok(2));
}

#[test]
fn a_quote_never_closed_does_not_fill_the_memory() {
    let endless = Read::chain(&b"a\nb,\""[..], io::repeat(b'x'));
    let mut reader = RecordReader::new(endless, b',');
    assert!(matches!(reader.next_record(), Ok(Some(_))));
    assert!(matches!(reader.next_record(), Err(ReadError::TooLong(2))));
}

#[test]
fn a_line_is_read_whatever_its_quotes() {
    let file = "\u{feff}{\"a\": \"x\r\n\n  \n\"b\",\"\nlast \"";
    let mut reader = RecordReader::lines(file.as_bytes());
    let mut lines = Vec::new();
    while let Some(line) = reader.next_record().expect("memory can be read") {
        lines.push((line.line, String::from_utf8_lossy(line.bytes).into_owned()));
    }
    let expected = [(1, "{\"a\": \"x"), (3, "  "), (4, "\"b\",\""), (5, "last \"")];
    assert_eq!(lines, expected.map(|(line, text)| (line, text.to_owned())));
    let mut endless = RecordReader::lines(Read::chain(&b"a\n"[..], io::repeat(b'"')));
    assert!(matches!(endless.next_record(), Ok(Some(_))));
    let error = endless.next_record().map(drop).expect_err("a limit");
    assert_eq!(error.to_string(), "line 2 is longer than 16 MiB");
}

/// Removes the spaces before fields. The source returns at most `chunk` bytes for each read.
fn without_initial_space(text: &[u8], chunk: usize) -> Vec<u8> {
    struct Chunks<'a>(&'a [u8], usize);

    impl Read for Chunks<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    let mut kept = Vec::new();
    SkipInitialSpace::new(Chunks(text, chunk), b',', b'"').read_to_end(&mut kept).expect("memory can be read");
    kept
}

#[test]
fn spaces_before_a_field_are_removed_and_all_others_stay() {
    let cases = [
        ("a, \"Doe, Jane\",b", "a,\"Doe, Jane\",b"),
        ("  \"a\"  ,   b c \n  d, e", "\"a\"  ,b c \nd,e"),
        ("a, \"x, \"\"y\"\", z\", b", "a,\"x, \"\"y\"\", z\",b"),
        ("a, \"x\n , y\", b", "a,\"x\n , y\",b"),
        ("a, b \"c, d\", e", "a,b \"c,d\",e"),
        ("a,\t \"b\"", "a,\t \"b\""),
        ("\u{feff} \"a, b\", c", "\u{feff}\"a, b\",c"),
        ("a,    \n\r\n   ", "a,\n\r\n"),
        ("", ""),
    ];
    for (text, expected) in cases {
        let kept = without_initial_space(text.as_bytes(), 4096);
        assert_eq!(String::from_utf8_lossy(&kept), expected, "{text}");
    }
    let mut reader = RecordReader::new(SkipInitialSpace::new(&b"a,b\n 1, \"x\ny\"\n\n2, z"[..], b',', b'"'), b',');
    let mut lines = Vec::new();
    while let Some(record) = reader.next_record().expect("memory can be read") {
        lines.push((record.line, fields(record.bytes).expect("a record").join("|")));
    }
    assert_eq!(lines, [(1, "a|b".to_owned()), (2, "1|x\ny".to_owned()), (5, "2|z".to_owned())]);
}

proptest! {
    #[test]
    fn the_size_of_a_read_changes_nothing(
        text in prop::collection::vec(prop::sample::select(b"a ,\"\r\n\xef\xbb\xbf".to_vec()), 0..40),
        chunk in 1..5_usize,
    ) {
        prop_assert_eq!(without_initial_space(&text, chunk), without_initial_space(&text, 4096));
        let solid: Vec<u8> = text.into_iter().filter(|byte| *byte != b' ').collect();
        prop_assert_eq!(without_initial_space(&solid, chunk), solid);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// If the parser accepts bytes as one record, then they are one record in a file, between others.
    #[test]
    fn a_parsed_record_survives_between_others(
        bytes in prop::collection::vec(prop::sample::select(b"a1 ,;\t\"\r\n\xc3\xa9\xff\0".to_vec()), 0..12),
        delimiter in prop::sample::select(b",;\t".to_vec()),
    ) {
        let record = trim_line_breaks(&bytes);
        let mut parser = RecordParser::new(delimiter);
        let Ok(parsed) = parser.parse(record) else { return Ok(()) };
        let parsed: Vec<String> = parsed.iter().map(str::to_owned).collect();
        let file = [b"first\n", record, b"\n", record, b"\nlast\n"].concat();
        let mut reader = RecordReader::new(&file[..], delimiter);
        for expected in [b"first", record, record, b"last"] {
            let found = reader.next_record().expect("memory can be read").expect("four records");
            prop_assert_eq!(found.bytes, expected);
        }
        prop_assert!(reader.next_record().expect("memory can be read").is_none());
        // The fast path and the state machine give the same fields.
        let unquoted: Vec<String> =
            RecordParser::new(delimiter).unquote(record).expect("as before").iter().map(str::to_owned).collect();
        prop_assert_eq!(&parsed, &unquoted);
        let again: Vec<String> = parser.parse(record).expect("as before").iter().map(str::to_owned).collect();
        prop_assert_eq!(parsed, again);
    }

    #[test]
    fn written_records_read_back(rows in prop::collection::vec(prop::collection::vec("[ -~\r\n\"é]{0,12}", 2..5), 1..20)) {
        let mut file = Vec::new();
        for row in &rows {
            file.extend(write_record(row.iter().map(String::as_str), b','));
            file.push(b'\n');
        }
        let mut reader = RecordReader::new(&file[..], b',');
        for row in &rows {
            let record = reader.next_record().expect("memory can be read").expect("as many records as rows");
            prop_assert_eq!(&fields(record.bytes).expect("one record"), row);
        }
        prop_assert!(reader.next_record().expect("memory can be read").is_none());
    }
}

/// Formats a record with the writer of `csv_core`.
fn by_library(fields: &[String], delimiter: u8) -> Vec<u8> {
    let mut writer = csv_core::WriterBuilder::new().delimiter(delimiter).build();
    let (mut record, mut buffer) = (Vec::new(), [0; 4096]);
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            let (_, written) = writer.delimiter(&mut buffer);
            record.extend_from_slice(&buffer[..written]);
        }
        let (_, _, written) = writer.field(field.as_bytes(), &mut buffer);
        record.extend_from_slice(&buffer[..written]);
    }
    let (_, written) = writer.finish(&mut buffer);
    record.extend_from_slice(&buffer[..written]);
    record
}

proptest! {
    #[test]
    fn a_record_is_written_as_the_library_writes_it(
        fields in proptest::collection::vec("[a\"\r\n,; #\u{e9}]{0,5}", 1..5),
        delimiter in proptest::sample::select(vec![b',', b';', b'\t']),
    ) {
        let written = write_record(fields.iter().map(String::as_str), delimiter);
        prop_assert_eq!(written, by_library(&fields, delimiter));
    }
}
