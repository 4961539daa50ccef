//! Wrong answers at the threshold, in numbers that people use: per 1,000 rows, compared with one reference policy.
//!
//! A wrong answer is a false alarm or a miss. The reference is the named policy or, without one, the best schedule.

use serde::{Deserialize, Serialize};

use crate::contrast::{Contrast, Interval};
use crate::trial::{MIN_WINDOWS, Series, Trial};

/// The number of rows to which wrong answers refer.
const ROWS: f64 = 1000.0;

/// The wrong answers of a policy, compared with those of the reference policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WrongAnswers {
    /// The wrong answers per 1,000 rows.
    pub per_1000: f64,
    /// The wrong answers per 1,000 rows less those of the reference policy: fewer is better. `None` if the reference
    /// has no losses on these windows.
    pub more: Option<f64>,
    /// The 95% interval of that difference; `None` with too few windows or refits, and for the reference.
    pub interval: Option<Interval>,
}

impl WrongAnswers {
    /// Counts the wrong answers of a series of a trial, and compares them with those of `reference` on the same windows.
    /// The interval is left out if the series has too few refits, which is `has_few_refits`.
    pub(crate) fn of(trial: &Trial, series: &Series, has_few_refits: bool, reference: Option<&Series>) -> Self {
        let own = counts(series);
        let per_1000 = ROWS * own.iter().sum::<f64>() / trial.rows.iter().sum::<f64>();
        let difference = reference.map(|reference| {
            let sums: Vec<f64> = own.iter().zip(counts(reference)).map(|(own, other)| own - other).collect();
            Contrast::new(&sums, &trial.rows)
        });
        let is_reference = reference.is_some_and(|reference| reference.is_of(series.policy));
        let is_shown = trial.len() >= MIN_WINDOWS && !has_few_refits && !is_reference;
        let interval = difference.filter(|_| is_shown).map(|difference| {
            let Interval { low, high } = difference.interval();
            Interval { low: ROWS * low, high: ROWS * high }
        });
        Self { per_1000, more: difference.map(|difference| ROWS * difference.mean), interval }
    }

    /// Returns the difference with its interval for a table, as in `+41 (30 to 52)`; `-` without one.
    pub fn with_interval(&self) -> String {
        let Some(more) = self.more else { return "-".to_owned() };
        let decimals = self.decimals();
        let interval = self.interval_shown().map(|interval| format!(" ({})", ends(interval, decimals)));
        signed(more, decimals) + &interval.unwrap_or_default()
    }

    /// Returns the difference with half the width of its interval for a narrow column, as in `+41 ±11`; `-` without
    /// one.
    pub fn in_short(&self) -> String {
        let Some(more) = self.more else { return "-".to_owned() };
        let decimals = self.decimals();
        let half = self.interval_shown();
        let half = half.map(|interval| format!(" ±{:.decimals$}", (interval.high - interval.low) / 2.0));
        signed(more, decimals) + &half.unwrap_or_default()
    }

    /// Returns the difference in words, as in `41 more wrong answers per 1,000 rows (30 to 52)`. Fewer wrong answers are
    /// counted as a positive number too. Returns `None` without a difference.
    pub fn in_words(&self) -> Option<String> {
        let (more, decimals) = (self.more?, self.decimals());
        let is_fewer = rounded(more, decimals) < 0.0;
        let interval = self.interval_shown().map(|Interval { low, high }| {
            let interval = if is_fewer { Interval { low: -high, high: -low } } else { Interval { low, high } };
            format!(" ({})", ends(interval, decimals))
        });
        let word = if is_fewer { "fewer" } else { "more" };
        let count = format!("{:.decimals$}", rounded(more, decimals).abs());
        let noun = if count == "1" { "wrong answer" } else { "wrong answers" };
        Some(format!("{count} {word} {noun} per 1,000 rows{}", interval.unwrap_or_default()))
    }

    /// Returns the interval, unless both ends are the same number, as of the same answers as those of the reference.
    fn interval_shown(&self) -> Option<Interval> {
        self.interval.filter(|interval| !interval.is_point())
    }

    /// Returns the number of decimals to print: none if the difference is known no better than to one wrong answer.
    fn decimals(&self) -> usize {
        let half = self.interval.map(|interval| (interval.high - interval.low) / 2.0);
        let is_exact = half.or(self.more).is_some_and(|size| size != 0.0 && size.abs() < 1.0);
        usize::from(is_exact)
    }
}

/// Returns the wrong answers of each window.
fn counts(series: &Series) -> Vec<f64> {
    series.false_alarms.iter().zip(&series.misses).map(|(false_alarms, misses)| false_alarms + misses).collect()
}

fn rounded(number: f64, decimals: usize) -> f64 {
    let scale = if decimals == 0 { 1.0 } else { 10.0 };
    // Adding zero turns minus zero into zero.
    (number * scale).round() / scale + 0.0
}

/// Returns a number with its sign; zero has none.
fn signed(number: f64, decimals: usize) -> String {
    let number = rounded(number, decimals);
    if number == 0.0 { "0".to_owned() } else { format!("{number:+.decimals$}") }
}

fn ends(interval: Interval, decimals: usize) -> String {
    let [low, high] = [interval.low, interval.high].map(|end| rounded(end, decimals));
    format!("{low:.decimals$} to {high:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Refit};
    use crate::trial::Conditions;
    use windrow_record::Scheme;

    /// The rows of each window of the trial.
    const ROWS_OF_WINDOWS: [f64; 12] =
        [100.0, 120.0, 90.0, 110.0, 100.0, 100.0, 130.0, 80.0, 100.0, 90.0, 120.0, 100.0];

    fn series(refit: Refit, false_alarms: [f64; 12], misses: [f64; 12]) -> Series {
        let policy = Policy { history: Scheme::Cumulative, refit };
        Series {
            policy,
            same: Vec::new(),
            log_loss: vec![0.0; 12],
            squared_error: vec![0.0; 12],
            false_alarms: false_alarms.to_vec(),
            misses: misses.to_vec(),
            fits: vec![0.0; 12],
            refits: 0.0,
            runs: Vec::new(),
        }
    }

    fn trial(windows: usize) -> Trial {
        let rows = ROWS_OF_WINDOWS[..windows].to_vec();
        let windows = (1..=windows as u32).collect();
        Trial {
            windows,
            rows,
            delay: 0,
            oldest: 1,
            share_loss: Vec::new(),
            series: Vec::new(),
            conditions: Conditions::default(),
        }
    }

    #[test]
    fn the_difference_and_its_interval_are_those_of_the_sums_by_hand() {
        let misses = [3.0, 5.0, 0.0, 6.0, 2.0, 4.0, 1.0, 5.0, 4.0, 1.0, 3.0, 4.0];
        let own = series(Refit::Never, [4.0; 12], misses);
        let reference = series(Refit::Every(1), [2.0; 12], [1.0; 12]);
        let trial = trial(12);
        let found = WrongAnswers::of(&trial, &own, false, Some(&reference));
        // 48 false alarms and 38 misses in 1,240 rows. The reference has 24 and 12.
        assert!((found.per_1000 - 1000.0 * 86.0 / 1240.0).abs() < 1e-9, "{found:?}");
        assert!((found.more.expect("a difference") - 1000.0 * 50.0 / 1240.0).abs() < 1e-9, "{found:?}");
        let sums = misses.map(|misses| 4.0 + misses - 3.0);
        let Interval { low, high } = Contrast::new(&sums, &ROWS_OF_WINDOWS).interval();
        let interval = found.interval.expect("an interval");
        assert!((interval.low - 1000.0 * low).abs() < 1e-9 && (interval.high - 1000.0 * high).abs() < 1e-9);
        assert!(interval.low < 40.3 && interval.high > 40.4 && interval.low > 0.0, "{interval:?}");
        let none = WrongAnswers::of(&trial, &own, false, None);
        assert_eq!((none.per_1000, none.more, none.interval), (found.per_1000, None, None));
    }

    #[test]
    fn the_reference_and_policies_with_few_data_have_no_interval() {
        let own = series(Refit::Every(2), [4.0; 12], [3.0; 12]);
        let reference = series(Refit::Every(1), [2.0; 12], [1.0; 12]);
        let all = trial(12);
        let itself = WrongAnswers::of(&all, &reference, false, Some(&reference));
        assert_eq!((itself.more, itself.interval), (Some(0.0), None));
        let few_refits = WrongAnswers::of(&all, &own, true, Some(&reference));
        assert!(few_refits.more.is_some_and(|more| more > 0.0) && few_refits.interval.is_none(), "{few_refits:?}");
        let few_windows = WrongAnswers::of(&trial(11), &own, false, Some(&reference));
        assert!(few_windows.interval.is_none(), "{few_windows:?}");
    }

    #[test]
    fn a_difference_is_printed_with_its_sign_and_its_interval() {
        let of = |more: f64, half: Option<f64>| WrongAnswers {
            per_1000: 200.0,
            more: Some(more),
            interval: half.map(|half| Interval { low: more - half, high: more + half }),
        };
        for (found, table, narrow, words) in [
            (of(41.2, Some(11.1)), "+41 (30 to 52)", "+41 ±11", "41 more wrong answers per 1,000 rows (30 to 52)"),
            (of(-3.2, Some(2.0)), "-3 (-5 to -1)", "-3 ±2", "3 fewer wrong answers per 1,000 rows (1 to 5)"),
            (
                of(0.42, Some(0.3)),
                "+0.4 (0.1 to 0.7)",
                "+0.4 ±0.3",
                "0.4 more wrong answers per 1,000 rows (0.1 to 0.7)",
            ),
            (of(-0.2, Some(1.4)), "0 (-2 to 1)", "0 ±1", "0 more wrong answers per 1,000 rows (-2 to 1)"),
            (of(0.0, None), "0", "0", "0 more wrong answers per 1,000 rows"),
            (of(0.0, Some(0.0)), "0", "0", "0 more wrong answers per 1,000 rows"),
            (of(1.4, Some(2.0)), "+1 (-1 to 3)", "+1 ±2", "1 more wrong answer per 1,000 rows (-1 to 3)"),
        ] {
            let printed = (found.with_interval(), found.in_short(), found.in_words());
            assert_eq!(printed, (table.to_owned(), narrow.to_owned(), Some(words.to_owned())), "{found:?}");
        }
        let unknown = WrongAnswers { per_1000: 200.0, more: None, interval: None };
        assert_eq!((unknown.with_interval(), unknown.in_words()), ("-".to_owned(), None));
    }
}
