//! The second look at a file: every row against its pipeline file.

use std::collections::BTreeMap;

use crate::DatasetReader;
use crate::inspection::error::InspectionError;
use crate::inspection::leaks::{Cell, Compared, Leak};
use crate::inspection::order::Order;
use crate::inspection::progress::Rows;
use windrow_config::{FeatureKind, Pipeline, RowFault, Schema, WindowPolicy};
use windrow_record::{CsvError, EventTime, Fields, RecordParser};

const DAY: i64 = 86_400;
/// Levels of a category that are counted.
const MOST_LEVELS: usize = 10_000;

/// What a file holds by a pipeline file.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) rows: u64,
    /// Rows that would go to quarantine, by what is wrong with them.
    pub(crate) refused: BTreeMap<String, Refused>,
    pub(crate) unlabelled: u64,
    pub(crate) positives: u64,
    /// By the times of the rows.
    pub(crate) order: Order,
    /// By day since 1970: rows, rows with a target, and positive ones.
    pub(crate) days: BTreeMap<i64, Counts>,
    /// Labels in the order of the rows, a byte each: for windows by number.
    pub(crate) labels: Vec<u8>,
    /// Of each categorical feature: its levels and how often they come; empty where there are too many.
    pub(crate) levels: Vec<(String, BTreeMap<String, u64>)>,
    pub(crate) leaks: Vec<Leak>,
}

/// Rows with one fault.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub(crate) struct Refused {
    pub(crate) rows: u64,
    /// The number of the first.
    pub(crate) first: u64,
    /// What is wrong with that.
    pub(crate) example: String,
}

/// Rows, rows with a target, and positive rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub rows: u64,
    pub labelled: u64,
    pub positive: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, label: Option<bool>) {
        self.rows += 1;
        self.labelled += u64::from(label.is_some());
        self.positive += u64::from(label == Some(true));
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            labelled: self.labelled + other.labelled,
            positive: self.positive + other.positive,
        }
    }
}

pub(crate) const UNLABELLED: u8 = 2;

/// What a byte of [`Survey::labels`] stands for.
pub(crate) fn label_of(byte: u8) -> Option<bool> {
    (byte != UNLABELLED).then_some(byte == 1)
}

impl Survey {
    /// Reads the dataset of a pipeline.
    ///
    /// # Errors
    /// The dataset cannot be read, or has not the columns that the pipeline names.
    pub(crate) fn take(pipeline: &Pipeline, rows: Rows<'_>) -> Result<Self, InspectionError> {
        let mut reader = DatasetReader::open(&pipeline.dataset)?;
        let schema = Schema::bind(pipeline, reader.columns())?;
        let mut parser = RecordParser::new(schema.delimiter);
        let is_own = |kind: &FeatureKind| !matches!(kind, FeatureKind::Calendar(..));
        let features: Vec<_> = schema.features.iter().filter(|feature| is_own(&feature.kind)).collect();
        let is_text = |kind: &FeatureKind| *kind == FeatureKind::Categorical;
        let mut compared =
            Compared::new(features.iter().map(|feature| (feature.column.as_str(), is_text(&feature.kind))));
        let texts = features.iter().filter(|feature| is_text(&feature.kind));
        let mut survey = Self {
            rows: 0,
            refused: BTreeMap::new(),
            unlabelled: 0,
            positives: 0,
            order: Order::default(),
            days: BTreeMap::new(),
            labels: Vec::new(),
            levels: texts.map(|feature| (feature.column.clone(), BTreeMap::new())).collect(),
            leaks: Vec::new(),
        };
        let mut overflowed = vec![false; survey.levels.len()];
        let needs_time = matches!(pipeline.window, WindowPolicy::Event { .. });
        let mut newest: Option<i64> = None;
        while let Some(row) = reader.next_row()? {
            let number = row.number.get();
            survey.rows = number;
            rows.passed(number);
            let fields = match parser.parse(row.bytes) {
                Ok(fields) => fields,
                Err(error) => {
                    survey.refuse(number, csv_kind(&error), error.to_string());
                    continue;
                }
            };
            let (label, time) = match read(&schema, &fields, needs_time) {
                Ok(read) => read,
                Err(fault) => {
                    survey.refuse(number, kind(&fault), fault.to_string());
                    continue;
                }
            };
            if let Some(fault) = time.and_then(|time| late(pipeline.window, time.seconds(), &mut newest)) {
                survey.refuse(number, "late".to_owned(), fault);
                continue;
            }
            survey.count(number, label, time);
            let mut place = 0;
            for feature in &features {
                if is_text(&feature.kind) {
                    let text = fields.get(feature.index).unwrap_or_default();
                    if !overflowed[place] && !schema.is_null(text) {
                        overflowed[place] = !add_level(&mut survey.levels[place].1, text);
                    }
                    place += 1;
                }
            }
            let cell = |feature: &&windrow_config::Feature| {
                let text = fields.get(feature.index).unwrap_or_default();
                match schema.is_null(text) {
                    true => Cell::Missing,
                    false if is_text(&feature.kind) => Cell::Text(text),
                    false => schema.number(feature, &fields).ok().flatten().map_or(Cell::Missing, Cell::Number),
                }
            };
            compared.push(label, features.iter().map(cell));
        }
        rows.passed(survey.rows);
        survey.leaks = compared.leaks(survey.unlabelled);
        Ok(survey)
    }

    fn refuse(&mut self, row: u64, kind: String, example: String) {
        let refused = self.refused.entry(kind).or_insert_with(|| Refused { rows: 0, first: row, example });
        refused.rows += 1;
    }

    fn count(&mut self, row: u64, label: Option<bool>, time: Option<EventTime>) {
        self.unlabelled += u64::from(label.is_none());
        self.positives += u64::from(label == Some(true));
        self.labels.push(label.map_or(UNLABELLED, u8::from));
        if let Some(time) = time {
            self.order.push(row, time.seconds());
            self.days.entry(time.seconds().div_euclid(DAY)).or_default().add(label);
        }
    }

    /// Rows that would be stored.
    pub(crate) fn taken(&self) -> u64 {
        self.rows - self.refused.values().map(|refused| refused.rows).sum::<u64>()
    }

    /// Rows with a target.
    pub(crate) fn labelled(&self) -> u64 {
        self.taken() - self.unlabelled
    }
}

fn read(schema: &Schema, fields: &Fields<'_>, needs_time: bool) -> Result<(Option<bool>, Option<EventTime>), RowFault> {
    schema.check_count(fields)?;
    let time = schema.time(fields)?;
    let checked = schema.check(fields, time)?;
    match (&schema.time, time) {
        (Some((index, _)), None) if needs_time => {
            Err(RowFault::NoTime { column: schema.columns.get(*index).cloned().unwrap_or_default() })
        }
        _ => Ok((checked.label, time)),
    }
}

/// Why a row comes after its window has ended, where it does.
fn late(policy: WindowPolicy, seconds: i64, newest: &mut Option<i64>) -> Option<String> {
    let WindowPolicy::Event { span, lateness } = policy else { return None };
    let before = *newest;
    *newest = Some(before.map_or(seconds, |newest| newest.max(seconds)));
    let passed = before?.saturating_sub(i64::try_from(lateness.as_secs()).unwrap_or(i64::MAX));
    let is_late = span.begin(span.of_time(seconds) + 1) <= passed;
    is_late.then(|| "it comes after a row of a later window, by more than window.lateness".to_owned())
}

/// Faults that are counted together.
fn kind(fault: &RowFault) -> String {
    match fault {
        RowFault::FieldCount { .. } => "number of fields".to_owned(),
        RowFault::Cell { column, .. } => column.clone(),
        RowFault::Log { column, .. } => format!("{column} (logarithm)"),
        RowFault::NoTime { column } => format!("{column} (missing)"),
    }
}

fn csv_kind(error: &CsvError) -> String {
    match error {
        CsvError::NotUtf8 => "encoding",
        _ => "form of the record",
    }
    .to_owned()
}

/// Whether there was room for it.
fn add_level(levels: &mut BTreeMap<String, u64>, text: &str) -> bool {
    if let Some(count) = levels.get_mut(text) {
        *count += 1;
    } else if levels.len() < MOST_LEVELS {
        levels.insert(text.to_owned(), 1);
    } else {
        levels.clear();
        return false;
    }
    true
}
