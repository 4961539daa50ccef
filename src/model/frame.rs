//! The rows of one window, parsed once into columns and shared by every model that learns from it.
//!
//! Rows without a target are counted and not kept: nothing can be learned from them, nor scored on them.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::config::{CalendarPart, Feature, FeatureKind, RowFault, Schema};
use crate::model::encoder::calendar_number;
use crate::record::{EventTime, Fields, parse_number};

/// How many rows are kept as they were, to serve as examples.
const EXAMPLES: usize = 3;
/// The code of a cell with nothing in it.
pub(super) const MISSING: u32 = u32::MAX;

/// One window's labelled rows, by column. Not to be cloned: models share it.
#[derive(Debug)]
pub struct Frame {
    features: Vec<Feature>,
    columns: Vec<Column>,
    labels: Vec<bool>,
    unlabelled: usize,
    examples: Vec<Map<String, Value>>,
}

/// The cells of one feature.
#[derive(Debug)]
pub(super) enum Column {
    /// Numbers, the logarithm taken where it is wanted; NaN for a missing cell.
    Numbers(Vec<f64>),
    /// Places in `values`, or [`MISSING`].
    Codes {
        /// One a row.
        codes: Vec<u32>,
        /// The texts, in the order in which they first came.
        values: Vec<String>,
    },
}

/// A run of a frame's rows.
#[derive(Debug, Clone)]
pub(super) struct Rows<'a> {
    pub(super) frame: &'a Frame,
    pub(super) range: Range<usize>,
}

impl Frame {
    /// How many rows were given, labelled or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.labels.len() + self.unlabelled
    }

    /// How many of them have a target.
    #[must_use]
    pub fn labelled(&self) -> usize {
        self.labels.len()
    }

    /// How many labelled rows a model is fitted to when the share `holdout` is kept out: all but the last
    /// floor(holdout * labelled), in row order.
    #[must_use]
    pub fn fit_len(&self, holdout: f64) -> usize {
        // A product of a share and a count that fits: the conversion back cannot lose more than the fraction.
        let held_out = (holdout * self.labels.len() as f64).floor() as usize;
        self.labels.len().saturating_sub(held_out)
    }

    /// How many of the rows that a model is fitted to are positive.
    #[must_use]
    pub fn fit_positives(&self, holdout: f64) -> usize {
        self.fit_rows(holdout).labels().iter().filter(|label| **label).count()
    }

    /// A few rows as an API request may hold them: by column, numbers for numeric features, texts for the others, null
    /// for missing cells.
    #[must_use]
    pub fn examples(&self) -> &[Map<String, Value>] {
        &self.examples
    }

    pub(super) fn features(&self) -> &[Feature] {
        &self.features
    }

    pub(super) fn column(&self, feature: usize) -> &Column {
        &self.columns[feature]
    }

    pub(super) fn fit_rows(&self, holdout: f64) -> Rows<'_> {
        Rows { frame: self, range: 0..self.fit_len(holdout) }
    }

    pub(super) fn held_out_rows(&self, holdout: f64) -> Rows<'_> {
        Rows { frame: self, range: self.fit_len(holdout)..self.labels.len() }
    }
}

impl<'a> Rows<'a> {
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    pub(super) fn labels(&self) -> &'a [bool] {
        &self.frame.labels[self.range.clone()]
    }
}

/// Builds a [`Frame`] row by row.
#[derive(Debug)]
pub struct FrameBuilder {
    schema: Schema,
    columns: Vec<Building>,
    labels: Vec<bool>,
    unlabelled: usize,
    examples: Vec<Map<String, Value>>,
    clock: Clock,
}

#[derive(Debug)]
enum Building {
    Numbers(Vec<f64>),
    Texts { codes: Vec<u32>, dictionary: HashMap<String, u32> },
    Calendar { part: CalendarPart, codes: Vec<u32> },
}

/// Reads the time of a row. Streams are in time order, so the text is often that of the row before.
#[derive(Debug, Default)]
struct Clock {
    text: String,
    time: Option<EventTime>,
}

impl Clock {
    fn read(&mut self, schema: &Schema, row: &Fields<'_>) -> Result<Option<EventTime>, RowFault> {
        let text = schema.time.as_ref().and_then(|(index, _)| row.get(*index)).unwrap_or_default();
        if self.time.is_none() || self.text != text {
            self.time = schema.time(row)?;
            text.clone_into(&mut self.text);
        }
        Ok(self.time)
    }
}

impl FrameBuilder {
    /// A builder for rows of this schema.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.features.iter().map(|feature| match &feature.kind {
            FeatureKind::Numeric | FeatureKind::Log => Building::Numbers(Vec::new()),
            FeatureKind::Categorical => Building::Texts { codes: Vec::new(), dictionary: HashMap::new() },
            FeatureKind::Calendar(part, _) => Building::Calendar { part: *part, codes: Vec::new() },
        });
        Self {
            columns: columns.collect(),
            schema: schema.clone(),
            labels: Vec::new(),
            unlabelled: 0,
            examples: Vec::new(),
            clock: Clock::default(),
        }
    }

    /// Takes the next row of the window.
    ///
    /// # Errors
    /// The row cannot be read; then the frame is as it was before.
    pub fn push(&mut self, row: &Fields<'_>) -> Result<(), RowFault> {
        let expected = self.schema.columns.len();
        if row.len() != expected {
            return Err(RowFault::FieldCount { given: row.len(), expected });
        }
        let Some(label) = self.schema.label(row)? else {
            self.unlabelled += 1;
            return Ok(());
        };
        let rows = self.labels.len();
        if let Err(fault) = self.push_cells(row) {
            for column in &mut self.columns {
                column.truncate(rows);
            }
            return Err(fault);
        }
        if rows < EXAMPLES {
            let example = example(&self.schema, row);
            self.examples.push(example);
        }
        self.labels.push(label);
        Ok(())
    }

    /// The frame of the rows so far.
    #[must_use]
    pub fn finish(self) -> Frame {
        Frame {
            features: self.schema.features,
            columns: self.columns.into_iter().map(Building::finish).collect(),
            labels: self.labels,
            unlabelled: self.unlabelled,
            examples: self.examples,
        }
    }

    fn push_cells(&mut self, row: &Fields<'_>) -> Result<(), RowFault> {
        for (feature, column) in self.schema.features.iter().zip(&mut self.columns) {
            match column {
                Building::Numbers(numbers) => {
                    numbers.push(self.schema.number(feature, row)?.unwrap_or(f64::NAN));
                }
                Building::Texts { codes, dictionary } => {
                    let text = row.get(feature.index).unwrap_or_default();
                    codes.push(if self.schema.is_null(text) { MISSING } else { code_of(dictionary, text) });
                }
                Building::Calendar { part, codes } => {
                    let time = self.clock.read(&self.schema, row)?;
                    codes.push(time.map_or(MISSING, |time| u32::from(calendar_number(*part, time))));
                }
            }
        }
        Ok(())
    }
}

fn code_of(dictionary: &mut HashMap<String, u32>, text: &str) -> u32 {
    if let Some(code) = dictionary.get(text) {
        return *code;
    }
    // Memory ends long before four billion texts do.
    let code = u32::try_from(dictionary.len()).unwrap_or(MISSING);
    dictionary.insert(text.to_owned(), code);
    code
}

impl Building {
    fn truncate(&mut self, rows: usize) {
        match self {
            Self::Numbers(numbers) => numbers.truncate(rows),
            Self::Texts { codes, .. } | Self::Calendar { codes, .. } => codes.truncate(rows),
        }
    }

    fn finish(self) -> Column {
        match self {
            Self::Numbers(mut numbers) => {
                numbers.shrink_to_fit();
                Column::Numbers(numbers)
            }
            Self::Texts { mut codes, dictionary } => {
                codes.shrink_to_fit();
                let mut values: Vec<(String, u32)> = dictionary.into_iter().collect();
                values.sort_unstable_by_key(|(_, code)| *code);
                Column::Codes { codes, values: values.into_iter().map(|(text, _)| text).collect() }
            }
            // The parts of a time are small numbers, so each is its own code.
            Self::Calendar { mut codes, .. } => {
                codes.shrink_to_fit();
                Column::Codes { codes, values: (0..=u8::MAX).map(|number| number.to_string()).collect() }
            }
        }
    }
}

fn example(schema: &Schema, row: &Fields<'_>) -> Map<String, Value> {
    let mut example = Map::new();
    for feature in &schema.features {
        let text = row.get(feature.index).unwrap_or_default();
        let value = match feature.kind {
            _ if schema.is_null(text) => Value::Null,
            FeatureKind::Numeric | FeatureKind::Log => json_number(text),
            FeatureKind::Categorical | FeatureKind::Calendar(..) => Value::from(text),
        };
        example.insert(feature.column.clone(), value);
    }
    example
}

/// A number as people would write it: 1400, not 1400.0.
fn json_number(text: &str) -> Value {
    match text.trim().parse::<i64>() {
        Ok(integer) => Value::from(integer),
        Err(_) => parse_number(text).map_or(Value::Null, Value::from),
    }
}

#[cfg(test)]
mod tests;
