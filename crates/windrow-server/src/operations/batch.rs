//! Predictions for many rows. All rows are read before the answer begins, so a fault in one row rejects the whole
//! request.

use std::collections::BTreeMap;
use std::sync::Arc;

use poem::http::HeaderValue;
use poem::http::header::CONTENT_TYPE;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, Registry};
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

use crate::answer::{AnsweredBy, described, success};
use crate::body::{Body, ManyRows, RowsKind};
use crate::error::ApiError;
use crate::operations::learner::Slices;
use crate::operations::prediction::{BatchPrediction, FieldRange, RowPrediction, describe};
use crate::schema::{FieldFault, FieldFaults, InputSchema, MAX_ROW_BYTES, Row, RowSeed};
use crate::served::{Fitted, PredictedBy};
use windrow_learn::model::{Outside, Predictor};
use windrow_record::{RecordParser, RecordReader, append_record};
use windrow_registry::Model;

/// The length at which a piece of the answer ends, in bytes. It is exceeded by at most one row.
const PIECE_BYTES: usize = 64 << 10;
/// Rows between two checks that the client still waits.
const ROWS_PER_CHECK: usize = 1000;

pub(crate) struct BatchAnswer {
    by: AnsweredBy,
    threshold: f64,
    kind: RowsKind,
    /// The ranges of the fields with a number outside, by name. Only the answer in JSON has them.
    ranges: BTreeMap<String, FieldRange>,
    rows: BatchRows,
}

/// The predictions for the rows of a batch, until they are written. They take little memory compared with the body.
#[derive(Debug, Default)]
pub(crate) struct BatchRows {
    rows: Vec<BatchRow>,
    /// The numbers outside the range of the training rows, row after row.
    outside: Vec<Outside>,
}

#[derive(Debug)]
struct BatchRow {
    probability: f64,
    label: bool,
    /// The count of the row's numbers outside.
    outside: u32,
}

impl BatchRows {
    #[cfg(any(test, fuzzing))]
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    fn push(&mut self, probability: f64, label: bool, outside: impl Iterator<Item = (Outside, f64)>) {
        let before = self.outside.len();
        self.outside.extend(outside.map(|(outside, _)| outside));
        // A row has fewer numbers than a body has bytes.
        let outside = (self.outside.len() - before) as u32;
        self.rows.push(BatchRow { probability, label, outside });
    }

    /// Sets the probabilities of all rows, which were not known before.
    fn set(&mut self, probabilities: &[f64], threshold: f64) {
        for (row, probability) in self.rows.iter_mut().zip(probabilities) {
            (row.probability, row.label) = (*probability, *probability >= threshold);
        }
    }

    /// Returns the range of each field that has a number outside in at least one row.
    fn ranges(&self, model: &Model) -> BTreeMap<String, FieldRange> {
        let mut ranges = BTreeMap::new();
        for number in self.outside.iter().filter_map(|outside| describe(model, *outside)) {
            ranges.entry(number.column).or_insert(FieldRange { low: number.low, high: number.high });
        }
        ranges.into_iter().map(|(field, range)| (field.to_owned(), range)).collect()
    }
}

/// Predicts every row of a body. This is CPU-bound, or waits for a learner: do not call it on a thread of the async
/// runtime.
///
/// # Errors
/// Returns an error if the body has another format, too many rows or faulty rows, or if the request was abandoned.
pub(crate) fn answer(fitted: Fitted<'_>, rows: &Body<ManyRows>) -> Result<BatchAnswer, ApiError> {
    let Body { content, bytes, permit, .. } = rows;
    let is_wanted = || permit.check_wanted();
    let predictions = predictions(fitted, content.sent, bytes, permit.scope.limits.max_rows, &is_wanted)?;
    let is_json = content.wanted == RowsKind::Json;
    let ranges = if is_json { predictions.ranges(fitted.model) } else { BTreeMap::new() };
    let by = AnsweredBy(Arc::clone(fitted.model));
    Ok(BatchAnswer { by, threshold: fitted.learned.threshold, kind: content.wanted, ranges, rows: predictions })
}

/// Predicts every row. Calls `is_wanted` from time to time, and returns its error if it fails. A learner outside of this
/// program is asked only if no row is faulty, so the rows are read twice: they would take much more memory than the body.
pub(crate) fn predictions(
    fitted: Fitted<'_>,
    kind: RowsKind,
    body: &[u8],
    max_rows: usize,
    is_wanted: &dyn Fn() -> Result<(), ApiError>,
) -> Result<BatchRows, ApiError> {
    let read = |task: RowTask<'_>| {
        let (rows, faults, schema) = (BatchRows::default(), FieldFaults::default(), fitted.schema);
        let mut reader = BatchReader { schema, task, max_rows, is_wanted, read: 0, rows, faults };
        match kind {
            RowsKind::Json => reader.read_array(body)?,
            RowsKind::Ndjson => reader.read_lines(body)?,
            RowsKind::Csv => reader.read_table(body)?,
        }
        reader.end(fitted.learned.threshold)
    };
    match fitted.by {
        PredictedBy::Coefficients(predictor) => read(RowTask::Predict(predictor)),
        PredictedBy::Learner(foreign) => {
            read(RowTask::Check)?;
            read(RowTask::Ask(Slices::new(foreign, is_wanted)))
        }
    }
}

/// The task for each row that has no fault.
enum RowTask<'a> {
    /// The row has been checked already.
    Check,
    /// Predict the row in this process.
    Predict(&'a Predictor),
    /// Ask the learner of the model, slice by slice.
    Ask(Slices<'a>),
}

/// Reads rows and predicts them. Stops when the list of faults is full.
struct BatchReader<'a> {
    schema: &'a InputSchema,
    task: RowTask<'a>,
    max_rows: usize,
    is_wanted: &'a dyn Fn() -> Result<(), ApiError>,
    /// The number of rows that were begun.
    read: usize,
    rows: BatchRows,
    faults: FieldFaults,
}

impl BatchReader<'_> {
    /// Counts the next row. Checks the limit of rows and, from time to time, that the client still waits.
    fn begin_row(&mut self) -> Result<(), ApiError> {
        if self.read == self.max_rows {
            return Err(ApiError::too_many_rows(self.max_rows));
        }
        if self.read.is_multiple_of(ROWS_PER_CHECK) {
            (self.is_wanted)()?;
        }
        self.read += 1;
        self.faults.row = Some(self.read as u64);
        Ok(())
    }

    fn answer(&mut self, row: Option<&Row<'_>>) -> Result<(), ApiError> {
        // If a row is faulty, the request gets no predictions.
        let Some(row) = row.filter(|_| self.faults.is_empty()) else { return Ok(()) };
        match &mut self.task {
            RowTask::Check => {}
            RowTask::Predict(predictor) => {
                let cells = self.schema.cells(row);
                let found = predictor.predict(&cells);
                self.rows.push(found.probability, found.label, predictor.outside(&cells));
            }
            RowTask::Ask(slices) => {
                let cells = self.schema.cells(row);
                slices.push(&cells)?;
                // The probability follows at the end.
                self.rows.push(0.0, false, slices.model.outside(&cells));
            }
        }
        Ok(())
    }

    /// Returns the rows, if none has a fault.
    fn end(self, threshold: f64) -> Result<BatchRows, ApiError> {
        let Self { task, mut rows, faults, .. } = self;
        if !faults.is_empty() {
            return Err(ApiError::faulty("invalid-batch", "the batch", faults));
        }
        if let RowTask::Ask(slices) = task {
            rows.set(&slices.finish()?, threshold);
        }
        Ok(rows)
    }

    fn read_array(&mut self, body: &[u8]) -> Result<(), ApiError> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let mut refused = None;
        let read = reader.deserialize_any(Array { reader: self, refused: &mut refused });
        let read = read.and_then(|()| reader.end());
        match (refused, read) {
            (Some(error), _) => Err(error),
            (None, Err(error)) if !self.faults.is_full() => {
                Err(ApiError::malformed(format!("the body is not an array of rows: {error}")))
            }
            _ => Ok(()),
        }
    }

    fn read_lines(&mut self, body: &[u8]) -> Result<(), ApiError> {
        for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            self.begin_row()?;
            let mut reader = serde_json::Deserializer::from_slice(line);
            let row = RowSeed { schema: self.schema, faults: &mut self.faults }.deserialize(&mut reader);
            let row = row.and_then(|row| reader.end().map(|()| row));
            if self.faults.is_full() {
                return Ok(());
            }
            let row = row.map_err(|error| ApiError::malformed(format!("line {} is not JSON: {error}", index + 1)))?;
            self.answer(row.as_ref())?;
        }
        Ok(())
    }

    fn read_table(&mut self, body: &[u8]) -> Result<(), ApiError> {
        let no_record = |line: usize, error: &dyn std::fmt::Display| {
            ApiError::malformed(format!("record {line} of the body is not CSV: {error}"))
        };
        let check_size = |line: usize, record: &[u8]| {
            let too_large = format!("it is larger than {MAX_ROW_BYTES} bytes");
            if record.len() > MAX_ROW_BYTES { Err(no_record(line, &too_large)) } else { Ok(()) }
        };
        let (mut records, mut parser) = (RecordReader::new(body, b','), RecordParser::new(b','));
        let Some(header) = records.next_record().map_err(|error| no_record(1, &error))? else {
            return Err(ApiError::malformed("the body is empty: CSV begins with a header line"));
        };
        check_size(1, header.bytes)?;
        let header = parser.parse(header.bytes).map_err(|error| no_record(1, &error))?;
        let Some(columns) = self.schema.columns(&header, &mut self.faults) else {
            let detail = "the header line does not have the columns that the model needs";
            return Err(ApiError::with_faults("invalid-batch", detail, std::mem::take(&mut self.faults)));
        };
        let names = header.len();
        while let Some(record) = records.next_record().map_err(|error| no_record(self.read + 2, &error))? {
            self.begin_row()?;
            check_size(self.read + 1, record.bytes)?;
            let fields = parser.parse(record.bytes).map_err(|error| no_record(self.read + 1, &error))?;
            if fields.len() == names {
                let row = self.schema.read(&fields, &columns, &mut self.faults);
                self.answer(row.as_ref())?;
            } else {
                self.faults.push(FieldFault {
                    reason: "does not have the same number of fields as the header line".to_owned(),
                    given: Some(fields.len().to_string()),
                    expected: Some(names.to_string()),
                    ..FieldFault::default()
                });
            }
            if self.faults.is_full() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// An array of rows. If an error stops the reading, it is stored in `refused`.
struct Array<'r, 'a> {
    reader: &'r mut BatchReader<'a>,
    refused: &'r mut Option<ApiError>,
}

impl<'b> Visitor<'b> for Array<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut rows: A) -> Result<(), A::Error> {
        let Self { reader, refused } = self;
        while let Some(row) = rows.next_element_seed(Array { reader: &mut *reader, refused: &mut *refused })? {
            if let Err(error) = reader.answer(row.as_ref()) {
                *refused = Some(error);
                return Err(A::Error::custom("reading stopped"));
            }
        }
        Ok(())
    }
}

/// Reads one row of the array. The row is counted first.
impl<'b> DeserializeSeed<'b> for Array<'_, '_> {
    type Value = Option<Row<'b>>;

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if let Err(error) = self.reader.begin_row() {
            *self.refused = Some(error);
            return Err(D::Error::custom("reading stopped"));
        }
        RowSeed { schema: self.reader.schema, faults: &mut self.reader.faults }.deserialize(deserializer)
    }
}

impl IntoResponse for BatchAnswer {
    /// Writes the rows piece by piece, as fast as the client reads them.
    fn into_response(self) -> Response {
        let Self { by, threshold, kind, ranges, rows } = self;
        let header = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        let (model, lineage) = (by.0.name().to_owned(), by.0.artifact().lineage.id.clone());
        let (opening, closing) = match kind {
            RowsKind::Json => {
                let mut facts = serde_json::json!({ "model": model, "lineage": lineage, "threshold": threshold });
                if !ranges.is_empty() {
                    facts["ranges"] = serde_json::json!(ranges);
                }
                let mut opening = facts.to_string();
                opening.pop();
                (opening + ",\"predictions\":[", "]}")
            }
            RowsKind::Ndjson => (String::new(), ""),
            RowsKind::Csv => ("probability,label,outside\n".to_owned(), ""),
        };
        let pieces = Pieces { model: Arc::clone(&by.0), kind, rows, next_row: 0, next_outside: 0 };
        let all = std::iter::once(opening.into_bytes()).chain(pieces).chain([closing.as_bytes().to_vec()]);
        let body = poem::Body::from_bytes_stream(futures_util::stream::iter(all.map(Ok::<_, std::io::Error>)));
        let mut response = Response::builder().body(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.content_type()));
        headers.insert("windrow-model", header(&model));
        headers.insert("windrow-lineage", header(&lineage));
        response.set_data(by);
        response
    }
}

/// The text of the rows, in pieces. Only one piece is in memory at a time.
struct Pieces {
    /// The model that answered the rows.
    model: Arc<Model>,
    kind: RowsKind,
    rows: BatchRows,
    /// The index of the next row to write.
    next_row: usize,
    /// The index of that row's first number outside.
    next_outside: usize,
}

impl Iterator for Pieces {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let rest = self.rows.rows.get(self.next_row..).filter(|rest| !rest.is_empty())?;
        let mut text = Vec::with_capacity(PIECE_BYTES.min(rest.len() * 48));
        for row in rest {
            if self.kind == RowsKind::Json && self.next_row > 0 {
                text.push(b',');
            }
            let end = self.next_outside + row.outside as usize;
            let outside = self.rows.outside[self.next_outside..end].iter();
            let fields = outside.filter_map(|outside| Some(describe(&self.model, *outside)?.column));
            append_row(&mut text, row, fields, self.kind);
            self.next_row += 1;
            self.next_outside = end;
            if text.len() >= PIECE_BYTES {
                break;
            }
        }
        Some(text)
    }
}

/// Writes one row. `fields` are the names of its numbers outside.
fn append_row<'a>(text: &mut Vec<u8>, row: &BatchRow, fields: impl Iterator<Item = &'a str>, kind: RowsKind) {
    let BatchRow { probability, label, .. } = *row;
    if kind == RowsKind::Csv {
        let fields = fields.collect::<Vec<_>>().join(";");
        append_record(text, [&*probability.to_string(), &*label.to_string(), &*fields], b',');
    } else {
        let outside: Vec<String> = fields.map(str::to_owned).collect();
        let row = RowPrediction { probability, label, outside: (!outside.is_empty()).then_some(outside) };
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut *text, &row);
    }
    if kind != RowsKind::Json {
        text.push(b'\n');
    }
}

impl ApiResponse for BatchAnswer {
    fn meta() -> MetaResponses {
        let lines = described("string", "One line per row: an object as in `predictions`");
        let table = described(
            "string",
            "A header line, then one line per row: the probability, the label, and the names of the numbers outside \
             the range, joined by `;`",
        );
        success([
            (RowsKind::Json.content_type(), <Json<BatchPrediction> as Payload>::schema_ref()),
            (RowsKind::Ndjson.content_type(), lines),
            (RowsKind::Csv.content_type(), table),
        ])
    }

    fn register(registry: &mut Registry) {
        <Json<BatchPrediction> as ApiResponse>::register(registry);
    }
}
