//! docs/pipeline-file.md, the reference of the pipeline file, is made from the declarations of its keys.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};
use windrow_config::{Pipeline, json_schema};

const HEAD: &str = "\
# The pipeline file

A pipeline file is TOML. Unknown keys and impossible values are errors with file, line and key. A key without a default may be
left out, unless it is marked as required.

`windrow schema` prints the JSON Schema of this file. An editor that knows it completes the keys and checks the values:

    windrow schema > windrow.schema.json

With the language server Taplo, and with editors that use it, the first line of a pipeline file then is
`#:schema ./windrow.schema.json`.
";

struct Page {
    schema: Value,
    text: String,
}

impl Page {
    /// The members of a schema, with those of the definition that it refers to; its own members win.
    fn resolved(&self, schema: &Value) -> Map<String, Value> {
        let own = schema.as_object().cloned().unwrap_or_default();
        let only_choice = own.get("anyOf").and_then(Value::as_array).filter(|choices| choices.len() == 1);
        let base = match (own.get("$ref").and_then(Value::as_str), only_choice) {
            (Some(name), _) => self.resolved(self.schema.pointer(&name[1..]).expect("a definition")),
            (None, Some(choices)) => self.resolved(&choices[0]),
            (None, None) => Map::new(),
        };
        base.into_iter().chain(own).collect()
    }

    fn table(&mut self, path: &str, schema: &Value) {
        let resolved = self.resolved(schema);
        let Some(Value::Object(keys)) = resolved.get("properties") else { return };
        let required = resolved.get("required").cloned().unwrap_or_default();
        let is_required = |key: &str| required.as_array().is_some_and(|keys| keys.iter().any(|it| it == key));
        if !path.is_empty() {
            // The definition says more than the key that refers to it.
            let definition = schema.get("$ref").and_then(Value::as_str).map(|name| self.schema.pointer(&name[1..]));
            let description = definition.flatten().unwrap_or(schema);
            let description = description.get("description").or(resolved.get("description"));
            let description = line(description.and_then(Value::as_str).unwrap_or_default());
            writeln!(self.text, "\n## `[{path}]`\n\n{description}").expect("memory");
        }
        writeln!(self.text, "\n| key | type | default | meaning | example |\n|---|---|---|---|---|").expect("memory");
        let mut below = Vec::new();
        for (key, schema) in keys {
            let resolved = self.resolved(schema);
            if resolved.contains_key("properties") {
                below.push((key.clone(), schema.clone()));
                if path.is_empty() {
                    continue;
                }
            }
            let default = resolved.get("default").filter(|default| **default != Value::String(String::new()));
            let default = match default {
                _ if resolved.contains_key("properties") => String::new(),
                _ if is_required(key) => "required".to_owned(),
                Some(default) => format!("`{}`", toml(default)),
                None => String::new(),
            };
            let meaning = line(resolved.get("description").and_then(Value::as_str).unwrap_or_default());
            let example = resolved.get("examples").and_then(|examples| examples.get(0));
            let example = example.map(|example| format!("`{key} = {}`", toml(example))).unwrap_or_default();
            let kind = self.kind(&resolved, path, key);
            writeln!(self.text, "| `{key}` | {kind} | {default} | {meaning} | {example} |").expect("memory");
            self.choices(&resolved);
        }
        for (key, schema) in below {
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            self.table(&path, &schema);
        }
    }

    fn kind(&self, schema: &Map<String, Value>, path: &str, key: &str) -> String {
        if schema.contains_key("properties") {
            let place = format!("{path}.{key}");
            return format!("table: [below](#{})", place.replace('.', ""));
        }
        if let Some(title) = schema.get("title").and_then(Value::as_str) {
            return title.to_owned();
        }
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            let kinds: Vec<String> = choices.iter().map(|one| self.kind(&self.resolved(one), path, key)).collect();
            return kinds.join(" or ");
        }
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            let words: Vec<String> = choices.iter().filter_map(|choice| choice.get("const").map(toml)).collect();
            return if words.is_empty() { "table".to_owned() } else { words.join(", ") };
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return words.iter().map(toml).collect::<Vec<_>>().join(", ");
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("string") if schema.contains_key("maxLength") => "character".to_owned(),
            Some("string") => "text".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("number") => "number".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("array") => {
                let items = schema.get("items").map(|items| self.kind(&self.resolved(items), path, key));
                format!("list of: {}", items.unwrap_or_default())
            }
            Some("object") if schema.contains_key("additionalProperties") => {
                let values = schema.get("additionalProperties").map(|one| self.kind(&self.resolved(one), path, key));
                format!("table of: {}", values.unwrap_or_default())
            }
            other => panic!("{path}.{key} has a type that the page does not know: {other:?}"),
        }
    }

    /// A line for each documented choice of a key.
    fn choices(&mut self, schema: &Map<String, Value>) {
        let mut all = Vec::new();
        for choice in [schema.get("oneOf"), schema.get("anyOf")].into_iter().flatten().filter_map(Value::as_array) {
            for choice in choice {
                let resolved = self.resolved(choice);
                match resolved.get("oneOf").and_then(Value::as_array) {
                    Some(inner) => all.extend(inner.clone()),
                    None => all.push(choice.clone()),
                }
            }
        }
        for choice in all {
            let meaning = choice.get("description").and_then(Value::as_str);
            let Some(meaning) = meaning else { continue };
            let written = match (choice.get("const"), choice.get("properties").and_then(Value::as_object)) {
                (Some(word), _) => toml(word),
                (None, Some(keys)) => {
                    let member = |(key, schema): (&String, &Value)| {
                        let value = schema.get("const").or(schema.pointer("/examples/0"));
                        format!("{key} = {}", value.map(toml).unwrap_or_default())
                    };
                    format!("{{ {} }}", keys.iter().map(member).collect::<Vec<_>>().join(", "))
                }
                _ => continue,
            };
            writeln!(self.text, "| | `{written}` | | {} | |", line(meaning)).expect("memory");
        }
    }
}

fn line(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let is_bare = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            let key = |key: &String| if is_bare(key) { key.clone() } else { format!("{key:?}") };
            let member = |(name, value): (&String, &Value)| format!("{} = {}", key(name), toml(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Finds each example of a key, with the path of its table.
fn examples(page: &Page, path: &str, schema: &Value, found: &mut Vec<(String, String, Value)>) {
    let resolved = page.resolved(schema);
    let Some(Value::Object(keys)) = resolved.get("properties") else { return };
    for (key, schema) in keys {
        let resolved = page.resolved(schema);
        let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        examples(page, &below, schema, found);
        for example in resolved.get("examples").and_then(Value::as_array).into_iter().flatten() {
            found.push((path.to_owned(), key.clone(), example.clone()));
        }
    }
}

#[test]
fn the_reference_page_follows_from_the_declarations() {
    let mut page = Page { schema: json_schema(), text: HEAD.to_owned() };
    let schema = page.schema.clone();
    page.table("", &schema);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pipeline-file.md");
    if std::env::var_os("WINDROW_BLESS").is_some() {
        std::fs::write(&path, &page.text).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("the page is there");
    assert_eq!(committed, page.text, "docs/pipeline-file.md is out of date: run `just reference`");
}

#[test]
fn every_key_has_a_meaning_and_an_example_that_can_be_written() {
    let page = Page { schema: json_schema(), text: String::new() };
    let mut found = Vec::new();
    examples(&page, "", &page.schema, &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for (table, key, example) in found {
        let base = "name = \"p\"\ndataset = { path = \"d.csv\", time = { column = \"t\", format = \"seconds\" } }\n\
                    target = { column = \"y\", at_least = 1 }\nfeatures = { numeric = [\"x\"] }\nwindow = { rows = 5 }\n";
        // A duration needs windows of a length in time.
        let window = if key == "label_delay" { "event = \"month\"" } else { "rows = 5" };
        let mut file: toml::Table = base.replace("rows = 5", window).parse().expect("TOML");
        let mut place = &mut file;
        for name in table.split('.').filter(|name| !name.is_empty()) {
            let entry = place.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            place = entry.as_table_mut().expect("a table");
        }
        // A rule, a way to cut: exactly one of several keys. Tables whose keys are all required get the others too.
        match table.as_str() {
            "target" if key != "column" => drop(place.remove("at_least")),
            "window" => {
                place.clear();
                if key == "lateness" {
                    place.insert("event".to_owned(), "day".into());
                }
            }
            "advise.cost" => drop(["false_alarm", "miss", "refit"].map(|key| place.insert(key.to_owned(), 1.into()))),
            "serve.tls" => drop(["certificate", "key"].map(|key| place.insert(key.to_owned(), "f".into()))),
            "train.spark" => drop(place.insert("remote".to_owned(), "sc://h".into())),
            "train.command" => drop(place.insert("run".to_owned(), vec!["m"].into())),
            _ => {}
        }
        let value: toml::Table = format!("{key} = {}", toml(&example)).parse().expect("an example is TOML");
        place.extend(value);
        if table == "train.command" {
            let train = file["train"].as_table_mut().expect("a table");
            train.insert("solver".to_owned(), "command".into());
        }
        let text = toml::to_string(&file).expect("TOML");
        if let Err(error) = Pipeline::parse(Path::new("p.toml"), &text) {
            panic!("{table}.{key}: {error}\n{text}");
        }
    }
}
