//! The pipeline file as a JSON Schema, made from the declarations of its keys.

use serde_json::Value;

use crate::Pipeline;

/// Returns the JSON Schema (draft 2020-12) of a pipeline file, for editors that complete and check TOML.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Pipeline).into();
    adapt_to_toml(&mut schema);
    if let Some(tables) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        // A table's default repeats those of its keys.
        tables.values_mut().filter_map(Value::as_object_mut).for_each(|table| drop(table.remove("default")));
    }
    schema
}

/// Removes the parts that do not apply to a TOML file: null, which TOML does not have, and the mark of keys that are not stored
/// with a run.
fn adapt_to_toml(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.retain(|key, value| key != "writeOnly" && !(key == "default" && value.is_null()));
            for (key, value) in object.iter_mut() {
                if let ("type" | "anyOf", Value::Array(choices)) = (key.as_str(), &mut *value) {
                    choices.retain(|choice| choice != "null" && choice.get("type").is_none_or(|kind| kind != "null"));
                    if let ("type", [only]) = (key.as_str(), choices.as_slice()) {
                        *value = only.clone();
                    }
                }
                adapt_to_toml(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(adapt_to_toml),
        _ => {}
    }
}
