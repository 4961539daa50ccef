//! The cut that would give an answer, if a stream has ended with too few windows.

use std::num::NonZeroU32;
use std::time::Duration;

use maud::{Markup, html};

use crate::dashboard::frame::View;
use windrow_config::{EventSpan, LabelDelay, WindowPolicy};
use windrow_evaluation::first_advice;
use windrow_record::Scheme;
use windrow_record::display::{counted, shell_word, thousands};

/// The units of time to cut by, from the longest to the shortest.
const UNITS: [&str; 9] = ["quarter", "month", "14d", "week", "day", "12h", "6h", "1h", "10m"];
/// The minimum number of labelled rows in a window.
const MIN_ROWS: u64 = 25;
/// The number of equal parts to cut into, if the rows allow it: more than the fewest, so that more schedules can be
/// compared.
const WANTED_PARTS: u64 = 20;

/// The stream that has ended, as far as a finer cut depends on it.
#[derive(Debug, Clone, Copy)]
struct EndedStream<'a> {
    policy: WindowPolicy,
    histories: Option<&'a [Scheme]>,
    label_delay: &'a LabelDelay,
    /// The number of labelled rows.
    labelled: u64,
    /// The time from the first to the last row, in seconds; `None` if rows have no times.
    seconds: Option<i64>,
}

/// A cut that gives enough windows for advice.
#[derive(Debug, PartialEq, Eq)]
struct FinerCut {
    /// The line of the `[window]` table, as in `event = "week"`.
    line: String,
    /// The number of windows.
    windows: u64,
}

/// Says which cut would give an answer, with the command. Without enough rows, it says how many are needed.
pub(super) fn advice(view: &View) -> Markup {
    let pipeline = &view.pipeline;
    let windows = &view.observed.windows;
    let times = || windows.iter().filter_map(|window| window.times);
    let (first, last) = (times().map(|times| times.first).min(), times().map(|times| times.last).max());
    let stream = EndedStream {
        policy: pipeline.window,
        histories: pipeline.advise.histories.as_deref(),
        label_delay: &pipeline.advise.label_delay,
        labelled: windows.iter().map(|window| window.labelled).sum(),
        seconds: first.zip(last).map(|(first, last)| last.saturating_sub(first)),
    };
    let needed = stream.needed(stream.policy);
    let file = pipeline.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let command = format!("windrow run {} --fresh", shell_word(file.as_deref().unwrap_or("PIPELINE")));
    let labelled = thousands(stream.labelled);
    html! {
        p { "The stream is complete, with " (counted(windows.len() as u64, "window", "windows")) "; no further ones will come." }
        @match stream.finer_cut() {
            Some(cut) => {
                p {
                    "A finer cut gives an answer. Write " code { (cut.line) } " in the " code { "[window]" } " table of the "
                    "pipeline file: that makes " (thousands(cut.windows)) " windows of about "
                    (counted(stream.labelled / cut.windows.max(1), "labelled row", "labelled rows")) ". Then run:"
                }
                pre tabindex="0" { code { (command) } }
            }
            None => p {
                "An answer needs more rows: " (needed) " windows of at least " (MIN_ROWS) " labelled rows each, or "
                (thousands(u64::from(needed) * MIN_ROWS)) " in all. The stream has " (labelled) "."
            },
        }
    }
}

impl EndedStream<'_> {
    /// Returns the number of windows that advice needs with this rule.
    fn needed(&self, policy: WindowPolicy) -> u32 {
        let delay = self.label_delay.in_windows(policy).map_or(0, |delay| delay.windows);
        first_advice(self.histories, delay)
    }

    /// Returns the coarsest cut by a unit of time that gives enough windows or, if the rows are not cut by time, or no
    /// unit fits, equal parts. Returns `None` if there are too few rows.
    fn finer_cut(&self) -> Option<FinerCut> {
        if let (WindowPolicy::Event { .. }, Some(seconds)) = (self.policy, self.seconds) {
            let mut cuts = UNITS.into_iter().filter_map(|unit| self.by_unit(unit, seconds));
            if let Some(cut) = cuts.next() {
                return Some(cut);
            }
        }
        let parts = WindowPolicy::Parts(NonZeroU32::MIN);
        // A label delay that is a duration needs windows by time.
        self.label_delay.in_windows(parts).ok()?;
        let needed = u64::from(self.needed(parts));
        let windows = needed.max(WANTED_PARTS).min(self.labelled / MIN_ROWS);
        (windows >= needed).then(|| FinerCut { line: format!("parts = {windows}"), windows })
    }

    fn by_unit(&self, unit: &str, seconds: i64) -> Option<FinerCut> {
        let span = EventSpan::try_from(unit.to_owned()).ok()?;
        let policy = WindowPolicy::Event { span, lateness: Duration::ZERO };
        self.label_delay.in_windows(policy).ok()?;
        // Windows at both ends may be cut off, so only the whole ones are counted.
        let windows = u64::try_from(seconds / span.longest()).ok()?;
        let is_enough = windows >= u64::from(self.needed(policy)) && self.labelled / windows.max(1) >= MIN_ROWS;
        is_enough.then(|| FinerCut { line: format!("event = \"{unit}\""), windows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn cut(policy: &str, labelled: u64, days: Option<i64>, delay: &LabelDelay) -> Option<String> {
        let policy = match policy {
            "rows" => WindowPolicy::Parts(NonZeroU32::MIN),
            span => WindowPolicy::Event {
                span: EventSpan::try_from(span.to_owned()).expect("a span"),
                lateness: Duration::ZERO,
            },
        };
        let seconds = days.map(|days| days * DAY);
        EndedStream { policy, histories: None, label_delay: delay, labelled, seconds }.finer_cut().map(|cut| cut.line)
    }

    #[test]
    fn the_coarsest_unit_that_gives_enough_windows_is_named() {
        let (now, needed) = (LabelDelay::Windows(0), i64::from(first_advice(None, 0)));
        let is = |days: i64| cut("quarter", 100_000, Some(days), &now).unwrap_or_default();
        assert_eq!(is(needed * 31), "event = \"month\"");
        assert_eq!(is(needed * 31 - 1), "event = \"14d\"");
        assert_eq!(is(needed * 7), "event = \"week\"");
        assert_eq!(is(needed), "event = \"day\"");
        assert_eq!(is(1), "event = \"1h\"");
    }

    #[test]
    fn without_times_the_rows_are_cut_into_parts_if_there_are_enough() {
        let now = LabelDelay::Windows(0);
        assert_eq!(cut("rows", 100_000, None, &now).as_deref(), Some("parts = 20"));
        let needed = u64::from(first_advice(None, 0));
        let fewest = format!("parts = {needed}");
        assert_eq!(cut("rows", needed * MIN_ROWS, None, &now), Some(fewest));
        assert_eq!(cut("rows", needed * MIN_ROWS - 1, None, &now), None);
        // No unit gives windows of 25 rows.
        assert_eq!(cut("month", needed * MIN_ROWS - 1, Some(600), &now), None);
    }

    #[test]
    fn labels_that_are_late_need_more_windows() {
        let late = LabelDelay::Windows(8);
        let days = i64::from(first_advice(None, 0)) * 7;
        assert_eq!(cut("month", 100_000, Some(days), &late).as_deref(), Some("event = \"day\""));
        let month = LabelDelay::After { length: Duration::from_secs(30 * 86_400), text: "30d".to_owned() };
        // 30 days are at most 5 weeks, and too many hours.
        assert_eq!(cut("month", 100_000, Some(200), &month).as_deref(), Some("event = \"week\""));
        assert_eq!(cut("month", 100_000, Some(20), &month), None);
    }
}
