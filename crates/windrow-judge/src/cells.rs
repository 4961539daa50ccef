//! The cells of a table as times, labels, probabilities and histories. An error is a phrase.

use std::num::NonZeroU32;

use windrow_columnar::TypedCell;
use windrow_record::parse_number;

/// The history of a fit, as a table gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum History {
    All,
    Last(NonZeroU32),
}

/// Returns a time in microseconds since 1970-01-01 00:00 UTC. A time without an offset is taken as UTC.
pub(crate) fn time(cell: TypedCell<'_>) -> Result<i64, String> {
    let found = match cell {
        TypedCell::Micros(micros) => Some(micros),
        TypedCell::Text(text) => written_time(text.trim()),
        _ => None,
    };
    found.ok_or_else(|| {
        format!("{} is not a time, as in 2013-04-01, 2013-04-01 08:30:00 or 2013-04-01T08:30:00Z", shown(cell))
    })
}

fn written_time(text: &str) -> Option<i64> {
    // The date has hyphens too, so an offset is looked for after it.
    let clock = text.get(10..).unwrap_or_default();
    if clock.ends_with(['Z', 'z']) || clock.contains(['+', '-']) {
        return text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    jiff::tz::Offset::UTC.to_timestamp(civil).ok().map(jiff::Timestamp::as_microsecond)
}

/// Returns `true` if a time is more than a date.
pub(crate) fn has_clock(cell: TypedCell<'_>) -> bool {
    !matches!(cell, TypedCell::Text(text) if text.trim().len() <= 10)
}

/// Returns a time as text, for sentences.
pub(crate) fn time_text(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| time.to_string())
}

/// Returns the number of a window, from 1.
pub(crate) fn window_number(cell: TypedCell<'_>) -> Result<i64, String> {
    let found = whole(cell).filter(|number| *number >= 1);
    found.ok_or_else(|| format!("{} is not a window: windows are whole numbers from 1", shown(cell)))
}

/// Returns a label; `None` if it is not known yet.
pub(crate) fn label(cell: Option<TypedCell<'_>>) -> Result<Option<bool>, String> {
    let Some(cell) = cell else { return Ok(None) };
    let label = match cell {
        TypedCell::Flag(flag) => Some(flag),
        TypedCell::Text(text) => match text.trim() {
            "" => return Ok(None),
            "0" | "0.0" | "false" | "False" | "FALSE" => Some(false),
            "1" | "1.0" | "true" | "True" | "TRUE" => Some(true),
            _ => None,
        },
        TypedCell::Integer(0) => Some(false),
        TypedCell::Integer(1) => Some(true),
        TypedCell::Number(0.0) => Some(false),
        TypedCell::Number(1.0) => Some(true),
        _ => None,
    };
    label.map(Some).ok_or_else(|| format!("y is {}: it must be 0, 1, true, false or empty", shown(cell)))
}

/// Returns a probability, from 0 to 1.
pub(crate) fn probability(cell: Option<TypedCell<'_>>) -> Result<f64, String> {
    let Some(cell) = cell else { return Err("p is empty or not a number: each row needs a probability".to_owned()) };
    let number = match cell {
        TypedCell::Number(number) => Some(number),
        TypedCell::Integer(number) => Some(number as f64),
        TypedCell::Text(text) => parse_number(text).ok(),
        _ => None,
    };
    let number = number.filter(|number| (0.0..=1.0).contains(number));
    let has_comma = matches!(cell, TypedCell::Text(text) if text.contains(','));
    let hint = if has_comma { ", with a decimal point" } else { "" };
    number.ok_or_else(|| format!("p is {}: a probability is a number from 0 to 1{hint}", shown(cell)))
}

/// Returns a history: `all`, or a number of windows.
pub(crate) fn history(cell: TypedCell<'_>) -> Result<History, String> {
    if matches!(cell, TypedCell::Text(text) if text.trim() == "all") {
        return Ok(History::All);
    }
    let windows = whole(cell).and_then(|number| u32::try_from(number).ok()).and_then(NonZeroU32::new);
    windows
        .map(History::Last)
        .ok_or_else(|| format!("history is {}: it must be `all` or a number of windows, as in 4", shown(cell)))
}

/// Returns a whole number.
pub(crate) fn whole(cell: TypedCell<'_>) -> Option<i64> {
    match cell {
        TypedCell::Integer(number) => Some(number),
        // 2^53: larger numbers are not exact.
        TypedCell::Number(number) if number.fract() == 0.0 && number.abs() < 9.0e15 => Some(number as i64),
        TypedCell::Text(text) => {
            let text = text.trim();
            // pandas writes whole numbers next to missing ones as 3.0.
            text.strip_suffix(".0").unwrap_or(text).parse().ok()
        }
        _ => None,
    }
}

/// Returns a name as text.
pub(crate) fn text(cell: TypedCell<'_>) -> String {
    match cell {
        TypedCell::Text(text) => text.to_owned(),
        TypedCell::Flag(flag) => flag.to_string(),
        TypedCell::Integer(number) => number.to_string(),
        TypedCell::Number(number) => number.to_string(),
        TypedCell::Micros(micros) => time_text(micros),
    }
}

/// Returns a cell for a sentence, as in `` `1.2` ``.
fn shown(cell: TypedCell<'_>) -> String {
    format!("`{}`", windrow_record::display::excerpt(&text(cell), 40))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_usual_forms() {
        let noon = Ok(1_364_817_600_000_000);
        for text in ["2013-04-01T12:00:00Z", "2013-04-01 12:00", "2013-04-01 12:00:00", "2013-04-01T14:00:00+02:00"] {
            assert_eq!(time(TypedCell::Text(text)), noon, "{text}");
        }
        assert_eq!(time(TypedCell::Text("2013-04-01")), Ok(1_364_774_400_000_000));
        assert_eq!(time(TypedCell::Micros(7)), Ok(7));
        for cell in [TypedCell::Text("soon"), TypedCell::Text("1.5"), TypedCell::Integer(1_364_774_400)] {
            assert!(time(cell).is_err_and(|problem| problem.contains("is not a time, as in 2013-04-01")), "{cell:?}");
        }
    }

    #[test]
    fn labels_are_truth_values_or_missing() {
        for cell in [TypedCell::Text("True"), TypedCell::Integer(1), TypedCell::Number(1.0), TypedCell::Flag(true)] {
            assert_eq!(label(Some(cell)), Ok(Some(true)), "{cell:?}");
        }
        assert_eq!((label(None), label(Some(TypedCell::Text("")))), (Ok(None), Ok(None)));
        let infinite = label(Some(TypedCell::Number(f64::INFINITY)));
        assert_eq!(infinite, Err("y is `inf`: it must be 0, 1, true, false or empty".to_owned()));
        let problem = "y is `2`: it must be 0, 1, true, false or empty".to_owned();
        assert_eq!(label(Some(TypedCell::Integer(2))), Err(problem));
    }

    #[test]
    fn a_window_is_a_whole_number_from_1() {
        assert_eq!(["3", " 3 ", "3.0"].map(|text| window_number(TypedCell::Text(text))), [Ok(3), Ok(3), Ok(3)]);
        assert!(["0", "3.5", "3.0.0", ".0"].iter().all(|text| window_number(TypedCell::Text(text)).is_err()));
    }

    #[test]
    fn a_probability_is_from_0_to_1() {
        assert_eq!(probability(Some(TypedCell::Text("0.25"))), Ok(0.25));
        assert_eq!(probability(Some(TypedCell::Integer(1))), Ok(1.0));
        for (cell, problem) in [
            (Some(TypedCell::Number(1.2)), "p is `1.2`: a probability is a number from 0 to 1"),
            (Some(TypedCell::Text("x")), "p is `x`: a probability is a number from 0 to 1"),
            (Some(TypedCell::Text("0,5")), "p is `0,5`: a probability is a number from 0 to 1, with a decimal point"),
            (Some(TypedCell::Number(f64::INFINITY)), "p is `inf`: a probability is a number from 0 to 1"),
            (None, "p is empty or not a number: each row needs a probability"),
        ] {
            assert_eq!(probability(cell), Err(problem.to_owned()));
        }
    }

    #[test]
    fn a_history_is_all_or_a_number_of_windows() {
        let four = NonZeroU32::new(4).expect("not 0");
        assert_eq!(history(TypedCell::Text("all")), Ok(History::All));
        assert_eq!(history(TypedCell::Number(4.0)), Ok(History::Last(four)));
        assert_eq!(history(TypedCell::Text("4.0")), Ok(History::Last(four)));
        assert!(history(TypedCell::Integer(0)).is_err() && history(TypedCell::Text("4.5")).is_err());
    }
}
