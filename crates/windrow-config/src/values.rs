//! The forms of values in the pipeline file, and the checks that several keys share.
//!
//! A check takes a value that has the right type. Its error is the end of a sentence that begins with the key.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

// A list of which a single item may be written without brackets.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

pub(crate) struct DurationText;

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "title": "duration" })
    }
}

/// Returns the JSON Schema of a table that has exactly one of these keys. Other keys are not restricted.
pub(crate) fn exactly_one(keys: &str) -> serde_json::Value {
    keys.split_whitespace().map(|key| serde_json::json!({ "required": [key] })).collect()
}

/// Reads a list. A single text or number is read as a list of one item.
pub(crate) fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Items<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("one value or a list of values")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(StrDeserializer::new(text)).map(|one| vec![one])
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<T>, E> {
            T::deserialize(de::value::I64Deserializer::new(number)).map(|one| vec![one])
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<Vec<T>, E> {
            T::deserialize(de::value::F64Deserializer::new(number)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(items))
        }
    }

    deserializer.deserialize_any(Items(std::marker::PhantomData))
}

/// Reads a list like [`list`], for an optional key.
pub(crate) fn some_list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(input: D) -> Result<Option<Vec<T>>, D::Error> {
    list(input).map(Some)
}

/// Writes a list. A list of one item is written as the item.
pub(crate) fn one_or_many<T: Serialize, S: Serializer>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    match items {
        [one] => one.serialize(serializer),
        many => many.serialize(serializer),
    }
}

/// Reads and writes one ASCII character as its byte.
pub(crate) mod byte {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        match String::deserialize(deserializer)?.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Ok(*byte),
            _ => Err(de::Error::custom("must be one ASCII character that is not a line break")),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(byte: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_char(char::from(*byte))
    }
}

/// Reads and writes a character like [`byte`], for an optional key.
pub(crate) mod some_byte {
    use serde::{Deserializer, Serialize, Serializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
        crate::values::byte::deserialize(deserializer).map(Some)
    }

    pub(crate) fn serialize<S: Serializer>(byte: &Option<u8>, serializer: S) -> Result<S::Ok, S::Error> {
        byte.map(char::from).serialize(serializer)
    }
}

pub(crate) type Checked = Result<(), garde::Error>;

pub(crate) fn ensure(holds: bool, problem: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(garde::Error::new(problem.into())) }
}

pub(crate) fn share(value: &f64, (): &()) -> Checked {
    ensure((0.0..=1.0).contains(value), "must be a share between 0 and 1")
}

pub(crate) fn not_negative(value: &f64, (): &()) -> Checked {
    ensure(value.is_finite() && *value >= 0.0, "must be a finite number of at least 0")
}

pub(crate) fn at_least_one(value: &usize, (): &()) -> Checked {
    ensure(*value >= 1, "must be at least 1")
}

pub(crate) fn positive(value: &Duration, (): &()) -> Checked {
    ensure(!value.is_zero(), "must be more than 0s")
}

pub(crate) fn not_empty<T>(items: &[T], (): &()) -> Checked {
    ensure(!items.is_empty(), "must have at least one item")
}

/// Checks that a list is not empty and has no duplicates.
pub(crate) fn distinct<T: PartialEq + std::fmt::Display>(items: &[T], (): &()) -> Checked {
    not_empty(items, &())?;
    let twice = items.iter().enumerate().find(|(index, item)| items[..*index].contains(item));
    twice.map_or(Ok(()), |(_, item)| ensure(false, format!("`{item}` is listed twice")))
}
