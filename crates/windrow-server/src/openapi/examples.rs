//! Examples in the API document: real rows and the answers to them.

use poem_openapi::types::ToJSON;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::operations::{Prediction, datatype, predict};
use crate::schema::InputField;
use crate::served::{Fitted, PredictedBy};
use windrow_registry::{ADVISED, Snapshot};

/// Decimals of the numbers in examples. The last digits of a float differ between machines.
const DECIMALS: i32 = 6;

/// Sets the examples of path parameters. A lineage gets no example until there is a model.
pub(super) fn parameters(paths: &mut Value, snapshot: &Snapshot) {
    let lineage = snapshot.latest().map(|model| model.artifact().lineage.id.as_str());
    for (path, methods) in paths.as_object_mut().into_iter().flatten() {
        for operation in methods.as_object_mut().into_iter().flat_map(Map::values_mut) {
            // `get_mut` is used because an index would insert null for a missing key.
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                let example = match parameter["name"].as_str().unwrap_or_default() {
                    "id" if path.starts_with("/v1/lineage") => lineage,
                    "version" => lineage,
                    "id" | "name" => Some(ADVISED),
                    "other" => Some("champion"),
                    "window" if parameter["in"] == "path" => Some("1"),
                    "alias" => {
                        parameter["schema"]["pattern"] = json!("^[a-z][a-z0-9-]{0,62}$");
                        Some("production")
                    }
                    _ => None,
                };
                if let Some(example) = example {
                    parameter["example"] = json!(example);
                }
            }
        }
    }
}

/// Returns a model's answer to its first example row. Leaves out the lists of unknown texts and of numbers outside,
/// which few answers have.
pub(super) fn answer(fitted: Fitted<'_>) -> Option<Value> {
    let example = fitted.learned.examples.first()?;
    let probability = match fitted.by {
        PredictedBy::Coefficients(_) => {
            predict(fitted, &serde_json::to_vec(&example.row).ok()?, false, &|| Ok(())).ok()?.probability
        }
        // The document does not wait for a learner.
        PredictedBy::Learner(_) => example.probability,
    };
    let answer = Prediction::new(fitted, probability);
    serde_json::to_value(Prediction { probability: rounded(probability), ..answer }).ok()
}

/// Returns a model's error for its first example row without the first field.
pub(super) fn error(fitted: Fitted<'_>) -> Option<Value> {
    let mut row = fitted.learned.examples.first()?.row.clone();
    row.shift_remove(&fitted.schema.fields().first()?.name);
    let ApiError(problem) = predict(fitted, &serde_json::to_vec(&row).ok()?, false, &|| Ok(())).err()?;
    problem.to_json()
}

/// Formats rows as NDJSON.
pub(super) fn lines(rows: &[&Map<String, Value>]) -> String {
    rows.iter().map(|row| Value::Object((*row).clone()).to_string() + "\n").collect()
}

/// Formats rows as CSV.
pub(super) fn table(rows: &[&Map<String, Value>]) -> String {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut table = csv::Writer::from_writer(Vec::new());
    // Writing rows of equal length to memory cannot fail.
    for (number, row) in rows.iter().enumerate() {
        if number == 0 {
            let _ = table.write_record(row.keys());
        }
        let _ = table.write_record(row.values().map(text));
    }
    String::from_utf8(table.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// Formats a model's example rows as an inference request.
pub(super) fn tensors(fitted: Fitted<'_>) -> Value {
    let Fitted { learned, schema, .. } = fitted;
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
