//! The label delay: how long after its row a label is known.
//!
//! [`LabelDelay::in_windows`] is the only place that turns a duration into a number of windows.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::span::EventSpan;
use crate::window::WindowPolicy;

/// The maximum label delay, in windows. Losses of older models are not stored.
pub(crate) const MAX_LABEL_DELAY: u32 = 32;

/// The time between a row and its label, as the user gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelDelay {
    /// A number of windows.
    Windows(u32),
    /// A duration, with the text that gave it.
    After {
        /// The length of the time.
        length: Duration,
        /// The text that was given, as in `30d`.
        text: String,
    },
}

/// A label delay in windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowDelay {
    /// The number of windows. A model for window t may know the windows up to t - 1 - `windows`.
    pub windows: u32,
    /// The duration in words, as in `30 days`. `None` if the user gave a number of windows, or if labels are not late.
    pub duration: Option<String>,
}

/// The reason why a label delay is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelDelayError {
    /// The text has neither of the two forms.
    #[error("`{0}` is neither a number of windows nor a duration, as in 2 or 30d")]
    Form(String),
    /// The delay is a duration, and windows are cut by the number of rows.
    #[error(
        "`{0}` is a duration, but windows that are cut by the number of rows have no length in time: give a number of \
         windows, as in 2"
    )]
    NoLength(String),
    /// The number of windows is too large.
    #[error("must be at most {} windows", MAX_LABEL_DELAY)]
    TooManyWindows,
    /// The duration has too many windows.
    #[error("`{}` is longer than {} windows, which is the maximum: use longer windows", .0, MAX_LABEL_DELAY)]
    TooLong(String),
}

impl LabelDelay {
    /// Returns the delay in windows.
    ///
    /// A model for window t may know a window if the label of its last row is known when window t begins. A duration
    /// therefore becomes the smallest number of windows of which any consecutive ones last at least as long. For
    /// windows of one length, this is the duration divided by the length, rounded up. Months and quarters differ in
    /// length, so 30 days are 2 months: a February and the day after it are shorter.
    ///
    /// For windows of months and quarters, a text of whole months or years counts months of the calendar. `1 month` is
    /// one month: the label of 31 January is known when March begins.
    ///
    /// # Errors
    /// The windows have no length in time, or the delay is too long.
    pub fn in_windows(&self, window: WindowPolicy) -> Result<WindowDelay, LabelDelayError> {
        match self {
            Self::Windows(windows) if *windows > MAX_LABEL_DELAY => Err(LabelDelayError::TooManyWindows),
            Self::Windows(windows) => Ok(WindowDelay { windows: *windows, duration: None }),
            Self::After { length, .. } if length.is_zero() => Ok(WindowDelay::default()),
            Self::After { text, .. } if window.shortest_run(1).is_none() => {
                Err(LabelDelayError::NoLength(text.clone()))
            }
            Self::After { length, text } => {
                let is_enough = |count: &u32| window.shortest_run(*count).is_some_and(|run| run >= *length);
                let windows = match calendar_windows(text, window) {
                    Some(windows) => u32::try_from(windows).ok().filter(|windows| *windows <= MAX_LABEL_DELAY),
                    None => (1..=MAX_LABEL_DELAY).find(is_enough),
                };
                let windows = windows.ok_or_else(|| LabelDelayError::TooLong(text.clone()))?;
                Ok(WindowDelay { windows, duration: Some(in_words(text)) })
            }
        }
    }

    /// Returns `true` if labels are not late.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Windows(windows) => *windows == 0,
            Self::After { length, .. } => length.is_zero(),
        }
    }
}

impl Default for LabelDelay {
    fn default() -> Self {
        Self::Windows(0)
    }
}

impl FromStr for LabelDelay {
    type Err = LabelDelayError;

    fn from_str(text: &str) -> Result<Self, LabelDelayError> {
        let text = text.trim();
        if let Ok(windows) = text.parse() {
            return Ok(Self::Windows(windows));
        }
        match humantime::parse_duration(text) {
            Ok(length) => Ok(Self::After { length, text: text.to_owned() }),
            Err(_) => Err(LabelDelayError::Form(text.to_owned())),
        }
    }
}

impl fmt::Display for LabelDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Windows(windows) => write!(f, "{windows}"),
            Self::After { text, .. } => f.write_str(text),
        }
    }
}

impl Serialize for LabelDelay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Windows(windows) => serializer.serialize_u32(*windows),
            Self::After { text, .. } => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for LabelDelay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl Visitor<'_> for Written {
            type Value = LabelDelay;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of windows, or a duration as in \"30d\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<LabelDelay, E> {
                let windows = u32::try_from(number);
                windows.map(LabelDelay::Windows).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<LabelDelay, E> {
                let windows = u32::try_from(number);
                windows.map(LabelDelay::Windows).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<LabelDelay, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for LabelDelay {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "label delay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": MAX_LABEL_DELAY },
                { "type": "string", "title": "duration" }
            ]
        })
    }
}

/// Returns the number of windows that whole months or years last. Returns `None` if the text has another unit or a
/// fraction, or if the windows are neither months nor quarters.
fn calendar_windows(text: &str, window: WindowPolicy) -> Option<u64> {
    let WindowPolicy::Event { span, .. } = window else { return None };
    match span {
        EventSpan::Month => whole_months(text),
        EventSpan::Quarter => whole_months(text).map(|months| months.div_ceil(3)),
        EventSpan::Fixed(_) | EventSpan::Day | EventSpan::Week => None,
    }
}

/// Returns the months of a text of whole months and years, as in 14 for `1 year 2 months`.
fn whole_months(text: &str) -> Option<u64> {
    let mut months: u64 = 0;
    for (number, unit) in numbers_and_units(text) {
        let number: u64 = number.parse().ok()?;
        let more = match unit_in_words(&unit)? {
            "month" => number,
            "year" => number.checked_mul(12)?,
            _ => return None,
        };
        months = months.checked_add(more)?;
    }
    Some(months)
}

/// Returns a duration with its units in words, as in `30 days` for `30d`. The text is one that can be parsed.
fn in_words(text: &str) -> String {
    let parts = numbers_and_units(text);
    let words = parts.iter().map(|(number, unit)| match unit_in_words(unit) {
        None => format!("{number} {unit}"),
        Some(word) if number == "1" => format!("{number} {word}"),
        Some(word) => format!("{number} {word}s"),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Splits a duration into its numbers and their units. The text is one that can be parsed.
fn numbers_and_units(text: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for letter in text.chars().filter(|letter| !letter.is_whitespace()) {
        let is_of_number = letter.is_ascii_digit() || letter == '.';
        match parts.last_mut() {
            Some((number, unit)) if is_of_number && unit.is_empty() => number.push(letter),
            Some((_, unit)) if !is_of_number => unit.push(letter),
            _ => parts.push((letter.to_string(), String::new())),
        }
    }
    parts
}

/// Returns the word for a unit, or `None` for parts of a second.
fn unit_in_words(unit: &str) -> Option<&'static str> {
    match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => Some("second"),
        "m" | "min" | "mins" | "minute" | "minutes" => Some("minute"),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some("hour"),
        "d" | "day" | "days" => Some("day"),
        "w" | "wk" | "wks" | "week" | "weeks" => Some("week"),
        "M" | "month" | "months" => Some("month"),
        "y" | "yr" | "yrs" | "year" | "years" => Some("year"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};

    use super::*;

    fn delay(text: &str) -> LabelDelay {
        text.parse().expect("a label delay")
    }

    fn event(span: &str) -> WindowPolicy {
        let span = EventSpan::try_from(span.to_owned()).expect("a span");
        WindowPolicy::Event { span, lateness: Duration::ZERO }
    }

    #[test]
    fn a_duration_is_divided_by_the_length_of_a_window_and_rounded_up() {
        let cases = [
            ("30d", "day", 30),
            ("30d", "week", 5),
            ("28 days", "week", 4),
            ("30d", "14d", 3),
            ("2 weeks", "14d", 1),
            ("1s", "14d", 1),
            ("36h", "day", 2),
            ("36h", "12h", 3),
            ("1500ms", "1s", 2),
            ("0d", "day", 0),
            ("0", "day", 0),
            ("2", "day", 2),
            ("32", "month", 32),
        ];
        for (text, span, windows) in cases {
            assert_eq!(delay(text).in_windows(event(span)).map(|found| found.windows), Ok(windows), "{text} {span}");
        }
        let every = WindowPolicy::Every(Duration::from_secs(300));
        assert_eq!(delay("11m").in_windows(every).map(|found| found.windows), Ok(3));
    }

    #[test]
    fn months_and_quarters_count_as_the_shortest_ones() {
        let cases = [
            ("28d", "month", 1),
            ("29d", "month", 2),
            ("30d", "month", 2),
            // January and February, or February and March.
            ("59d", "month", 2),
            ("60d", "month", 3),
            ("89d", "month", 3),
            ("90d", "month", 4),
            ("365d", "month", 12),
            ("366d", "month", 13),
            ("90d", "quarter", 1),
            ("91d", "quarter", 2),
        ];
        for (text, span, windows) in cases {
            assert_eq!(delay(text).in_windows(event(span)).map(|found| found.windows), Ok(windows), "{text} {span}");
        }
    }

    #[test]
    fn whole_months_and_years_are_those_of_the_calendar() {
        let cases = [
            ("1 month", "month", 1),
            ("1M", "month", 1),
            ("3 months", "month", 3),
            ("1y", "month", 12),
            ("1 year 2 months", "month", 14),
            ("0 months", "month", 0),
            ("1 month", "quarter", 1),
            ("3 months", "quarter", 1),
            ("4 months", "quarter", 2),
            ("1 year", "quarter", 4),
            ("3y", "quarter", 12),
            // 1m is a minute. The others are not whole months: 31.44 and 45.66 days.
            ("1m", "month", 1),
            ("1 month 1 day", "month", 2),
            ("1.5 months", "month", 2),
            // Days and weeks have one length, and a month is 30.44 days.
            ("1 month", "day", 31),
            ("1 month", "week", 5),
        ];
        for (text, span, windows) in cases {
            assert_eq!(delay(text).in_windows(event(span)).map(|found| found.windows), Ok(windows), "{text} {span}");
        }
        assert_eq!(delay("3y").in_windows(event("month")), Err(LabelDelayError::TooLong("3y".to_owned())));
    }

    #[test]
    fn a_delay_that_the_windows_do_not_allow_is_an_error() {
        let rows = WindowPolicy::Rows(NonZeroU64::MIN);
        for window in [rows, WindowPolicy::Parts(NonZeroU32::MIN)] {
            assert_eq!(delay("30d").in_windows(window), Err(LabelDelayError::NoLength("30d".to_owned())));
            assert_eq!(delay("0s").in_windows(window), Ok(WindowDelay::default()));
            assert_eq!(delay("3").in_windows(window), Ok(WindowDelay { windows: 3, duration: None }));
        }
        assert_eq!(delay("33").in_windows(event("day")), Err(LabelDelayError::TooManyWindows));
        assert_eq!(delay("33d").in_windows(event("day")), Err(LabelDelayError::TooLong("33d".to_owned())));
        for text in ["", "soon", "30", "-1", "1.5", "2 fortnights", "99999999999"] {
            let is_number = text.parse::<u32>().is_ok();
            assert_eq!(text.parse::<LabelDelay>().is_ok(), is_number, "{text}");
        }
    }

    #[test]
    fn a_duration_is_said_in_words() {
        let cases = [
            ("30d", "30 days"),
            ("1d", "1 day"),
            ("2 weeks", "2 weeks"),
            ("2wks", "2 weeks"),
            ("1 month", "1 month"),
            ("1h 30m", "1 hour 30 minutes"),
            ("1.5 h", "1.5 hours"),
            ("3M", "3 months"),
            ("250ms", "250 ms"),
        ];
        for (text, words) in cases {
            assert_eq!(in_words(text), words);
            assert_eq!(delay(text).to_string(), text, "it is stored as it was given");
        }
    }

    #[test]
    fn a_number_and_a_text_are_stored_as_they_were_given() {
        for (delay, stored) in [(delay("2"), serde_json::json!(2)), (delay("30d"), serde_json::json!("30d"))] {
            assert_eq!(serde_json::to_value(&delay).expect("JSON"), stored);
            assert_eq!(serde_json::from_value::<LabelDelay>(stored).expect("a delay"), delay);
        }
        let error = serde_json::from_value::<LabelDelay>(serde_json::json!(-1)).expect_err("negative").to_string();
        assert!(error.contains("expected a number of windows, or a duration as in \"30d\""), "{error}");
    }
}
