//! The keys of two JSON documents whose values differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// A key with another value in each of two documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct KeyChange {
    /// The key with the keys above it, as in `window.rows`.
    pub(crate) key: String,
    /// The value in the first document; `None` if the key is missing.
    pub(crate) a: Option<Value>,
    /// The value in the second document; `None` if the key is missing.
    pub(crate) b: Option<Value>,
}

/// Returns the keys whose values differ, in alphabetical order. Lists are compared as a whole.
pub(super) fn changed_keys(a: &Value, b: &Value) -> Vec<KeyChange> {
    let (mut of_a, mut of_b) = (BTreeMap::new(), BTreeMap::new());
    flatten("", a, &mut of_a);
    flatten("", b, &mut of_b);
    let keys: BTreeSet<&String> = of_a.keys().chain(of_b.keys()).collect();
    let value = |values: &BTreeMap<String, &Value>, key: &str| values.get(key).map(|value| (*value).clone());
    keys.into_iter()
        .filter(|key| of_a.get(*key) != of_b.get(*key))
        .map(|key| KeyChange { key: key.clone(), a: value(&of_a, key), b: value(&of_b, key) })
        .collect()
}

fn flatten<'v>(path: &str, value: &'v Value, into: &mut BTreeMap<String, &'v Value>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, member, into);
            }
        }
        // A key with the value null is equal to a missing key.
        Value::Null => {}
        other => {
            into.insert(path.to_owned(), other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_with_other_values_are_listed_and_null_is_a_missing_key() {
        let a = json!({ "name": "p", "window": { "rows": 5 }, "lists": [1, 2], "gone": true, "none": null });
        let b = json!({ "name": "p", "window": { "rows": 6 }, "lists": [1, 3], "window2": { "x": null } });
        let found = changed_keys(&a, &b);
        let keys: Vec<&str> = found.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(keys, ["gone", "lists", "window.rows"]);
        assert_eq!(found[0], KeyChange { key: "gone".to_owned(), a: Some(json!(true)), b: None });
        assert_eq!((&found[2].a, &found[2].b), (&Some(json!(5)), &Some(json!(6))));
        assert!(changed_keys(&a, &a).is_empty());
    }
}
