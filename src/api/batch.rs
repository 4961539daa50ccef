//! Many rows at once: all are read before any is answered, so that a fault refuses the whole and no answer is half.

use poem::http::HeaderValue;
use poem::http::header::CONTENT_TYPE;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use serde::de::{DeserializeSeed, Deserializer as _, SeqAccess, Visitor};

use crate::api::answers::predictions::{BatchPrediction, RowPrediction};
use crate::api::context::Asked;
use crate::api::payload::{AnsweredBy, RowsBody, RowsKind};
use crate::api::problem::{FieldFault, Refusal};
use crate::api::row::{Form, Row, RowSeed};
use crate::model::Predictor;
use crate::record::{RecordParser, RecordReader};

/// So many faults are told; who has more knows enough.
const MOST_FAULTS: usize = 100;
/// Rows of the answer that are written at once.
const ROWS_A_PIECE: usize = 1000;

/// Answers to many rows, and by which model.
pub(crate) struct BatchAnswer {
    by: AnsweredBy,
    threshold: f64,
    kind: RowsKind,
    rows: Vec<RowPrediction>,
}

impl BatchAnswer {
    /// How many rows it answers.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// Answers every row of a body, or tells what is wrong with it. Takes its time: not for the runtime's threads.
pub(crate) fn answer(asked: Asked<'_>, body: &RowsBody, max_rows: usize) -> Result<BatchAnswer, Refusal> {
    let mut desk =
        Desk { form: asked.form, predictor: asked.predictor, max_rows, read: 0, rows: Vec::new(), faults: Vec::new() };
    match body.kind {
        RowsKind::Json => desk.read_array(&body.bytes)?,
        RowsKind::Ndjson => desk.read_lines(&body.bytes)?,
        RowsKind::Csv => desk.read_table(&body.bytes)?,
    }
    let Desk { rows, faults, .. } = desk;
    if !faults.is_empty() {
        let detail = match faults.len() {
            1 => "the batch has a fault".to_owned(),
            MOST_FAULTS.. => format!("the batch has {MOST_FAULTS} faults or more; these are the first"),
            count => format!("the batch has {count} faults"),
        };
        return Err(Refusal::with_faults("invalid-batch", detail, faults));
    }
    let by = AnsweredBy(std::sync::Arc::clone(asked.model), None);
    Ok(BatchAnswer { by, threshold: asked.learned.threshold, kind: body.wanted, rows })
}

/// Where rows come in and answers and faults come out.
struct Desk<'a> {
    form: &'a Form,
    predictor: &'a Predictor,
    max_rows: usize,
    read: usize,
    rows: Vec<RowPrediction>,
    faults: Vec<FieldFault>,
}

impl Desk<'_> {
    fn take(&mut self, row: Result<Row<'_>, Vec<FieldFault>>) {
        self.read += 1;
        match row {
            Ok(row) => {
                let prediction = self.predictor.predict(&self.form.cells(&row));
                self.rows.push(RowPrediction { probability: prediction.probability, label: prediction.label });
            }
            Err(faults) => {
                let left = MOST_FAULTS.saturating_sub(self.faults.len());
                let number = Some(self.read as u64);
                self.faults.extend(faults.into_iter().take(left).map(|fault| FieldFault { row: number, ..fault }));
            }
        }
    }

    fn is_full(&self) -> bool {
        self.read == self.max_rows
    }

    fn read_array(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let mut outcome = Outcome::Rows;
        let read = reader.deserialize_any(Array { desk: self, outcome: &mut outcome });
        let read = read.and_then(|()| reader.end());
        match (outcome, read) {
            (Outcome::TooMany, _) => Err(Refusal::too_many_rows(self.max_rows)),
            (Outcome::Rows, Ok(())) => Ok(()),
            (Outcome::Rows, Err(error)) => {
                Err(Refusal::malformed(&format!("the body is not an array of rows: {error}")))
            }
        }
    }

    fn read_lines(&mut self, body: &[u8]) -> Result<(), Refusal> {
        for (place, line) in body.split(|byte| *byte == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if self.is_full() {
                return Err(Refusal::too_many_rows(self.max_rows));
            }
            let mut reader = serde_json::Deserializer::from_slice(line);
            let row = RowSeed(self.form).deserialize(&mut reader).and_then(|row| reader.end().map(|()| row));
            let row = row.map_err(|error| Refusal::malformed(&format!("line {} is not JSON: {error}", place + 1)))?;
            self.take(row);
        }
        Ok(())
    }

    fn read_table(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let no_record = |line: usize, error: &dyn std::fmt::Display| {
            Refusal::malformed(&format!("record {line} of the body is no CSV: {error}"))
        };
        let (mut records, mut parser) = (RecordReader::new(body, b','), RecordParser::new(b','));
        let Some(header) = records.next_record().map_err(|error| no_record(1, &error))? else {
            return Err(Refusal::malformed("the body is empty: CSV begins with a header line"));
        };
        let header = parser.parse(header.bytes).map_err(|error| no_record(1, &error))?;
        let columns = self.form.columns(&header).map_err(|faults| {
            Refusal::with_faults(
                "invalid-batch",
                "the header line does not name what the model needs".to_owned(),
                faults,
            )
        })?;
        let names = header.len();
        while let Some(record) = records.next_record().map_err(|error| no_record(self.read + 2, &error))? {
            if self.is_full() {
                return Err(Refusal::too_many_rows(self.max_rows));
            }
            let fields = parser.parse(record.bytes).map_err(|error| no_record(self.read + 2, &error))?;
            let row = if fields.len() == names {
                self.form.read_record(&fields, &columns)
            } else {
                Err(vec![FieldFault {
                    row: None,
                    field: String::new(),
                    reason: "has another number of fields than the header line".to_owned(),
                    given: Some(fields.len().to_string()),
                    expected: Some(names.to_string()),
                    did_you_mean: None,
                }])
            };
            self.take(row);
        }
        Ok(())
    }
}

enum Outcome {
    Rows,
    TooMany,
}

struct Array<'d, 'a> {
    desk: &'d mut Desk<'a>,
    outcome: &'d mut Outcome,
}

impl<'b> Visitor<'b> for Array<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut rows: A) -> Result<(), A::Error> {
        let Self { desk, outcome } = self;
        while let Some(row) = rows.next_element_seed(RowSeed(desk.form))? {
            if desk.is_full() {
                *outcome = Outcome::TooMany;
                return Ok(());
            }
            desk.take(row);
        }
        Ok(())
    }
}

impl IntoResponse for BatchAnswer {
    /// The rows are written piece by piece, as the client takes them.
    fn into_response(self) -> Response {
        let Self { by, threshold, kind, rows } = self;
        let header = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        let (model, lineage) = (by.0.name().to_owned(), by.0.artifact().lineage.id.clone());
        let (opening, closing) = match kind {
            RowsKind::Json => {
                let facts = serde_json::json!({ "model": model, "lineage": lineage, "threshold": threshold });
                (facts.to_string().trim_end_matches('}').to_owned() + ",\"predictions\":[", "]}")
            }
            RowsKind::Ndjson => (String::new(), ""),
            RowsKind::Csv => ("probability,label\n".to_owned(), ""),
        };
        let count = rows.len();
        let pieces = (0..count).step_by(ROWS_A_PIECE).map(move |begin| {
            let some = &rows[begin..count.min(begin + ROWS_A_PIECE)];
            written(some, kind, begin == 0)
        });
        let all = std::iter::once(opening.into_bytes()).chain(pieces).chain([closing.as_bytes().to_vec()]);
        let body = Body::from_bytes_stream(futures_util::stream::iter(all.map(Ok::<_, std::io::Error>)));
        let mut response = Response::builder().body(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.content_type()));
        headers.insert("windrow-model", header(&model));
        headers.insert("windrow-lineage", header(&lineage));
        response.set_data(by);
        response
    }
}

fn written(rows: &[RowPrediction], kind: RowsKind, is_first: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(rows.len() * 48);
    for (place, row) in rows.iter().enumerate() {
        match kind {
            RowsKind::Json if place > 0 || !is_first => text.push(b','),
            _ => {}
        }
        // Writing into memory cannot fail.
        let _ = match kind {
            RowsKind::Json => serde_json::to_writer(&mut text, row).map_err(std::io::Error::from),
            RowsKind::Ndjson => {
                serde_json::to_writer(&mut text, row).map_err(std::io::Error::from).map(|()| text.push(b'\n'))
            }
            RowsKind::Csv => std::io::Write::write_fmt(&mut text, format_args!("{},{}\n", row.probability, row.label)),
        };
    }
    text
}

impl ApiResponse for BatchAnswer {
    fn meta() -> MetaResponses {
        let lines = |about: &'static str| {
            MetaSchemaRef::Inline(Box::new(MetaSchema { description: Some(about), ..MetaSchema::new("string") }))
        };
        let content = vec![
            MetaMediaType {
                content_type: RowsKind::Json.content_type(),
                schema: <Json<BatchPrediction> as Payload>::schema_ref(),
            },
            MetaMediaType {
                content_type: RowsKind::Ndjson.content_type(),
                schema: lines("A line a row: an object with probability and label"),
            },
            MetaMediaType {
                content_type: RowsKind::Csv.content_type(),
                schema: lines("A header line, then probability and label of each row"),
            },
        ];
        let response =
            MetaResponse { description: "", status: Some(200), status_range: None, content, headers: Vec::new() };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        <Json<BatchPrediction> as ApiResponse>::register(registry);
    }
}
