//! From the body of a request to the cells of a row, or to everything that is wrong with it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::api::problem::FieldFault;
use crate::model::{Cell, Encoder, Encoding};
use crate::record::TimeFormat;

/// How alike a name must be to be offered instead.
const LIKENESS: f64 = 0.8;
/// How much of a faulty value is told back.
const LONGEST_ECHO: usize = 60;

/// The fields of a request for one model.
#[derive(Debug)]
pub(crate) struct Form {
    fields: Vec<Field>,
    /// The field of each feature, in the encoder's order.
    features: Vec<usize>,
}

/// A column that a request gives.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What a field holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    Number { log: bool },
    Text,
    Time(TimeFormat),
}

impl Form {
    pub(crate) fn new(encoder: &Encoder) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        let mut features = Vec::new();
        for feature in &encoder.features {
            let place = fields.iter().position(|field| field.name == feature.column);
            features.push(place.unwrap_or_else(|| {
                fields.push(Field { name: feature.column.clone(), kind: Kind::of(&feature.encoding) });
                fields.len() - 1
            }));
        }
        Self { fields, features }
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Reads one JSON object.
    pub(crate) fn read<'b>(&self, body: &'b [u8]) -> Result<Row<'b>, RowError> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let visitor =
            RowVisitor { form: self, given: (0..self.fields.len()).map(|_| None).collect(), faults: Vec::new() };
        let read = reader.deserialize_any(visitor).and_then(|read| reader.end().map(|()| read));
        let RowVisitor { given, mut faults, .. } =
            read.map_err(|error| RowError::Syntax { reason: error.to_string() })?;
        if faults.iter().all(|fault| !fault.field.is_empty()) {
            for (field, given) in self.fields.iter().zip(&given) {
                let fault = match given {
                    None => Some(field.fault("is missing", None)),
                    Some(given) => field.check(given),
                };
                faults.extend(fault);
            }
        }
        if faults.is_empty() { Ok(Row { given }) } else { Err(RowError::Fields { faults }) }
    }

    /// The cells of a row that was read with this form, one a feature.
    pub(crate) fn cells<'r>(&self, row: &'r Row<'_>) -> Vec<Cell<'r>> {
        let cell = |field: &usize| match (&self.fields[*field].kind, &row.given[*field]) {
            (Kind::Number { .. }, Some(Given::Number(number))) => Cell::Number(*number),
            (Kind::Text, Some(Given::Text(text))) => Cell::Text(text),
            (Kind::Time(format), Some(Given::Text(text))) => format.parse(text).map_or(Cell::Missing, Cell::Time),
            _ => Cell::Missing,
        };
        self.features.iter().map(cell).collect()
    }
}

impl Kind {
    fn of(encoding: &Encoding) -> Self {
        match encoding {
            Encoding::Number { log, .. } => Self::Number { log: *log },
            Encoding::Category { .. } => Self::Text,
            Encoding::Calendar { format, .. } => Self::Time(format.clone()),
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Number { log: false } => "a number, or null where it is missing".to_owned(),
            Self::Number { log: true } => "a number above -1, or null where it is missing".to_owned(),
            Self::Text => "a text, or null where it is missing".to_owned(),
            Self::Time(format) => format!("a time of the form {}, or null where it is missing", format.as_str()),
        }
    }
}

impl Field {
    fn check(&self, given: &Given<'_>) -> Option<FieldFault> {
        let fault = |reason: &str| Some(self.fault(reason, Some(given.to_string())));
        match (&self.kind, given) {
            (_, Given::Null) | (Kind::Number { log: false }, Given::Number(_)) | (Kind::Text, Given::Text(_)) => None,
            (Kind::Number { .. }, Given::Number(number)) if *number > -1.0 => None,
            (Kind::Number { .. }, Given::Number(_)) => fault("has no logarithm"),
            (Kind::Number { .. }, Given::Text(text)) if text.trim().parse::<f64>().is_ok() => {
                fault("is a number written as a text")
            }
            (Kind::Number { .. }, _) => fault("is not a number"),
            (Kind::Time(format), Given::Text(text)) => {
                if format.parse(text).is_ok() {
                    None
                } else {
                    fault("is not a time of this form")
                }
            }
            (Kind::Text | Kind::Time(_), _) => fault("is not a text"),
        }
    }

    fn fault(&self, reason: &str, given: Option<String>) -> FieldFault {
        FieldFault {
            field: self.name.clone(),
            reason: reason.to_owned(),
            given,
            expected: Some(self.kind.expected()),
            did_you_mean: None,
        }
    }
}

/// A row whose every field is good.
#[derive(Debug)]
pub(crate) struct Row<'b> {
    given: Vec<Option<Given<'b>>>,
}

/// A JSON value as far as a row can hold it.
#[derive(Debug)]
enum Given<'b> {
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

struct RowVisitor<'f, 'b> {
    form: &'f Form,
    given: Vec<Option<Given<'b>>>,
    faults: Vec<FieldFault>,
}

impl RowVisitor<'_, '_> {
    fn not_an_object<E>(mut self, given: &str) -> Result<Self, E> {
        self.faults.push(FieldFault {
            field: String::new(),
            reason: "the body is not a JSON object".to_owned(),
            given: Some(given.to_owned()),
            expected: Some("an object with the fields of one row".to_owned()),
            did_you_mean: None,
        });
        Ok(self)
    }

    fn unknown(&mut self, name: &str) {
        let likeness = |field: &&Field| strsim::jaro_winkler(&field.name.to_lowercase(), &name.to_lowercase());
        let nearest = self.form.fields.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.filter(|field| likeness(field) > LIKENESS);
        self.faults.push(FieldFault {
            field: name.chars().take(LONGEST_ECHO).collect(),
            reason: "is no field of this model".to_owned(),
            given: None,
            expected: None,
            did_you_mean: nearest.map(|field| field.name.clone()),
        });
    }
}

impl<'b> Visitor<'b> for RowVisitor<'_, 'b> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'b>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(name) = map.next_key::<Cow<'b, str>>()? {
            let value = map.next_value::<Given<'b>>()?;
            match self.form.fields.iter().position(|field| field.name == *name) {
                None => self.unknown(&name),
                Some(place) if self.given[place].is_some() => {
                    let fault = self.form.fields[place].fault("stands twice", Some(value.to_string()));
                    self.faults.push(fault);
                }
                Some(place) => self.given[place] = Some(value),
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.not_an_object("an array")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        self.not_an_object("null")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self, E> {
        self.not_an_object(&value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self, E> {
        self.not_an_object(&value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self, E> {
        self.not_an_object(&value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self, E> {
        self.not_an_object(&value.to_string())
    }

    fn visit_str<E>(self, value: &str) -> Result<Self, E> {
        self.not_an_object(&Given::Text(Cow::Borrowed(value)).to_string())
    }
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

/// Why a body is no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    #[error("{reason}")]
    Syntax { reason: String },
    #[error("the row has {} faults", faults.len())]
    Fields { faults: Vec<FieldFault> },
}
