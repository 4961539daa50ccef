//! Checks messages of other producers, with arbitrary headers and values, against a schema with every kind of column.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use windrow_config::{Pipeline, Schema};
use windrow_record::{Envelope, RecordParser, trim_line_breaks};

const PIPELINE: &str = r#"
    name = "fuzz"
    dataset = { path = "d.csv", time = { column = "at", format = "%Y-%m-%d %H:%M" } }
    target = { column = "late", at_least = 15 }
    features = { numeric = ["miles"], log = ["fare"], categorical = ["gate"], calendar = ["hour", "weekday", "month"] }
    window = { event = "1d" }
"#;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let pipeline = Pipeline::parse(Path::new("fuzz.toml"), PIPELINE).expect("a good pipeline");
    let columns = ["at", "late", "miles", "fare", "gate"].map(str::to_owned);
    Schema::bind(&pipeline, &columns).expect("all columns")
});

fuzz_target!(|input: (Vec<(&str, Option<&[u8]>)>, &[u8])| {
    let (headers, value) = input;
    let envelope = Envelope::open(headers.iter().copied());
    if let Ok(Envelope::Row { row, .. }) = envelope {
        assert!(row.get() > 0);
    }
    let mut parser = RecordParser::new(b',');
    if let Ok(fields) = parser.parse(trim_line_breaks(value)) {
        let is_whole = SCHEMA.check_count(&fields).is_ok();
        assert_eq!(is_whole, fields.len() == 5);
        let Ok(time) = SCHEMA.time(&fields) else { return };
        if is_whole && SCHEMA.check(&fields).is_ok() {
            assert!(time.is_some() || fields.get(0) == Some(""));
        }
    }
});
