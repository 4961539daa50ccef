//! The axis along which rows are cut into windows: time, or the number of the window.

use windrow_columnar::TypedCell;
use windrow_config::{EventSpan, LabelDelay, LabelDelayError, WindowDelay, WindowPolicy};
use windrow_evaluation::WindowUnit;
use windrow_record::display::window_name;

use crate::cells::{time, time_text, window_number};
use crate::error::JudgeError;

const MICROS: i64 = 1_000_000;
/// The maximum number of windows. All policies are judged again after each window, so more windows would take hours.
pub(crate) const MAX_WINDOWS: u32 = 2_000;

/// The axis along which rows are cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Rows have times, in microseconds since 1970, which are cut as by `window.event` of a pipeline.
    Time(EventSpan),
    /// Rows have the number of their window, from 1.
    Number,
}

/// The span that was found last, so that the calendar is not asked for each row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LastSpan {
    begin: i64,
    end: i64,
    index: i64,
}

impl Axis {
    /// Returns the position of a cell.
    pub(crate) fn position(self, cell: TypedCell<'_>) -> Result<i64, String> {
        match self {
            Self::Time(_) => time(cell),
            Self::Number => window_number(cell),
        }
    }

    /// Returns the window of a position: the index of its span since 1970, or its number.
    pub(crate) fn window_of(self, position: i64) -> i64 {
        match self {
            Self::Time(span) => span.index_of(position.div_euclid(MICROS)),
            Self::Number => position,
        }
    }

    /// Does the same as [`Self::window_of`]. Also returns the seconds since the window's beginning.
    pub(crate) fn place(self, position: i64, last: &mut LastSpan) -> (i64, u32) {
        let Self::Time(span) = self else { return (position, 0) };
        let seconds = position.div_euclid(MICROS);
        if !(last.begin..last.end).contains(&seconds) {
            let index = span.index_of(seconds);
            *last = LastSpan { begin: span.begin(index), end: span.begin(index.saturating_add(1)), index };
        }
        (last.index, u32::try_from(seconds - last.begin).unwrap_or(u32::MAX))
    }

    /// Returns `true` if windows are shorter than a day, so that a date is not enough.
    pub(crate) fn needs_clock(self) -> bool {
        matches!(self, Self::Time(EventSpan::Fixed(length)) if length.as_secs() < 86_400)
    }

    /// Returns `true` if `known`, when a label was known, is before its row. A date without a time is any time of its day.
    pub(crate) fn is_before(self, known: i64, position: i64) -> bool {
        let is_date = self != Self::Number && known == position - position.rem_euclid(86_400 * MICROS);
        known < position && !is_date
    }

    /// Returns the length of a history in windows: from the oldest to the newest row of a fit.
    pub(crate) fn length(self, from: i64, through: i64) -> f64 {
        match self {
            Self::Time(span) => share_of_span(span, through) - share_of_span(span, from),
            Self::Number => (through - from + 1) as f64,
        }
    }

    /// Returns the number of further windows until a label is known that is known at `known`, for a row in `window`. A
    /// label that is known when the next window begins is not late.
    pub(crate) fn windows_until(self, window: i64, known: i64) -> u32 {
        let last = match self {
            Self::Time(_) => self.window_of(known.saturating_sub(1)),
            Self::Number => known,
        };
        u32::try_from((last - window).max(0)).unwrap_or(u32::MAX)
    }

    /// Returns a label delay in windows.
    pub(crate) fn delay(self, delay: &LabelDelay) -> Result<WindowDelay, LabelDelayError> {
        match self {
            Self::Time(span) => delay.in_windows(policy(span)),
            // Windows that are only numbered have no length in time, like windows of rows.
            Self::Number => delay.in_windows(WindowPolicy::Rows(std::num::NonZeroU64::MIN)),
        }
    }

    /// Returns a position for a sentence.
    pub(crate) fn text(self, position: i64) -> String {
        match self {
            Self::Time(_) => time_text(position),
            Self::Number => format!("window {position}"),
        }
    }

    /// Returns the name of a window. `window` is its number, and `index` its place on the axis.
    pub(crate) fn label(self, window: u32, index: i64) -> String {
        match self {
            Self::Time(span) => window_name(window, Some(&span.name(span.begin(index)))),
            Self::Number => window_name(u32::try_from(index).unwrap_or(window), None),
        }
    }

    /// Returns the plural name of the windows, as in `weeks`.
    pub(crate) fn plural(self) -> String {
        match self {
            Self::Time(span) => policy(span).plural(),
            Self::Number => "windows".to_owned(),
        }
    }

    /// Returns the unit of time of a window.
    pub(crate) fn unit(self) -> WindowUnit {
        match self {
            Self::Time(span) => WindowUnit::named(span.unit()),
            Self::Number => WindowUnit::Window,
        }
    }

    /// Returns the beginning of a window, in seconds since 1970; `None` if windows are only numbered.
    pub(crate) fn begin(self, index: i64) -> Option<i64> {
        match self {
            Self::Time(span) => Some(span.begin(index)),
            Self::Number => None,
        }
    }
}

/// Returns the error for too many windows. `first` and `last` describe the ends of the table.
pub(crate) fn too_many_windows(axis: Axis, first: &str, last: &str) -> JudgeError {
    let problem = match axis {
        Axis::Time(_) => "give longer windows, as in --window week, and check the first and the last time",
        Axis::Number => "number them 1, 2, 3, ..., or make them longer",
    };
    JudgeError::Nothing(format!("the table spans more than {MAX_WINDOWS} windows, from {first} to {last}: {problem}"))
}

fn policy(span: EventSpan) -> WindowPolicy {
    WindowPolicy::Event { span, lateness: std::time::Duration::ZERO }
}

/// Returns a time as a number of spans since 1970, with a fraction.
fn share_of_span(span: EventSpan, micros: i64) -> f64 {
    let index = span.index_of(micros.div_euclid(MICROS));
    let (begin, end) = (span.begin(index), span.begin(index.saturating_add(1)));
    index as f64 + (micros as f64 / MICROS as f64 - begin as f64) / (end - begin).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400 * MICROS;

    #[test]
    fn a_label_that_is_known_when_the_next_window_begins_is_not_late() {
        let axis = Axis::Time(EventSpan::Day);
        let windows = [DAY / 2, DAY, DAY + 1, 2 * DAY, 2 * DAY + 1].map(|known| axis.windows_until(0, known));
        assert_eq!(windows, [0, 0, 1, 1, 2]);
        assert_eq!([3, 4, 6].map(|known| Axis::Number.windows_until(4, known)), [0, 0, 2]);
    }

    #[test]
    fn a_position_has_a_window_and_an_offset() {
        let (axis, mut last) = (Axis::Time(EventSpan::Day), LastSpan::default());
        let places = [0, DAY - 1, DAY, -1].map(|position| axis.place(position, &mut last));
        assert_eq!(places, [(0, 0), (0, 86_399), (1, 0), (-1, 86_399)]);
        assert_eq!(Axis::Number.place(7, &mut last), (7, 0));
        assert!((axis.length(DAY / 2, 4 * DAY + DAY / 2) - 4.0).abs() < 1e-9);
        assert!((Axis::Number.length(3, 6) - 4.0).abs() < 1e-9);
    }
}
