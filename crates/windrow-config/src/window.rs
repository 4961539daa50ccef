//! The `[window]` table: the rule by which the stream is cut into windows.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::{EventSpan, period_between};
use crate::values::{DurationText, exactly_one};

/// The rule by which the stream is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "WindowKeys")]
pub enum WindowPolicy {
    /// A number of equal parts of the replayed rows.
    Parts(NonZeroU32),
    /// A number of rows per window.
    Rows(NonZeroU64),
    /// A length in processing time.
    Every(#[serde(with = "humantime_serde")] Duration),
    /// A length in event time.
    Event {
        /// The length of a window.
        span: EventSpan,
        /// The event time after the end of a window for which the window still accepts rows.
        #[serde(with = "humantime_serde")]
        lateness: Duration,
    },
}

/// The rule by which the stream is cut into windows: exactly one of `event`, `parts`, `rows`, and `every`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Window", extend("oneOf" = exactly_one("event parts rows every")))]
pub(crate) struct WindowKeys {
    /// The length of a window in event time: `day`, `week` (from Monday), `month`, `quarter`, or a duration of at least 1s. All are
    /// in UTC. Needs `dataset.time`.
    #[schemars(with = "Option<String>", example = &"week")]
    event: Option<EventSpan>,
    /// The event time for which a window still accepts rows after its end. A row is late if the newest row of its partition is
    /// at least this much after the end of the row's window. Only with `event`. By default, `0s`.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>", example = &"1d")]
    lateness: Option<Duration>,
    /// The number of windows. The replayed rows are cut into this many equal parts.
    #[schemars(example = 12)]
    parts: Option<NonZeroU32>,
    /// The number of rows in a window.
    #[schemars(example = 500_000)]
    rows: Option<NonZeroU64>,
    /// The length of a window in processing time. Each run gives different windows.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>", example = &"5m")]
    every: Option<Duration>,
}

impl TryFrom<WindowKeys> for WindowPolicy {
    type Error = &'static str;

    fn try_from(keys: WindowKeys) -> Result<Self, Self::Error> {
        let lateness = keys.lateness.unwrap_or_default();
        let policies = [
            keys.parts.map(Self::Parts),
            keys.rows.map(Self::Rows),
            keys.every.map(Self::Every),
            keys.event.map(|span| Self::Event { span, lateness }),
        ];
        let mut policies = policies.into_iter().flatten();
        match (policies.next(), policies.next()) {
            (Some(Self::Every(Duration::ZERO)), None) => Err("every must be more than 0s"),
            (Some(policy), None) if keys.lateness.is_none() || matches!(policy, Self::Event { .. }) => Ok(policy),
            (Some(_), None) => Err("lateness can only be used with event"),
            _ => Err("needs exactly one of parts, rows, every, event"),
        }
    }
}

impl WindowPolicy {
    /// Returns the name of a window's period. An event window is named by its span, as in `week of 2013-04-01`, any other window by
    /// the times of its rows, as in `2013-04-01 to 2013-04-09`.
    ///
    /// `start` is the beginning of an event window. `times` are the earliest and the latest event time of the window's rows. All
    /// are in seconds since 1970. Returns `None` if the one that is needed is not known.
    pub fn period(self, start: Option<i64>, times: Option<(i64, i64)>) -> Option<String> {
        match self {
            Self::Event { span, .. } => start.map(|start| span.name(start)),
            Self::Parts(_) | Self::Rows(_) | Self::Every(_) => times.map(|(first, last)| period_between(first, last)),
        }
    }

    /// Returns the time that the shortest run of this number of consecutive windows lasts. Returns `None` if windows
    /// are cut by the number of rows.
    pub(crate) fn shortest_run(self, windows: u32) -> Option<Duration> {
        match self {
            Self::Parts(_) | Self::Rows(_) => None,
            Self::Every(every) => Some(every.saturating_mul(windows)),
            Self::Event { span, .. } => {
                let seconds = u64::try_from(span.shortest_run(windows)).unwrap_or_default();
                Some(Duration::from_secs(seconds))
            }
        }
    }

    /// Returns the plural name of the windows, as in `weeks` or `windows of 5000 rows`.
    pub fn plural(self) -> String {
        match self {
            Self::Parts(_) => "equal windows".to_owned(),
            Self::Rows(rows) => format!("windows of {rows} rows"),
            Self::Every(every) => format!("windows of {} by arrival time", humantime::format_duration(every)),
            Self::Event { span, .. } => span.plural(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_named_by_its_span_or_by_the_times_of_its_rows() {
        let day = 86_400;
        let (start, times) = (Some(day), Some((2 * day, 9 * day)));
        let event = WindowPolicy::Event { span: EventSpan::Day, lateness: Duration::ZERO };
        assert_eq!(event.period(start, times).as_deref(), Some("1970-01-02"));
        assert_eq!(event.period(None, times), None);
        let rows = WindowPolicy::Rows(NonZeroU64::MIN);
        let parts = WindowPolicy::Parts(NonZeroU32::MIN);
        for policy in [rows, parts, WindowPolicy::Every(Duration::from_secs(1))] {
            assert_eq!(policy.period(None, times).as_deref(), Some("1970-01-03 to 1970-01-10"), "{policy:?}");
            assert_eq!(policy.period(start, None), None, "{policy:?}");
        }
    }
}
