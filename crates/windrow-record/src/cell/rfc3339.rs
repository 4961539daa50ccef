//! Times in RFC 3339, as JSON clients write them: `2024-05-01T12:00:00Z`, `2024-05-01T14:00:00.25+02:00`.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use crate::cell::{CellError, EventTime, TimeFormat};

/// The number of digits of a nanosecond.
const NANO_DIGITS: usize = 9;

impl TimeFormat {
    /// Parses a time in this format, or else in RFC 3339. In RFC 3339, the seconds and the offset may be left out.
    ///
    /// The calendar parts are as written, as those of a format with an offset are. But if the format gives times in UTC,
    /// so that the calendar parts of its column are in UTC, those of a time with another offset are converted.
    ///
    /// # Errors
    /// Returns [`CellError::Time`] if the text follows neither format.
    pub fn parse_or_rfc3339(&self, text: &str) -> Result<EventTime, CellError> {
        self.parse(text).or_else(|error| self.read_rfc3339(text.trim()).ok_or(error))
    }

    /// Returns true if the format gives times in UTC: it counts from 1970, or ends with `Z` or `UTC`.
    pub fn is_utc(&self) -> bool {
        let format = self.as_str();
        let is_count = self.epoch().is_some() || format.contains("%s");
        is_count || (format.ends_with('Z') && !format.ends_with("%Z")) || format.ends_with("UTC")
    }

    fn read_rfc3339(&self, text: &str) -> Option<EventTime> {
        let (date, rest) = text.split_at_checked(10)?;
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let (clock, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()));
        let civil = DateTime::from_parts(parse_date(date)?, parse_clock(clock)?);
        let offset = if offset.is_empty() { Offset::UTC } else { parse_offset(offset)? };
        let timestamp = offset.to_timestamp(civil).ok()?;
        let written = EventTime { civil, seconds: timestamp.as_second() };
        Some(if self.is_utc() { EventTime::at(timestamp) } else { written })
    }
}

fn parse_date(text: &str) -> Option<Date> {
    let [year, month, day] = numbers(text, '-', [4, 2, 2])?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn parse_clock(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let [hour, minute, second] = match numbers(whole, ':', [2, 2]) {
        Some([hour, minute]) if whole == text => [hour, minute, 0],
        _ => numbers(whole, ':', [2, 2, 2])?,
    };
    if fraction.is_empty() || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(NANO_DIGITS);
    let nanosecond = digits.fold(0, |sum, digit| 10 * sum + i32::from(digit - b'0'));
    // A leap second counts as the second before it.
    let second = if second == 60 { 59 } else { second };
    let part = |number: i16| i8::try_from(number).ok();
    Time::new(part(hour)?, part(minute)?, part(second)?, nanosecond).ok()
}

fn parse_offset(text: &str) -> Option<Offset> {
    if matches!(text, "Z" | "z") {
        return Some(Offset::UTC);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let [hours, minutes] = numbers(rest, ':', [2, 2])?;
    let seconds = 3600 * i32::from(hours) + 60 * i32::from(minutes);
    let is_offset = hours < 24 && minutes < 60;
    Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).ok().filter(|_| is_offset)
}

/// Reads numbers with these counts of digits. Returns `None` if the text has another form.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i16; N]> {
    let (mut parts, mut found) = (text.split(separator), [0; N]);
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *number = if part.bytes().all(|digit| digit.is_ascii_digit()) { part.parse().ok()? } else { return None };
    }
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(format: &str, text: &str) -> Option<(u8, u8, i64)> {
        let time = TimeFormat::new(format).expect("a good format").parse_or_rfc3339(text).ok()?;
        Some((time.hour(), time.weekday(), time.seconds()))
    }

    /// 2024-05-01 12:00 UTC, a Wednesday.
    const NOON: i64 = 1_714_564_800;

    #[test]
    fn the_calendar_is_as_written_unless_the_format_is_in_utc() {
        for format in ["%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%S%:z", "%Y-%m"] {
            for (text, expected) in [
                ("2024-05-01T12:00:00Z", (12, 3, NOON)),
                ("2024-05-01t12:00:00.125z", (12, 3, NOON)),
                ("2024-05-01 12:00:00-00:00", (12, 3, NOON)),
                ("2024-05-01T14:00:00+02:00", (14, 3, NOON)),
                ("2024-04-30T23:30:00.999999999999-12:30", (23, 2, NOON)),
                ("2024-05-01T12:00:00", (12, 3, NOON)),
                ("2024-05-01T12:00", (12, 3, NOON)),
                ("2024-05-01T12:00+00:00", (12, 3, NOON)),
                ("2024-05-01T11:59:60Z", (11, 3, NOON - 1)),
            ] {
                assert_eq!(parts(format, text), Some(expected), "{format} {text}");
            }
        }
        for format in ["seconds", "milliseconds", "%s", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC"] {
            for text in ["2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00", "2024-05-01T12:00:00"] {
                assert_eq!(parts(format, text), Some((12, 3, NOON)), "{format} {text}");
            }
            assert_eq!(parts(format, "2024-05-01T01:00:00+02:00"), Some((23, 2, NOON - 13 * 3600)), "{format}");
        }
    }

    #[test]
    fn the_format_of_the_column_comes_first() {
        // The day and the month are the other way round.
        assert_eq!(parts("%Y-%d-%mT%H:%M:%S", "2024-01-05T12:00:00"), Some((12, 3, NOON)));
        assert_eq!(parts("seconds", "1714564800"), Some((12, 3, NOON)));
    }

    #[test]
    fn other_texts_are_refused() {
        let texts = "2024-05-01T12:00:00+99:99 2024-05-01T12:00:00+24:00 2024-05-01T12:00:00+02:60 2024-05-01T12:00:00+02 \
                     2024-05-01T12:00:00+0200 2024-05-01T12:00:00+ 2024-05-01T12:00:00ZZ 2024-05-01T24:00:00Z \
                     2024-05-01T12:60:00Z 2024-05-01T12:00:61Z 2024-05-01T12:00:00.Z 2024-05-01T12:00.5Z 2024-05-01T12Z \
                     2024-05-01T1:00:00Z 2024-13-01T12:00:00Z 2024-02-30T12:00:00Z 24-05-01T12:00:00Z 20240501T120000Z \
                     +024-05-01T12:00:00Z 2024-05-01 2024-05-01T 2024-05-01T12:00:00[Europe/Paris] \
                     2024-05-01T12:00:00\u{2212}05:00 \u{0662}024-05-01T12:00:00Z 9999-12-31T23:59:59-23:59 noon";
        for text in texts.split(' ').chain(["", "2024-05-01T12:00:00 Z", &"9".repeat(1 << 20)]) {
            assert_eq!(parts("%d.%m.%Y %H:%M", text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", digits in "[0-9TtZz:.+ -]{0,40}") {
            let _ = (parts("seconds", &text), parts("%Y-%m", &digits));
        }
    }
}
