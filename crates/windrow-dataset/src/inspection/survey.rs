//! The second pass over a file: checks each row with a pipeline file.

use std::collections::BTreeMap;

use crate::DatasetReader;
use crate::inspection::error::InspectionError;
use crate::inspection::leaks::{Cell, Leak, RowSample};
use crate::inspection::order::Order;
use crate::inspection::placer::{Placer, ResolvedRow};
use crate::inspection::progress::{ProgressCallback, report};
use windrow_config::{EventSpan, Feature, FeatureKind, NoWindow, Pipeline, RowFault, Schema, WindowPolicy};
use windrow_record::{CsvError, Fields, RecordParser, RowNumber};

/// The maximum number of levels that are counted for each category.
const MAX_LEVELS: usize = 10_000;
/// The maximum number of windows that are listed. One wrong time, such as the year 9999, would add too many to read.
pub(crate) const MAX_LISTED_WINDOWS: usize = 100_000;

/// The result of reading a dataset with a pipeline file.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) rows: u64,
    /// The rows that would go to quarantine, by kind of fault.
    pub(crate) refused: BTreeMap<String, RefusedRows>,
    pub(crate) unlabelled: u64,
    pub(crate) positives: u64,
    /// The order of the rows by their times, late rows included.
    pub(crate) order: Order,
    /// The rows that would be stored, by event window since 1970. If windows are not cut by event time, the rows by
    /// day. After [`MAX_LISTED_WINDOWS`] windows with rows, further windows are left out.
    pub(crate) spans: BTreeMap<i64, LabelCounts>,
    /// The label of each row of the file, as one byte. Used for windows by row number.
    pub(crate) labels: Vec<u8>,
    /// The levels of each categorical feature, with their counts. Empty if there are too many.
    pub(crate) levels: Vec<(String, BTreeMap<String, u64>)>,
    pub(crate) leaks: Vec<Leak>,
}

/// The rows with one kind of fault.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub(crate) struct RefusedRows {
    pub(crate) rows: u64,
    /// The number of the first row.
    pub(crate) first: u64,
    /// The fault of the first row, in words.
    pub(crate) example: String,
}

/// The number of rows, of rows with a target, and of positive rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct LabelCounts {
    pub rows: u64,
    pub labelled: u64,
    pub positive: u64,
}

impl LabelCounts {
    pub(crate) fn add(&mut self, label: Option<bool>) {
        self.rows += 1;
        self.labelled += u64::from(label.is_some());
        self.positive += u64::from(label == Some(true));
    }

    pub(crate) fn combined(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            labelled: self.labelled + other.labelled,
            positive: self.positive + other.positive,
        }
    }
}

const UNLABELLED: u8 = 2;
/// The byte of a row that is in no window.
const REFUSED: u8 = 3;

/// The label of a row that would be stored, from its byte in [`Survey::labels`].
pub(crate) fn label_of(byte: u8) -> Option<Option<bool>> {
    (byte != REFUSED).then(|| (byte != UNLABELLED).then_some(byte == 1))
}

impl Survey {
    /// Reads the dataset of a pipeline.
    ///
    /// # Errors
    /// The dataset cannot be read, or lacks a column that the pipeline names.
    pub(crate) fn take(pipeline: &Pipeline, tell: ProgressCallback<'_>) -> Result<Self, InspectionError> {
        let mut reader = DatasetReader::open(&pipeline.dataset)?;
        let schema = Schema::bind(pipeline, reader.columns())?;
        let (mut parser, mut held_parser) = (RecordParser::new(schema.delimiter), RecordParser::new(schema.delimiter));
        let mut reading = SurveyState::new(&schema, pipeline);
        let mut placer = Placer::new(pipeline);
        while let Some(row) = reader.next_row()? {
            let number = row.number;
            report(number.get(), tell);
            reading.survey.rows = number.get();
            reading.survey.labels.push(REFUSED);
            let read = match reading.read(&mut parser, row.bytes) {
                Ok(read) => read,
                Err((kind, example)) => {
                    reading.refuse(number, kind, example);
                    continue;
                }
            };
            if let Some(seconds) = read.seconds {
                reading.survey.order.push(number.get(), seconds);
            }
            // Rows in the order of their numbers are never late.
            let Some(seconds) = read.seconds.filter(|_| reading.needs_time) else {
                reading.take(number, &read);
                continue;
            };
            if let Some(settled) = placer.settle_before(number, seconds) {
                reading.settle(&mut held_parser, settled);
            }
            match placer.place(number, seconds, row.bytes) {
                Some(Ok(())) => reading.take(number, &read),
                Some(Err(reason)) => reading.refuse_outside(number, reason),
                None => {}
            }
        }
        placer.finish().into_iter().for_each(|settled| reading.settle(&mut held_parser, settled));
        let SurveyState { mut survey, compared, .. } = reading;
        report(survey.rows, tell);
        survey.leaks = compared.leaks(survey.unlabelled);
        let known: Vec<String> = survey.leaks.iter().map(|leak| leak.column.clone()).collect();
        let dates = pipeline.dataset.days_since.keys().filter(|name| !known.contains(name));
        survey.leaks.extend(compared.later_dates(dates));
        Ok(survey)
    }

    /// The number of rows that would be stored.
    pub(crate) fn accepted_rows(&self) -> u64 {
        self.rows - self.refused.values().map(|refused| refused.rows).sum::<u64>()
    }

    /// The number of stored rows with a target.
    pub(crate) fn labelled(&self) -> u64 {
        self.accepted_rows() - self.unlabelled
    }
}

struct SurveyState<'a> {
    schema: &'a Schema,
    /// The features with a column of their own, which excludes calendar features.
    features: Vec<&'a Feature>,
    needs_time: bool,
    unit: EventSpan,
    survey: Survey,
    compared: RowSample,
    /// True for each category with too many levels.
    overflowed: Vec<bool>,
}

/// A row that can be stored if it is in a window.
struct ReadRow<'a> {
    fields: Fields<'a>,
    label: Option<bool>,
    seconds: Option<i64>,
}

impl<'a> SurveyState<'a> {
    fn new(schema: &'a Schema, pipeline: &Pipeline) -> Self {
        let is_own = |kind: &FeatureKind| !matches!(kind, FeatureKind::Calendar(..));
        let features: Vec<_> = schema.features.iter().filter(|feature| is_own(&feature.kind)).collect();
        let texts = features.iter().filter(|feature| is_text(feature));
        let levels = texts.map(|feature| (feature.column.clone(), BTreeMap::new())).collect();
        let survey = Survey { levels, ..Survey::default() };
        let (needs_time, unit) = match pipeline.window {
            WindowPolicy::Event { span, .. } => (true, span),
            _ => (false, EventSpan::Day),
        };
        let compared = RowSample::new(features.iter().map(|feature| (feature.column.as_str(), is_text(feature))));
        let overflowed = vec![false; survey.levels.len()];
        Self { schema, needs_time, unit, compared, features, overflowed, survey }
    }

    /// Reads a row as the consumer does.
    ///
    /// # Errors
    /// The kind of the fault, and the fault in words.
    fn read<'r>(&self, parser: &'r mut RecordParser, record: &'r [u8]) -> Result<ReadRow<'r>, (String, String)> {
        let fields = parser.parse(record).map_err(|error| (csv_kind(&error), error.to_string()))?;
        let (label, seconds) = self.check(&fields).map_err(|fault| (kind(&fault), fault.to_string()))?;
        Ok(ReadRow { fields, label, seconds })
    }

    fn check(&self, fields: &Fields<'_>) -> Result<(Option<bool>, Option<i64>), RowFault> {
        self.schema.check_count(fields)?;
        let time = self.schema.time(fields)?;
        let label = self.schema.check(fields)?;
        if self.needs_time && time.is_none() {
            return Err(RowFault::NoTime(self.schema.time_column()));
        }
        Ok((label, time.map(|time| time.seconds())))
    }

    fn settle(&mut self, parser: &mut RecordParser, (row, verdict): ResolvedRow) {
        match (verdict, self.read(parser, &row.record)) {
            (Err(reason), _) => self.refuse_outside(row.number, reason),
            (Ok(()), Ok(read)) => self.take(row.number, &read),
            // Not reached, because the same record was read before without a fault.
            (Ok(()), Err((kind, example))) => self.refuse(row.number, kind, example),
        }
    }

    fn refuse_outside(&mut self, row: RowNumber, reason: NoWindow) {
        let (kind, example) = match reason {
            NoWindow::Late => {
                let example = "it arrives after a row of a later window, by more than window.lateness allows";
                ("late".to_owned(), example.to_owned())
            }
            reason => {
                let reason = reason.to_string();
                // The kind says already that it is an outlier.
                let example = reason.strip_prefix("outlier: ").unwrap_or(&reason);
                (format!("{} (outlier)", self.schema.time_column()), example.to_owned())
            }
        };
        self.refuse(row, kind, example);
    }

    fn refuse(&mut self, row: RowNumber, kind: String, example: String) {
        let first = row.get();
        let refused = self.survey.refused.entry(kind).or_insert_with(|| RefusedRows { rows: 0, first, example });
        refused.rows += 1;
    }

    /// Counts a row that would be stored.
    fn take(&mut self, number: RowNumber, row: &ReadRow<'_>) {
        let Self { schema, features, unit, survey, compared, overflowed, .. } = self;
        let ReadRow { fields, label, seconds } = row;
        survey.unlabelled += u64::from(label.is_none());
        survey.positives += u64::from(*label == Some(true));
        if let Some(byte) = usize::try_from(number.get() - 1).ok().and_then(|index| survey.labels.get_mut(index)) {
            *byte = label.map_or(UNLABELLED, u8::from);
        }
        if let Some(seconds) = seconds {
            let span = unit.index_of(*seconds);
            if let Some(counts) = survey.spans.get_mut(&span) {
                counts.add(*label);
            } else if survey.spans.len() < MAX_LISTED_WINDOWS {
                survey.spans.entry(span).or_default().add(*label);
            }
        }
        for (index, feature) in features.iter().filter(|feature| is_text(feature)).enumerate() {
            let text = fields.get(feature.index).unwrap_or_default();
            if !overflowed[index] && !schema.is_null(text) {
                overflowed[index] = !add_level(&mut survey.levels[index].1, text);
            }
        }
        let cell = |feature: &&Feature| {
            let text = fields.get(feature.index).unwrap_or_default();
            match schema.is_null(text) {
                true => Cell::Missing,
                false if is_text(feature) => Cell::Text(text),
                false => schema.number(feature, fields).ok().flatten().map_or(Cell::Missing, Cell::Number),
            }
        };
        compared.push(*label, features.iter().map(cell));
    }
}

fn is_text(feature: &Feature) -> bool {
    feature.kind == FeatureKind::Categorical
}

/// Returns the kind under which a fault is counted.
fn kind(fault: &RowFault) -> String {
    match fault {
        RowFault::FieldCount { .. } => "number of fields".to_owned(),
        RowFault::Cell { column, .. } => column.clone(),
        RowFault::Log { column, .. } => format!("{column} (logarithm)"),
        RowFault::NoTime(column) => format!("{column} (missing)"),
    }
}

fn csv_kind(error: &CsvError) -> String {
    if matches!(error, CsvError::NotUtf8) { "encoding" } else { "form of the record" }.to_owned()
}

/// Counts a level. If there are too many, clears the levels and returns `false`.
fn add_level(levels: &mut BTreeMap<String, u64>, text: &str) -> bool {
    if let Some(count) = levels.get_mut(text) {
        *count += 1;
    } else if levels.len() < MAX_LEVELS {
        levels.insert(text.to_owned(), 1);
    } else {
        levels.clear();
        return false;
    }
    true
}
