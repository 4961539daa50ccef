//! Checks that bytes which are accepted as one record are read as one record between others in a file, unchanged.

#![no_main]

use libfuzzer_sys::fuzz_target;
use windrow_record::{RecordParser, RecordReader, trim_line_breaks};

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let delimiter = b",;\t|"[usize::from(choice) % 4];
    let record = trim_line_breaks(bytes);
    let mut parser = RecordParser::new(delimiter);
    let Ok(fields) = parser.parse(record) else { return };
    let fields: Vec<String> = fields.iter().map(str::to_owned).collect();
    let file = [b"first\n", record, b"\n", record, b"\nlast\n"].concat();
    let mut reader = RecordReader::new(&file[..], delimiter);
    for expected in [b"first", record, record, b"last"] {
        let found = reader.next_record().expect("memory can be read").expect("four records");
        assert_eq!(found.bytes, expected);
        let again: Vec<String> =
            RecordParser::new(delimiter).parse(found.bytes).expect("as before").iter().map(str::to_owned).collect();
        assert!(expected != record || again == fields);
    }
    assert!(reader.next_record().expect("memory can be read").is_none());
});
