//! A JSON value as far as a row can hold it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How much of a faulty value is told back.
const LONGEST_ECHO: usize = 60;

/// What was given for a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given<'b> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'b, str>),
    Array,
    Object,
}

impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => match text.char_indices().nth(LONGEST_ECHO) {
                Some((end, _)) => write!(f, "{:?}...", &text[..end]),
                None => write!(f, "{text:?}"),
            },
            Self::Array => f.write_str("an array"),
            Self::Object => f.write_str("an object"),
        }
    }
}

/// The beginning of a text, as it is told back.
pub(crate) fn echo(text: &str) -> String {
    text.chars().take(LONGEST_ECHO).collect()
}

impl<'b> serde::Deserialize<'b> for Given<'b> {
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        struct GivenVisitor;

        impl<'b> Visitor<'b> for GivenVisitor {
            type Value = Given<'b>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Given<'b>, E> {
                Ok(Given::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Given<'b>, E> {
                Ok(Given::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Given<'b>, E> {
                Ok(Given::Number(value as f64))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Given<'b>, E> {
                Ok(Given::Number(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Given<'b>, E> {
                Ok(Given::Number(value))
            }

            fn visit_borrowed_str<E>(self, value: &'b str) -> Result<Given<'b>, E> {
                Ok(Given::Text(Cow::Borrowed(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Given<'b>, E> {
                Ok(Given::Text(Cow::Owned(value.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<Given<'b>, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Given::Array)
            }

            fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Given<'b>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Given::Object)
            }
        }

        deserializer.deserialize_any(GivenVisitor)
    }
}
