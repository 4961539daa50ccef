//! A pipeline bound to the columns of its dataset: which column plays which part.

use crate::ConfigError;
use crate::features::CalendarPart;
use crate::nearest::unknown_column;
use crate::pipeline::Pipeline;
use crate::target::TargetRule;
use windrow_record::{CellError, EventTime, Fields, TimeFormat, is_plain_number, parse_number};

/// Names resolved to places in a record.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The names of all columns, in file order.
    pub columns: Vec<String>,
    /// The byte between fields.
    pub delimiter: u8,
    /// The features, in the order of the pipeline file: numeric, log, categorical, calendar.
    pub features: Vec<Feature>,
    /// The column that says when a row happened.
    pub time: Option<(usize, TimeFormat)>,
    null: Vec<String>,
    target: (usize, TargetRule),
}

/// One feature and the column that it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// The name of the column.
    pub column: String,
    /// The place of the column in a record, from 0.
    pub index: usize,
    /// What is made of its cells.
    pub kind: FeatureKind,
}

/// What is made of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureKind {
    /// A number.
    Numeric,
    /// log(1 + x) of a number above -1.
    Log,
    /// A text.
    Categorical,
    /// A part of a time.
    Calendar(CalendarPart, TimeFormat),
}

/// What checking a row found out on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Whether the row is positive; `None` when its target is missing.
    pub label: Option<bool>,
    /// When it happened; `None` when the pipeline names no time or the row has none.
    pub time: Option<EventTime>,
}

/// Why a row cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// Fields missing or too many.
    #[error("it has {given} fields where the dataset has {expected} columns")]
    FieldCount {
        /// The fields of the record.
        given: usize,
        /// The columns of the dataset.
        expected: usize,
    },
    /// A cell that is not what its column promises.
    #[error("{column}: {source}")]
    Cell {
        /// The name of the column.
        column: String,
        /// What is wrong with the cell.
        source: CellError,
    },
    /// log(1 + x) of a number that has none.
    #[error("{column}: log(1 + x) needs a number above -1, not {given}")]
    Log {
        /// The name of the column.
        column: String,
        /// The text of the cell.
        given: String,
    },
    /// No time where windows are cut by it.
    #[error("{column}: the time is missing")]
    NoTime {
        /// The name of the column.
        column: String,
    },
}

impl Schema {
    /// Finds every column that the pipeline names.
    ///
    /// # Errors
    /// All names that are not columns, each with its line and the nearest name that is one.
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
            for (place, name) in names.iter().enumerate() {
                let index = find(format!("features.{list}[{place}]"), name);
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

    /// The place of the target's column, and when a row is positive.
    #[inline]
    #[must_use]
    pub fn target(&self) -> (usize, &TargetRule) {
        (self.target.0, &self.target.1)
    }

    /// Whether a text means 'missing'.
    #[inline]
    #[must_use]
    pub fn is_null(&self, cell: &str) -> bool {
        self.null.iter().any(|null| null == cell)
    }

    /// The texts that mean 'missing'.
    #[must_use]
    pub fn null_texts(&self) -> &[String] {
        &self.null
    }

    /// Whether every use of a column is as a number, and it has one.
    #[must_use]
    pub fn is_number(&self, index: usize) -> bool {
        let is_compared = !matches!(self.target.1, TargetRule::Equals(_) | TargetRule::OneOf(_));
        let target = (self.target.0 == index).then_some(is_compared);
        let features = self.features.iter().filter(|feature| feature.index == index);
        let features = features.map(|feature| matches!(feature.kind, FeatureKind::Numeric | FeatureKind::Log));
        let is_time = self.time.as_ref().is_some_and(|(time, _)| *time == index);
        let mut uses = features.chain(target).peekable();
        !is_time && uses.peek().is_some() && uses.all(|is_number| is_number)
    }

    /// Whether a column is used as a time and nothing else.
    #[must_use]
    pub fn is_time_alone(&self, index: usize) -> bool {
        let mut features = self.features.iter().filter(|feature| feature.index == index);
        self.target.0 != index && features.all(|feature| matches!(feature.kind, FeatureKind::Calendar(..)))
    }

    /// How a missing cell is written.
    #[inline]
    #[must_use]
    pub fn null_text(&self) -> &str {
        self.null.first().map_or("", String::as_str)
    }

    /// Whether the row is positive; `None` when its target is missing.
    ///
    /// # Errors
    /// The target is to be compared with a number and is not one, or the record is too short.
    #[inline]
    pub fn label(&self, row: &Fields<'_>) -> Result<Option<bool>, RowFault> {
        let cell = self.cell(row, self.target.0)?;
        if self.is_null(cell) {
            return Ok(None);
        }
        self.target.1.holds(cell).map(Some).map_err(|source| self.fault(self.target.0, source))
    }

    /// When the row happened; `None` when the pipeline names no time or the row has none.
    ///
    /// # Errors
    /// The cell is not of the column's format, or the record is too short.
    #[inline]
    pub fn time(&self, row: &Fields<'_>) -> Result<Option<EventTime>, RowFault> {
        let Some((index, format)) = &self.time else { return Ok(None) };
        let cell = self.cell(row, *index)?;
        if self.is_null(cell) {
            return Ok(None);
        }
        format.parse(cell).map(Some).map_err(|source| self.fault(*index, source))
    }

    /// The number in a feature's cell, before standardising; `None` when it is missing.
    ///
    /// # Errors
    /// The cell is no number, or has no logarithm where that is wanted, or the record is too short.
    #[inline]
    pub fn number(&self, feature: &Feature, row: &Fields<'_>) -> Result<Option<f64>, RowFault> {
        let cell = self.cell(row, feature.index)?;
        if self.is_null(cell) {
            return Ok(None);
        }
        let number = parse_number(cell).map_err(|source| self.fault(feature.index, source))?;
        match feature.kind {
            FeatureKind::Log if number > -1.0 => Ok(Some(number.ln_1p())),
            FeatureKind::Log => Err(RowFault::Log { column: feature.column.clone(), given: cell.to_owned() }),
            _ => Ok(Some(number)),
        }
    }

    /// Reads every cell that the pipeline uses, but for the time, which is handed in, of a row with as many fields as there
    /// are columns: one that passes can be stored, trained on and scored.
    ///
    /// # Errors
    /// The first thing that is wrong with the row.
    #[inline]
    pub fn check(&self, row: &Fields<'_>, time: Option<EventTime>) -> Result<Checked, RowFault> {
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
        Ok(Checked { label, time })
    }

    /// Whether the row has as many fields as the dataset has columns.
    ///
    /// # Errors
    /// It has not.
    #[inline]
    pub fn check_count(&self, row: &Fields<'_>) -> Result<(), RowFault> {
        let (given, expected) = (row.len(), self.columns.len());
        if given == expected { Ok(()) } else { Err(RowFault::FieldCount { given, expected }) }
    }

    #[inline]
    fn cell<'a>(&self, row: &Fields<'a>, index: usize) -> Result<&'a str, RowFault> {
        row.get(index).ok_or(RowFault::FieldCount { given: row.len(), expected: self.columns.len() })
    }

    fn fault(&self, index: usize, source: CellError) -> RowFault {
        RowFault::Cell { column: self.columns.get(index).cloned().unwrap_or_default(), source }
    }
}
