//! Detects how the times of a column are written: the formats that fit each of its cells.

use std::sync::LazyLock;

use jiff::fmt::strtime::BrokenDownTime;

use crate::inspection::order::Order;
use windrow_record::{EventTime, TimeFormat};

/// The part of a date that comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DateOrder {
    Year,
    Day,
    Month,
}

#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) format: TimeFormat,
    pub(crate) order: DateOrder,
    /// True if the format has no time of day.
    pub(crate) is_date: bool,
    /// True if the format has a day.
    pub(crate) has_day: bool,
}

/// The formats of dates, the most likely first.
const DATE_FORMATS: &str = "%Y-%m-%d|%Y/%m/%d|%Y.%m.%d|%Y%m%d|%d.%m.%Y|%d/%m/%Y|%d-%m-%Y|%m/%d/%Y|%m-%d-%Y|%m.%d.%Y|%d-%b-%Y|%d %b %Y|\
    %d/%b/%Y|%d %B %Y|%b %d, %Y|%B %d, %Y|%d/%m/%y|%d.%m.%y|%d-%m-%y|%m/%d/%y|%m-%d-%y|%d-%b-%y|%Y-%m|%Y/%m|\
    %b-%Y|%b %Y|%B %Y|%m/%Y|%G-W%V|%GW%V|%Y-Q%q|%YQ%q|%Y Q%q|Q%q %Y|Q%q-%Y|Q%q/%Y";
/// The formats of times of day, which can follow a date and a separator.
const CLOCK_FORMATS: [&str; 7] = ["%H:%M:%S", "%H:%M", "%H:%M:%S%.f", "%I:%M:%S %p", "%I:%M %p", "%H", "%H%M%S"];
/// The offsets from UTC that can follow a time of day.
const UTC_OFFSETS: [&str; 6] = ["", "Z", "%:z", "%z", " %z", " UTC"];
/// The range of accepted times, in seconds since 1970: the years 1900 to 2199.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = -2_208_988_800..7_258_118_400;
/// The maximum length of a time, in bytes.
const MAX_LENGTH: usize = 48;

/// All formats that are tried, the most likely first.
static CANDIDATES: LazyLock<Vec<Candidate>> = LazyLock::new(|| {
    let mut formats = Vec::new();
    for date in DATE_FORMATS.split('|') {
        let first = date.find('%').and_then(|index| date.as_bytes().get(index + 1));
        let order = match first.copied().unwrap_or_default() {
            b'Y' | b'G' | b'q' => DateOrder::Year,
            b'd' => DateOrder::Day,
            _ => DateOrder::Month,
        };
        formats.push((date.to_owned(), order, true));
        let is_whole = date.contains("%d");
        for clock in CLOCK_FORMATS.into_iter().filter(|_| is_whole) {
            // `:` is tried only after a date with the name of a month, and the empty separator only in a time that is
            // all digits.
            for separator in [" ", "T", ":", ", ", ""] {
                for offset in UTC_OFFSETS {
                    let is_iso = separator == "T" || offset.is_empty() || clock.contains("%S");
                    let is_compact = date == "%Y%m%d" && clock == "%H%M%S";
                    if is_iso && (separator != ":" || date.contains("%b")) && (!separator.is_empty() || is_compact) {
                        formats.push((format!("{date}{separator}{clock}{offset}"), order, false));
                    }
                }
            }
        }
    }
    let candidate = |(format, order, is_date): (String, DateOrder, bool)| {
        let has_day = format.contains("%d");
        TimeFormat::new(format).ok().map(|format| Candidate { format, order, is_date, has_day })
    };
    formats.into_iter().filter_map(candidate).collect()
});

pub(crate) fn is_time(text: &str) -> bool {
    may_be_time(text) && CANDIDATES.iter().any(|candidate| candidate.read(text).is_some())
}

impl Candidate {
    /// Returns the time of a text, in seconds since 1970. The parser accepts more than people write, such as the year
    /// 31 or a missing space, so both are rejected here.
    fn read(&self, text: &str) -> Option<EventTime> {
        let has_space = |text: &str| text.contains(' ');
        if has_space(self.format.as_str()) && !has_space(text) {
            return None;
        }
        self.format.parse(text).ok().filter(|time| PLAUSIBLE_SECONDS.contains(&time.seconds()))
    }
}

/// Returns false if a text is certainly not a time. This saves the parsing of most texts: those that are too short or
/// too long, have too few digits, or have no separator and not as many digits as a date.
fn may_be_time(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_parted = text.bytes().any(|byte| b"-/.: QW".contains(&byte));
    (6..=MAX_LENGTH).contains(&text.len()) && digits >= 3 && (is_parted || [8, 14].contains(&digits))
}

/// The number of texts that may be no time before a column is no longer taken as one: this many, and one in a hundred.
const MAX_FAULTS: u64 = 10;
const TEXTS_PER_FAULT: u64 = 100;

/// The times that a format gives for the texts of a column, in summary.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fit {
    /// The order of the rows.
    pub(crate) order: Order,
    /// True if a time has an hour, a minute or a second other than zero.
    pub(crate) has_clock: bool,
    /// The days of the week that occur, one bit each.
    weekdays: u8,
}

impl Fit {
    fn push(&mut self, row: u64, time: EventTime) {
        self.order.push(row, time.seconds());
        self.has_clock |= time.micros().rem_euclid(86_400_000_000) != 0;
        self.weekdays |= 1 << (time.weekday() % 8);
    }

    /// Returns true if the times fall on more than one day of the week.
    pub(crate) fn has_weekdays(&self) -> bool {
        self.weekdays.count_ones() > 1
    }
}

/// The formats that fit the texts of a column so far. A few texts may be no time, such as the totals below a table.
#[derive(Debug, Default)]
pub(crate) struct TimeGuess {
    fits: Option<Vec<(usize, Fit)>>,
    texts: u64,
    /// The number of texts that are a time in no format that fits the others.
    faults: u64,
    last: String,
}

impl TimeGuess {
    /// Adds the text of a row, which must not be a missing value.
    pub(crate) fn push(&mut self, row: u64, text: &str) {
        self.texts += 1;
        if self.fits.as_ref().is_some_and(Vec::is_empty) || (!self.last.is_empty() && self.last == text) {
            return;
        }
        let is_candidate = may_be_time(text);
        let read = |index: usize| CANDIDATES[index].read(text).filter(|_| is_candidate);
        let fitting: Vec<(usize, EventTime)> = match &self.fits {
            Some(fits) => fits.iter().filter_map(|(index, _)| Some((*index, read(*index)?))).collect(),
            None if !is_candidate => Vec::new(),
            None => (0..CANDIDATES.len()).filter_map(|index| Some((index, read(index)?))).collect(),
        };
        if fitting.is_empty() {
            self.faults += 1;
            if self.faults > MAX_FAULTS + self.texts / TEXTS_PER_FAULT {
                self.fits = Some(Vec::new());
            }
            return;
        }
        let fits = self.fits.get_or_insert_with(|| fitting.iter().map(|(index, _)| (*index, Fit::default())).collect());
        fits.retain(|(known, _)| fitting.iter().any(|(index, _)| index == known));
        for ((_, fit), (_, time)) in fits.iter_mut().zip(&fitting) {
            fit.push(row, *time);
        }
        self.last.clear();
        self.last.push_str(text);
    }

    /// Returns the formats that fit the texts: the most likely one for each order of the date's parts. Empty if more
    /// than one text in a hundred, and more than two, are not times.
    pub(crate) fn fitting(&self) -> Vec<(&'static Candidate, &Fit)> {
        const FEW: u64 = 2;
        let candidates: &'static [Candidate] = &CANDIDATES;
        let mut found: Vec<(&'static Candidate, &Fit)> = Vec::new();
        let are_few = self.faults * TEXTS_PER_FAULT <= self.texts || (self.faults <= FEW && self.texts > 10 * FEW);
        for (index, fit) in self.fits.iter().flatten().filter(|_| are_few) {
            let candidate = &candidates[*index];
            if found.iter().all(|(known, _)| known.order != candidate.order) {
                found.push((candidate, fit));
            }
        }
        found
    }
}

/// The formats of times of day that fit all texts of a column so far, for times of day in a column of their own.
#[derive(Debug)]
pub(crate) struct ClockGuess {
    fits: Vec<&'static str>,
    last: String,
}

impl Default for ClockGuess {
    fn default() -> Self {
        let formats = CLOCK_FORMATS.into_iter().filter(|format| format.contains(':'));
        Self { fits: formats.collect(), last: String::new() }
    }
}

impl ClockGuess {
    /// Adds the text of a row, which must not be a missing value.
    pub(crate) fn push(&mut self, text: &str) {
        if self.fits.is_empty() || self.last == text {
            return;
        }
        let reads = |format: &str| BrokenDownTime::parse(format, text.trim()).is_ok_and(|time| time.to_time().is_ok());
        self.fits.retain(|format| reads(format));
        self.last.clear();
        self.last.push_str(text);
    }

    /// Returns the most likely format that fits every text. `None` if no text was added.
    pub(crate) fn fitting(&self) -> Option<&'static str> {
        self.fits.first().copied().filter(|_| !self.last.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitting(texts: &[&str]) -> Vec<String> {
        let mut guess = TimeGuess::default();
        for (row, text) in (1..).zip(texts) {
            guess.push(row, text);
        }
        guess.fitting().into_iter().map(|(candidate, _)| candidate.format.as_str().to_owned()).collect()
    }

    #[test]
    fn the_format_that_fits_every_row_is_found() {
        let cases: [(&[&str], &[&str]); 22] = [
            (&["2013-01-01 05:15", "2013-12-31 23:59"], &["%Y-%m-%d %H:%M"]),
            (&["2018-01-01 00:05:12"], &["%Y-%m-%d %H:%M:%S"]),
            (&["2018-01-01T00:05:12Z"], &["%Y-%m-%dT%H:%M:%SZ"]),
            (&["2018-01-01T00:05:12.250+02:00"], &["%Y-%m-%dT%H:%M:%S%.f%:z"]),
            (&["31/12/2019"], &["%d/%m/%Y"]),
            (&["12/31/2019 11:30 PM"], &["%m/%d/%Y %I:%M %p"]),
            (&["01/02/2020", "03/04/2020"], &["%d/%m/%Y", "%m/%d/%Y"]),
            (&["01/02/2020", "13/02/2020"], &["%d/%m/%Y"]),
            (&["03.02.2020"], &["%d.%m.%Y", "%m.%d.%Y"]),
            (&["20200131"], &["%Y%m%d"]),
            (&["20200131123000"], &["%Y%m%d%H%M%S"]),
            (&["31/12/2019 23"], &["%d/%m/%Y %H"]),
            (&["Dec-2011", "Jan-2012"], &["%b-%Y"]),
            (&["2011-12", "2012-01"], &["%Y-%m"]),
            (&["2016-01-01 00:00:13 UTC"], &["%Y-%m-%d %H:%M:%S UTC"]),
            (&["1/2/2020 8:05", "12/31/2020 18:05"], &["%m/%d/%Y %H:%M"]),
            (&["10/Oct/2000:13:55:36 -0700"], &["%d/%b/%Y:%H:%M:%S %z"]),
            (&["2023-W01", "2023-W52"], &["%G-W%V"]),
            (&["2023-Q1", "2023-Q4"], &["%Y-Q%q"]),
            (&["Q1 2023", "Q4 2023"], &["Q%q %Y"]),
            (&["2023Q1"], &["%YQ%q"]),
            (&["2020-01-01", "soon"], &[]),
        ];
        for (texts, expected) in cases {
            assert_eq!(fitting(texts), expected, "{texts:?}");
        }
        let with_footer: Vec<String> =
            (1..=28).map(|day| format!("2020-02-{day:02}")).chain(["Total".to_owned()]).collect();
        assert_eq!(fitting(&with_footer.iter().map(String::as_str).collect::<Vec<_>>()), ["%Y-%m-%d"]);
        assert!(!is_time("1400") && !is_time("12.5") && is_time("2020-01-01"));
    }

    #[test]
    fn times_of_day_without_a_date_are_recognised() {
        let mut clock = ClockGuess::default();
        assert_eq!(clock.fitting(), None);
        clock.push("23:59");
        assert_eq!(clock.fitting(), Some("%H:%M"));
        clock.push("later");
        assert_eq!(clock.fitting(), None);
    }
}
