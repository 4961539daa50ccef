//! The value that a request gives for a field.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use windrow_record::display;

/// Maximum number of characters of a faulty value that an answer repeats.
const MAX_EXCERPT: usize = 60;

/// The value that a request gives for a field. Arrays and objects are always faults, so their content is not kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InputValue<'b> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'b, str>),
    Array,
    Object,
}

impl fmt::Display for InputValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{:?}", excerpt(text)),
            Self::Array => f.write_str("an array"),
            Self::Object => f.write_str("an object"),
        }
    }
}

pub(crate) fn excerpt(text: &str) -> String {
    display::excerpt(text, MAX_EXCERPT).into_owned()
}

impl<'b> serde::Deserialize<'b> for InputValue<'b> {
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;

        macro_rules! visits {
            ($($visit:ident($value:ident: $kind:ty) => $made:expr;)*) => {
                $(fn $visit<E>(self, $value: $kind) -> Result<InputValue<'b>, E> {
                    Ok($made)
                })*
            };
        }

        impl<'b> Visitor<'b> for ValueVisitor {
            type Value = InputValue<'b>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<InputValue<'b>, E> {
                Ok(InputValue::Null)
            }

            visits! {
                visit_bool(value: bool) => InputValue::Bool(value);
                visit_u64(value: u64) => InputValue::Number(value as f64);
                visit_i64(value: i64) => InputValue::Number(value as f64);
                visit_f64(value: f64) => InputValue::Number(value);
                visit_borrowed_str(value: &'b str) => InputValue::Text(Cow::Borrowed(value));
                visit_str(value: &str) => InputValue::Text(Cow::Owned(value.to_owned()));
            }

            fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<InputValue<'b>, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(InputValue::Array)
            }

            fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<InputValue<'b>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(InputValue::Object)
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}
