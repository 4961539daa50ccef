//! The contents of a column, collected row by row. The memory is bounded for any contents.

use std::collections::{BTreeMap, HashMap};

use crate::inspection::leaks::halve;
use crate::inspection::order::Order;
use crate::inspection::times::{ClockGuess, TimeGuess};
use crate::with_point;
use windrow_record::display::excerpt;
use windrow_record::parse_number;

/// The texts that mean 'missing' among numbers.
const MISSING_TEXTS: [&str; 14] =
    ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "Null", "None", "none", "?", "\\N", "-"];
/// The numbers that often mean 'missing'. They are reported.
const SENTINELS: [f64; 9] = [-99.0, -999.0, -9999.0, -99_999.0, -999.9, 999.0, 9999.0, 99_999.0, 999_999.0];
/// The maximum number of spellings of 'missing' per column. Further ones are counted without the spaces around them.
const MAX_SPELLINGS: usize = 32;
/// The minimum sample size for quantiles. The sample is halved at twice this size.
const QUANTILE_SAMPLE: usize = 4096;
/// The maximum number of different values that are counted.
const MAX_VALUES: usize = 10_000;
/// The maximum length of a text in a message, in characters.
const MAX_EXCERPT: usize = 40;
/// The maximum length of a value, in bytes. A column with a longer one is not a category.
const MAX_VALUE_LENGTH: usize = 200;
/// The range of numbers that may be seconds since 1970: the years 1990 to 2099.
const EPOCH_SECONDS: std::ops::Range<f64> = 631_152_000.0..4_102_444_800.0;

#[derive(Debug, Default)]
pub(crate) struct Column {
    pub(crate) rows: u64,
    /// The cells that mean 'missing' if the others are numbers: the number of each text, with its spaces.
    pub(crate) missing: BTreeMap<String, u64>,
    /// The number of cells that are numbers without a decimal comma.
    pub(crate) numbers: u64,
    /// The number of cells that are numbers with a decimal comma.
    pub(crate) comma_numbers: u64,
    pub(crate) integers: u64,
    /// The smallest and the largest number, without sentinels.
    pub(crate) range: Option<(f64, f64)>,
    /// The number of cells that are neither missing nor numbers.
    pub(crate) texts: u64,
    /// The row and an excerpt of the first such cell.
    pub(crate) first_text: Option<(u64, String)>,
    pub(crate) values: Values,
    pub(crate) times: TimeGuess,
    pub(crate) clock: ClockGuess,
    /// The order of the rows by the numbers of this column.
    pub(crate) number_order: Order,
    sentinels: [u64; SENTINELS.len()],
    quantiles: QuantileSample,
}

/// Evenly spaced numbers of the file, fewer than twice [`QUANTILE_SAMPLE`].
#[derive(Debug)]
struct QuantileSample {
    numbers: Vec<f64>,
    seen: u64,
    stride: u64,
}

impl Default for QuantileSample {
    fn default() -> Self {
        Self { numbers: Vec::new(), seen: 0, stride: 1 }
    }
}

impl QuantileSample {
    fn push(&mut self, number: f64) {
        if self.seen.is_multiple_of(self.stride) {
            self.numbers.push(number);
        }
        self.seen += 1;
        if self.numbers.len() >= 2 * QUANTILE_SAMPLE {
            halve(&mut self.numbers);
            self.stride *= 2;
        }
    }
}

/// The different values of a column, counted unless there are too many.
#[derive(Debug)]
pub(crate) struct Values {
    counts: Option<HashMap<String, u64>>,
}

impl Default for Values {
    fn default() -> Self {
        Self { counts: Some(HashMap::new()) }
    }
}

impl Values {
    fn push(&mut self, text: &str) {
        let Some(counts) = &mut self.counts else { return };
        if let Some(count) = counts.get_mut(text) {
            *count += 1;
        } else if counts.len() < MAX_VALUES && text.len() <= MAX_VALUE_LENGTH {
            counts.insert(text.to_owned(), 1);
        } else {
            self.counts = None;
        }
    }

    /// The number of different values. `None` if there are too many.
    pub(crate) fn len(&self) -> Option<usize> {
        self.counts.as_ref().map(HashMap::len)
    }

    /// The values, ordered by descending count and then by name. Empty if there are too many.
    pub(crate) fn by_count(&self) -> Vec<(&str, u64)> {
        let mut values: Vec<_> = self.counts.iter().flatten().map(|(value, count)| (value.as_str(), *count)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        values
    }
}

/// A number that may mean 'missing'.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sentinel {
    pub(crate) number: f64,
    pub(crate) count: u64,
    /// The smallest and the largest of the other numbers.
    pub(crate) others: (f64, f64),
}

impl Column {
    pub(crate) fn push(&mut self, row: u64, text: &str) {
        self.rows += 1;
        let trimmed = text.trim();
        if MISSING_TEXTS.contains(&trimmed) {
            // A text can have any number of spaces around it.
            let text = if self.missing.len() < MAX_SPELLINGS { text } else { trimmed };
            match self.missing.get_mut(text) {
                Some(count) => *count += 1,
                None => {
                    self.missing.insert(text.to_owned(), 1);
                }
            }
            return;
        }
        self.values.push(text);
        let number = parse_number(trimmed).ok();
        let comma = if number.is_none() { parse_number(&with_point(trimmed)).ok() } else { None };
        if let Some(number) = number.or(comma) {
            self.numbers += u64::from(comma.is_none());
            self.comma_numbers += u64::from(comma.is_some());
            self.push_number(row, number);
        } else {
            self.texts += 1;
            self.first_text.get_or_insert_with(|| (row, excerpt(text, MAX_EXCERPT).into_owned()));
        }
        self.times.push(row, trimmed);
        self.clock.push(trimmed);
    }

    fn push_number(&mut self, row: u64, number: f64) {
        self.quantiles.push(number);
        self.integers += u64::from(number.fract() == 0.0);
        // Above 2^53, an `f64` cannot represent every whole number, so the order would not be exact.
        self.number_order.push(row, number.clamp(-9e15, 9e15) as i64);
        if let Some(place) = SENTINELS.iter().position(|sentinel| *sentinel == number) {
            self.sentinels[place] += 1;
            return;
        }
        let (least, most) = self.range.unwrap_or((number, number));
        self.range = Some((least.min(number), most.max(number)));
    }

    /// The number of cells that are not missing.
    pub(crate) fn given(&self) -> u64 {
        self.numbers + self.comma_numbers + self.texts
    }

    /// Returns true if at most one in [`CELLS_PER_MISTAKE`] of the given cells is not a number. Such cells are then missing or
    /// mistakes.
    pub(crate) fn is_number(&self, has_decimal_comma: bool) -> bool {
        let numbers = self.numbers + if has_decimal_comma { self.comma_numbers } else { 0 };
        numbers > 0 && (self.given() - numbers) * CELLS_PER_MISTAKE <= self.given()
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.integers == self.numbers + self.comma_numbers
    }

    /// Returns the quantile of the numbers at `share`, and the share of numbers that are at least as large. Both are
    /// estimates from an evenly spaced sample.
    pub(crate) fn quantile(&self, share: f64) -> Option<(f64, f64)> {
        let mut numbers = self.quantiles.numbers.clone();
        numbers.sort_by(f64::total_cmp);
        let place = ((share * numbers.len() as f64) as usize).min(numbers.len().checked_sub(1)?);
        let bound = numbers[place];
        let reached = numbers.partition_point(|number| *number < bound);
        Some((bound, 1.0 - reached as f64 / numbers.len() as f64))
    }

    /// Returns the sentinels that occur more than once and are far from all other numbers.
    pub(crate) fn sentinels(&self) -> Vec<Sentinel> {
        let Some(others) = self.range else { return Vec::new() };
        let counted = SENTINELS.into_iter().zip(self.sentinels);
        let is_far = |value: f64| value < others.0 - (others.1 - others.0) || value > others.1 + (others.1 - others.0);
        let found = counted.filter(|(number, count)| *count > 1 && is_far(*number));
        found.map(|(number, count)| Sentinel { number, count, others }).collect()
    }

    /// Returns the unit in which all numbers can be times since 1970: `seconds` or `milliseconds`.
    pub(crate) fn epoch(&self) -> Option<&'static str> {
        let (least, most) = self.range.filter(|_| self.texts == 0 && self.comma_numbers == 0)?;
        [("seconds", 1.0), ("milliseconds", 1000.0)].into_iter().find_map(|(name, in_a_second)| {
            let is_in = |number: f64| EPOCH_SECONDS.contains(&(number / in_a_second));
            (is_in(least) && is_in(most)).then_some(name)
        })
    }
}

/// A column of numbers may contain one mistake in this many cells.
const CELLS_PER_MISTAKE: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn column(texts: &[&str]) -> Column {
        let mut column = Column::default();
        for (row, text) in (1..).zip(texts) {
            column.push(row, text);
        }
        column
    }

    #[test]
    fn missing_cells_numbers_and_texts_are_distinguished() {
        let mixed = column(&["1", " 2.5", "NA", "", "?", "x"]);
        assert_eq!((mixed.numbers, mixed.texts, mixed.given()), (2, 1, 3));
        assert_eq!(mixed.missing.keys().collect::<Vec<_>>(), ["", "?", "NA"]);
        assert_eq!(mixed.first_text, Some((6, "x".to_owned())));
        assert!(!mixed.is_number(false) && column(&["1", "NA"]).is_number(false));
        let comma = column(&["1,5", "2", "1.234,5"]);
        assert!(comma.is_number(true) && !comma.is_number(false));
    }

    #[test]
    fn a_number_that_means_missing_stands_far_from_the_others() {
        let far = column(&["1", "20", "-999", "-999", "7"]).sentinels();
        assert_eq!(far, [Sentinel { number: -999.0, count: 2, others: (1.0, 20.0) }]);
        assert_eq!(column(&["998", "999", "999", "1000"]).sentinels(), []);
        assert_eq!(column(&["1", "-999"]).sentinels(), [], "once is no habit");
    }

    #[test]
    fn counts_since_1970_are_times_in_their_range() {
        assert_eq!(column(&["1577836800", "1577840400"]).epoch(), Some("seconds"));
        assert_eq!(column(&["1577836800000", "1577840400000"]).epoch(), Some("milliseconds"));
        assert_eq!(column(&["12", "1577840400"]).epoch(), None);
    }

    #[test]
    fn counted_values_are_bounded() {
        let mut column = Column::default();
        for row in 0..20_000_u64 {
            column.push(row, &format!("id-{row}"));
        }
        assert_eq!(column.values.len(), None);
        assert!(column.values.by_count().is_empty());
    }
}
