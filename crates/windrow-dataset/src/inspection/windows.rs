//! Chooses how to cut a stream into windows: by a calendar unit, or else into equal parts.

use std::collections::BTreeMap;

use toml_edit::Value;

use crate::inspection::survey::{LabelCounts, MAX_LISTED_WINDOWS, Survey, label_of};
use windrow_config::{Cut, EventSpan};
use windrow_record::RowNumber;

/// The wanted number of windows: enough for a recommendation, and few enough to read.
const TARGET_WINDOWS: std::ops::RangeInclusive<u64> = 20..=80;
/// The minimum number of windows for a recommendation.
const MIN_WINDOWS: u64 = 16;
/// The minimum number of labelled rows in a window to train and evaluate on.
const MIN_LABELLED: u64 = 1000;
/// The minimum number of rows of each class in such a window.
const MIN_PER_CLASS: u64 = 50;
/// The maximum share of windows with too few rows. The first and the last window do not count, because they may be cut
/// off.
const MAX_SHORT_SHARE: f64 = 0.05;
/// The number of equal parts, if the dataset has enough rows for them.
const PARTS: u64 = 52;
const DAY: i64 = 86_400;

/// The windows of a pipeline file, and the reason for them.
#[derive(Debug, Clone)]
pub(crate) struct WindowChoice {
    /// The key in the `[window]` table, as in `event`.
    pub(crate) key: String,
    /// The value of the key, as in `"week"`.
    pub(crate) value: Value,
    /// The reason, in words. Empty if the user gave the windows.
    pub(crate) reason: String,
}

/// Chooses the first calendar unit that gives 20 to 80 windows with enough rows, or else equal parts.
pub(crate) fn choose(survey: &Survey) -> WindowChoice {
    for span in [EventSpan::Day, EventSpan::Week, EventSpan::Month, EventSpan::Quarter] {
        // The rows are in time order, so none of them is late.
        let mut spans: BTreeMap<i64, LabelCounts> = BTreeMap::new();
        for (day, counts) in &survey.spans {
            let counts_of_span = spans.entry(span.index_of(day.saturating_mul(DAY))).or_default();
            *counts_of_span = counts_of_span.combined(*counts);
        }
        let windows = by_span(&spans);
        if TARGET_WINDOWS.contains(&(windows.len() as u64)) && have_enough(&windows) {
            let plural = span.plural();
            let reason = format!("{} {plural}, each with enough rows of both classes", windows.len());
            return WindowChoice { key: "event".to_owned(), value: Value::from(String::from(span)), reason };
        }
    }
    let rarer = survey.positives.min(survey.labelled() - survey.positives);
    let most = (survey.labelled() / MIN_LABELLED).min(rarer / MIN_PER_CLASS);
    let parts = most.clamp(2, PARTS);
    let reason = match parts {
        parts if parts >= *TARGET_WINDOWS.start() => {
            format!("{parts} equal parts: no calendar unit gives 20 to 80 windows with enough rows")
        }
        parts if parts >= MIN_WINDOWS => format!("{parts} equal parts, which is few for advice"),
        parts => {
            let rows = survey.accepted_rows() / parts;
            format!(
                "{parts} equal parts of {rows} rows: too few rows for advice, which needs {MIN_WINDOWS} windows of \
                 {MIN_LABELLED} rows"
            )
        }
    };
    WindowChoice { key: "parts".to_owned(), value: Value::from(parts as i64), reason }
}

/// Returns the windows from the first to the last span, empty ones included.
pub(crate) fn by_span(spans: &BTreeMap<i64, LabelCounts>) -> Vec<LabelCounts> {
    let ends = spans.first_key_value().zip(spans.last_key_value());
    let Some(((first, _), (last, _))) = ends else { return Vec::new() };
    (*first..=*last).take(MAX_LISTED_WINDOWS).map(|span| spans.get(&span).copied().unwrap_or_default()).collect()
}

/// Returns the windows by row number, empty ones included. `labels` is [`Survey::labels`].
pub(crate) fn by_number(labels: &[u8], cut: &Cut) -> Vec<LabelCounts> {
    let fixed = cut.fixed_windows().map_or(0, |last| last.get() as usize);
    let mut windows = vec![LabelCounts::default(); fixed.min(MAX_LISTED_WINDOWS)];
    let numbers = std::iter::successors(Some(RowNumber::FIRST), |number| Some(number.next()));
    for (number, byte) in numbers.zip(labels) {
        let Some(window) = cut.window_of_row(number).map(|window| window.get() as usize) else { break };
        if window > MAX_LISTED_WINDOWS {
            break;
        }
        windows.resize(windows.len().max(window), LabelCounts::default());
        if let Some(label) = label_of(*byte) {
            windows[window - 1].add(label);
        }
    }
    windows
}

fn have_enough(windows: &[LabelCounts]) -> bool {
    let inner = windows.get(1..windows.len().saturating_sub(1)).unwrap_or_default();
    let has = |counts: &&LabelCounts| {
        counts.labelled >= MIN_LABELLED
            && counts.positive >= MIN_PER_CLASS
            && counts.labelled - counts.positive >= MIN_PER_CLASS
    };
    let short = inner.iter().filter(|counts| !has(counts)).count();
    !inner.is_empty() && short as f64 <= MAX_SHORT_SHARE * inner.len() as f64
}
