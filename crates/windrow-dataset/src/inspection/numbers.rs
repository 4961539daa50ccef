//! The numbers of a column, summarised cell by cell in bounded memory.

use crate::inspection::leaks::halve;
use crate::inspection::order::Order;

/// The numbers that often mean 'missing'. They are reported.
const SENTINELS: [f64; 9] = [-99.0, -999.0, -9999.0, -99_999.0, -999.9, 999.0, 9999.0, 99_999.0, 999_999.0];
/// The minimum sample size for quantiles. The sample is halved at twice this size.
const QUANTILE_SAMPLE: usize = 4096;
/// The range of numbers that may be seconds since 1970: the years 1990 to 2099.
const EPOCH_SECONDS: std::ops::Range<f64> = 631_152_000.0..4_102_444_800.0;
/// The maximum share of rows that may step back in a column that rises with the rows.
const MAX_STEPS_BACK: f64 = 0.001;
/// The minimum number of numbers from which a rise can be seen.
const MIN_RISING: u64 = 100;

/// The numbers of a column, as one way of reading its cells gives them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    pub(crate) count: u64,
    integers: u64,
    /// The smallest and the largest number, without sentinels.
    pub(crate) range: Option<(f64, f64)>,
    /// The order of the rows by the numbers of this column, and by their negatives.
    pub(crate) rising: Order,
    falling: Order,
    /// The number of numbers above all before them, and of those below all before them.
    records: [u64; 2],
    sentinels: [u64; SENTINELS.len()],
    quantiles: QuantileSample,
}

/// Evenly spaced numbers of the file, fewer than twice [`QUANTILE_SAMPLE`].
#[derive(Debug, Clone)]
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

/// A number that may mean 'missing'.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sentinel {
    pub(crate) number: f64,
    pub(crate) count: u64,
    /// The smallest and the largest of the other numbers.
    pub(crate) others: (f64, f64),
}

impl Sentinel {
    /// Returns the sentence on this number. `remedy` is what to do if it means 'missing'.
    pub(crate) fn describe(&self, column: &str, remedy: &str) -> String {
        let Self { number, count, others: (least, most) } = self;
        format!(
            "{column}: {number} appears {count} times, far from the range of {least} to {most}; if it means 'missing', \
             {remedy}"
        )
    }
}

impl Numbers {
    pub(crate) fn push(&mut self, row: u64, number: f64) {
        self.count += 1;
        self.quantiles.push(number);
        self.integers += u64::from(number.fract() == 0.0);
        // Above 2^53, an `f64` cannot represent every whole number, so the order would not be exact. Thousandths are
        // enough to see whether a column rises.
        let thousandths = (number * 1000.0).clamp(-9e15, 9e15) as i64;
        let is_record = |order: &Order, value: i64| order.span.is_some_and(|(_, highest)| value > highest);
        self.records[0] += u64::from(is_record(&self.rising, thousandths));
        self.records[1] += u64::from(is_record(&self.falling, -thousandths));
        self.rising.push(row, thousandths);
        self.falling.push(row, -thousandths);
        if let Some(index) = SENTINELS.iter().position(|sentinel| *sentinel == number) {
            self.sentinels[index] += 1;
            return;
        }
        let (least, most) = self.range.unwrap_or((number, number));
        self.range = Some((least.min(number), most.max(number)));
    }

    pub(crate) fn are_whole(&self) -> bool {
        self.integers == self.count
    }

    /// Returns true if the numbers rise or fall with the rows, so that later rows have numbers that no earlier row has.
    pub(crate) fn move_with_rows(&self) -> bool {
        // A rare value would be few steps back. In a column that rises, new numbers are more frequent than steps back.
        let moves = |order: &Order, records: u64| {
            let (rows, back) = (order.rows as f64, order.out_of_order);
            records >= 1 && back as f64 <= MAX_STEPS_BACK * rows && back <= records
        };
        let [up, down] = self.records;
        self.count >= MIN_RISING && (moves(&self.rising, up) || moves(&self.falling, down))
    }

    /// Returns the quantile of the numbers at `share`, and the share of numbers that are at least as large. Both are
    /// estimates from an evenly spaced sample.
    pub(crate) fn quantile(&self, share: f64) -> Option<(f64, f64)> {
        let mut numbers = self.quantiles.numbers.clone();
        numbers.sort_by(f64::total_cmp);
        let index = ((share * numbers.len() as f64) as usize).min(numbers.len().checked_sub(1)?);
        let bound = numbers[index];
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
        let (least, most) = self.range?;
        [("seconds", 1.0), ("milliseconds", 1000.0)].into_iter().find_map(|(name, in_a_second)| {
            let is_in = |number: f64| EPOCH_SECONDS.contains(&(number / in_a_second));
            (is_in(least) && is_in(most)).then_some(name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Numbers {
        let mut numbers = Numbers::default();
        (1..).zip(values).for_each(|(row, value)| numbers.push(row, *value));
        numbers
    }

    #[test]
    fn a_number_that_means_missing_is_far_from_the_others() {
        let far = numbers(&[1.0, 20.0, -999.0, -999.0, 7.0]).sentinels();
        assert_eq!(far, [Sentinel { number: -999.0, count: 2, others: (1.0, 20.0) }]);
        assert_eq!(numbers(&[998.0, 999.0, 999.0, 1000.0]).sentinels(), []);
        assert_eq!(numbers(&[1.0, -999.0]).sentinels(), [], "once is not enough");
    }

    #[test]
    fn counts_since_1970_are_times_in_their_range() {
        assert_eq!(numbers(&[1_577_836_800.0, 1_577_840_400.0]).epoch(), Some("seconds"));
        assert_eq!(numbers(&[1_577_836_800_000.0, 1_577_840_400_000.0]).epoch(), Some("milliseconds"));
        assert_eq!(numbers(&[12.0, 1_577_840_400.0]).epoch(), None);
    }

    #[test]
    fn numbers_that_rise_or_fall_with_the_rows_are_found() {
        let of = |value: &dyn Fn(u32) -> f64| numbers(&(0..1000).map(value).collect::<Vec<_>>()).move_with_rows();
        assert!(of(&|row| f64::from(2015 + row / 250)));
        assert!(of(&|row| -f64::from(row / 10)));
        assert!(of(&|row| f64::from(row) * 0.25));
        assert!(!of(&|row| f64::from(row % 4)));
        assert!(!of(&|_| 3.0), "a constant does not rise");
        assert!(!of(&|row| f64::from(u8::from(row == 500))), "a rare value does not rise");
        assert!(!numbers(&[1.0, 2.0, 3.0]).move_with_rows(), "three rows show nothing");
    }
}
