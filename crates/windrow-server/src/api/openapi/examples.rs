//! Examples: real rows, and the answers to them.

use serde_json::{Map, Value, json};

use crate::api::error::ApiError;
use crate::api::operations::datatype;
use crate::api::schema::{InputField, InputSchema};
use windrow_learn::model::Learned;
use windrow_record::write_record;
use windrow_registry::{Model, Snapshot};

/// Examples are rounded to so many decimals: the last digits of a float differ between machines.
const DECIMALS: i32 = 6;

/// What could stand in a path; without a model there is nothing yet.
pub(super) fn parameters(paths: &mut Value, snapshot: &Snapshot) {
    let lineage = snapshot.latest().map(|model| model.artifact().lineage.id.clone());
    for (path, methods) in paths.as_object_mut().into_iter().flatten() {
        for operation in methods.as_object_mut().into_iter().flat_map(Map::values_mut) {
            // Asked for by `get_mut`, since an index would put a null where there is nothing.
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap_or_default().to_owned();
                parameter["example"] = match name.as_str() {
                    "id" if path.starts_with("/v1/lineage") => match &lineage {
                        Some(lineage) => json!(lineage),
                        None => continue,
                    },
                    "id" | "name" => json!("latest"),
                    "other" => json!("champion"),
                    "version" => match &lineage {
                        Some(lineage) => json!(lineage),
                        None => continue,
                    },
                    "window" if parameter["in"] == "path" => json!("1"),
                    "alias" => {
                        parameter["schema"]["pattern"] = json!("^[a-z][a-z0-9-]{0,62}$");
                        json!("production")
                    }
                    _ => continue,
                };
            }
        }
    }
}

/// A model's answer to its first row.
pub(super) fn answer(model: &Model, learned: &Learned) -> Option<Value> {
    let example = learned.examples.first()?;
    Some(json!({
        "model": model.name(),
        "lineage": model.artifact().lineage.id,
        "probability": rounded(example.probability),
        "label": example.probability >= learned.threshold,
        "threshold": learned.threshold,
    }))
}

/// What a model says to its first row without the first field.
pub(super) fn error(schema: &InputSchema, learned: &Learned) -> Option<Value> {
    let mut row = learned.examples.first()?.row.clone();
    row.shift_remove(&schema.fields().first()?.name);
    let body = Value::Object(row).to_string();
    let mut error = ApiError::from(schema.read(body.as_bytes()).err()?);
    poem_openapi::types::ToJSON::to_json(error.problem_mut())
}

/// The rows, each a line.
pub(super) fn lines(rows: &[&Map<String, Value>]) -> String {
    rows.iter().map(|row| Value::Object((*row).clone()).to_string() + "\n").collect()
}

/// The rows as CSV.
pub(super) fn table(rows: &[&Map<String, Value>]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let record = |cells: Vec<String>| {
        let bytes = write_record(cells.iter().map(String::as_str), b',');
        String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned() + "\n"
    };
    let header = record(first.keys().cloned().collect());
    rows.iter().fold(header, |table, row| table + record(row.values().map(text).collect()).as_str())
}

/// The rows as an inference request.
pub(super) fn tensors(schema: &InputSchema, learned: &Learned) -> Value {
    let tensor = |field: &InputField| {
        let data: Vec<Value> =
            learned.examples.iter().map(|example| example.row.get(&field.name).cloned().unwrap_or_default()).collect();
        json!({ "name": field.name, "shape": [data.len()], "datatype": datatype(field), "data": data })
    };
    json!({ "inputs": schema.fields().iter().map(tensor).collect::<Vec<_>>() })
}

pub(super) fn rounded(number: f64) -> f64 {
    let scale = 10_f64.powi(DECIMALS);
    let rounded = (number * scale).round() / scale;
    if rounded.is_finite() { rounded } else { number }
}
