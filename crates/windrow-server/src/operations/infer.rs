//! Reads, checks and answers inference requests of the Open Inference Protocol.

use std::borrow::Cow;

use serde::Deserialize;

use crate::answer::AnsweredBy;
use crate::error::ApiError;
use crate::operations::infer_answer::{InferAnswer, OUTPUTS};
use crate::operations::learner::Slices;
use crate::operations::object::{Object, given, objects};
use crate::operations::tensors::{Column, Tensor, datatype};
use crate::schema::{FieldFault, FieldFaults, InputSchema, excerpt};
use crate::served::{Fitted, PredictedBy};
use windrow_learn::model::Cell;

/// Rows between two checks that the client still waits.
const ROWS_PER_CHECK: usize = 1000;

#[derive(Deserialize)]
struct InferRequest<'b> {
    #[serde(borrow)]
    id: Option<Cow<'b, str>>,
    #[serde(default)]
    parameters: Object<RequestParameters>,
    #[serde(borrow, deserialize_with = "objects")]
    inputs: Vec<Tensor<'b>>,
    #[serde(default, borrow, deserialize_with = "objects")]
    outputs: Vec<RequestedOutput<'b>>,
}

#[derive(Default, Deserialize)]
struct RequestParameters {
    /// If true, outputs without a setting of their own are sent in binary form.
    #[serde(default)]
    binary_data_output: bool,
}

#[derive(Deserialize)]
struct RequestedOutput<'b> {
    #[serde(borrow)]
    name: Cow<'b, str>,
    #[serde(default)]
    parameters: Object<OutputParameters>,
}

#[derive(Default, Deserialize)]
struct OutputParameters {
    #[serde(default, deserialize_with = "given")]
    binary_data: Option<bool>,
}

/// Predicts every row of the tensors. This is CPU-bound, or waits for a learner: do not call it on a thread of the async
/// runtime.
///
/// `json` is the length of the JSON in bytes; tensors in binary form may follow. Calls `is_wanted` from time to time,
/// and returns its error if it fails.
///
/// # Errors
/// Returns an error if the body is not an inference request, if its tensors are faulty or too long, or if the request
/// was abandoned.
pub(crate) fn infer(
    fitted: Fitted<'_>,
    body: &[u8],
    json: Option<usize>,
    max_rows: usize,
    is_wanted: &dyn Fn() -> Result<(), ApiError>,
) -> Result<InferAnswer, ApiError> {
    let Some((json, binary)) = body.split_at_checked(json.unwrap_or(body.len())) else {
        return Err(ApiError::malformed("Inference-Header-Content-Length is larger than the body"));
    };
    let Object(request): Object<InferRequest<'_>> = serde_json::from_slice(json)
        .map_err(|error| ApiError::malformed(format!("the body is not an inference request: {error}")))?;
    let outputs = outputs(&request)?;
    let (columns, rows) = columns(fitted.schema, &request, binary, max_rows)?;
    let table = Table { schema: fitted.schema, columns: &columns, rows, is_wanted };
    let (mut probabilities, mut labels) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    match fitted.by {
        PredictedBy::Coefficients(predictor) => table.each_row(|cells| {
            let prediction = predictor.predict(cells);
            probabilities.push(prediction.probability);
            labels.push(prediction.label);
            Ok(())
        })?,
        PredictedBy::Learner(foreign) => {
            // The learner is asked only if no row is faulty.
            table.each_row(|_| Ok(()))?;
            let mut slices = Slices::new(foreign, is_wanted);
            table.each_row(|cells| slices.push(cells))?;
            probabilities = slices.finish()?;
            labels.extend(probabilities.iter().map(|probability| *probability >= fitted.learned.threshold));
        }
    }
    let by = AnsweredBy(std::sync::Arc::clone(fitted.model));
    Ok(InferAnswer { by, id: request.id.map(Cow::into_owned), probabilities, labels, outputs })
}

/// The rows of a request.
struct Table<'a, 'b> {
    schema: &'a InputSchema,
    columns: &'a [Column<'b>],
    rows: usize,
    is_wanted: &'a dyn Fn() -> Result<(), ApiError>,
}

impl Table<'_, '_> {
    /// Calls `take` with the cells of each row. Fails if a row is faulty. The rows before it are taken.
    fn each_row(&self, mut take: impl FnMut(&[Cell<'_>]) -> Result<(), ApiError>) -> Result<(), ApiError> {
        let mut faults = FieldFaults::default();
        for row in 0..self.rows {
            if row.is_multiple_of(ROWS_PER_CHECK) {
                (self.is_wanted)()?;
            }
            faults.row = Some(row as u64 + 1);
            let fields = self.schema.fields().iter().zip(self.columns);
            let values = fields.map(|(field, column)| column.value(self.schema, field, row)).collect();
            if let Some(row) = self.schema.row(values, &mut faults) {
                take(&self.schema.cells(&row))?;
            }
            if faults.is_full() {
                break;
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(ApiError::invalid_tensor(faults)) }
    }
}

/// Returns the requested outputs by their index in [`OUTPUTS`], each with true for binary form. If the request names no
/// output, returns all.
fn outputs(request: &InferRequest<'_>) -> Result<Vec<(usize, bool)>, ApiError> {
    let is_binary = request.parameters.0.binary_data_output;
    if request.outputs.is_empty() {
        return Ok((0..OUTPUTS.len()).map(|output| (output, is_binary)).collect());
    }
    let output = |asked: &RequestedOutput<'_>| {
        let known = OUTPUTS.iter().position(|(name, _)| *name == asked.name).ok_or_else(|| {
            let detail = format!("unknown output `{}`: the outputs are probability and label", excerpt(&asked.name));
            ApiError::invalid("invalid-tensor", detail)
        })?;
        Ok((known, asked.parameters.0.binary_data.unwrap_or(is_binary)))
    };
    let mut outputs = request.outputs.iter().map(output).collect::<Result<Vec<_>, ApiError>>()?;
    outputs.sort_unstable();
    outputs.dedup_by_key(|(output, _)| *output);
    Ok(outputs)
}

/// Returns the columns in the order of the schema's fields, and the number of rows.
fn columns<'b>(
    schema: &InputSchema,
    request: &InferRequest<'b>,
    binary: &'b [u8],
    max_rows: usize,
) -> Result<(Vec<Column<'b>>, usize), ApiError> {
    let mut faults = FieldFaults::default();
    let mut found: Vec<Option<Column<'b>>> = schema.fields().iter().map(|_| None).collect();
    let mut is_named = vec![false; found.len()];
    let (mut rest, mut rows) = (binary, None);
    for tensor in &request.inputs {
        if faults.is_full() {
            break;
        }
        let fault = |reason: &str, expected: Option<String>| {
            let (field, reason) = (excerpt(&tensor.name), reason.to_owned());
            FieldFault { field, reason, expected, ..FieldFault::default() }
        };
        let mut raw = None;
        if let Some(size) = tensor.parameters.0.binary_data_size {
            let Some((taken, behind)) = rest.split_at_checked(size) else {
                faults.push(fault("has a binary_data_size beyond the end of the body", None));
                continue;
            };
            (raw, rest) = (Some(taken), behind);
        }
        let Some(index) = schema.position(&tensor.name) else {
            faults.push(schema.unknown_field(&tensor.name));
            continue;
        };
        let field = &schema.fields()[index];
        if std::mem::replace(&mut is_named[index], true) {
            faults.push(fault("is given twice", None));
            continue;
        }
        let column = match (raw, tensor.data) {
            (Some(raw), None) => Column::of_binary(field, &tensor.datatype, raw, max_rows),
            (None, Some(data)) => Column::of_json(field, &tensor.datatype, data, max_rows),
            (Some(_), Some(_)) => Err("has data both in JSON and in binary form".to_owned()),
            (None, None) => Err("has no data".to_owned()),
        };
        let column = match column {
            Ok(column) => column,
            Err(reason) => {
                faults.push(fault(&reason, Some(format!("a tensor of {}", datatype(field)))));
                continue;
            }
        };
        let cells = column.len();
        // A shape with further sides of length 1 is accepted too, as in [rows, 1].
        if tensor.shape.cells != Some(cells as u64) || !tensor.shape.is_vector {
            let reason = format!("has {cells} cells, which does not match its shape");
            faults.push(fault(&reason, Some("a shape [rows]".to_owned())));
        }
        if *rows.get_or_insert(cells) != cells {
            let expected = rows.map(|rows| format!("{rows} rows"));
            faults.push(fault("does not have the length of the tensors before it", expected));
        }
        found[index] = Some(column);
    }
    for (field, _) in schema.fields().iter().zip(&is_named).filter(|(_, is_named)| !**is_named) {
        let expected = Some(format!("a tensor of {}", datatype(field)));
        faults.push(FieldFault { expected, ..field.fault("is missing", None) });
    }
    if !faults.is_empty() {
        return Err(ApiError::invalid_tensor(faults));
    }
    Ok((found.into_iter().flatten().collect(), rows.unwrap_or_default()))
}
