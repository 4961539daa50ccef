//! The keys and values of one line.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use windrow_record::display::excerpt;

/// The texts that Python's `json` writes for numbers that JSON does not have.
const CONSTANTS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
/// The maximum number of characters of a reason.
const MAX_REASON: usize = 100;

/// Reads a line with `read`. If it is not JSON, reads it again with [`CONSTANTS`] as texts.
pub(super) fn read<T>(
    line: &str,
    mut read: impl FnMut(&str) -> Result<T, serde_json::Error>,
) -> Result<T, serde_json::Error> {
    match read(line) {
        Ok(value) => Ok(value),
        Err(error) => quoted_constants(line).map_or(Err(error), |line| read(&line)),
    }
}

/// Calls `member` with each key of an object and its value. If a key is repeated, each of its values comes in turn.
///
/// # Errors
/// The line is not exactly one object.
pub(super) fn members<'t>(line: &'t str, member: impl FnMut(&str, &'t RawValue)) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    deserializer.deserialize_map(Members(member))?;
    deserializer.end()
}

struct Members<F>(F);

#[derive(Deserialize)]
struct Key<'t>(#[serde(borrow)] Cow<'t, str>);

impl<'t, F: FnMut(&str, &'t RawValue)> Visitor<'t> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            // A raw value is only a part of the line: its nested values are not built.
            let value: &'t RawValue = map.next_value()?;
            (self.0)(&key, value);
        }
        Ok(())
    }
}

/// Returns true for an object or a list.
pub(super) fn is_nested(value: &RawValue) -> bool {
    value.get().starts_with(['{', '['])
}

/// Returns the text of a value in a record. Numbers are written as in the file, and null is the empty text.
///
/// # Errors
/// The value is nested, or a text with an invalid escape sequence.
pub(super) fn cell(value: &RawValue) -> Result<Cow<'_, str>, serde_json::Error> {
    let text = value.get();
    match text.as_bytes() {
        [b'{' | b'[', ..] => Err(serde_json::Error::custom("the value is an object or a list")),
        [b'n', ..] => Ok(Cow::Borrowed("")),
        [b'"', .., b'"'] if !text.contains('\\') => Ok(Cow::Borrowed(&text[1..text.len() - 1])),
        [b'"', ..] => serde_json::from_str(text).map(Cow::Owned),
        _ => Ok(Cow::Borrowed(text)),
    }
}

/// Returns the reason why a line is not an object.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The error counts lines within the line.
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    format!("{} at column {}", excerpt(reason, MAX_REASON), error.column())
}

/// Returns a line with its [`CONSTANTS`] in quotes. `None` if it has none outside of texts.
fn quoted_constants(line: &str) -> Option<String> {
    let bytes = line.as_bytes();
    let (mut quoted, mut copied, mut place, mut is_in_text) = (String::new(), 0, 0, false);
    while let Some(byte) = bytes.get(place) {
        let begins = |constant: &&&str| bytes[place..].starts_with(constant.as_bytes());
        if let Some(constant) = CONSTANTS.iter().find(begins).filter(|_| !is_in_text) {
            quoted.push_str(&line[copied..place]);
            quoted.push_str(&format!("\"{constant}\""));
            place += constant.len();
            copied = place;
            continue;
        }
        match byte {
            b'\\' if is_in_text => place += 1,
            b'"' => is_in_text = !is_in_text,
            _ => {}
        }
        place += 1;
    }
    quoted.push_str(&line[copied..]);
    (copied > 0).then_some(quoted)
}
