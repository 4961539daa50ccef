//! How a stream is best cut: into units of the calendar, else into equal parts.

use std::collections::BTreeMap;

use toml_edit::Value;

use crate::inspection::survey::{Counts, Survey, label_of};
use windrow_config::EventSpan;

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
pub(crate) struct Cut {
    /// The key in the `[window]` table, as in `event`.
    pub(crate) key: String,
    /// Its value, as in `"week"`.
    pub(crate) value: Value,
    /// In words.
    pub(crate) reason: String,
}

/// The unit of the calendar that gives 20 to 80 windows with enough rows; else equal parts.
pub(crate) fn choose(survey: &Survey) -> Cut {
    let units = [
        (EventSpan::Day, "day"),
        (EventSpan::Week, "week"),
        (EventSpan::Month, "month"),
        (EventSpan::Quarter, "quarter"),
    ];
    for (span, name) in units {
        let windows = by_span(&survey.days, span);
        if WANTED.contains(&(windows.len() as u64)) && have_enough(&windows) {
            let plural = span.plural();
            let reason = format!("{} {plural}, each with enough rows of both classes", windows.len());
            return Cut { key: "event".to_owned(), value: Value::from(name), reason };
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
    Cut { key: "parts".to_owned(), value: Value::from(parts as i64), reason }
}

/// Windows from the first to the last, empty ones included.
pub(crate) fn by_span(days: &BTreeMap<i64, Counts>, span: EventSpan) -> Vec<Counts> {
    let of_day = |day: &i64| span.of_time(day.saturating_mul(DAY));
    let (Some((first, _)), Some((last, _))) = (days.first_key_value(), days.last_key_value()) else {
        return Vec::new();
    };
    let (first, last) = (of_day(first), of_day(last));
    // A year 9999 among others would make windows without end; nobody wants to see them.
    let count = usize::try_from(last - first + 1).unwrap_or(usize::MAX).min(100_000);
    let mut windows = vec![Counts::default(); count];
    for (day, counts) in days {
        if let Some(window) = usize::try_from(of_day(day) - first).ok().and_then(|place| windows.get_mut(place)) {
            *window = window.plus(*counts);
        }
    }
    windows
}

/// Windows of so many rows each, the larger ones first where `parts` are asked for.
pub(crate) fn by_rows(labels: &[u8], sizes: impl Iterator<Item = usize>) -> Vec<Counts> {
    let mut rest = labels;
    let mut windows = Vec::new();
    for size in sizes {
        let (here, behind) = rest.split_at(size.min(rest.len()));
        if here.is_empty() {
            break;
        }
        let mut counts = Counts::default();
        here.iter().for_each(|byte| counts.add(label_of(*byte)));
        windows.push(counts);
        rest = behind;
    }
    windows
}

fn have_enough(windows: &[Counts]) -> bool {
    let inner = windows.get(1..windows.len().saturating_sub(1)).unwrap_or_default();
    let has = |counts: &&Counts| {
        counts.labelled >= FEWEST_LABELLED
            && counts.positive >= FEWEST_OF_A_CLASS
            && counts.labelled - counts.positive >= FEWEST_OF_A_CLASS
    };
    let short = inner.iter().filter(|counts| !has(counts)).count();
    !inner.is_empty() && short as f64 <= MOST_SHORT * inner.len() as f64
}
