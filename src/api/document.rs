//! The API document: the typed operations, and for every fitted model paths of its own with the schema of its features.

use serde_json::{Map, Value, json};

use crate::api::operations::Operations;
use crate::api::row::{Form, Kind};
use crate::api::server::{Served, service};
use crate::config::Pipeline;
use crate::model::{EncodedFeature, Encoding, Learned, Level, WindowLineage};
use crate::registry::{Model, Snapshot};
use crate::telemetry::Progress;

/// The templates that a model's own paths are made from.
const CARD: &str = "/v1/models/{id}";
const PREDICT: &str = "/v1/models/{id}/predict";
/// Examples are rounded to so many decimals: the last digits of a float differ between machines.
const DECIMALS: i32 = 6;
/// So many levels of a category are named in the document.
const LEVELS_NAMED: usize = 200;

/// The document as pretty JSON; the same for the same pipeline and models.
#[must_use]
pub fn document(pipeline: &Pipeline, snapshot: &Snapshot) -> String {
    let operations = Operations { served: Served::shared(), progress: Progress::default() };
    let service = service(operations, pipeline);
    expand(&service.spec(), pipeline, snapshot)
}

/// Adds the models' own paths to the document of the typed operations.
pub(crate) fn expand(typed: &str, pipeline: &Pipeline, snapshot: &Snapshot) -> String {
    // The text comes from poem-openapi, which wrote JSON.
    let mut document: Value = serde_json::from_str(typed).unwrap_or_default();
    let (card, predict) = (document["paths"][CARD]["get"].clone(), document["paths"][PREDICT]["post"].clone());
    for model in snapshot.models() {
        let Some(learned) = model.learned() else { continue };
        let id = model.id().to_string();
        let lineage = &model.artifact().lineage;
        let fitted = format!("Fitted to {} rows of {}", lineage.fit_rows, windows(&lineage.windows));
        document["paths"][format!("/v1/models/{id}")] = json!({ "get": own(&card, "show", &id, &fitted) });
        let mut own_predict = own(&predict, "predict", &id, &fitted);
        own_predict["requestBody"]["content"] = row_content(learned);
        own_predict["responses"]["200"]["content"] = answered(&own_predict, model, learned);
        document["paths"][format!("/v1/models/{id}/predict")] = json!({ "post": own_predict });
        if let Some(tags) = document["tags"].as_array_mut() {
            tags.push(json!({ "name": id, "description": fitted }));
        }
    }
    // All models of a pipeline have the same fields, and the newest knows the most categories.
    if let Some(learned) = snapshot.latest().and_then(|model| model.learned()) {
        for path in [PREDICT, "/v1/predict"] {
            document["paths"][path]["post"]["requestBody"]["content"] = row_content(learned);
        }
    }
    document["info"]["description"] = json!(about(pipeline));
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn windows(windows: &[WindowLineage]) -> String {
    match windows {
        [only] => format!("window {}", only.window),
        [first, .., last] => format!("windows {} to {}", first.window, last.window),
        [] => "no window".to_owned(),
    }
}

/// An operation of the template, for one model.
fn own(template: &Value, verb: &str, id: &str, fitted: &str) -> Value {
    let mut operation = template.clone();
    if let Some(operation) = operation.as_object_mut() {
        operation.remove("parameters");
    }
    let summary = operation["summary"].as_str().unwrap_or_default().replace("a model", id);
    operation["summary"] = json!(summary);
    operation["description"] = json!(fitted);
    operation["operationId"] = json!(format!("{verb}_{}", id.replace('-', "_")));
    operation["tags"] = json!([id]);
    operation
}

fn answered(operation: &Value, model: &Model, learned: &Learned) -> Value {
    let mut content = operation["responses"]["200"]["content"].clone();
    if let (Some(answer), Some(example)) = (content.as_object_mut(), learned.examples.first()) {
        for media in answer.values_mut() {
            media["example"] = json!({
                "model": model.id().to_string(),
                "lineage": model.artifact().lineage.id,
                "probability": rounded(example.probability),
                "label": example.probability >= learned.threshold,
                "threshold": learned.threshold,
            });
        }
    }
    content
}

/// What a request for a model holds.
fn row_content(learned: &Learned) -> Value {
    let mut body = json!({ "schema": row_schema(learned) });
    if let Some(example) = learned.examples.first() {
        body["example"] = Value::Object(example.row.clone());
    }
    json!({ "application/json": body })
}

/// The schema of one row for one model.
fn row_schema(learned: &Learned) -> Value {
    let form = Form::new(&learned.encoder);
    let mut properties = Map::new();
    for field in form.fields() {
        let of_field = learned.encoder.features.iter().filter(|feature| feature.column == field.name);
        let description = of_field.map(described).collect::<Vec<_>>().join(" ");
        let kind = match &field.kind {
            Kind::Number { .. } => "number",
            Kind::Text | Kind::Time(_) => "string",
        };
        let mut schema = json!({ "type": kind, "nullable": true, "description": description });
        if field.kind == (Kind::Number { log: true }) {
            schema["minimum"] = json!(-1);
            schema["exclusiveMinimum"] = json!(true);
        }
        properties.insert(field.name.clone(), schema);
    }
    let required: Vec<&str> = form.fields().iter().map(|field| field.name.as_str()).collect();
    json!({
        "type": "object",
        "description": "One row. Every field must be there; null where it is missing.",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn described(feature: &EncodedFeature) -> String {
    match &feature.encoding {
        Encoding::Number { min, max, median, log, .. } => {
            let median = rounded(if *log { median.exp_m1() } else { *median });
            let (min, max) = (rounded(*min), rounded(*max));
            format!("Seen in training from {min} to {max}; missing counts as the median, {median}.")
        }
        Encoding::Category { levels } => {
            let known = values(levels);
            let more = known.len().saturating_sub(LEVELS_NAMED);
            let named = known.iter().take(LEVELS_NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("Known: {named}{more}. Any other text counts as 'other'.")
        }
        Encoding::Calendar { part, format, levels } => {
            let known = values(levels).join(", ");
            format!("A time of the form {}; its {} is used (known: {known}).", format.as_str(), part.name())
        }
    }
}

fn values(levels: &[Level]) -> Vec<String> {
    let value = |level: &Level| match level {
        Level::Value(text) => Some(text.clone()),
        Level::Missing | Level::Other => None,
    };
    levels.iter().filter_map(value).collect()
}

fn about(pipeline: &Pipeline) -> String {
    let target = &pipeline.target;
    let rule = serde_json::to_value(&target.rule).unwrap_or_default();
    let rule = rule.as_object().and_then(|rule| rule.iter().next()).map(|(name, value)| format!("{name} {value}"));
    format!(
        "Classifiers of the pipeline `{}`. A row is positive when its {} is {}. Models are published while the stream \
         runs, and this document grows with them: every model has paths of its own, with the fields that it expects.",
        pipeline.name,
        target.column,
        rule.unwrap_or_default().replace('_', " ")
    )
}

fn rounded(number: f64) -> f64 {
    let scale = 10_f64.powi(DECIMALS);
    let rounded = (number * scale).round() / scale;
    if rounded.is_finite() { rounded } else { number }
}
