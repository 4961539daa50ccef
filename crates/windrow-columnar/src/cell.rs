//! The text of CSV cells and the typed values of Parquet columns, and the conversion between them.

use std::borrow::Cow;
use std::fmt::{Display, LowerExp};

use crate::ColumnarError;
use windrow_record::{Fields, TimeFormat, parse_number, write_record};

/// The name and the type of one Parquet column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The column name in the schema.
    pub name: String,
    /// The type of the column's values.
    pub kind: ColumnType,
}

/// The type of a column. Cells of every type may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text, encoded as UTF-8.
    Text,
    /// A 64-bit floating-point number.
    Number,
    /// A signed 64-bit integer.
    Integer,
    /// A signed 32-bit integer.
    Code,
    /// Either `true` or `false`.
    Flag,
    /// A local time without a time zone, in microseconds since 1970-01-01 00:00.
    Time,
}

/// The value of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// No value: the cell is missing.
    Missing,
    /// The value of a [`ColumnType::Text`] column.
    Text(&'a str),
    /// The value of a [`ColumnType::Number`] column.
    Number(f64),
    /// The value of a [`ColumnType::Integer`] column.
    Integer(i64),
    /// The value of a [`ColumnType::Code`] column.
    Code(i32),
    /// The value of a [`ColumnType::Flag`] column.
    Flag(bool),
    /// The value of a [`ColumnType::Time`] column, in microseconds since 1970-01-01 00:00.
    Time(i64),
}

/// The text format of cells.
#[derive(Debug, Clone)]
pub struct Style {
    /// The byte between two fields of a record.
    pub delimiter: u8,
    /// The texts that mean 'missing'. Missing cells are written as the first one.
    pub null: Vec<String>,
    /// The format of times. With `None`, times are written as in `2013-01-01 05:15:00`, with a fraction if it is not
    /// zero; no text can then be read as a time.
    pub time: Option<TimeFormat>,
}

impl Style {
    /// Returns the format of a dataset's cells: commas between fields, and empty text for missing cells.
    pub fn plain() -> Self {
        Self { delimiter: b',', null: vec![String::new()], time: None }
    }

    #[inline]
    pub(super) fn missing(&self) -> &str {
        self.null.first().map_or("", String::as_str)
    }

    /// Parses the text of a cell in a column of type `kind`.
    ///
    /// # Errors
    /// Returns the reason, as a phrase, if the text is not a value of that type.
    #[inline]
    pub fn value<'a>(&self, kind: ColumnType, text: &'a str) -> Result<Value<'a>, String> {
        if self.null.iter().any(|null| null == text) {
            return Ok(Value::Missing);
        }
        match kind {
            ColumnType::Text => Ok(Value::Text(text)),
            ColumnType::Number => parse_number(text).map(Value::Number).map_err(|error| error.to_string()),
            ColumnType::Integer => {
                text.parse().map(Value::Integer).map_err(|_| format!("`{text}` is not a whole number"))
            }
            ColumnType::Code => {
                text.parse().map(Value::Code).map_err(|_| format!("`{text}` is not a small whole number"))
            }
            ColumnType::Flag => {
                text.parse().map(Value::Flag).map_err(|_| format!("`{text}` is neither `true` nor `false`"))
            }
            ColumnType::Time => {
                let Some(format) = &self.time else { return Err(format!("`{text}`: no time format is given")) };
                format.parse(text).map(|time| Value::Time(time.micros())).map_err(|error| error.to_string())
            }
        }
    }

    /// Returns the record that a reader gets back after this record has been written.
    ///
    /// # Errors
    /// Returns [`ColumnarError::Cell`] if a text is not a value of its column, or a time cannot be written.
    pub fn canonical(&self, columns: &[Column], fields: &Fields<'_>) -> Result<Vec<u8>, ColumnarError> {
        let mut texts = Vec::with_capacity(columns.len());
        for (column, text) in columns.iter().zip(fields.iter()) {
            let fault = |reason| ColumnarError::Cell { column: column.name.clone(), reason };
            let value = self.value(column.kind, text).map_err(fault)?;
            let unwritable = || fault(format!("`{text}` is a time outside the supported range"));
            texts.push(self.text(value).ok_or_else(unwritable)?);
        }
        Ok(write_record(texts.iter().map(AsRef::as_ref), self.delimiter))
    }

    /// Returns a value as text, or `None` for a time outside the range of the calendar.
    #[inline]
    pub fn text<'a>(&'a self, value: Value<'a>) -> Option<Cow<'a, str>> {
        Some(match value {
            Value::Missing => Cow::Borrowed(self.missing()),
            Value::Text(text) => Cow::Borrowed(text),
            Value::Number(number) => Cow::Owned(number_text(number)),
            Value::Integer(number) => Cow::Owned(number.to_string()),
            Value::Code(number) => Cow::Owned(number.to_string()),
            Value::Flag(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
            Value::Time(micros) => Cow::Owned(self.time_text(micros)?),
        })
    }

    /// Returns a time in microseconds as text, or `None` if it is outside the range of the calendar.
    pub(super) fn time_text(&self, micros: i64) -> Option<String> {
        match &self.time {
            Some(format) => format.write(micros),
            None => {
                timestamp_text(micros.div_euclid(1_000_000), i32::try_from(micros.rem_euclid(1_000_000)).ok()? * 1000)
            }
        }
    }
}

/// Returns the shortest text that parses to the same number.
pub(super) fn number_text<N: Into<f64> + Copy + Display + LowerExp>(number: N) -> String {
    let size = number.into().abs();
    // The bound 1e-5 as a 32-bit number is a little smaller than as a 64-bit number.
    if size == 0.0 || (f64::from(1e-5_f32)..1e16).contains(&size) { number.to_string() } else { format!("{number:e}") }
}

/// Formats a time as in `2013-01-01 05:15:00`, with a fraction if it is not zero. Returns `None` outside the range of
/// the calendar.
pub(super) fn timestamp_text(seconds: i64, nanos: i32) -> Option<String> {
    let time = jiff::Timestamp::new(seconds, nanos).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S%.f").to_string())
}
