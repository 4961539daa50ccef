//! Converts a message to a row that can be stored, or finds the reason why it cannot be stored.

use std::sync::Arc;

use serde_json::{Map, Value};

use windrow_config::{LastTime, RowFault, Schema};
use windrow_record::{CsvError, EventTime, RecordParser, trim_line_breaks, write_record};

/// Reads the values of messages against the columns of the dataset.
pub(crate) struct Intake {
    schema: Arc<Schema>,
    parser: RecordParser,
    needs_time: bool,
    /// The CSV record of the last JSON object.
    from_json: Vec<u8>,
    last_time: LastTime,
}

pub(crate) struct AcceptedRow<'a> {
    /// The CSV record, without a line end.
    pub(crate) record: &'a [u8],
    /// True if the row has a target.
    pub(crate) labelled: bool,
    /// The time of the event, if the pipeline names a time column.
    pub(crate) time: Option<EventTime>,
}

impl Intake {
    /// Creates an intake. If `needs_time` is true, it refuses a row without a time, because no event window could hold
    /// it.
    pub(crate) fn new(schema: Arc<Schema>, needs_time: bool) -> Self {
        let parser = RecordParser::new(schema.delimiter);
        Self { schema, parser, needs_time, from_json: Vec::new(), last_time: LastTime::default() }
    }

    /// Reads one value: a CSV record or, if `foreign` is true, possibly a JSON object.
    pub(crate) fn read<'a>(&'a mut self, value: &'a [u8], foreign: bool) -> Result<AcceptedRow<'a>, IntakeError> {
        let record = if foreign && value.trim_ascii_start().starts_with(b"{") {
            self.from_json = json_to_record(&self.schema, value)?;
            &self.from_json
        } else {
            // Other producers often send the line with its line break.
            trim_line_breaks(value)
        };
        let fields = self.parser.parse(record)?;
        self.schema.check_count(&fields)?;
        let time = self.last_time.read(&self.schema, &fields)?;
        let label = self.schema.check(&fields)?;
        if self.needs_time && time.is_none() {
            return Err(RowFault::NoTime(self.schema.time_column()).into());
        }
        Ok(AcceptedRow { record, labelled: label.is_some(), time })
    }
}

/// Converts a JSON object to a CSV record. The object must have a key for every column, and no others.
fn json_to_record(schema: &Schema, value: &[u8]) -> Result<Vec<u8>, IntakeError> {
    let object: Map<String, Value> =
        serde_json::from_slice(value).map_err(|error| IntakeError::Json { reason: error.to_string() })?;
    if let Some(key) = object.keys().find(|key| !schema.columns.contains(key)) {
        return Err(IntakeError::JsonUnknown { key: key.clone() });
    }
    let mut cells = Vec::with_capacity(schema.columns.len());
    for column in &schema.columns {
        cells.push(match object.get(column) {
            None => return Err(IntakeError::JsonLacks { column: column.clone() }),
            Some(Value::Null) => schema.null_text().to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(_) | Value::Object(_)) => return Err(IntakeError::JsonNested { column: column.clone() }),
            Some(scalar) => scalar.to_string(),
        });
    }
    Ok(write_record(cells.iter().map(String::as_str), schema.delimiter))
}

/// The reason why a message is not a row.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IntakeError {
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error(transparent)]
    Row(#[from] RowFault),
    #[error("it begins like a JSON object, but is not one: {reason}")]
    Json { reason: String },
    #[error("the JSON object lacks the column `{column}`")]
    JsonLacks { column: String },
    #[error("the JSON object has the key `{key}`, which is not a column")]
    JsonUnknown { key: String },
    #[error("{column}: a cell cannot hold a JSON array or object")]
    JsonNested { column: String },
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use windrow_config::Pipeline;

    fn intake() -> Intake {
        let pipeline = Pipeline::parse(
            Path::new("test.toml"),
            r#"
            name = "test"
            dataset = { path = "d.csv", time = { column = "at", format = "%Y-%m-%d" } }
            target = { column = "late", at_least = 15 }
            features = { numeric = ["miles"], log = ["fare"] }
            window = { event = "1d" }
            "#,
        )
        .expect("a good pipeline");
        let columns = ["at", "late", "miles", "fare", "note"].map(str::to_owned);
        Intake::new(Arc::new(Schema::bind(&pipeline, &columns).expect("all columns")), true)
    }

    fn read(value: &str, foreign: bool) -> Result<(String, bool), String> {
        let mut intake = intake();
        let accepted = intake.read(value.as_bytes(), foreign).map_err(|refusal| refusal.to_string())?;
        Ok((String::from_utf8_lossy(accepted.record).into_owned(), accepted.labelled))
    }

    #[test]
    fn rows_are_taken_as_they_stand() {
        for (value, labelled) in [("2013-01-01,20,5.5,0,\"a, b\"", true), ("2013-01-01,,,,", false)] {
            assert_eq!(read(value, false), Ok((value.to_owned(), labelled)));
            assert_eq!(read(&format!("{value}\r\n"), true), Ok((value.to_owned(), labelled)));
        }
    }

    #[test]
    fn event_time_is_read_from_the_row() {
        let mut intake = intake();
        let mut days = Vec::new();
        for day in ["2013-01-01", "2013-01-01", "", "2013-01-02", "soon", "2013-01-02", "2013-01-01"] {
            let value = format!("{day},1,1,1,");
            let read = intake.read(value.as_bytes(), false);
            days.push(read.ok().and_then(|row| row.time).map(|time| time.seconds() / 86_400 - 15_706));
        }
        assert_eq!(days, [Some(0), Some(0), None, Some(1), None, Some(1), Some(0)]);
    }

    #[test]
    fn a_json_object_becomes_a_record() {
        let value = r#" {"note": "a, \"b\"", "at": "2013-01-01", "late": null, "miles": 5.5, "fare": 3}"#;
        assert_eq!(read(value, true), Ok(("2013-01-01,,5.5,3,\"a, \"\"b\"\"\"".to_owned(), false)));
    }

    #[test]
    fn an_invalid_row_is_reported() {
        let cases = [
            ("2013-01-01,1", "it has 2 fields, but the dataset has 5 columns"),
            ("", "the record is empty"),
            ("2013-01-01,1,1,1,\"note", "a quote is never closed"),
            ("2013-01-01,soon,1,1,", "late: `soon` is not a number"),
            ("2013-01-01,1,far,1,", "miles: `far` is not a number"),
            ("2013-01-01,1,1,-1,", "fare: log(1 + x) needs a number above -1, not -1"),
            ("01.01.2013,1,1,1,", "at: `01.01.2013` is not a time of the form %Y-%m-%d"),
            (",1,1,1,", "at: the time is missing"),
            ("2013-01-01,1,1,1,\n2013-01-01,1,1,1,", "the message holds more than one record"),
            (r#"{"at": "2013-01-01"}"#, "the JSON object lacks the column `late`"),
            (r#"{"at": "2013-01-01", "gate": 7}"#, "the JSON object has the key `gate`, which is not a column"),
            (
                r#"{"at": "2013-01-01", "late": [1], "miles": 1, "fare": 1, "note": ""}"#,
                "late: a cell cannot hold a JSON array or object",
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(read(value, true), Err(expected.to_owned()), "{value}");
        }
        let broken = read("{\"at\": ", true).expect_err("no JSON");
        assert!(broken.starts_with("it begins like a JSON object, but is not one"), "{broken}");
    }
}
