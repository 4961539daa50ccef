//! Checks a pipeline file against its dataset: reads each row, reports all faults at once, and writes nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::DatasetReader;
use crate::inspection::error::InspectionError;
use crate::inspection::leaks::Leak;
use crate::inspection::order::Order;
use crate::inspection::progress::{ProgressCallback, report};
use crate::inspection::review::review;
use crate::inspection::survey::{LabelCounts, MAX_LISTED_WINDOWS, RefusedRows, Survey, label_of};
use crate::inspection::windows::{by_number, by_span};
use crate::json::JsonKeys;
use windrow_config::{Cut, LastTime, Pipeline, Schema, WindowPolicy};
use windrow_evaluation::first_advice;
use windrow_record::display::{counted, percent, thousands};
use windrow_record::{RecordParser, RowNumber, WindowIndex};

/// The result of a check.
#[derive(Debug, Serialize)]
pub struct Check {
    /// The number of rows in the dataset.
    pub rows: u64,
    /// The rows that would go to quarantine, by kind of fault.
    pub(crate) refused: BTreeMap<String, RefusedRows>,
    /// The number of rows whose target is missing.
    pub without_target: u64,
    /// The number of rows of the positive class.
    pub positive: u64,
    /// The order of the rows by their times. `None` if the pipeline does not name a time column.
    pub order: Option<Order>,
    /// The windows, in order.
    pub windows: Vec<Window>,
    /// The values of each categorical feature.
    pub categories: Vec<Category>,
    pub(crate) leaks: Vec<Leak>,
    /// The faults, each a sentence.
    pub faults: Vec<String>,
    /// Notes for the user, each a sentence.
    pub notes: Vec<String>,
}

impl Check {
    /// The number of rows that would be stored.
    pub fn accepted_rows(&self) -> u64 {
        self.rows - self.refused.values().map(|refused| refused.rows).sum::<u64>()
    }
}

/// A window that the pipeline file makes.
#[derive(Debug, Serialize)]
pub struct Window {
    /// The index of the window, from 1.
    pub window: usize,
    /// The period of the window, as in `week of 2013-04-01` or `2013-04-01 to 2013-04-09`. `None` without times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// The number of rows, of rows with a target, and of positive rows.
    #[serde(flatten)]
    pub counts: LabelCounts,
}

/// The values of a categorical feature.
#[derive(Debug, Serialize)]
pub struct Category {
    /// The name of the column.
    pub column: String,
    /// The number of different values. `None` if there are more than 10,000, or none at all.
    pub levels: Option<usize>,
    /// The number of values that are too rare for a coefficient of their own.
    pub(crate) rare_levels: usize,
    pub(crate) rare_rows: u64,
    /// The most frequent values and their counts.
    pub most: Vec<(String, u64)>,
}

/// The maximum number of values that are listed for a category.
const MAX_LISTED_VALUES: usize = 5;

/// Reads the whole dataset with a pipeline file, and reports whether the two fit.
///
/// # Errors
/// The dataset cannot be read, or lacks a column that the pipeline names.
pub fn check(pipeline: &Pipeline, tell: ProgressCallback<'_>) -> Result<Check, InspectionError> {
    let survey = Survey::take(pipeline, tell)?;
    let (windows, categories) = (windows(pipeline, &survey, tell)?, categories(pipeline, &survey));
    let [mut faults, mut notes] = findings(pipeline, &survey, &windows, &categories);
    notes.extend(review(pipeline, tell)?);
    if let Some(keys) = JsonKeys::find(&pipeline.dataset.path)? {
        notes.extend(keys.notes());
        let is_named = |key: &str| pipeline.dataset.columns.iter().flatten().any(|column| column == key);
        let named = keys.nested().filter(|(key, _)| is_named(key));
        let fault = |(key, reason)| format!("dataset.columns: {key}: {reason}, so these rows go to quarantine");
        faults.extend(named.map(fault));
        let left_out = keys.left_out().filter(|(key, _)| !is_named(key));
        notes.extend(left_out.map(|(key, reason)| format!("{key}: {reason}")));
    }
    let Survey { rows, refused, unlabelled: without_target, positives: positive, order, leaks, .. } = survey;
    let order = pipeline.dataset.time.is_some().then_some(order);
    Ok(Check { rows, refused, without_target, positive, order, windows, categories, leaks, faults, notes })
}

/// Returns the faults and the notes.
fn findings(pipeline: &Pipeline, survey: &Survey, windows: &[Window], categories: &[Category]) -> [Vec<String>; 2] {
    let (mut faults, mut notes) = (Vec::new(), Vec::new());
    let refused = survey.rows - survey.accepted_rows();
    for (what, found) in &survey.refused {
        let (rows, first) = (counted(found.rows, "row", "rows"), thousands(found.first));
        faults.push(format!("{what}: {rows} would go to quarantine; row {first}: {}", found.example));
    }
    let share = refused as f64 / survey.rows.max(1) as f64;
    if share > pipeline.quarantine.max_share {
        let (share, allowed) = (percent(share, 1), percent(pipeline.quarantine.max_share, 1));
        faults.push(format!(
            "{share} of the rows would go to quarantine, more than quarantine.max_share = {allowed} allows: the run \
             would fail"
        ));
    }
    if survey.rows == 0 {
        faults.push("the dataset has no rows".to_owned());
    } else if survey.labelled() == 0 {
        faults.push("no row has a target: no model can be trained".to_owned());
    } else if survey.positives == 0 || survey.positives == survey.labelled() {
        let which = if survey.positives == 0 { "no row is" } else { "every row is" };
        faults.push(format!("{which} positive: no model can be trained (target in the pipeline file)"));
    }
    if let Some(fault) = survey.order.fault() {
        let is_cut_by_number = matches!(pipeline.window, WindowPolicy::Rows(_) | WindowPolicy::Parts(_));
        let why = if is_cut_by_number {
            "models would be tested on rows from before their training data"
        } else {
            "late rows go to quarantine"
        };
        let list = if is_cut_by_number { &mut faults } else { &mut notes };
        list.push(format!("{fault}: {why} (`windrow init DATA --repaired-copy OUT.csv.zst` puts the rows in order)"));
    }
    for Leak { column, reason } in &survey.leaks {
        faults.push(format!("features: {column}: {reason}"));
    }
    if windows.len() == MAX_LISTED_WINDOWS {
        let most = thousands(MAX_LISTED_WINDOWS as u64);
        notes.push(format!("only the first {most} windows are listed: does each window have enough rows to train on?"));
    }
    let needed = first_advice(pipeline.advise.histories.as_deref(), pipeline.label_delay().windows);
    if (1..needed as usize).contains(&windows.len()) {
        let all = counted(windows.len() as u64, "window is", "windows are");
        notes.push(format!("{all} too few for advice, which needs {needed} windows"));
    }
    let learned = |counts: &LabelCounts| counts.positive > 0 && counts.positive < counts.labelled;
    let is_empty = |window: &&Window| window.counts.labelled == 0;
    let empty: Vec<&Window> = windows.iter().filter(is_empty).collect();
    if let Some(first) = empty.first() {
        let (all, first) = (windows.len(), first.window);
        notes.push(match empty.len() {
            1 => format!("1 of {all} windows has no row with a target (window {first})"),
            count => format!("{count} of {all} windows have no row with a target (the first is {first})"),
        });
    }
    let one_class: Vec<&Window> =
        windows.iter().filter(|window| !is_empty(window) && !learned(&window.counts)).collect();
    if let Some(first) = one_class.first() {
        let (all, first) = (windows.len(), first.window);
        notes.push(match one_class.len() {
            1 => format!("1 of {all} windows has rows of only one class and gets no model of its own (window {first})"),
            count => format!(
                "{count} of {all} windows have rows of only one class and get no model of their own (the first is \
                 {first})"
            ),
        });
    }
    for category in categories.iter().filter(|category| category.rare_levels > 0) {
        let (levels, rare) = (category.levels.unwrap_or_default(), category.rare_levels);
        let (column, rows) = (&category.column, counted(category.rare_rows, "row", "rows"));
        let count = if rare == 1 { "is too rare and counts" } else { "are too rare and count" };
        notes.push(format!("{column}: {rare} of {levels} values {count} as 'other' ({rows})"));
    }
    for category in categories.iter().filter(|category| category.levels.is_none()) {
        notes.push(format!("{}: more than 10,000 different values; is it an id?", category.column));
    }
    [faults, notes]
}

fn windows(pipeline: &Pipeline, survey: &Survey, tell: ProgressCallback<'_>) -> Result<Vec<Window>, InspectionError> {
    let cut = Cut::new(pipeline.window, Some(survey.rows));
    let counts = if cut.span().is_some() { by_span(&survey.spans) } else { by_number(&survey.labels, &cut) };
    let first = survey.spans.first_key_value().map(|(first, _)| *first);
    let start = |window| Some(cut.span_of_window(first?, WindowIndex::new(window)?)?.0);
    let times = times_by_number(pipeline, survey, &cut, tell)?;
    let window = |(window, counts): (u32, LabelCounts)| {
        let times = times.get(&window).copied();
        Window { window: window as usize, period: pipeline.window.period(start(window), times), counts }
    };
    Ok((1_u32..).zip(counts).map(window).collect())
}

/// Returns the earliest and the latest time of the rows that each window by row number would store, in seconds since
/// 1970. Without a time column, and for other windows, it returns nothing. It reads the dataset again: the windows of
/// equal parts are known only after the last row, and the times of all rows would need too much memory.
fn times_by_number(
    pipeline: &Pipeline,
    survey: &Survey,
    cut: &Cut,
    tell: ProgressCallback<'_>,
) -> Result<BTreeMap<u32, (i64, i64)>, InspectionError> {
    let mut times: BTreeMap<u32, (i64, i64)> = BTreeMap::new();
    if pipeline.dataset.time.is_none() || cut.window_of_row(RowNumber::FIRST).is_none() {
        return Ok(times);
    }
    let mut reader = DatasetReader::open(&pipeline.dataset)?;
    let schema = Schema::bind(pipeline, reader.columns())?;
    let (mut parser, mut last_time) = (RecordParser::new(schema.delimiter), LastTime::default());
    let mut labels = survey.labels.iter();
    while let Some(row) = reader.next_row()? {
        report(row.number.get(), tell);
        let is_stored = labels.next().is_some_and(|byte| label_of(*byte).is_some());
        let window = cut.window_of_row(row.number).map_or(u32::MAX, WindowIndex::get);
        if window as usize > MAX_LISTED_WINDOWS {
            break;
        }
        if !is_stored {
            continue;
        }
        let Ok(fields) = parser.parse(row.bytes) else { continue };
        let Ok(Some(time)) = last_time.read(&schema, &fields) else { continue };
        let seconds = time.seconds();
        let (first, last) = times.get(&window).copied().unwrap_or((seconds, seconds));
        times.insert(window, (first.min(seconds), last.max(seconds)));
    }
    Ok(times)
}

fn categories(pipeline: &Pipeline, survey: &Survey) -> Vec<Category> {
    let category = |(column, levels): &(String, BTreeMap<String, u64>)| {
        let rare = levels.values().filter(|count| **count < pipeline.features.min_count);
        let mut most: Vec<(String, u64)> = levels.iter().map(|(text, count)| (text.clone(), *count)).collect();
        most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        most.truncate(MAX_LISTED_VALUES);
        let (column, levels) = (column.clone(), (!levels.is_empty()).then_some(levels.len()));
        Category { column, levels, rare_levels: rare.clone().count(), rare_rows: rare.sum(), most }
    };
    survey.levels.iter().map(category).collect()
}
