//! The wording of counts, shares, durations and names, for every place that prints them.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use thousands::Separable as _;

/// Formats a count with separated thousands, as in `336,776`.
pub fn thousands(count: u64) -> String {
    count.separate_with_commas()
}

/// Formats a count with its noun, as in `1 row` or `2,000 rows`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// Formats a number of units by their plural name, as in `3 weeks` or `1 window of 14 days`.
pub fn counted_units(count: u64, many: &str) -> String {
    // The first plural is the unit. What follows describes it.
    let unit = if many.contains("s ") { many.replacen("s ", " ", 1) } else { many.trim_end_matches('s').to_owned() };
    counted(count, &unit, many)
}

/// Formats an ordinal number, as in `2nd`, `8th` or `32nd`.
pub fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Formats a share in per cent, as in `98%` (no decimals) or `12.5%` (one). Halves are rounded away from zero.
pub fn percent(share: f64, decimals: u8) -> String {
    let scale = 10_f64.powi(i32::from(decimals));
    format!("{:.*}%", usize::from(decimals), rounded(share, scale))
}

/// Formats the ends of an interval of shares in whole per cent, as in `92 to 104`.
pub fn percent_interval(low: f64, high: f64) -> String {
    format!("{:.0} to {:.0}", rounded(low, 1.0), rounded(high, 1.0))
}

fn rounded(share: f64, scale: f64) -> f64 {
    // Adding zero turns minus zero into zero.
    (100.0 * share * scale).round() / scale + 0.0
}

/// Formats a duration in the largest unit that gives at least 2, as in `12 s`, `4 min`, `3 h` or `2 days`.
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let (unit, name) = match seconds {
        0..120 => (1, "s"),
        120..7200 => (60, "min"),
        7200..172_800 => (3600, "h"),
        _ => (86_400, "days"),
    };
    format!("{} {name}", seconds / unit)
}

/// Formats the month of a time given in seconds since 1970, as in `Jan 2018`; `-` if the calendar does not reach that
/// far.
pub fn month(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |time| time.strftime("%b %Y").to_string())
}

/// Formats the months from one time to another, as in `Jan 2018 to Dec 2020`, or one month as in `Jan 2018`.
pub fn months(first: i64, last: i64) -> String {
    let [first, last] = [first, last].map(month);
    if first == last { first } else { format!("{first} to {last}") }
}

/// Formats the name of a window, as in `window 14 (week of 2013-04-01)`.
pub fn window_name(window: u32, period: Option<&str>) -> String {
    period.map_or_else(|| format!("window {window}"), |period| format!("window {window} ({period})"))
}

/// Returns the text, or its first `longest` characters followed by `...`.
pub fn excerpt(text: &str, longest: usize) -> Cow<'_, str> {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

/// Quotes an argument for a shell, if it needs quotes.
pub fn shell_word(argument: &str) -> String {
    // Quoting fails only for NUL, which is allowed here: the text is printed, not run.
    shlex::Quoter::new().allow_nul(true).quote(argument).unwrap_or(Cow::Borrowed(argument)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separated_thousands_and_a_noun() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (336_776, "336,776"), (10_000_000, "10,000,000")];
        for (count, text) in cases {
            assert_eq!(thousands(count), text);
        }
        assert_eq!((counted(1, "row", "rows"), counted(2000, "row", "rows")), ("1 row".into(), "2,000 rows".into()));
        let units = ["weeks", "windows of 14 days", "equal windows"];
        assert_eq!(units.map(|many| counted_units(1, many)), ["1 week", "1 window of 14 days", "1 equal window"]);
        assert_eq!(units.map(|many| counted_units(2, many)), ["2 weeks", "2 windows of 14 days", "2 equal windows"]);
    }

    #[test]
    fn ordinals_end_as_they_are_spoken() {
        let texts = [1, 2, 3, 4, 11, 12, 13, 21, 32, 112, 103].map(ordinal);
        assert_eq!(texts, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "32nd", "112th", "103rd"]);
    }

    #[test]
    fn shares_are_rounded_to_the_nearest_and_never_minus_zero() {
        let whole = [0.0, -0.001, 0.005, 0.984, 1.125, -1.93].map(|share| percent(share, 0));
        assert_eq!(whole, ["0%", "0%", "1%", "98%", "113%", "-193%"]);
        assert_eq!([0.0625, 0.334, 1.0].map(|share| percent(share, 1)), ["6.3%", "33.4%", "100.0%"]);
        assert_eq!(percent_interval(-0.001, 1.04), "0 to 104");
    }

    #[test]
    fn durations_have_one_unit() {
        let seconds = [12, 119, 120, 7199, 7200, 172_799, 172_800, 14 * 86_400];
        let texts = seconds.map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(texts, ["12 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days", "14 days"]);
    }

    #[test]
    fn months_and_windows_have_names() {
        assert_eq!([0, i64::MAX].map(month), ["Jan 1970", "-"]);
        assert_eq!([months(0, 86_400), months(0, 40 * 86_400)], ["Jan 1970", "Jan 1970 to Feb 1970"]);
        assert_eq!(window_name(14, None), "window 14");
        assert_eq!(window_name(14, Some("week of 2013-04-01")), "window 14 (week of 2013-04-01)");
    }

    #[test]
    fn excerpts_are_cut_between_characters() {
        assert_eq!([excerpt("né", 2), excerpt("née", 2), excerpt("", 0)], ["né", "né...", ""]);
    }

    #[test]
    fn a_shell_reads_a_quoted_argument_as_it_was() {
        assert_eq!([shell_word("dep_delay"), shell_word("dep delay")], ["dep_delay", "'dep delay'"]);
        for argument in ["", "o'clock", "a, b=c", "{\"name\":\"O'Hare\"}", "$HOME `ls` \\ !x ^y", "Grün"] {
            assert_eq!(shlex::split(&shell_word(argument)), Some(vec![argument.to_owned()]));
        }
    }
}
