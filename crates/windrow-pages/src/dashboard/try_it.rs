//! The form for one row, made from the features of a model.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::dashboard::frame::{Page, View};
use windrow_learn::model::{Input, Inputs, Learned};
use windrow_registry::ADVISED;

/// Maximum number of known values that are offered for a category.
const MAX_LEVELS: usize = 200;

struct Field<'a> {
    name: &'a str,
    /// The kind of the value: `number` or `text`.
    kind: &'static str,
    hint: String,
    levels: Vec<&'a str>,
}

pub(super) fn page(view: &View) -> Page {
    let asked = view.query.get("model").and_then(|name| Some((name.as_str(), view.snapshot.resolve(name).ok()?)));
    let asked = asked.filter(|(_, model)| model.learned().is_some());
    let chosen = asked.or_else(|| Some((ADVISED, view.snapshot.advised()?)));
    let main = html! {
        h1 { "Try a model" }
        @match chosen.and_then(|(name, model)| Some((name, model.learned()?))) {
            Some((name, learned)) => (form(view, name, learned)),
            None => { p #waiting data-live data-reload { "There is no model yet: " (view.observed.flow.state) "." } },
        }
    };
    Page { script: Some("/assets/try.js"), ..Page::new("try a model", main) }
}

fn form(view: &View, chosen: &str, learned: &Learned) -> Markup {
    let examples: Vec<&serde_json::Map<String, Value>> = learned.examples.iter().map(|example| &example.row).collect();
    let first = examples.first().copied();
    let inputs = learned.inputs();
    let others = if learned.logistic().is_some() { "'other'" } else { "missing" };
    let learned_models = view.snapshot.models().rev().filter(|model| model.learned().is_some());
    html! {
        form.choose action="/try" method="get" {
            label for="model" { "Model" }
            select #model name="model" {
                @for (name, model) in view.snapshot.named() {
                    option value=(name) selected[name == chosen] { (name) " (" (model.name()) ")" }
                }
                @for model in learned_models {
                    option value=(model.name()) selected[model.name() == chosen] { (model.name()) }
                }
            }
            button type="submit" { "Choose" }
        }
        div.two {
            form #try data-model=(chosen) data-keys=(view.has_keys) data-examples=(json!(examples)) {
                @for (number, field) in fields(&inputs, others).iter().enumerate() {
                    (form_field(number, field, first.and_then(|row| row.get(field.name))))
                }
                p.pages {
                    button type="submit" { "Predict" }
                    button #another type="button" disabled[examples.len() < 2] { "Another example row" }
                }
                p.quiet { "An empty field counts as missing. The first row is from the training data." }
            }
            section #result aria-live="polite" aria-label="The answer" { p.quiet { "The answer appears here." } }
        }
        section #curl aria-label="The same request" hidden { h2 { "The same request" } pre tabindex="0" { code {} } button type="button" { "Copy" } }
        section #all aria-label="Every model" {}
    }
}

fn form_field(number: usize, field: &Field<'_>, example: Option<&Value>) -> Markup {
    let value = match example {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    // A column's name may contain spaces, but an id may not.
    let id = |part: &str| format!("{part}-{number}");
    html! {
        div.field {
            label for=(id("field")) { (field.name) }
            input id=(id("field")) name=(field.name) data-kind=(field.kind) value=(value) autocomplete="off"
                inputmode=[(field.kind == "number").then_some("decimal")]
                list=[(!field.levels.is_empty()).then(|| id("levels"))]
                aria-describedby=(id("hint"));
            span.quiet id=(id("hint")) { (field.hint) }
            @if !field.levels.is_empty() {
                datalist id=(id("levels")) { @for level in &field.levels { option value=(level) {} } }
            }
        }
    }
}

/// Returns the columns that a request must have, in the order of the model. `others` is what an unknown value of a
/// category counts as.
fn fields<'a>(inputs: &'a Inputs, others: &str) -> Vec<Field<'a>> {
    let (mut fields, mut names) = (Vec::new(), BTreeSet::new());
    for feature in &inputs.features {
        if !names.insert(&feature.column) {
            continue;
        }
        let (kind, hint, levels) = match &feature.input {
            Input::Number { min, max, .. } => {
                ("number", format!("{} to {} in training", short_number(*min), short_number(*max)), Vec::new())
            }
            Input::Category { levels } => {
                let hint = format!("{} known values; others count as {others}", levels.len());
                ("text", hint, levels.iter().map(String::as_str).take(MAX_LEVELS).collect())
            }
            Input::Calendar { format, .. } => {
                ("text", format!("a time of the form {}, or RFC 3339", format.as_str()), vec![])
            }
        };
        fields.push(Field { name: &feature.column, kind, hint, levels });
    }
    fields
}

/// Formats a number with at most three decimals.
fn short_number(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
