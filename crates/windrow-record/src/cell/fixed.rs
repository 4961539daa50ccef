//! Parses the times whose digits have fixed places, as most have, without the general parser.

use jiff::civil::DateTime;

/// The directives of the fixed places: the byte after `%`, and the number of digits.
const PLACES: [(u8, usize); 6] = [(b'Y', 4), (b'm', 2), (b'd', 2), (b'H', 2), (b'M', 2), (b'S', 2)];

/// Parses a text in a strftime format: year, month and day, then hour and minute or neither, then the second or not.
/// Each number must have all its digits, and the text between them must be that of the format.
///
/// Returns `None` for all other formats and texts. The general parser may accept them.
#[inline]
pub(crate) fn parse(format: &str, text: &str) -> Option<DateTime> {
    let (mut format, mut rest) = (format.bytes(), text.as_bytes());
    let mut numbers = [None; PLACES.len()];
    while let Some(expected) = format.next() {
        if expected != b'%' {
            rest = rest.split_first().filter(|(first, _)| **first == expected)?.1;
            continue;
        }
        let directive = format.next()?;
        let place = PLACES.iter().position(|(known, _)| *known == directive)?;
        let (digits, after) = rest.split_at_checked(PLACES[place].1)?;
        if numbers[place].replace(number(digits)?).is_some() {
            return None;
        }
        rest = after;
    }
    if !rest.is_empty() {
        return None;
    }
    let [year, month, day, hour, minute, second] = numbers;
    let (hour, minute, second) = match (hour, minute, second) {
        (None, None, None) => (0, 0, 0),
        (Some(hour), Some(minute), second) => (hour, minute, second.unwrap_or(0)),
        _ => return None,
    };
    // The numbers have at most two digits.
    let [month, day, hour, minute, second] =
        [month?, day?, hour, minute, second].map(|number| i8::try_from(number).unwrap_or(i8::MAX));
    DateTime::new(year?, month, day, hour, minute, second, 0).ok()
}

/// Returns the number of at most four digits. `None` if a byte is not a digit.
fn number(digits: &[u8]) -> Option<i16> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i16::from(byte - b'0'));
    digits.iter().try_fold(0, |number, byte| Some(10 * number + digit(byte)?))
}
