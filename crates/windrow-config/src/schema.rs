//! A pipeline bound to the columns of its dataset: the column of each feature, of the target and of the time.

use crate::ConfigError;
use crate::features::CalendarPart;
use crate::nearest::unknown_column;
use crate::pipeline::Pipeline;
use crate::target::TargetRule;
use windrow_record::display::counted;
use windrow_record::{CellError, EventTime, Fields, TimeFormat, is_plain_number, parse_number};

/// The columns of a pipeline, resolved to positions in a record.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The names of all columns, in file order.
    pub columns: Vec<String>,
    /// The byte between fields.
    pub delimiter: u8,
    /// The features, in the order of the pipeline file: numeric, log, categorical, calendar.
    pub features: Vec<Feature>,
    /// The position of the column with the time of a row, and its format.
    pub time: Option<(usize, TimeFormat)>,
    null: Vec<String>,
    target: (usize, TargetRule),
}

/// One feature and the column that it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// The name of the column.
    pub column: String,
    /// The position of the column in a record, from 0.
    pub index: usize,
    /// The interpretation of its cells.
    pub kind: FeatureKind,
}

/// The interpretation of a feature's cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureKind {
    /// The cell as a number.
    Numeric,
    /// log(1 + x) of the cell's number x, which must be above -1.
    Log,
    /// The cell as a text.
    Categorical,
    /// A part of the cell's time.
    Calendar(CalendarPart, TimeFormat),
}

/// The time of the last row, as text and as a value. Streams are in time order, so the text is often the same as in the
/// row before.
#[derive(Debug, Default)]
pub struct LastTime {
    text: String,
    time: Option<EventTime>,
}

impl LastTime {
    /// Returns the time of the next row, as [`Schema::time`] does.
    ///
    /// # Errors
    /// As [`Schema::time`].
    #[inline]
    pub fn read(&mut self, schema: &Schema, row: &Fields<'_>) -> Result<Option<EventTime>, RowFault> {
        let text = schema.time.as_ref().and_then(|(index, _)| row.get(*index)).unwrap_or_default();
        if self.time.is_none() || self.text != text {
            self.time = schema.time(row)?;
            text.clone_into(&mut self.text);
        }
        Ok(self.time)
    }
}

/// The reason why a row is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// The record has too few or too many fields.
    #[error(
        "it has {}, but the dataset has {}",
        counted(*given as u64, "field", "fields"),
        counted(*expected as u64, "column", "columns")
    )]
    FieldCount {
        /// The number of fields of the record.
        given: usize,
        /// The number of columns of the dataset.
        expected: usize,
    },
    /// A cell does not have the type of its column.
    #[error("{column}: {source}")]
    Cell {
        /// The name of the column.
        column: String,
        /// The fault of the cell.
        source: CellError,
    },
    /// The number is not above -1, so log(1 + x) does not exist.
    #[error("{column}: log(1 + x) needs a number above -1, not {given}")]
    Log {
        /// The name of the column.
        column: String,
        /// The text of the cell.
        given: String,
    },
    /// The time is missing, and windows are cut by time.
    #[error("{0}: the time is missing")]
    NoTime(String),
}

impl Schema {
    /// Finds every column that the pipeline names.
    ///
    /// # Errors
    /// The names that are not columns, each with its line and the nearest column name.
    pub fn bind(pipeline: &Pipeline, columns: &[String]) -> Result<Self, ConfigError> {
        let mut faults = Vec::new();
        let mut find = |key: String, name: &str| {
            let found = columns.iter().position(|column| column == name);
            if found.is_none() {
                faults.push((key, unknown_column("the dataset", name, columns)));
            }
            found.unwrap_or_default()
        };
        let target = (find("target.column".to_owned(), &pipeline.target.column), pipeline.target.rule.clone());
        let time = pipeline.dataset.time.as_ref();
        let time = time.map(|time| (find("dataset.time.column".to_owned(), &time.column), time.format.clone()));
        let mut features = Vec::new();
        let lists = [
            ("numeric", &pipeline.features.numeric, FeatureKind::Numeric),
            ("log", &pipeline.features.log, FeatureKind::Log),
            ("categorical", &pipeline.features.categorical, FeatureKind::Categorical),
        ];
        for (list, names, kind) in lists {
            for (item, name) in names.iter().enumerate() {
                let index = find(format!("features.{list}[{item}]"), name);
                features.push(Feature { column: name.clone(), index, kind: kind.clone() });
            }
        }
        if let Some((index, format)) = &time {
            for part in &pipeline.features.calendar {
                let kind = FeatureKind::Calendar(*part, format.clone());
                let column = columns.get(*index).cloned().unwrap_or_default();
                features.push(Feature { column, index: *index, kind });
            }
        }
        if !faults.is_empty() {
            return Err(pipeline.invalid(faults));
        }
        let null = pipeline.dataset.null.clone();
        Ok(Self { columns: columns.to_vec(), delimiter: pipeline.dataset.delimiter, features, time, null, target })
    }

    /// The position of the target's column, and the rule that makes a row positive.
    #[inline]
    pub fn target(&self) -> (usize, &TargetRule) {
        (self.target.0, &self.target.1)
    }

    /// Returns true if a text means a missing value.
    #[inline]
    pub fn is_null(&self, cell: &str) -> bool {
        self.null.iter().any(|null| null == cell)
    }

    /// The texts that mean a missing value.
    pub fn null_texts(&self) -> &[String] {
        &self.null
    }

    /// Returns true if a column is used, and only as a number.
    pub fn is_number(&self, index: usize) -> bool {
        let is_compared = !matches!(self.target.1, TargetRule::Equals(_) | TargetRule::OneOf(_));
        let target = (self.target.0 == index).then_some(is_compared);
        let features = self.features.iter().filter(|feature| feature.index == index);
        let features = features.map(|feature| matches!(feature.kind, FeatureKind::Numeric | FeatureKind::Log));
        let is_time = self.time.as_ref().is_some_and(|(time, _)| *time == index);
        let mut uses = features.chain(target).peekable();
        !is_time && uses.peek().is_some() && uses.all(|is_number| is_number)
    }

    /// Returns true if a column is used as nothing but a time, or not used.
    pub fn is_only_time(&self, index: usize) -> bool {
        let mut features = self.features.iter().filter(|feature| feature.index == index);
        self.target.0 != index && features.all(|feature| matches!(feature.kind, FeatureKind::Calendar(..)))
    }

    /// The text that is written for a missing value.
    #[inline]
    pub fn null_text(&self) -> &str {
        self.null.first().map_or("", String::as_str)
    }

    /// Returns true if the row is positive, and `None` if its target is missing.
    ///
    /// # Errors
    /// The target must be compared with a number and is not a number, or the record is too short.
    #[inline]
    pub fn label(&self, row: &Fields<'_>) -> Result<Option<bool>, RowFault> {
        let Some(cell) = self.given(row, self.target.0)? else { return Ok(None) };
        self.target.1.holds(cell).map(Some).map_err(|source| self.fault(self.target.0, source))
    }

    /// Returns the time of the row. Returns `None` if the pipeline does not name a time, or if the time is missing.
    ///
    /// # Errors
    /// The cell does not have the column's format, or the record is too short.
    #[inline]
    pub fn time(&self, row: &Fields<'_>) -> Result<Option<EventTime>, RowFault> {
        let Some((index, format)) = &self.time else { return Ok(None) };
        let Some(cell) = self.given(row, *index)? else { return Ok(None) };
        format.parse(cell).map(Some).map_err(|source| self.fault(*index, source))
    }

    /// Returns the number of a feature's cell before standardisation: x, or log(1 + x) for [`FeatureKind::Log`]. Returns `None` if
    /// the value is missing.
    ///
    /// # Errors
    /// The cell is not a number, log(1 + x) of it is needed and does not exist, or the record is too short.
    #[inline]
    pub fn number(&self, feature: &Feature, row: &Fields<'_>) -> Result<Option<f64>, RowFault> {
        let Some(cell) = self.given(row, feature.index)? else { return Ok(None) };
        let number = parse_number(cell).map_err(|source| self.fault(feature.index, source))?;
        match feature.kind {
            FeatureKind::Log if number > -1.0 => Ok(Some(number.ln_1p())),
            FeatureKind::Log => Err(RowFault::Log { column: feature.column.clone(), given: cell.to_owned() }),
            _ => Ok(Some(number)),
        }
    }

    /// Checks every cell that the pipeline uses, except the time, and returns the [`label`](Self::label). The row must have as many
    /// fields as the dataset has columns. A row that passes can be stored, trained on and scored.
    ///
    /// # Errors
    /// The first fault of the row.
    #[inline]
    pub fn check(&self, row: &Fields<'_>) -> Result<Option<bool>, RowFault> {
        let label = self.label(row)?;
        for feature in &self.features {
            let is_number = match feature.kind {
                FeatureKind::Numeric => is_plain_number(self.cell(row, feature.index)?),
                // log(1 + x) needs a number above -1.
                FeatureKind::Log => {
                    let cell = self.cell(row, feature.index)?;
                    is_plain_number(cell) && !cell.starts_with('-')
                }
                FeatureKind::Categorical | FeatureKind::Calendar(..) => true,
            };
            if !is_number {
                self.number(feature, row)?;
            }
        }
        Ok(label)
    }

    /// Checks that the row has as many fields as the dataset has columns.
    ///
    /// # Errors
    /// The numbers differ.
    #[inline]
    pub fn check_count(&self, row: &Fields<'_>) -> Result<(), RowFault> {
        let (given, expected) = (row.len(), self.columns.len());
        if given == expected { Ok(()) } else { Err(RowFault::FieldCount { given, expected }) }
    }

    #[inline]
    fn cell<'a>(&self, row: &Fields<'a>, index: usize) -> Result<&'a str, RowFault> {
        row.get(index).ok_or(RowFault::FieldCount { given: row.len(), expected: self.columns.len() })
    }

    /// Returns a cell, or `None` if its value is missing.
    #[inline]
    fn given<'a>(&self, row: &Fields<'a>, index: usize) -> Result<Option<&'a str>, RowFault> {
        Ok(Some(self.cell(row, index)?).filter(|cell| !self.is_null(cell)))
    }

    /// Returns the name of the column of times; empty if the pipeline does not name a time.
    pub fn time_column(&self) -> String {
        let index = self.time.as_ref().map(|(index, _)| *index);
        index.and_then(|index| self.columns.get(index)).cloned().unwrap_or_default()
    }

    fn fault(&self, index: usize, source: CellError) -> RowFault {
        RowFault::Cell { column: self.columns.get(index).cloned().unwrap_or_default(), source }
    }
}
