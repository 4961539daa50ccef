//! From what a request gives to the cells of a row, or to everything that is wrong with it.

mod given;
mod json;

use crate::api::problem::FieldFault;
use crate::model::{Cell, Encoder, Encoding, Level};
use crate::record::{EventTime, Fields, TimeFormat, parse_number};

pub(crate) use given::{Given, echo};
pub(crate) use json::RowSeed;

/// How alike a name must be to be offered instead.
const LIKENESS: f64 = 0.8;

/// The fields of a request for one model.
#[derive(Debug)]
pub(crate) struct Form {
    fields: Vec<Field>,
    /// The field of each feature, in the encoder's order.
    features: Vec<usize>,
    /// The texts that mean 'missing' where there is no null, as in CSV.
    nulls: Vec<String>,
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
    Number {
        log: bool,
    },
    /// One of these, sorted; any other counts as 'other'.
    Text {
        known: Vec<String>,
    },
    Time(TimeFormat),
}

/// Why a body is no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    #[error("{reason}")]
    Syntax { reason: String },
    #[error("the row has {} faults", faults.len())]
    Fields { faults: Vec<FieldFault> },
}

impl Form {
    pub(crate) fn new(encoder: &Encoder, nulls: &[String]) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        let mut features = Vec::new();
        for feature in &encoder.features {
            let place = fields.iter().position(|field| field.name == feature.column);
            features.push(place.unwrap_or_else(|| {
                fields.push(Field { name: feature.column.clone(), kind: Kind::of(&feature.encoding) });
                fields.len() - 1
            }));
        }
        Self { fields, features, nulls: nulls.to_vec() }
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Reads one JSON object.
    pub(crate) fn read<'b>(&self, body: &'b [u8]) -> Result<Row<'b>, RowError> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let seed = RowSeed(self);
        let read = serde::de::DeserializeSeed::deserialize(seed, &mut reader);
        let read = read.and_then(|read| reader.end().map(|()| read));
        let read = read.map_err(|error| RowError::Syntax { reason: error.to_string() })?;
        read.map_err(|faults| RowError::Fields { faults })
    }

    /// Which column of a table holds each field; the table may have others beside.
    pub(crate) fn columns(&self, header: &Fields<'_>) -> Result<Vec<usize>, Vec<FieldFault>> {
        let names: Vec<&str> = header.iter().collect();
        let mut faults = Vec::new();
        let mut columns = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let mut places = names.iter().enumerate().filter(|(_, name)| **name == field.name).map(|(place, _)| place);
            match (places.next(), places.next()) {
                (Some(place), None) => columns.push(place),
                (Some(_), Some(_)) => faults.push(field.fault("stands twice in the header line", None)),
                (None, _) => {
                    let nearest = nearest(&field.name, names.iter().copied()).map(str::to_owned);
                    let fault = field.fault("is missing in the header line", None);
                    faults.push(FieldFault { did_you_mean: nearest, ..fault });
                }
            }
        }
        if faults.is_empty() { Ok(columns) } else { Err(faults) }
    }

    /// Reads one record of a table whose columns these are.
    pub(crate) fn read_record<'b>(&self, record: &Fields<'b>, columns: &[usize]) -> Result<Row<'b>, Vec<FieldFault>> {
        let cells = self.fields.iter().zip(columns).map(|(field, column)| {
            let text = record.get(*column).unwrap_or_default();
            Some(self.given_in_text(field, text))
        });
        self.check(cells.collect())
    }

    /// What a text that stands alone means for a field.
    pub(crate) fn given_in_text<'b>(&self, field: &Field, text: &'b str) -> Given<'b> {
        if self.nulls.iter().any(|null| null == text) {
            return Given::Null;
        }
        match field.kind {
            Kind::Number { .. } => parse_number(text).map_or(Given::Text(text.into()), Given::Number),
            Kind::Text { .. } | Kind::Time(_) => Given::Text(text.into()),
        }
    }

    /// A row of what was given for each field, if all of it is good.
    pub(crate) fn check<'b>(&self, given: Vec<Option<Given<'b>>>) -> Result<Row<'b>, Vec<FieldFault>> {
        let mut time = None;
        let checked =
            self.fields.iter().zip(&given).filter_map(|(field, given)| field.check(given.as_ref(), &mut time));
        let faults: Vec<FieldFault> = checked.collect();
        if faults.is_empty() { Ok(Row { given, time }) } else { Err(faults) }
    }

    fn faults<'a>(&'a self, given: &'a [Option<Given<'_>>]) -> impl Iterator<Item = FieldFault> + 'a {
        self.fields.iter().zip(given).filter_map(|(field, given)| field.check(given.as_ref(), &mut None))
    }

    /// The cells of a row that was read with this form, one a feature.
    pub(crate) fn cells<'r>(&self, row: &'r Row<'_>) -> Vec<Cell<'r>> {
        let cell = |field: &usize| match (&self.fields[*field].kind, &row.given[*field]) {
            (Kind::Number { .. }, Some(Given::Number(number))) => Cell::Number(*number),
            (Kind::Text { .. }, Some(Given::Text(text))) => Cell::Text(text),
            (Kind::Time(_), Some(Given::Text(_))) => row.time.map_or(Cell::Missing, Cell::Time),
            _ => Cell::Missing,
        };
        self.features.iter().map(cell).collect()
    }

    /// What was given for each feature, as it is told back.
    pub(crate) fn told<'r>(&self, row: &'r Row<'_>) -> impl Iterator<Item = Option<String>> + 'r {
        self.features.clone().into_iter().map(|field| row.given[field].as_ref().map(ToString::to_string))
    }

    /// The texts of a row that a field does not know, with the nearest that it knows.
    pub(crate) fn unknown<'r>(&'r self, row: &'r Row<'_>) -> impl Iterator<Item = Unknown<'r>> {
        self.fields.iter().zip(&row.given).filter_map(|(field, given)| match (&field.kind, given) {
            (Kind::Text { known }, Some(Given::Text(text))) => {
                let is_known = known.binary_search_by(|value| value.as_str().cmp(text)).is_ok();
                (!is_known).then(|| Unknown {
                    field: &field.name,
                    text,
                    nearest: nearest(text, known.iter().map(String::as_str)),
                })
            }
            _ => None,
        })
    }
}

/// A text that counts as 'other'.
pub(crate) struct Unknown<'r> {
    pub(crate) field: &'r str,
    pub(crate) text: &'r str,
    pub(crate) nearest: Option<&'r str>,
}

/// The name that is most like a text, if one is.
pub(crate) fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let text = text.to_lowercase();
    let alike = names.map(|name| (strsim::jaro_winkler(&name.to_lowercase(), &text), name));
    alike.filter(|(likeness, _)| *likeness > LIKENESS).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

impl Kind {
    fn of(encoding: &Encoding) -> Self {
        match encoding {
            Encoding::Number { log, .. } => Self::Number { log: *log },
            Encoding::Category { levels } => {
                let values = levels.iter().filter_map(|level| match level {
                    Level::Value(text) => Some(text.clone()),
                    Level::Missing | Level::Other => None,
                });
                let mut known: Vec<String> = values.collect();
                known.sort_unstable();
                Self::Text { known }
            }
            Encoding::Calendar { format, .. } => Self::Time(format.clone()),
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Number { log: false } => "a number, or null where it is missing".to_owned(),
            Self::Number { log: true } => "a number above -1, or null where it is missing".to_owned(),
            Self::Text { .. } => "a text, or null where it is missing".to_owned(),
            Self::Time(format) => format!("a time of the form {}, or null where it is missing", format.as_str()),
        }
    }
}

impl Field {
    /// What is wrong with what was given, if anything is; a time that is read is put into `time`.
    fn check(&self, given: Option<&Given<'_>>, time: &mut Option<EventTime>) -> Option<FieldFault> {
        let Some(given) = given else { return Some(self.fault("is missing", None)) };
        let fault = |reason: &str| Some(self.fault(reason, Some(given.to_string())));
        match (&self.kind, given) {
            (_, Given::Null)
            | (Kind::Number { log: false }, Given::Number(_))
            | (Kind::Text { .. }, Given::Text(_)) => None,
            (Kind::Number { .. }, Given::Number(number)) if *number > -1.0 => None,
            (Kind::Number { .. }, Given::Number(_)) => fault("has no logarithm"),
            (Kind::Number { .. }, Given::Text(text)) if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
                fault("is a number written as a text")
            }
            (Kind::Number { .. }, _) => fault("is not a number"),
            (Kind::Time(format), Given::Text(text)) => {
                *time = format.parse(text).ok();
                if time.is_some() { None } else { fault("is not a time of this form") }
            }
            (Kind::Text { .. } | Kind::Time(_), _) => fault("is not a text"),
        }
    }

    pub(crate) fn fault(&self, reason: &str, given: Option<String>) -> FieldFault {
        FieldFault {
            row: None,
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
    /// The time, read once; a pipeline has one column of times.
    time: Option<EventTime>,
}
