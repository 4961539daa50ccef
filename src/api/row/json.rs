//! One JSON object as a row. What is no object, or holds what it should not, is a fault and no end: the whole is read, so
//! that every fault is told at once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::api::problem::FieldFault;
use crate::api::row::{Form, Given, Row, echo, nearest};

/// Reads one row by a form.
#[derive(Clone, Copy)]
pub(crate) struct RowSeed<'f>(pub(crate) &'f Form);

impl<'b> DeserializeSeed<'b> for RowSeed<'_> {
    type Value = Result<Row<'b>, Vec<FieldFault>>;

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl RowSeed<'_> {
    fn unknown(self, name: &str) -> FieldFault {
        let known = self.0.fields.iter().map(|field| field.name.as_str());
        FieldFault {
            row: None,
            field: echo(name),
            reason: "is no field of this model".to_owned(),
            given: None,
            expected: None,
            did_you_mean: nearest(name, known).map(str::to_owned),
        }
    }
}

fn not_an_object<'b, E>(given: &str) -> Result<Result<Row<'b>, Vec<FieldFault>>, E> {
    Ok(Err(vec![FieldFault {
        row: None,
        field: String::new(),
        reason: "is not a JSON object".to_owned(),
        given: Some(given.to_owned()),
        expected: Some("an object with the fields of one row".to_owned()),
        did_you_mean: None,
    }]))
}

impl<'b> Visitor<'b> for RowSeed<'_> {
    type Value = Result<Row<'b>, Vec<FieldFault>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let fields = &self.0.fields;
        let mut given: Vec<Option<Given<'b>>> = vec![None; fields.len()];
        let mut faults = Vec::new();
        while let Some(name) = map.next_key_seed(NameSeed(self.0))? {
            let value = map.next_value::<Given<'b>>()?;
            match name {
                Name::Unknown(name) => faults.push(self.unknown(&name)),
                Name::Field(place) if given[place].is_some() => {
                    faults.push(fields[place].fault("stands twice", Some(value.to_string())));
                }
                Name::Field(place) => given[place] = Some(value),
            }
        }
        if faults.is_empty() {
            return Ok(self.0.check(given));
        }
        faults.extend(self.0.faults(&given));
        Ok(Err(faults))
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        not_an_object("an array")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        not_an_object("null")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        not_an_object(&value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        not_an_object(&value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        not_an_object(&value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        not_an_object(&value.to_string())
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        not_an_object(&Given::Text(Cow::Borrowed(value)).to_string())
    }
}

/// A key of the object; looked up as it is read, so that no known one is copied.
enum Name {
    Field(usize),
    Unknown(String),
}

struct NameSeed<'f>(&'f Form);

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
        let place = self.0.fields.iter().position(|field| field.name == name);
        Ok(place.map_or_else(|| Name::Unknown(name.to_owned()), Name::Field))
    }
}
