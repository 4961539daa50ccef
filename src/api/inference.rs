//! The tensors of the Open Inference Protocol (v2): a field of a row is a tensor over the rows.
//!
//! Numbers come as any numeric datatype, texts and times as BYTES, in JSON or in the binary form that Triton's clients
//! send: little-endian numbers, texts behind their length in four bytes. null, NaN and the pipeline's texts for 'missing'
//! are missing cells.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::context::Asked;
use crate::api::payload::TensorBody;
use crate::api::problem::{FieldFault, Refusal};
use crate::api::row::{Field, Form, Given, Kind, nearest};

/// The datatype of numbers in answers and in the metadata.
pub(crate) const NUMBER: &str = "FP64";
/// That of texts and times.
pub(crate) const TEXT: &str = "BYTES";
/// So many faults are told.
const MOST_FAULTS: usize = 100;

#[derive(Deserialize)]
struct InferRequest {
    id: Option<String>,
    inputs: Vec<Tensor>,
    #[serde(default)]
    outputs: Vec<Wanted>,
}

#[derive(Deserialize)]
struct Tensor {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    #[serde(default)]
    parameters: Parameters,
    data: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
}

/// The answer of a model to an inference request.
#[derive(Debug, Serialize)]
pub(crate) struct InferAnswer {
    pub(crate) model_name: String,
    pub(crate) model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) outputs: Vec<Output>,
}

/// One tensor of an answer.
#[derive(Debug, Serialize)]
pub(crate) struct Output {
    pub(crate) name: &'static str,
    pub(crate) shape: [usize; 1],
    pub(crate) datatype: &'static str,
    pub(crate) data: Values,
}

/// What a tensor of an answer holds.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Values {
    Numbers(Vec<f64>),
    Labels(Vec<bool>),
}

/// What outputs there are: name and datatype.
pub(crate) const OUTPUTS: [(&str, &str); 2] = [("probability", NUMBER), ("label", "BOOL")];

/// The datatype in which a field is told to be sent.
pub(crate) fn datatype(field: &Field) -> &'static str {
    match field.kind {
        Kind::Number { .. } => NUMBER,
        Kind::Text { .. } | Kind::Time(_) => TEXT,
    }
}

/// Answers every row of the tensors, or tells what is wrong with them. Takes its time: not for the runtime's threads.
pub(crate) fn infer(asked: Asked<'_>, body: &TensorBody, max_rows: usize) -> Result<InferAnswer, Refusal> {
    let end = body.json.unwrap_or(body.bytes.len());
    let Some((json, binary)) = body.bytes.split_at_checked(end) else {
        return Err(Refusal::malformed("Inference-Header-Content-Length is more than the body has"));
    };
    let no_request =
        |reason: &dyn std::fmt::Display| Refusal::malformed(&format!("the body is no inference request: {reason}"));
    let request: Value = serde_json::from_slice(json).map_err(|error| no_request(&error))?;
    if let Some(what) = no_object(&request) {
        return Err(no_request(&format!("{what} must be an object")));
    }
    let request: InferRequest = serde_json::from_value(request).map_err(|error| no_request(&error))?;
    let wanted: Vec<&str> = request.outputs.iter().map(|output| output.name.as_str()).collect();
    if let Some(unknown) = wanted.iter().find(|name| OUTPUTS.iter().all(|(known, _)| known != *name)) {
        let detail = format!("there is no output `{unknown}`: a model gives probability and label");
        return Err(Refusal::invalid("invalid-tensor", detail));
    }
    let (columns, rows) = columns(asked.form, &request, binary, max_rows)?;
    let (probabilities, labels) = predict(asked, &columns, rows)?;
    let all = [Values::Numbers(probabilities), Values::Labels(labels)].into_iter().zip(OUTPUTS);
    let outputs = all.filter(|(_, (name, _))| wanted.is_empty() || wanted.contains(name));
    Ok(InferAnswer {
        model_name: asked.model.name().to_owned(),
        model_version: asked.model.artifact().lineage.id.clone(),
        id: request.id,
        outputs: outputs.map(|(data, (name, datatype))| Output { name, shape: [rows], datatype, data }).collect(),
    })
}

/// What is no object and should be one: serde would take an array for its fields in their order.
fn no_object(request: &Value) -> Option<&'static str> {
    let all = |list: &str, check: &dyn Fn(&Value) -> bool| request[list].as_array().into_iter().flatten().all(check);
    if !request.is_object() {
        return Some("it");
    }
    if !all("inputs", &Value::is_object) || !all("outputs", &Value::is_object) {
        return Some("each of inputs and outputs");
    }
    let has_sound = |value: &Value| value.get("parameters").is_none_or(Value::is_object);
    let sound = has_sound(request) && all("inputs", &has_sound) && all("outputs", &has_sound);
    (!sound).then_some("parameters")
}

fn predict(asked: Asked<'_>, columns: &[Vec<Given<'_>>], rows: usize) -> Result<(Vec<f64>, Vec<bool>), Refusal> {
    let (mut probabilities, mut labels) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut faults = Vec::new();
    for row in 0..rows {
        match asked.form.check(columns.iter().map(|column| column.get(row).cloned()).collect()) {
            Ok(row) => {
                let prediction = asked.predictor.predict(&asked.form.cells(&row));
                probabilities.push(prediction.probability);
                labels.push(prediction.label);
            }
            Err(found) => {
                let number = Some(row as u64 + 1);
                faults.extend(found.into_iter().map(|fault| FieldFault { row: number, ..fault }));
                if faults.len() >= MOST_FAULTS {
                    break;
                }
            }
        }
    }
    if faults.is_empty() { Ok((probabilities, labels)) } else { Err(refuse(faults)) }
}

fn refuse(faults: Vec<FieldFault>) -> Refusal {
    let detail = faults.first().map_or(String::new(), |first| match first.row {
        Some(row) => format!("row {row}: {} {}", first.field, first.reason),
        None => format!("the tensor `{}` {}", first.field, first.reason),
    });
    Refusal::with_faults("invalid-tensor", detail, faults)
}

/// The cells of each field, in the order of the form, and how many there are of each.
fn columns<'b>(
    form: &Form,
    request: &'b InferRequest,
    binary: &'b [u8],
    max_rows: usize,
) -> Result<(Vec<Vec<Given<'b>>>, usize), Refusal> {
    let mut faults = Vec::new();
    let mut found: Vec<Option<Vec<Given<'b>>>> = form.fields().iter().map(|_| None).collect();
    let (mut rest, mut rows) = (binary, None);
    for tensor in &request.inputs {
        let mut fault = |reason: &str, expected: Option<String>, nearest: Option<&str>| {
            faults.push(FieldFault {
                row: None,
                field: crate::api::row::echo(&tensor.name),
                reason: reason.to_owned(),
                given: None,
                expected,
                did_you_mean: nearest.map(str::to_owned),
            });
        };
        let raw = match tensor.parameters.binary_data_size {
            None => None,
            Some(size) => match rest.split_at_checked(size) {
                None => {
                    fault("has a binary_data_size beyond the end of the body", None, None);
                    continue;
                }
                Some((raw, behind)) => {
                    rest = behind;
                    Some(raw)
                }
            },
        };
        let Some(place) = form.fields().iter().position(|field| field.name == tensor.name) else {
            let nearest = nearest(&tensor.name, form.fields().iter().map(|field| field.name.as_str()));
            fault("is no field of this model", None, nearest);
            continue;
        };
        let field = &form.fields()[place];
        if found[place].is_some() {
            fault("stands twice", None, None);
            continue;
        }
        let cells = match (raw, &tensor.data) {
            (Some(raw), None) => from_binary(form, field, &tensor.datatype, raw),
            (None, Some(data)) => from_json(form, field, &tensor.datatype, data),
            (Some(_), Some(_)) => Err("has data both in JSON and in binary form".to_owned()),
            (None, None) => Err("has no data".to_owned()),
        };
        let cells = match cells {
            Ok(cells) => cells,
            Err(reason) => {
                fault(&reason, Some(format!("a tensor of {}", datatype(field))), None);
                continue;
            }
        };
        // A column of one is as good as a vector.
        let count = tensor.shape.iter().try_fold(1_u64, |product, side| product.checked_mul(*side));
        if count != Some(cells.len() as u64) || tensor.shape.iter().filter(|side| **side != 1).count() > 1 {
            fault(
                &format!("has {} cells, which its shape does not say", cells.len()),
                Some("a shape [rows]".to_owned()),
                None,
            );
        }
        if *rows.get_or_insert(cells.len()) != cells.len() {
            fault("has another length than the tensors before it", rows.map(|rows| format!("{rows} rows")), None);
        }
        found[place] = Some(cells);
    }
    let missing = form.fields().iter().zip(&found).filter(|(_, cells)| cells.is_none());
    let missing: Vec<FieldFault> = missing
        .filter(|(field, _)| !faults.iter().any(|fault| fault.field == field.name))
        .map(|(field, _)| FieldFault {
            expected: Some(format!("a tensor of {}", datatype(field))),
            ..field.fault("is missing", None)
        })
        .collect();
    faults.extend(missing);
    if !faults.is_empty() {
        return Err(refuse(faults));
    }
    let rows = rows.unwrap_or_default();
    if rows > max_rows {
        return Err(Refusal::too_many_rows(max_rows));
    }
    Ok((found.into_iter().flatten().collect(), rows))
}

fn from_json<'b>(form: &Form, field: &Field, datatype: &str, data: &'b Value) -> Result<Vec<Given<'b>>, String> {
    check_datatype(field, datatype)?;
    let mut cells = Vec::new();
    flatten(data, &mut |value| {
        cells.push(match value {
            Value::Null => Given::Null,
            Value::Bool(value) => Given::Bool(*value),
            Value::Number(number) => Given::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) if matches!(field.kind, Kind::Number { .. }) => Given::Text(text.into()),
            Value::String(text) => form.given_in_text(field, text),
            Value::Object(_) | Value::Array(_) => Given::Object,
        });
    });
    Ok(cells)
}

/// Data may be nested as its shape is, or flat.
fn flatten<'b>(value: &'b Value, take: &mut dyn FnMut(&'b Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, take)),
        other => take(other),
    }
}

fn from_binary<'b>(form: &Form, field: &Field, datatype: &str, raw: &'b [u8]) -> Result<Vec<Given<'b>>, String> {
    check_datatype(field, datatype)?;
    if datatype == TEXT {
        return texts(raw)?
            .into_iter()
            .map(|text| {
                let text = std::str::from_utf8(text).map_err(|_| "holds a text that is not UTF-8".to_owned())?;
                Ok(form.given_in_text(field, text))
            })
            .collect();
    }
    let numbers = numbers(datatype, raw).ok_or_else(|| format!("is not a whole number of {datatype}"))?;
    let given = |number: f64| if number.is_nan() { Given::Null } else { finite(number) };
    Ok(numbers.into_iter().map(given).collect())
}

/// An infinity is no number that a row may hold; told as the text that it is.
fn finite<'b>(number: f64) -> Given<'b> {
    if number.is_finite() { Given::Number(number) } else { Given::Text(Cow::Owned(number.to_string())) }
}

fn check_datatype(field: &Field, datatype: &str) -> Result<(), String> {
    let is_number = width(datatype).is_some();
    match field.kind {
        Kind::Number { .. } if is_number => Ok(()),
        Kind::Text { .. } | Kind::Time(_) if datatype == TEXT => Ok(()),
        _ => Err(format!("has the datatype {}", crate::api::row::echo(datatype))),
    }
}

/// Bytes of one number.
fn width(datatype: &str) -> Option<usize> {
    match datatype {
        "INT8" | "UINT8" => Some(1),
        "INT16" | "UINT16" => Some(2),
        "INT32" | "UINT32" | "FP32" => Some(4),
        "INT64" | "UINT64" | "FP64" => Some(8),
        _ => None,
    }
}

fn numbers(datatype: &str, raw: &[u8]) -> Option<Vec<f64>> {
    let chunks = raw.chunks_exact(width(datatype)?);
    if !chunks.remainder().is_empty() {
        return None;
    }
    let number = |bytes: &[u8]| -> Option<f64> {
        Some(match datatype {
            "INT8" => f64::from(i8::from_le_bytes(bytes.try_into().ok()?)),
            "UINT8" => f64::from(u8::from_le_bytes(bytes.try_into().ok()?)),
            "INT16" => f64::from(i16::from_le_bytes(bytes.try_into().ok()?)),
            "UINT16" => f64::from(u16::from_le_bytes(bytes.try_into().ok()?)),
            "INT32" => f64::from(i32::from_le_bytes(bytes.try_into().ok()?)),
            "UINT32" => f64::from(u32::from_le_bytes(bytes.try_into().ok()?)),
            "INT64" => i64::from_le_bytes(bytes.try_into().ok()?) as f64,
            "UINT64" => u64::from_le_bytes(bytes.try_into().ok()?) as f64,
            "FP32" => f64::from(f32::from_le_bytes(bytes.try_into().ok()?)),
            _ => f64::from_le_bytes(bytes.try_into().ok()?),
        })
    };
    chunks.map(number).collect()
}

/// Each behind its length in four bytes.
fn texts(mut raw: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut found = Vec::new();
    while !raw.is_empty() {
        let cut = || "is cut short".to_owned();
        let (length, rest) = raw.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| cut())?;
        let (text, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        found.push(text);
        raw = rest;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_datatype_are_read() {
        let cases: [(&str, Vec<u8>, &[f64]); 7] = [
            ("INT8", vec![255, 3], &[-1.0, 3.0]),
            ("UINT16", vec![1, 2], &[513.0]),
            ("INT32", (-7_i32).to_le_bytes().to_vec(), &[-7.0]),
            ("INT64", (-7_i64).to_le_bytes().to_vec(), &[-7.0]),
            ("FP32", 0.5_f32.to_le_bytes().to_vec(), &[0.5]),
            ("FP64", [0.1_f64.to_le_bytes(), f64::MAX.to_le_bytes()].concat(), &[0.1, f64::MAX]),
            ("UINT64", Vec::new(), &[]),
        ];
        for (datatype, raw, expected) in cases {
            assert_eq!(numbers(datatype, &raw).as_deref(), Some(expected), "{datatype}");
        }
        assert_eq!(numbers("FP64", &[0; 9]), None);
        assert_eq!(numbers("BYTES", &[]), None);
    }

    #[test]
    fn texts_stand_behind_their_lengths() {
        let raw = [&[2, 0, 0, 0][..], b"UA", &[0, 0, 0, 0]].concat();
        assert_eq!(texts(&raw).expect("two texts"), [&b"UA"[..], b""]);
        for cut in 1..raw.len() {
            assert_eq!(texts(&raw[..cut]).is_ok(), cut == 6, "{cut}");
        }
    }
}
