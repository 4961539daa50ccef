//! How a stream is best cut: into units of the calendar, else into equal parts.

use std::collections::BTreeMap;

use toml_edit::Value;

use crate::inspection::survey::{LabelCounts, MOST_LISTED, Survey, label_of};
use windrow_config::{Cut, EventSpan};
use windrow_record::RowNumber;

/// How many windows an answer needs, and how many stay easy to read.
const WANTED: std::ops::RangeInclusive<u64> = 20..=80;
/// Windows after which there can be advice.
const ADVISABLE: u64 = 16;
/// What a window needs to be learned from and judged on.
const FEWEST_LABELLED: u64 = 1000;
const FEWEST_OF_A_CLASS: u64 = 50;
/// The first and the last window are parts of one; of the others, so large a share must have enough.
const MOST_SHORT: f64 = 0.05;
/// Equal parts that are made where there are rows for them.
const PARTS: u64 = 52;
const DAY: i64 = 86_400;

/// How windows are cut, as the pipeline file says it, and why.
#[derive(Debug, Clone)]
pub(crate) struct WindowChoice {
    /// The key in the `[window]` table, as in `event`.
    pub(crate) key: String,
    /// Its value, as in `"week"`.
    pub(crate) value: Value,
    /// In words.
    pub(crate) reason: String,
}

/// The unit of the calendar that gives 20 to 80 windows with enough rows; else equal parts.
pub(crate) fn choose(survey: &Survey) -> WindowChoice {
    for span in [EventSpan::Day, EventSpan::Week, EventSpan::Month, EventSpan::Quarter] {
        // The rows are in the order of their times, so none is late.
        let mut spans: BTreeMap<i64, LabelCounts> = BTreeMap::new();
        for (day, counts) in &survey.spans {
            let counts_of_span = spans.entry(span.of_time(day.saturating_mul(DAY))).or_default();
            *counts_of_span = counts_of_span.plus(*counts);
        }
        let windows = by_span(&spans);
        if WANTED.contains(&(windows.len() as u64)) && have_enough(&windows) {
            let plural = span.plural();
            let reason = format!("{} {plural}, each with enough rows of both classes", windows.len());
            return WindowChoice { key: "event".to_owned(), value: Value::from(String::from(span)), reason };
        }
    }
    let rarer = survey.positives.min(survey.labelled() - survey.positives);
    let most = (survey.labelled() / FEWEST_LABELLED).min(rarer / FEWEST_OF_A_CLASS);
    let parts = most.clamp(2, PARTS);
    let reason = match parts {
        parts if parts >= *WANTED.start() => {
            format!("{parts} equal parts: no unit of the calendar gives 20 to 80 windows with enough rows")
        }
        parts if parts >= ADVISABLE => format!("{parts} equal parts, which is few for an advice"),
        parts => {
            let rows = survey.taken() / parts;
            format!(
                "{parts} equal parts of {rows} rows: too few rows for an advice, which needs {ADVISABLE} windows of {FEWEST_LABELLED}"
            )
        }
    };
    WindowChoice { key: "parts".to_owned(), value: Value::from(parts as i64), reason }
}

/// The windows from the first to the last span, empty ones included.
pub(crate) fn by_span(spans: &BTreeMap<i64, LabelCounts>) -> Vec<LabelCounts> {
    let (Some((first, _)), Some((last, _))) = (spans.first_key_value(), spans.last_key_value()) else {
        return Vec::new();
    };
    (*first..=*last).take(MOST_LISTED).map(|span| spans.get(&span).copied().unwrap_or_default()).collect()
}

/// The windows of rows that are cut by their number, empty ones included. `labels` are those of [`Survey::labels`].
pub(crate) fn by_number(labels: &[u8], cut: &Cut) -> Vec<LabelCounts> {
    let fixed = cut.fixed_windows().map_or(0, |last| last.get() as usize);
    let mut windows = vec![LabelCounts::default(); fixed.min(MOST_LISTED)];
    let numbers = std::iter::successors(Some(RowNumber::FIRST), |number| Some(number.next()));
    for (number, byte) in numbers.zip(labels) {
        let Some(window) = cut.window_of_row(number).map(|window| window.get() as usize) else { break };
        if window > MOST_LISTED {
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
        counts.labelled >= FEWEST_LABELLED
            && counts.positive >= FEWEST_OF_A_CLASS
            && counts.labelled - counts.positive >= FEWEST_OF_A_CLASS
    };
    let short = inner.iter().filter(|counts| !has(counts)).count();
    !inner.is_empty() && short as f64 <= MOST_SHORT * inner.len() as f64
}
