//! Cells: the text of a CSV record, and the value that a column of a file holds.

use std::borrow::Cow;
use std::fmt::{Display, LowerExp};

use crate::ColumnarError;
use windrow_record::{Fields, TimeFormat, parse_number, write_record};

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// What a column holds; any cell may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// A double.
    Number,
    /// A whole number of 64 bits.
    Integer,
    /// Microseconds since 1970-01-01 00:00 by a clock without a time zone.
    Time,
}

/// A cell's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// The cell is missing.
    Missing,
    /// A text.
    Text(&'a str),
    /// A number.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// Microseconds.
    Time(i64),
}

/// How cells are written as text.
#[derive(Debug, Clone)]
pub struct Style {
    /// The byte between fields.
    pub delimiter: u8,
    /// The texts that mean 'missing'; the first is written.
    pub null: Vec<String>,
    /// How times are written; as in `2013-01-01 05:15:00`, with a fraction where there is one, unless told otherwise.
    pub time: Option<TimeFormat>,
}

impl Style {
    /// As a dataset's cells are written: commas, and nothing where a cell is missing.
    pub fn plain() -> Self {
        Self { delimiter: b',', null: vec![String::new()], time: None }
    }

    /// The text of a missing cell.
    #[inline]
    pub(super) fn missing(&self) -> &str {
        self.null.first().map_or("", String::as_str)
    }

    /// What a text is in a column of a kind.
    ///
    /// # Errors
    /// It is none, with the reason in words.
    #[inline]
    pub fn value<'a>(&self, kind: Kind, text: &'a str) -> Result<Value<'a>, String> {
        if self.null.iter().any(|null| null == text) {
            return Ok(Value::Missing);
        }
        match kind {
            Kind::Text => Ok(Value::Text(text)),
            Kind::Number => parse_number(text).map(Value::Number).map_err(|error| error.to_string()),
            Kind::Integer => text.parse().map(Value::Integer).map_err(|_| format!("`{text}` is not a whole number")),
            Kind::Time => {
                let Some(format) = &self.time else { return Err(format!("`{text}`: times have no format")) };
                format.parse(text).map(|time| Value::Time(time.micros())).map_err(|error| error.to_string())
            }
        }
    }

    /// The record that is read back where this one is written.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub fn canonical(&self, columns: &[Column], fields: &Fields<'_>) -> Result<Vec<u8>, ColumnarError> {
        let mut texts = Vec::with_capacity(columns.len());
        for (column, text) in columns.iter().zip(fields.iter()) {
            let value = self.value(column.kind, text);
            let value = value.map_err(|reason| ColumnarError::Cell { column: column.name.clone(), reason })?;
            texts.push(self.text(value).ok_or_else(|| ColumnarError::Cell {
                column: column.name.clone(),
                reason: format!("`{text}` is no time that can be written"),
            })?);
        }
        Ok(write_record(texts.iter().map(AsRef::as_ref), self.delimiter))
    }

    /// A value as text; `None` for a time beyond the calendar.
    #[inline]
    pub fn text<'a>(&'a self, value: Value<'a>) -> Option<Cow<'a, str>> {
        Some(match value {
            Value::Missing => Cow::Borrowed(self.missing()),
            Value::Text(text) => Cow::Borrowed(text),
            Value::Number(number) => Cow::Owned(number_text(number)),
            Value::Integer(number) => Cow::Owned(number.to_string()),
            Value::Time(micros) => Cow::Owned(self.time_text(micros)?),
        })
    }

    /// A time as text; `None` beyond the calendar.
    pub(super) fn time_text(&self, micros: i64) -> Option<String> {
        match &self.time {
            Some(format) => format.write(micros),
            None => stamp(micros.div_euclid(1_000_000), i32::try_from(micros.rem_euclid(1_000_000)).ok()? * 1000),
        }
    }
}

/// The shortest text that reads as the same number.
pub(super) fn number_text<N: Into<f64> + Copy + Display + LowerExp>(number: N) -> String {
    let size = number.into().abs();
    if size == 0.0 || (1e-5..1e16).contains(&size) { number.to_string() } else { format!("{number:e}") }
}

/// As in `2013-01-01 05:15:00`, with a fraction where there is one; `None` beyond the calendar.
pub(super) fn stamp(seconds: i64, nanos: i32) -> Option<String> {
    let time = jiff::Timestamp::new(seconds, nanos).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S%.f").to_string())
}
