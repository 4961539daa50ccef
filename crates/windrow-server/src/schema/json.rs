//! Reads a JSON object as a row. Other JSON values and wrong fields are faults and do not stop the reading, so all
//! faults are listed at once, at most 100.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::schema::fault::{FieldFault, FieldFaults};
use crate::schema::input::{InputSchema, Row};
use crate::schema::value::InputValue;

/// Reads one row by its schema. Returns `None` if the row is faulty. Returns an error if the text is not JSON or the
/// list of faults is full.
pub(crate) struct RowSeed<'s> {
    pub(crate) schema: &'s InputSchema,
    pub(crate) faults: &'s mut FieldFaults,
}

impl<'b> DeserializeSeed<'b> for RowSeed<'_> {
    type Value = Option<Row<'b>>;

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl RowSeed<'_> {
    fn not_an_object<'b, E: serde::de::Error>(self, given: &str) -> Result<Option<Row<'b>>, E> {
        self.faults.push(FieldFault {
            reason: "is not a JSON object".to_owned(),
            given: Some(given.to_owned()),
            expected: Some("an object with the fields of one row".to_owned()),
            ..FieldFault::default()
        });
        self.check_full(None)
    }

    fn check_full<T, E: serde::de::Error>(&self, value: T) -> Result<T, E> {
        if self.faults.is_full() { Err(E::custom("too many faults")) } else { Ok(value) }
    }
}

macro_rules! no_object {
    ($($visit:ident: $kind:ty),*) => {
        $(fn $visit<E: serde::de::Error>(self, value: $kind) -> Result<Self::Value, E> {
            self.not_an_object(&value.to_string())
        })*
    };
}

impl<'b> Visitor<'b> for RowSeed<'_> {
    type Value = Option<Row<'b>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let fields = self.schema.fields();
        let mut values: Vec<Option<InputValue<'b>>> = vec![None; fields.len()];
        let before = self.faults.len();
        let mut expected = 0;
        while let Some(name) = map.next_key_seed(NameSeed { schema: self.schema, expected })? {
            let value = map.next_value::<InputValue<'b>>()?;
            match name {
                Name::Field(index) if values[index].is_none() => {
                    values[index] = Some(value);
                    expected = index + 1;
                }
                Name::Field(index) => self.faults.push(fields[index].fault("is given twice", Some(value.to_string()))),
                Name::Unknown(fault) => self.faults.push(fault),
            }
            self.check_full(())?;
        }
        let row = self.schema.row(values, self.faults).filter(|_| self.faults.len() == before);
        self.check_full(row)
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.not_an_object("an array")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        self.not_an_object("null")
    }

    no_object! { visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64 }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
        self.not_an_object(&InputValue::Text(value.into()).to_string())
    }
}

/// A key of the object. It is looked up while it is read, so that known keys are not copied.
enum Name {
    Field(usize),
    Unknown(FieldFault),
}

struct NameSeed<'s> {
    schema: &'s InputSchema,
    /// The index of the next field if the client sends the fields in the schema's order, as most clients do.
    expected: usize,
}

impl<'b> DeserializeSeed<'b> for NameSeed<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        if self.schema.fields().get(self.expected).is_some_and(|field| field.name == name) {
            return Ok(Name::Field(self.expected));
        }
        Ok(match self.schema.position(name) {
            Some(index) => Name::Field(index),
            None => Name::Unknown(self.schema.unknown_field(name)),
        })
    }
}
