//! The cells of a row, as numbers and times. `rfc3339`: times from clients that do not know the format of a column.
//! `fixed`: a quick way for the usual formats.

mod fixed;
mod rfc3339;

use std::borrow::Cow;

use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use serde::{Deserialize, Serialize};

/// Parses a finite number. Spaces before and after it are allowed.
///
/// # Errors
/// Returns [`CellError::Number`] for anything else: text, `nan`, `inf`, a number beyond the range of `f64`.
#[inline]
pub fn parse_number(text: &str) -> Result<f64, CellError> {
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(CellError::Number(text.to_owned())),
    }
}

/// Returns true if the shape of the text proves that it is a number: an optional minus sign, then at most 16 characters
/// that are digits and at most one point. Other texts may be numbers too; see [`parse_number`].
#[inline]
pub fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    if digits.is_empty() || digits.len() > 16 {
        return false;
    }
    // One pass without a branch: the check of a row is mostly this loop.
    let (mut points, mut is_plain) = (0_u8, true);
    for byte in digits {
        let is_point = *byte == b'.';
        points += u8::from(is_point);
        is_plain &= is_point | byte.is_ascii_digit();
    }
    is_plain && points <= 1 && digits.len() > usize::from(points)
}

/// The formats that are not strftime patterns: counts since 1970-01-01 00:00 UTC, and their units per second.
const EPOCHS: [(&str, f64); 2] = [("seconds", 1.0), ("milliseconds", 1000.0)];
/// The last second of [`jiff::Timestamp`]: 9999-12-30 22:00:00 UTC.
const LAST_SECOND: f64 = 253_402_207_200.0;

/// The directive of a quarter, 1 to 4, which strftime does not have.
const QUARTER: &str = "%q";

/// The format of the times in a column: strftime directives, as in `%Y-%m-%d %H:%M`, with `%q` for a quarter, or
/// `seconds` or `milliseconds` since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeFormat(String);

impl TimeFormat {
    /// Checks the format: writes a time with it and reads that time back.
    ///
    /// # Errors
    /// Returns [`CellError::Format`] if the format has an unknown directive, or does not determine a date or a month.
    pub fn new(format: impl Into<String>) -> Result<Self, CellError> {
        let format = Self(format.into());
        if format.epoch().is_some() {
            return Ok(format);
        }
        let fault = |reason: String| CellError::Format { format: format.0.clone(), reason };
        let sample = jiff::civil::date(2013, 1, 1).at(5, 15, 0, 0);
        let sample = jiff::tz::TimeZone::UTC.to_zoned_datetime(sample);
        let sample = sample.map_err(|error| fault(error.to_string()))?;
        let text = strtime::format(&*format.with_month(), &sample).map_err(|error| fault(error.to_string()))?;
        format.parse(&text).map_err(|_| fault("it does not give the year".to_owned()))?;
        Ok(format)
    }

    /// The format for the parser and the writer of times, with a quarter as a month from 1 to 4.
    fn with_month(&self) -> Cow<'_, str> {
        match self.0.contains(QUARTER) {
            true => Cow::Owned(self.0.replace(QUARTER, "%-m")),
            false => Cow::Borrowed(&self.0),
        }
    }

    /// Parses a time in this format. A format without hours gives midnight. A format without a day gives the first day
    /// of its month, quarter or year, or the Monday of its ISO week.
    ///
    /// # Errors
    /// Returns [`CellError::Time`] if the text does not follow the format.
    pub fn parse(&self, text: &str) -> Result<EventTime, CellError> {
        let fixed = fixed::parse(&self.0, text).and_then(EventTime::at_civil);
        fixed.map_or_else(|| self.parse_any(text), Ok)
    }

    /// Parses a time like [`parse`](Self::parse), with the general parser.
    fn parse_any(&self, text: &str) -> Result<EventTime, CellError> {
        let fault = || CellError::Time { given: text.to_owned(), format: self.0.clone() };
        if let Some(in_a_second) = self.epoch() {
            let count = parse_number(text).map_err(|_| fault())?;
            let seconds = (count / in_a_second).floor();
            if seconds.abs() > LAST_SECOND {
                return Err(fault());
            }
            let timestamp = jiff::Timestamp::from_second(seconds as i64).map_err(|_| fault())?;
            return Ok(EventTime::at(timestamp));
        }
        let mut parts = BrokenDownTime::parse(&*self.with_month(), text.trim()).map_err(|_| fault())?;
        if let Some(timestamp) = parts.timestamp() {
            return Ok(EventTime::at(timestamp));
        }
        if self.0.contains(QUARTER) {
            let month = parts.month().filter(|quarter| *quarter <= 4).map(|quarter| 3 * quarter - 2);
            parts.set_month(Some(month.ok_or_else(fault)?)).map_err(|_| fault())?;
        }
        if parts.iso_week().is_some() && parts.weekday().is_none() {
            parts.set_weekday(Some(jiff::civil::Weekday::Monday));
        }
        if parts.year().is_some() && parts.day().is_none() && parts.to_date().is_err() {
            let month = parts.month().unwrap_or(1);
            parts.set_month(Some(month)).and_then(|()| parts.set_day(Some(1))).map_err(|_| fault())?;
        }
        let civil = match parts.to_datetime() {
            Ok(civil) => civil,
            Err(_) => parts.to_date().map_err(|_| fault())?.to_datetime(jiff::civil::Time::midnight()),
        };
        let offset = parts.offset().unwrap_or(jiff::tz::Offset::UTC);
        let seconds = offset.to_timestamp(civil).map_err(|_| fault())?.as_second();
        Ok(EventTime { civil, seconds })
    }

    /// Returns the units per second if the format is a count; otherwise `None`.
    pub fn epoch(&self) -> Option<f64> {
        EPOCHS.iter().find(|(name, _)| *name == self.0).map(|(_, in_a_second)| *in_a_second)
    }

    /// Returns true if the format writes only a civil time, without offset or count. [`write`](Self::write) then
    /// reproduces the text that was read.
    pub fn is_civil(&self) -> bool {
        let sample = jiff::civil::date(2013, 11, 29).at(23, 58, 57, 0);
        let text = self.written(sample);
        let read = text.and_then(|text| self.parse(&text).ok());
        self.epoch().is_none() && read.is_some_and(|read| self.write(read.micros()).is_some())
    }

    /// Formats a civil time, given in microseconds since 1970-01-01 00:00. Returns `None` if the time is beyond the
    /// calendar, or if the format needs more than a civil time.
    pub fn write(&self, micros: i64) -> Option<String> {
        let time = jiff::Timestamp::from_microsecond(micros).ok()?;
        self.written(jiff::tz::Offset::UTC.to_datetime(time))
    }

    fn written(&self, civil: DateTime) -> Option<String> {
        let mut parts = BrokenDownTime::from(civil);
        if self.0.contains(QUARTER) {
            parts.set_month(Some((civil.month() + 2) / 3)).ok()?;
        }
        parts.to_string(&*self.with_month()).ok()
    }

    /// Returns the format as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TimeFormat {
    type Error = CellError;

    fn try_from(format: String) -> Result<Self, CellError> {
        Self::new(format)
    }
}

/// The time of a row: the civil time as it was written, and its position on the UTC time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime {
    civil: DateTime,
    seconds: i64,
}

impl EventTime {
    fn at(timestamp: jiff::Timestamp) -> Self {
        Self { civil: jiff::tz::Offset::UTC.to_datetime(timestamp), seconds: timestamp.as_second() }
    }

    /// Returns a time without an offset, which is taken as UTC. `None` if it is beyond the range of a timestamp.
    fn at_civil(civil: DateTime) -> Option<Self> {
        let timestamp = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
        Some(Self { civil, seconds: timestamp.as_second() })
    }

    /// Returns the seconds since 1970-01-01 00:00 UTC. A time without an offset is taken as UTC.
    #[inline]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Returns the civil time as written, in microseconds since 1970-01-01 00:00.
    #[inline]
    pub fn micros(self) -> i64 {
        let time = jiff::tz::Offset::UTC.to_timestamp(self.civil);
        // The conversion fails only in the first and the last days of the calendar, which a timestamp does not cover.
        time.map_or(i64::MAX, jiff::Timestamp::as_microsecond)
    }

    /// Returns the hour of the day as written, 0 to 23.
    #[inline]
    pub fn hour(self) -> u8 {
        self.civil.hour().unsigned_abs()
    }

    /// Returns the day of the week as written, 1 (Monday) to 7 (Sunday), as in ISO 8601.
    #[inline]
    pub fn weekday(self) -> u8 {
        self.civil.weekday().to_monday_one_offset().unsigned_abs()
    }

    /// Returns the month as written, 1 to 12.
    #[inline]
    pub fn month(self) -> u8 {
        self.civil.month().unsigned_abs()
    }
}

/// A cell that does not have the type of its column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// The text is not a finite number.
    #[error("`{0}` is not a number")]
    Number(String),
    /// The text is not a time in the column's format.
    #[error("`{given}` is not a time of the form {format}")]
    Time {
        /// The text of the cell.
        given: String,
        /// The format of the column.
        format: String,
    },
    /// The text is not a time format.
    #[error("`{format}` is not a time format: {reason}")]
    Format {
        /// The text given as a format.
        format: String,
        /// The reason why the format is not valid.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite_and_may_have_spaces_around() {
        assert_eq!(parse_number(" -1.5e3 "), Ok(-1500.0));
        for text in ["", "abc", "nan", "inf", "-infinity", "1e400", "1,5", "0x10"] {
            assert!(parse_number(text).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn text_with_the_shape_of_a_number_parses_as_one() {
        for text in ["0", "-1", "12.5", ".5", "5.", "-0.25", "123456789012345"] {
            assert!(is_plain_number(text) && parse_number(text).is_ok(), "{text}");
        }
        let bad = ["", "-", ".", "-.", "1.2.3", "1e3", "+1", " 1", "--1", "1-", "1,5", "12345678901234567", "\u{0663}"];
        for text in bad {
            assert!(!is_plain_number(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_shape_never_promises_too_much(text in "[-+.0-9e ]{0,18}") {
            proptest::prop_assert!(!is_plain_number(&text) || parse_number(&text).is_ok());
        }
    }

    #[test]
    fn a_time_gives_its_calendar_parts_as_written() {
        let format = TimeFormat::new("%Y-%m-%d %H:%M").expect("a good format");
        let time = format.parse("2013-12-29 23:59").expect("a good time");
        assert_eq!((time.hour(), time.weekday(), time.month(), time.seconds()), (23, 7, 12, 1_388_361_540));
    }

    #[test]
    fn the_quick_way_gives_the_times_of_the_general_parser() {
        let formats = "%Y-%m-%d %H:%M|%Y-%m-%dT%H:%M:%S|%d.%m.%Y|%Y%m%d%H%M|%Y-%m-%d %H|%Y-%m|%H %Y-%m-%d|%b %Y";
        let texts = "2013-01-01 05:15|2013-1-1 5:15| 2013-01-01 05:15 |2013-01-01  05:15|2013-01-0105:15|\
                     2013-02-29 05:15|2013-01-01 24:00|2013-01-01 05:60|2013-01-01 05:15:00|-2013-01-01 05:15|\
                     0000-01-01 00:00|9999-12-31 23:59|2013-01-01T05:15:59|2013-01-01T05:15:60|\
                     2013-01-01T05:15:61|01.02.2013|1.2.2013|31.04.2013|201301010515|20130101515|\
                     2013-01-01 05|2013-01|05 2013-01-01|Jan 2013|| |2013|\u{0662}013-01-01 05:15";
        for format in formats.split('|') {
            let format = TimeFormat::new(format).expect("a good format");
            for text in texts.split('|') {
                assert_eq!(format.parse(text), format.parse_any(text), "{} {text:?}", format.as_str());
            }
        }
        assert!(fixed::parse("%Y-%m-%d %H:%M", "2013-01-01 05:15").is_some());
    }

    proptest::proptest! {
        #[test]
        fn the_quick_way_accepts_no_other_texts(text in "[0-9]{3,5}-[0-9]{1,2}-[0-9]{1,2} ?[0-9]{1,2}:[0-9]{1,2}") {
            let format = TimeFormat::new("%Y-%m-%d %H:%M").expect("a good format");
            proptest::prop_assert_eq!(format.parse(&text), format.parse_any(&text));
        }
    }

    #[test]
    fn an_offset_moves_the_time_line_but_not_the_calendar() {
        let format = TimeFormat::new("%Y-%m-%dT%H:%M:%S%:z").expect("a good format");
        let time = format.parse("2020-01-01T00:30:00+02:00").expect("a good time");
        assert_eq!((time.hour(), time.seconds()), (0, 1_577_831_400));
    }

    #[test]
    fn dates_and_unix_seconds_are_times() {
        let date = TimeFormat::new("%d/%m/%Y").expect("a good format").parse("02/01/1970");
        assert_eq!(date.map(EventTime::seconds), Ok(86_400));
        let month = TimeFormat::new("%b-%Y").expect("a good format").parse("Feb-1970");
        assert_eq!(month.map(EventTime::seconds), Ok(31 * 86_400));
        let unix = TimeFormat::new("%s").expect("a good format").parse("86400");
        assert_eq!(unix.map(|time| (time.seconds(), time.hour())), Ok((86_400, 0)));
        let counts = [("seconds", "86400", 86_400), ("seconds", "86400.75", 86_400), ("milliseconds", "-1", -1)];
        for (format, text, seconds) in counts {
            let time = TimeFormat::new(format).expect("a good format").parse(text);
            assert_eq!(time.map(EventTime::seconds), Ok(seconds), "{format} {text}");
        }
        for text in ["1e30", "nan", "", "soon"] {
            assert!(TimeFormat::new("seconds").expect("a good format").parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn weeks_quarters_and_years_are_times_of_their_first_day() {
        for (format, text, date) in [
            ("%G-W%V", "2023-W01", "2023-01-02"),
            ("%G-W%V", "2020-W53", "2020-12-28"),
            ("%Y-Q%q", "2023-Q1", "2023-01-01"),
            ("%Y-Q%q", "2023-Q4", "2023-10-01"),
            ("Q%q %Y", "Q2 2023", "2023-04-01"),
            ("%Y", "2023", "2023-01-01"),
        ] {
            let format = TimeFormat::new(format).expect("a good format");
            let day = TimeFormat::new("%Y-%m-%d").expect("a good format").parse(date).expect("a date");
            let read = format.parse(text).expect("a good time");
            assert_eq!(read, day, "{text}");
            assert!(format.is_civil(), "{text}");
            assert_eq!(format.write(read.micros()).as_deref(), Some(text));
        }
        for (format, text) in
            [("%Y-Q%q", "2023-Q5"), ("%Y-Q%q", "2023-Q0"), ("%G-W%V", "2023-W54"), ("%G-W%V", "2023-W53")]
        {
            assert!(TimeFormat::new(format).expect("a good format").parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_format_without_a_year_is_rejected() {
        for format in ["%H:%M", "%Q?", "2013", "%q", "%d", ""] {
            assert!(TimeFormat::new(format).is_err(), "{format} was taken");
        }
        assert!(TimeFormat::new("%Y-%m-%d").expect("a good format").parse("2013-13-01").is_err());
    }
}
