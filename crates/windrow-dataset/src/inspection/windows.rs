//! Chooses how to cut a stream into windows: by a unit that people plan by, or else into equal parts.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use toml_edit::Value;

use crate::inspection::survey::{LabelCounts, MAX_LISTED_WINDOWS, Survey, label_of};
use windrow_config::{Cut, EventSpan, LabelDelay, MIN_TRAINING_ROWS, WindowPolicy};
use windrow_evaluation::{WANTED_ROWS, first_advice, is_enough_for_advice};
use windrow_record::RowNumber;
use windrow_record::display::thousands;

/// The units to choose from, from the shortest to the longest, as in `[window] event = "14d"`.
const UNITS: [&str; 6] = ["day", "week", "14d", "28d", "month", "quarter"];
/// The wanted number of windows, so that more schedules can be compared.
const WANTED_WINDOWS: usize = 20;
/// The largest number of windows. More are too many to read.
const MAX_WINDOWS: usize = 80;
/// The wanted number of rows of each class in a window.
const WANTED_PER_CLASS: u64 = 50;
/// The maximum share of windows without the wanted rows.
const MAX_SHORT_SHARE: f64 = 0.05;
/// The minimum share of windows that a model can be trained on, if a unit does not give the wanted rows.
const MIN_TRAINABLE_SHARE: f64 = 0.8;
/// The largest number of equal parts.
const MAX_PARTS: u64 = 52;
/// The minimum number of equal parts: one to train on, and one to evaluate on.
const MIN_PARTS: u64 = 2;
/// The minimum number of labelled rows in a window: in each equal part, or in the median window of a unit.
const MIN_ROWS: u64 = 25;
const DAY: i64 = 86_400;

/// The windows of a pipeline file, and the reason for them.
#[derive(Debug, Clone)]
pub(crate) struct WindowChoice {
    /// The key in the `[window]` table, as in `event`.
    pub(crate) key: String,
    /// The value of the key, as in `"week"`.
    pub(crate) value: Value,
    /// The windows in words, with the alternatives. Empty if the user gave the windows.
    pub(crate) reason: String,
    /// The usual number of labelled rows in a window. `None` if the user gave the windows.
    pub(crate) rows: Option<u64>,
}

/// The windows that a unit gives, from the first to the last.
struct UnitWindows {
    /// The unit, as in the pipeline file.
    unit: &'static str,
    span: EventSpan,
    /// The label delay, in windows of this unit.
    delay: u32,
    /// The rows of each window, empty ones included.
    windows: Vec<LabelCounts>,
}

/// Chooses the windows of a dataset. Labels are known after `delay`, so advice needs more windows if labels are late.
///
/// A unit fits if it gives enough windows for advice, at most 80, and a model can be trained on most of them. If
/// several units fit, the shortest one with the wanted rows in its windows is chosen, if possible with 20 windows or
/// more. The wanted rows are a preference and not a limit: if no unit has them, the one with the most rows in a window
/// is chosen. If no unit fits, the rows are cut into equal parts.
pub(crate) fn choose(survey: &Survey, delay: &LabelDelay) -> WindowChoice {
    let fitting = |unit| UnitWindows::new(unit, survey, delay).filter(UnitWindows::fits);
    let units: Vec<UnitWindows> = UNITS.into_iter().filter_map(fitting).collect();
    let wanted = || units.iter().filter(|unit| unit.has_wanted_rows());
    let chosen = wanted().find(|unit| unit.windows.len() >= WANTED_WINDOWS).or_else(|| wanted().next());
    let chosen = chosen.or_else(|| units.iter().max_by_key(|unit| unit.usual_rows()));
    match chosen.filter(|chosen| survey.labelled() >= u64::from(first_advice(None, chosen.delay)) * MIN_ROWS) {
        Some(chosen) => {
            let others: Vec<&UnitWindows> = units.iter().filter(|unit| unit.unit != chosen.unit).collect();
            let reason = chosen.reason(&others, rows_word(survey));
            let rows = Some(chosen.usual_rows());
            WindowChoice { key: "event".to_owned(), value: Value::from(chosen.unit), reason, rows }
        }
        None => match delay.in_windows(WindowPolicy::Parts(NonZeroU32::MIN)) {
            Ok(delay) => equal_parts(survey, u64::from(first_advice(None, delay.windows))),
            // A duration needs windows by time, even if they are too few for advice. If no unit fits at all, the
            // rows are cut into parts, and `draft` reports that the duration needs windows by time.
            Err(_) => choose(survey, &LabelDelay::default()),
        },
    }
}

/// Returns equal parts: as many as have the wanted rows, but at least `needed`, the number of windows for advice. Each
/// part must keep 25 rows and, on average, one row of the rarer class.
fn equal_parts(survey: &Survey, needed: u64) -> WindowChoice {
    let (labelled, rarer) = (survey.labelled(), survey.positives.min(survey.labelled() - survey.positives));
    let wanted = (labelled / WANTED_ROWS).min(rarer / WANTED_PER_CLASS).min(MAX_PARTS).max(needed);
    let parts = wanted.min(labelled / MIN_ROWS).min(rarer).max(MIN_PARTS);
    let size = labelled / parts;
    let begin = format!("{parts} equal parts of about {} {}", about(size), rows_word(survey));
    let few = if size < WANTED_ROWS || rarer / parts < WANTED_PER_CLASS { ", few for advice" } else { "" };
    let reason = if parts < needed {
        let lack = if labelled / MIN_ROWS < needed { "rows" } else { "rows of the rarer class" };
        format!("{begin}: too few {lack} for advice, which needs {needed} windows")
    } else if survey.spans.is_empty() {
        format!("{begin}{few}")
    } else {
        let (units, rows) = (UNITS.join(", "), "enough rows of both classes");
        format!("{begin}{few}; no unit ({units}) gives {needed} to {MAX_WINDOWS} windows with {rows}")
    };
    let value = Value::from(i64::try_from(parts).unwrap_or(i64::MAX));
    WindowChoice { key: "parts".to_owned(), value, reason, rows: Some(size) }
}

/// Returns the word for the rows that are counted.
fn rows_word(survey: &Survey) -> &'static str {
    if survey.unlabelled == 0 { "rows" } else { "labelled rows" }
}

/// Formats a count with two significant digits, as in `75` or `3,300`.
fn about(count: u64) -> String {
    let scale = 10_u64.pow(count.max(1).ilog10().saturating_sub(1));
    thousands((count + scale / 2) / scale * scale)
}

impl UnitWindows {
    /// Returns the windows of a unit. `None` if the rows have no times, or if the label delay has too many windows.
    fn new(unit: &'static str, survey: &Survey, delay: &LabelDelay) -> Option<Self> {
        let span = EventSpan::try_from(unit.to_owned()).ok()?;
        let delay = delay.in_windows(WindowPolicy::Event { span, lateness: Duration::ZERO }).ok()?.windows;
        // The rows are in time order, so none of them is late.
        let mut spans: BTreeMap<i64, LabelCounts> = BTreeMap::new();
        for (day, counts) in &survey.spans {
            let counts_of_span = spans.entry(span.index_of(day.saturating_mul(DAY))).or_default();
            *counts_of_span = counts_of_span.combined(*counts);
        }
        let windows = by_span(&spans);
        (!windows.is_empty()).then_some(Self { unit, span, delay, windows })
    }

    /// Returns true if the windows are few enough to read and enough for advice, and a model can be trained on most of
    /// them.
    fn fits(&self) -> bool {
        let labelled: Vec<u64> = self.windows.iter().map(|counts| counts.labelled).collect();
        let trainable = self.share(|counts| has_rows(counts, MIN_TRAINING_ROWS as u64, 1));
        let is_trainable = trainable >= MIN_TRAINABLE_SHARE && self.usual_rows() >= MIN_ROWS;
        labelled.len() <= MAX_WINDOWS && is_enough_for_advice(&labelled, self.delay) && is_trainable
    }

    fn has_wanted_rows(&self) -> bool {
        self.share(|counts| has_rows(counts, WANTED_ROWS, WANTED_PER_CLASS)) >= 1.0 - MAX_SHORT_SHARE
    }

    /// The windows without the first and the last, which may be cut off.
    fn inner(&self) -> &[LabelCounts] {
        self.windows.get(1..self.windows.len().saturating_sub(1)).unwrap_or_default()
    }

    /// Returns the share of the inner windows for which something holds.
    fn share(&self, holds: impl Fn(&LabelCounts) -> bool) -> f64 {
        let inner = self.inner();
        inner.iter().filter(|counts| holds(counts)).count() as f64 / inner.len().max(1) as f64
    }

    /// Returns the median number of labelled rows in the inner windows.
    fn usual_rows(&self) -> u64 {
        let mut rows: Vec<u64> = self.inner().iter().map(|counts| counts.labelled).collect();
        rows.sort_unstable();
        rows.get(rows.len() / 2).copied().unwrap_or_default()
    }

    /// Describes the windows, as in `24 months of about 75 rows, few for advice; 14d (52 windows) and 28d (26) also
    /// fit: --window 28d`.
    fn reason(&self, others: &[&Self], rows: &str) -> String {
        let (count, plural, usual) = (self.windows.len(), self.span.plural(), about(self.usual_rows()));
        let few = if self.has_wanted_rows() { "" } else { ", few for advice" };
        let windows = format!("{count} {plural} of about {usual} {rows}{few}");
        let listed = others.iter().enumerate().map(|(index, other)| {
            let noun = if index == 0 { " windows" } else { "" };
            format!("{} ({}{noun})", other.unit, other.windows.len())
        });
        let listed: Vec<String> = listed.collect();
        match (listed.as_slice(), others.last()) {
            ([only], Some(other)) => format!("{windows}; {only} also fits: --window {}", other.unit),
            ([before @ .., last], Some(other)) => {
                format!("{windows}; {} and {last} also fit: --window {}", before.join(", "), other.unit)
            }
            _ => windows,
        }
    }
}

/// Returns true if a window has this many labelled rows, and this many of each class.
fn has_rows(counts: &LabelCounts, labelled: u64, per_class: u64) -> bool {
    counts.labelled >= labelled && counts.positive >= per_class && counts.labelled - counts.positive >= per_class
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

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 January 2023, a Sunday, in days since 1970.
    const NEW_YEAR: i64 = 19_358;
    /// The days of 2023 and 2024.
    const TWO_YEARS: i64 = 731;

    /// Returns the survey of rows with these numbers of rows and of positive rows on each day.
    fn survey(days: impl IntoIterator<Item = (i64, u64, u64)>) -> Survey {
        let counts = |(day, rows, positive)| (day, LabelCounts { rows, labelled: rows, positive });
        let spans: BTreeMap<i64, LabelCounts> = days.into_iter().map(counts).collect();
        let all = spans.values().fold(LabelCounts::default(), |all, counts| all.combined(*counts));
        Survey { rows: all.rows, positives: all.positive, spans, ..Survey::default() }
    }

    /// Returns the survey of rows without times.
    fn timeless(rows: u64, positives: u64) -> Survey {
        Survey { rows, positives, ..Survey::default() }
    }

    /// Returns the chosen windows as in the pipeline file, and the reason.
    fn chosen(survey: &Survey) -> (String, String) {
        let WindowChoice { key, value, reason, .. } = choose(survey, &LabelDelay::default());
        (format!("{key} = {value}"), reason)
    }

    #[test]
    fn a_unit_is_chosen_if_it_gives_enough_windows() {
        let days =
            |count: i64, rows: u64, positive: u64| survey((0..count).map(move |day| (NEW_YEAR + day, rows, positive)));
        let few = survey((0..TWO_YEARS).map(|day| (NEW_YEAR + day, 2, u64::from(day % 2 == 0))));
        let mondays = survey((1..120).map(|day| (NEW_YEAR + day, 200, 60)));
        let cases = [
            // 1,462 rows over two years: the wanted rows are not a limit. The longest unit that fits has the most rows.
            (
                few,
                "event = \"month\"",
                "24 months of about 62 rows, few for advice; 14d (53 windows) and 28d (27) also fit: --window 28d",
            ),
            // The shortest unit with the wanted rows.
            (
                days(TWO_YEARS, 100, 40),
                "event = \"14d\"",
                "53 windows of 14 days of about 1,400 rows; 28d (27 windows) and month (24) also fit: --window month",
            ),
            (days(52, 2000, 500), "event = \"day\"", "52 days of about 2,000 rows"),
            // Fewer than 20 windows, but enough for advice.
            (mondays, "event = \"week\"", "17 weeks of about 1,400 rows"),
            // Too few rows of one class for the wanted rows of a day.
            (days(77, 1000, 10), "event = \"day\"", "77 days of about 1,000 rows, few for advice"),
        ];
        for (survey, window, reason) in cases {
            assert_eq!(chosen(&survey), (window.to_owned(), reason.to_owned()));
        }
    }

    #[test]
    fn late_labels_need_more_windows() {
        let weeks = survey((1..120).map(|day| (NEW_YEAR + day, 200, 60)));
        let rows = timeless(10_000, 3_000);
        let cases = [
            // 17 weeks are enough for advice if labels are at most one week late.
            (&weeks, "0", "event = \"week\""),
            (&weeks, "1", "event = \"week\""),
            (&weeks, "2", "parts = 23"),
            (&weeks, "7d", "event = \"week\""),
            // No windows by time are enough, but a duration needs windows by time.
            (&weeks, "8d", "event = \"week\""),
            (&rows, "0", "parts = 16"),
            (&rows, "2", "parts = 18"),
            (&rows, "7d", "parts = 16"),
        ];
        for (survey, delay, window) in cases {
            let WindowChoice { key, value, .. } = choose(survey, &delay.parse().expect("a label delay"));
            assert_eq!(format!("{key} = {value}"), window, "{delay}");
        }
    }

    #[test]
    fn equal_parts_are_chosen_if_no_unit_fits() {
        let units = "no unit (day, week, 14d, 28d, month, quarter) gives 16 to 80 windows";
        let few = |day: i64| (NEW_YEAR + day, 2, u64::from(day % 2 == 0));
        // Two summers with a gap of ten months, of which most windows would be empty.
        let gap = survey((0..60).chain(365..425).map(|day| (NEW_YEAR + day, 10, 4)));
        // One class only, until the last half year.
        let one_class = survey((0..TWO_YEARS).map(|day| (NEW_YEAR + day, 2, u64::from(day > 540))));
        // A first row of 1970 makes hundreds of empty months.
        let tail = survey([(0, 1, 1)].into_iter().chain((0..TWO_YEARS).map(few)));
        // All rows of one day.
        let burst = survey([(NEW_YEAR, 5000, 1000)]);
        // A burst of three days, and then a row in each month.
        let three_days = (0..3).map(|day| (NEW_YEAR + day, 500, 200));
        let mixed = survey(three_days.chain((1..24).map(|month| (NEW_YEAR + 30 * month, 1, 0))));
        let cases = [(gap, 75), (one_class, 91), (tail, 91), (burst, 310), (mixed, 95)];
        for (survey, rows) in cases {
            let expected = format!(
                "16 equal parts of about {rows} rows, few for advice; {units} with enough rows of both classes"
            );
            assert_eq!(chosen(&survey), ("parts = 16".to_owned(), expected));
        }
    }

    #[test]
    fn the_number_of_parts_depends_on_the_rows_of_both_classes() {
        let cases = [
            (timeless(100_000, 30_000), 52, "52 equal parts of about 1,900 rows"),
            (timeless(30_000, 10_000), 30, "30 equal parts of about 1,000 rows"),
            (timeless(30_000, 1000), 20, "20 equal parts of about 1,500 rows"),
            (timeless(10_000, 16), 16, "16 equal parts of about 630 rows, few for advice"),
            (timeless(400, 200), 16, "16 equal parts of about 25 rows, few for advice"),
            (
                timeless(399, 200),
                15,
                "15 equal parts of about 26 rows: too few rows for advice, which needs 16 windows",
            ),
            (timeless(30, 15), 2, "2 equal parts of about 15 rows: too few rows for advice, which needs 16 windows"),
            (
                timeless(10_000, 9_995),
                5,
                "5 equal parts of about 2,000 rows: too few rows of the rarer class for advice, which needs 16 windows",
            ),
        ];
        for (survey, parts, reason) in cases {
            assert_eq!(chosen(&survey), (format!("parts = {parts}"), reason.to_owned()));
        }
        let unlabelled = Survey { unlabelled: 500, ..timeless(2100, 700) };
        assert_eq!(chosen(&unlabelled).1, "16 equal parts of about 100 labelled rows, few for advice");
    }

    #[test]
    fn a_file_of_400_rows_gets_enough_windows_for_advice() {
        for days in [1, 5, 20, 60, 100, 200, 400, 800, 2000, 9000] {
            for rows in [400, 1000, 3000, 20_000] {
                let on_day = |day: i64| u64::try_from((day + 1) * rows / days - day * rows / days).expect("ascending");
                let survey = survey((0..days).map(|day| (NEW_YEAR + day, on_day(day), on_day(day) / 2)));
                if survey.positives == 0 {
                    continue;
                }
                let WindowChoice { key, value, reason, .. } = choose(&survey, &LabelDelay::default());
                let unit = UNITS.into_iter().find(|unit| value.as_str() == Some(*unit));
                let unit = unit.and_then(|unit| UnitWindows::new(unit, &survey, &LabelDelay::default()));
                let windows = value.as_integer().or(unit.map(|unit| unit.windows.len() as i64));
                let is_enough = windows.is_some_and(|count| (16..=80).contains(&count));
                assert!(is_enough, "{days} {rows}: {key} {value} {reason}");
            }
        }
    }
}
