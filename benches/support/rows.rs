//! The rows of the fixtures, as often as a benchmark needs them.

use std::borrow::Cow;
use std::fs;

use crate::support::pipeline::fixture;

/// The year of the flights.
const YEAR: u64 = 2013;

/// The whole of a fixture, as CSV.
pub(crate) fn text(name: &str) -> String {
    let packed = fs::read(fixture(&format!("{name}.csv.zst"))).expect("a fixture");
    String::from_utf8(zstd::decode_all(&packed[..]).expect("zstd")).expect("UTF-8")
}

/// The header line and the rows of a CSV file.
pub(crate) fn parts(text: &str) -> (&str, &str) {
    text.split_once('\n').expect("a header line")
}

/// Flights without end, in the order of their times: each round through the rows is one year later than the one before.
/// With each row comes its round, counted from 0.
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
