//! The rows of the fixtures, repeated as often as a benchmark needs.

use std::borrow::Cow;
use std::fs;

use crate::support::pipeline::fixture;

/// The year of the flights.
const YEAR: u64 = 2013;

/// Returns a whole fixture as CSV.
pub(crate) fn text(name: &str) -> String {
    let packed = fs::read(fixture(&format!("{name}.csv.zst"))).expect("a fixture");
    String::from_utf8(zstd::decode_all(&packed[..]).expect("zstd")).expect("UTF-8")
}

/// Splits a CSV file into its header line and its rows.
pub(crate) fn parts(text: &str) -> (&str, &str) {
    text.split_once('\n').expect("a header line")
}

/// Returns an endless sequence of flights in the order of their times. Each round through the rows is one year later
/// than the previous one. Each row comes with the number of its round, counted from 0.
pub(crate) fn years(body: &str) -> impl Iterator<Item = (u64, Cow<'_, str>)> {
    let year = YEAR.to_string();
    (0..).flat_map(move |round| {
        let year = year.clone();
        body.lines().map(move |row| {
            let rest = row.strip_prefix(&year).expect("a row of the flights begins with the year");
            (round, if round == 0 { Cow::Borrowed(row) } else { Cow::Owned(format!("{}{rest}", YEAR + round)) })
        })
    })
}
