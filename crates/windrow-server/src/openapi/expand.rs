//! Expands the document of the typed operations: adds paths for every fitted model, and the answers that all operations
//! share.

use serde_json::{Map, Value, json};

use crate::error::PROBLEM;
use crate::openapi::examples;
use crate::openapi::row;
use crate::operations::request_schema;
use crate::served::{Fitted, Served};
use windrow_config::{Pipeline, Solver};

/// Paths whose operations are copied for each model, or get the schema and the examples of a model.
const CARD: &str = "/v1/models/{id}";
const PREDICT: &str = "/v1/models/{id}/predict";
const BATCH: &str = "/v1/models/{id}/predict/batch";
const DIFF: &str = "/v1/models/{id}/diff/{other}";
const PREDICT_ALL: &str = "/v1/predict";
const INFER: [&str; 2] = ["/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"];
/// The order of the tags, the most useful first. poem-openapi sorts them by name.
const TAGS: [&str; 5] = ["Models", "Windows", "Aliases", "Inference", "Health"];

/// Adds the models' own paths to the document of the typed operations.
pub(super) fn expand(typed: &str, pipeline: &Pipeline, has_keys: bool, served: &Served) -> Value {
    // This cannot fail: poem-openapi wrote the JSON.
    let mut document: Value = serde_json::from_str(typed).unwrap_or_default();
    document["info"]["description"] = json!(about(pipeline));
    let schemas = document["components"]["schemas"].clone();
    plain_references(&mut document["components"]["schemas"], &schemas);
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.sort_by_key(|tag| TAGS.iter().position(|name| tag["name"] == **name));
    }
    let schemas = &mut document["components"]["schemas"];
    if pipeline.train.solver == Solver::Command {
        of_learner(schemas);
    } else {
        without_learner(schemas);
    }
    plain_paths(&mut document);
    answers_of_all(&mut document, has_keys);
    examples::parameters(&mut document["paths"], &served.snapshot);
    for path in INFER {
        document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"] = request_schema();
    }
    let templates = [CARD, PREDICT, BATCH].map(|path| document["paths"][path].clone());
    for fitted in served.models().filter_map(|known| served.fitted(&known.model).ok()) {
        add_model(&mut document, &templates, pipeline, fitted);
    }
    // All models of a pipeline have the same fields, and the newest model knows the most categories.
    if let Some(fitted) = served.snapshot.latest().and_then(|model| served.fitted(model).ok()) {
        for path in [PREDICT, PREDICT_ALL, DIFF] {
            document["paths"][path]["post"]["requestBody"]["content"] = row_content(fitted);
        }
        document["paths"][BATCH]["post"]["requestBody"]["content"] = batch_content(fitted, pipeline);
        let example = examples::tensors(fitted);
        for path in INFER {
            document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"] = example.clone();
        }
    }
    document
}

fn add_model(document: &mut Value, templates: &[Value; 3], pipeline: &Pipeline, model: Fitted<'_>) {
    let [card, predict, batch] = templates;
    let (id, lineage) = (model.model.name(), &model.model.artifact().lineage);
    let fitted = format!("Fitted to {} rows of {}", lineage.fit_rows, lineage.span());
    document["components"]["schemas"][schema_name(id)] = row::schema(model);
    let paths = &mut document["paths"];
    paths[format!("/v1/models/{id}")] = json!({ "get": own(&card["get"], "show", id, &fitted) });
    let mut own_predict = own(&predict["post"], "predict", id, &fitted);
    own_predict["requestBody"]["content"] = row_content(model);
    if let Some(example) = examples::answer(model) {
        let content = own_predict["responses"]["200"]["content"].as_object_mut();
        for media in content.into_iter().flat_map(Map::values_mut) {
            media["example"] = example.clone();
        }
    }
    if let Some(example) = examples::error(model) {
        own_predict["responses"]["422"]["content"][PROBLEM]["example"] = example;
    }
    paths[format!("/v1/models/{id}/predict")] = json!({ "post": own_predict });
    let mut own_batch = own(&batch["post"], "predict_batch", id, &fitted);
    own_batch["requestBody"]["content"] = batch_content(model, pipeline);
    paths[format!("/v1/models/{id}/predict/batch")] = json!({ "post": own_batch });
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.push(json!({ "name": id, "description": fitted }));
    }
}

/// Removes the properties that only models of a learner outside of this program have.
fn without_learner(schemas: &mut Value) {
    let of_learners =
        [("ModelCard", "learner"), ("Diff", "not_compared"), ("Prediction", "not_explained"), ("Health", "learner")];
    for (schema, property) in of_learners {
        if let Some(properties) = schemas[schema]["properties"].as_object_mut() {
            properties.shift_remove(property);
        }
    }
    // Only a learner gets a number outside as it is.
    if let Some(required) = schemas["OutsideNumber"]["required"].as_array_mut() {
        required.push(json!("held"));
    }
    if let Some(schemas) = schemas.as_object_mut() {
        for schema in ["LearnerFit", "LearnerHealth"] {
            schemas.shift_remove(schema);
        }
    }
}

/// Describes the properties whose meaning a learner outside of this program changes.
fn of_learner(schemas: &mut Value) {
    let descriptions = [
        ("Prediction", "unknown", "Texts that the model does not know; they count as missing"),
        ("Prediction", "outside", "Numbers outside the range of the training rows; the learner gets them as they are"),
        ("Prediction", "explanation", "Left out: the learner returns only probabilities"),
        ("OutsideNumber", "held", "Left out: the learner gets the number as it is"),
        ("RowPrediction", "outside", "Fields with a number outside the range of the training rows"),
    ];
    for (schema, property, description) in descriptions {
        if let Some(found) = schemas[schema]["properties"].get_mut(property) {
            found["description"] = json!(description);
        }
    }
}

fn schema_name(id: &str) -> String {
    format!("Row_{}", id.replace('-', "_"))
}

fn reference(fitted: Fitted<'_>) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", schema_name(fitted.model.name())) })
}

/// Creates the operation of one model from a template.
fn own(template: &Value, verb: &str, id: &str, fitted: &str) -> Value {
    let mut operation = template.clone();
    if let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
        parameters.retain(|parameter| parameter["in"] != "path");
    }
    let summary = operation["summary"].as_str().unwrap_or_default().replace("a model", id);
    operation["summary"] = json!(summary);
    operation["description"] = json!(fitted);
    operation["operationId"] = json!(format!("{verb}_{}", id.replace('-', "_")));
    operation["tags"] = json!([id]);
    operation
}

fn row_content(fitted: Fitted<'_>) -> Value {
    let mut body = json!({ "schema": reference(fitted) });
    if let Some(example) = fitted.learned.examples.first() {
        body["example"] = Value::Object(example.row.clone());
    }
    json!({ "application/json": body })
}

/// Returns the body description of a request with many rows, for each format.
fn batch_content(fitted: Fitted<'_>, pipeline: &Pipeline) -> Value {
    let most = pipeline.serve.max_rows;
    let rows: Vec<&Map<String, Value>> = fitted.learned.examples.iter().map(|example| &example.row).collect();
    let lines = |about: &str| json!({ "type": "string", "description": about });
    json!({
        "application/json": {
            "schema": { "type": "array", "maxItems": most, "items": reference(fitted) },
            "example": rows,
        },
        "application/x-ndjson": {
            "schema": lines("One row per line, each a JSON object"),
            "example": examples::lines(&rows),
        },
        "text/csv": {
            "schema": lines("A header line, then one record per row; columns that the model does not need are ignored"),
            "example": examples::table(&rows),
        },
    })
}

/// Replaces an `allOf` with a single reference by the reference. poem-openapi writes such an `allOf` for a property of
/// an enum type, and client generators accept it only for objects.
fn plain_references(value: &mut Value, schemas: &Value) {
    let only = value["allOf"].as_array().and_then(|all| if let [one] = &all[..] { one["$ref"].as_str() } else { None });
    if let Some(reference) = only.map(str::to_owned) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        if schemas[name]["type"] != "object" {
            *value = json!({ "$ref": reference });
            return;
        }
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| plain_references(member, schemas)),
        Value::Array(items) => items.iter_mut().for_each(|item| plain_references(item, schemas)),
        _ => {}
    }
}

/// Adds the paths that have no typed operation.
fn plain_paths(document: &mut Value) {
    let text = json!({ "type": "string" });
    let mut plain = |path: &str, id: &str, summary: &str, kind: &str, schema: &Value| {
        let answer = json!({ "description": "", "content": { kind: { "schema": schema } } });
        document["paths"][path] = json!({ "get": {
            "tags": ["Health"], "summary": summary, "operationId": id, "responses": { "200": answer },
        } });
    };
    let kind = crate::metrics::CONTENT_TYPE;
    plain("/metrics", "metrics", "Metrics of pipeline, models and requests, for Prometheus", kind, &text);
    plain("/openapi.json", "openapi", "This document", "application/json", &json!({ "type": "object" }));
}

/// Adds the answers that every operation may give, and the security schemes if requests need a key.
fn answers_of_all(document: &mut Value, has_keys: bool) {
    let problem = |about: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        json!({ "description": about, "content": { PROBLEM: { "schema": schema } } })
    };
    let mut common = vec![
        ("408", problem("The body did not arrive in time")),
        ("500", problem("An internal error of the server")),
        ("503", problem("The server is overloaded, or has no model yet; Retry-After says when to try again")),
    ];
    if has_keys {
        common.push(("401", problem("The API key is missing or unknown")));
        common.push(("403", problem("The API key does not allow this")));
        common.push(("429", problem("The API key sends too many requests; Retry-After says when to try again")));
        document["components"]["securitySchemes"] = json!({
            "bearer": { "type": "http", "scheme": "bearer", "description": "An API key" },
            "header": { "type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key" },
        });
    }
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let answers = &mut operation["responses"];
            for (status, answer) in &common {
                if answers[*status].is_null() {
                    answers[*status] = answer.clone();
                }
            }
            if has_keys && !path.contains("/health/") {
                let is_admin = path.starts_with("/v1/aliases") && method != "get";
                let scope = if is_admin { "admin" } else { "read" };
                operation["security"] = json!([{ "bearer": [] }, { "header": [] }]);
                operation["x-scope"] = json!(scope);
            }
        }
    }
}

fn about(pipeline: &Pipeline) -> String {
    let target = &pipeline.target;
    let rule = serde_json::to_value(&target.rule).unwrap_or_default();
    let rule = rule.as_object().and_then(|rule| rule.iter().next()).map(|(name, value)| format!("{name} {value}"));
    let kind = if pipeline.train.solver == Solver::Command { "Models" } else { "Logistic regression models" };
    format!(
        "{kind} of the pipeline `{}`. A row is positive if its {} is {}. Models are published \
         while the stream runs, and each one adds its own paths to this document, with the fields that it expects.",
        pipeline.name,
        target.column,
        rule.unwrap_or_default().replace('_', " ")
    )
}
