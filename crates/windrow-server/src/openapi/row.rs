//! The schema of one row for one model.

use serde_json::{Map, Value, json};

use crate::openapi::examples::rounded;
use crate::schema::{FieldKind, MAX_EXACT, is_exact};
use crate::served::Fitted;
use windrow_config::CalendarPart;
use windrow_learn::model::{EncodedFeature, Encoding, Input, InputFeature, Learned, Level};
use windrow_record::{NumberForm, TimeFormat, parse_number};

/// Maximum number of levels of a category that the document names.
const MAX_LEVELS: usize = 200;
/// A regular expression for the times in RFC 3339 that are accepted in addition to those in the format of the dataset.
const RFC3339: &str = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?";

pub(super) fn schema(fitted: Fitted<'_>) -> Value {
    let Fitted { learned, schema: input, .. } = fitted;
    let mut properties = Map::new();
    for field in input.fields() {
        let description = description(learned, &field.name);
        let mut schema = json!({ "type": "string", "nullable": true, "description": description });
        match &field.kind {
            FieldKind::Number { log } => {
                schema["type"] = json!("number");
                if *log {
                    schema["minimum"] = json!(-1);
                    schema["exclusiveMinimum"] = json!(true);
                }
                if !field.rules.is_empty() {
                    schema = number_or_text(schema, field.rules.form(), &description);
                }
            }
            FieldKind::Time(format) => {
                if let Some(pattern) = pattern(format) {
                    schema["pattern"] = json!(pattern);
                }
            }
            FieldKind::Text { known } if known.are_numbers() => schema = text_or_number(&description),
            FieldKind::Text { .. } => {}
        }
        let example = learned.examples.iter().find_map(|example| example.row.get(&field.name).filter(|v| !v.is_null()));
        if let Some(example) = example {
            // The example of the whole row has the text.
            let number = example.as_str().filter(|_| schema.get("anyOf").is_some()).and_then(as_number);
            schema["example"] = number.unwrap_or_else(|| example.clone());
        }
        properties.insert(field.name.clone(), schema);
    }
    let required: Vec<&str> = input.fields().iter().map(|field| field.name.as_str()).collect();
    json!({
        "type": "object",
        "description": "One row. Every field is required; null means that the value is missing.",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Returns the schema of a number that may also be a text as in the data file.
fn number_or_text(mut number: Value, form: Option<&NumberForm>, description: &str) -> Value {
    number.as_object_mut().map(|members| members.remove("description"));
    let how = form.map_or_else(String::new, |form| format!(", such as {}", form.as_str()));
    json!({
        "anyOf": [number, { "type": "string" }],
        "description": format!("{description} A text is read as in the data file{how}."),
    })
}

/// Returns the schema of a category whose known texts are numbers.
fn text_or_number(description: &str) -> Value {
    let (text, bounds) = (json!({ "type": "string", "nullable": true }), (-MAX_EXACT, MAX_EXACT));
    json!({
        "anyOf": [text, { "type": "number", "minimum": bounds.0, "maximum": bounds.1 }],
        "description": format!("{description} A number counts as the known text with the same value."),
    })
}

/// Returns a text as a number in JSON, without decimals if it is whole.
fn as_number(text: &str) -> Option<Value> {
    let number = parse_number(text).ok()?;
    Some(if number.fract() == 0.0 && is_exact(number) { json!(number as i64) } else { json!(number) })
}

/// Describes the values of a column that training has seen, and what any other value counts as.
fn description(learned: &Learned, column: &str) -> String {
    let parts: Vec<String> = match learned.logistic() {
        Some(logistic) => {
            let features = logistic.encoder.features.iter().filter(|feature| feature.column == column);
            features.map(described).collect()
        }
        None => {
            let inputs = learned.inputs();
            inputs.features.iter().filter(|feature| feature.column == column).map(as_it_is).collect()
        }
    };
    parts.join(" ")
}

/// Describes a column of a learner outside of this program, which gets its values unchanged.
fn as_it_is(feature: &InputFeature) -> String {
    match &feature.input {
        Input::Number { min, max, .. } => {
            let (min, max) = (rounded(*min), rounded(*max));
            format!("Seen in training from {min} to {max}. The learner gets a number outside this range as it is.")
        }
        Input::Category { levels } => format!("Known: {}. Any other text counts as missing.", named(levels)),
        Input::Calendar { part, format, levels } => time(*part, format, &levels.join(", ")),
    }
}

/// Returns the first levels of a category, and the number of the others.
fn named<T: AsRef<str>>(levels: &[T]) -> String {
    let shown: Vec<&str> = levels.iter().take(MAX_LEVELS).map(AsRef::as_ref).collect();
    let more = levels.len().saturating_sub(MAX_LEVELS);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

fn time(part: CalendarPart, format: &TimeFormat, known: &str) -> String {
    let (form, part) = (format.as_str(), part.name());
    let clock = if format.is_utc() { "in UTC" } else { "as written" };
    format!("A time of the form {form}, or RFC 3339; its {part} {clock} is used (known: {known}).")
}

fn described(feature: &EncodedFeature) -> String {
    match &feature.encoding {
        Encoding::Number { min, max, missing, log, .. } => {
            let missing = rounded(if *log { missing.exp_m1() } else { *missing });
            let (min, max) = (rounded(*min), rounded(*max));
            format!(
                "Seen in training from {min} to {max}. Outside this range, the nearer end counts. A missing number \
                 counts as {missing}."
            )
        }
        Encoding::Category { levels } => {
            let known: Vec<&str> = levels.iter().filter_map(Level::value).collect();
            format!("Known: {}. Any other text counts as 'other'.", named(&known))
        }
        Encoding::Calendar { part, format, levels } => {
            time(*part, format, &levels.iter().filter_map(Level::value).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Returns a regular expression that matches every time in the format or in RFC 3339. It also matches invalid dates such
/// as 31 June. Returns `None` if the format has a specifier without a fixed width.
fn pattern(format: &TimeFormat) -> Option<String> {
    if format.epoch().is_some() {
        return None;
    }
    let mut pattern = String::new();
    let mut rest = format.as_str().chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            if !c.is_alphanumeric() && c != ' ' && c != '-' && c != ':' {
                pattern.push('\\');
            }
            pattern.push(c);
            continue;
        }
        pattern.push_str(match rest.next()? {
            'Y' => "[0-9]{4}",
            'm' => "(0[1-9]|1[0-2])",
            'd' => "(0[1-9]|[12][0-9]|3[01])",
            'H' => "([01][0-9]|2[0-3])",
            'M' | 'S' => "[0-5][0-9]",
            'F' => "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
            'T' => "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
            'R' => "([01][0-9]|2[0-3]):[0-5][0-9]",
            _ => return None,
        });
    }
    Some(format!("^({pattern}|{RFC3339})$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_times_becomes_a_pattern() {
        let of = |format: &str| pattern(&TimeFormat::new(format.to_owned()).expect("a form"));
        let either = |own: &str| Some(format!("^({own}|{RFC3339})$"));
        let day = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
        assert_eq!(of("%Y-%m-%d %H:%M"), either(&format!("{day} ([01][0-9]|2[0-3]):[0-5][0-9]")));
        assert_eq!(of("%F"), either(day));
        assert_eq!(of("%d.%m.%Y"), either("(0[1-9]|[12][0-9]|3[01])\\.(0[1-9]|1[0-2])\\.[0-9]{4}"));
        assert_eq!(of("%B %d, %Y"), None);
    }
}
