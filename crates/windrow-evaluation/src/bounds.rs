//! The simultaneous lower bounds on the shares that policies keep of the best schedule's gain.

use std::cmp::Ordering;

use statrs::distribution::{ContinuousCDF, Normal};

use crate::bootstrap::{mean_run, stationary_bootstrap};
use crate::contrast::{Contrast, quantile};
use crate::trial::{MIN_WINDOWS, Series, Trial};

/// The number of draws of the bootstrap.
pub(crate) const DRAWS: usize = 999;
/// The confidence level of all intervals.
pub(crate) const CONFIDENCE_LEVEL: f64 = 0.95;

/// The best schedule and its gain, with which all policies are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Yardstick {
    /// The index of the schedule with the lowest log-loss, of those with enough data.
    pub(crate) best: usize,
    /// The gain of this schedule in log-loss per row, compared with always predicting the share of positives.
    pub(crate) gain: Contrast,
    /// `true` if the gain is shown to be positive: the lower end of its one-sided interval is above 0.
    pub(crate) has_gain: bool,
}

impl Yardstick {
    /// Returns `None` if no schedule can be the best.
    pub(crate) fn new(trial: &Trial) -> Option<Self> {
        let is_short = trial.len() < MIN_WINDOWS;
        let is_candidate = |index: &usize| {
            let series = &trial.series[*index];
            trial.is_yardstick(series) && (is_short || trial.has_enough_data(series))
        };
        let total_loss = |index: usize| trial.series[index].log_loss.iter().sum::<f64>();
        let candidates = (0..trial.series.len()).filter(is_candidate);
        let best = candidates.min_by(|a, b| total_loss(*a).total_cmp(&total_loss(*b)))?;
        let gain = Contrast::new(&gains(trial, &trial.series[best]), &trial.rows);
        Some(Self { best, gain, has_gain: !is_short && gain.lower_bound() > 0.0 })
    }

    /// Returns the loss per row of a series less that of the best schedule.
    pub(crate) fn to_best(self, trial: &Trial, series: &Series) -> Contrast {
        Contrast::new(&self.excess(trial, series), &trial.rows)
    }

    /// Returns the loss of a series less that of the best schedule, summed by window.
    pub(crate) fn excess(self, trial: &Trial, series: &Series) -> Vec<f64> {
        series.log_loss.iter().zip(&trial.series[self.best].log_loss).map(|(own, best)| own - best).collect()
    }

    /// Returns the lower bound that follows from the difference from the best schedule, in units of its observed gain.
    pub(crate) fn bound(self, to_best: Contrast, critical: f64) -> f64 {
        1.0 - (to_best.mean + critical * to_best.standard_error) / self.gain.mean
    }
}

/// A draw of the bootstrap.
#[derive(Debug)]
struct Draw {
    /// The indices of the windows drawn.
    windows: Vec<usize>,
    /// The number of their rows.
    rows: f64,
}

impl Draw {
    fn new(trial: &Trial, windows: Vec<usize>) -> Self {
        let rows = windows.iter().map(|index| trial.rows[*index]).sum();
        Self { windows, rows }
    }
}

/// The bounds of all policies that may be named.
///
/// The lower bound on a policy's share is the lower one of two.
///
/// - The first comes from its difference from the best schedule, in units of the best's observed gain: the mean, plus the
///   [`critical_value`] times the standard error.
/// - The second is the 5% quantile, over the draws, of its share of the gain of the best schedule in the draw. It allows
///   for the uncertainty of which schedule is best.
#[derive(Debug)]
pub(crate) struct Bounds<'a> {
    trial: &'a Trial,
    yardstick: Yardstick,
    /// The bounds of the candidates, in their order.
    pub(crate) of_candidates: Vec<f64>,
    /// The critical value of the first bound.
    pub(crate) critical: f64,
    draws: Vec<Draw>,
    /// The largest gain per row of a schedule in each draw.
    most: Vec<f64>,
}

impl<'a> Bounds<'a> {
    /// Computes the bounds of some series of a trial, the candidates. The best schedule is one of them, and its gain is
    /// positive.
    pub(crate) fn new(trial: &'a Trial, yardstick: Yardstick, candidates: &[usize]) -> Self {
        let draws = stationary_bootstrap(trial.len(), mean_run(trial.len()), DRAWS);
        let draws: Vec<Draw> = draws.into_iter().map(|windows| Draw::new(trial, windows)).collect();
        let series = |index: &usize| &trial.series[*index];
        let drawn: Vec<Vec<f64>> =
            candidates.iter().map(|index| gains_in_draws(trial, series(index), &draws)).collect();
        let seen: Vec<Contrast> = candidates.iter().map(|index| yardstick.to_best(trial, series(index))).collect();
        let of_best = candidates.iter().position(|index| *index == yardstick.best);
        let largest_error = |draw: usize| {
            let best = of_best.map_or(yardstick.gain.mean, |best| drawn[best][draw]);
            let errors = drawn.iter().zip(&seen).filter(|(_, seen)| seen.bootstrap_error > 0.0).map(|(gains, seen)| {
                // A difference that is drawn too small makes a policy look better than it is.
                (seen.mean - (best - gains[draw])) / seen.bootstrap_error
            });
            errors.fold(f64::NEG_INFINITY, f64::max)
        };
        let mut largest: Vec<f64> = (0..DRAWS).map(largest_error).collect();
        largest.sort_unstable_by(f64::total_cmp);
        let index = ((DRAWS as f64 * CONFIDENCE_LEVEL).ceil() as usize).min(DRAWS) - 1;
        // Policies with equal losses are one.
        let mut distinct: Vec<&Vec<f64>> = candidates.iter().map(|index| &series(index).log_loss).collect();
        distinct.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        distinct.dedup();
        let critical = critical_value(largest[index], distinct.len().saturating_sub(1), yardstick.gain.degrees);
        let yardsticks = || drawn.iter().zip(candidates).filter(|(_, index)| trial.is_yardstick(series(index)));
        let most = |draw: usize| yardsticks().map(|(gains, _)| gains[draw]).fold(f64::NEG_INFINITY, f64::max);
        let most: Vec<f64> = (0..DRAWS).map(most).collect();
        let bound =
            |(gains, seen): (&Vec<f64>, &Contrast)| yardstick.bound(*seen, critical).min(low_share(gains, &most));
        let of_candidates = drawn.iter().zip(&seen).map(bound).collect();
        Self { trial, yardstick, of_candidates, critical, draws, most }
    }

    /// Returns the bound of a series on the same windows that is not a candidate, with the same critical value.
    pub(crate) fn of(&self, series: &Series) -> f64 {
        let gains = gains_in_draws(self.trial, series, &self.draws);
        let to_best = self.yardstick.to_best(self.trial, series);
        self.yardstick.bound(to_best, self.critical).min(low_share(&gains, &self.most))
    }
}

/// Returns the critical value of simultaneous one-sided 95% bounds, in standard errors with `degrees` degrees of
/// freedom.
///
/// `largest_error` is the 95% quantile, over the draws, of the largest error of the differences of `rivals` policies
/// from the best, each divided by its deviation over the draws. The draws ignore the uncertainty of the standard errors.
/// To allow for it, the level that the normal distribution gives to this quantile is used with Student's t. The value is
/// at least that for a single policy and at most Bonferroni's, which is always finite.
fn critical_value(largest_error: f64, rivals: usize, degrees: u32) -> f64 {
    let by_draws = Normal::standard().cdf(largest_error).max(CONFIDENCE_LEVEL);
    let bonferroni = 1.0 - (1.0 - CONFIDENCE_LEVEL) / rivals.max(1) as f64;
    quantile(by_draws.min(bonferroni), degrees)
}

/// Returns the gain of a series over always predicting the share of positives, summed by window.
pub(crate) fn gains(trial: &Trial, series: &Series) -> Vec<f64> {
    trial.share_loss.iter().zip(&series.log_loss).map(|(share, loss)| share - loss).collect()
}

/// Returns the gain per row of a series in each draw.
fn gains_in_draws(trial: &Trial, series: &Series, draws: &[Draw]) -> Vec<f64> {
    let gains = gains(trial, series);
    let drawn = draws.iter().map(|draw| draw.windows.iter().map(|index| gains[*index]).sum::<f64>() / draw.rows);
    drawn.collect()
}

/// Returns the 5% quantile, over the draws, of a share of the largest gain of a schedule in the draw.
fn low_share(gains: &[f64], most: &[f64]) -> f64 {
    // If no schedule gains in a draw, there is nothing to keep.
    let shares = gains.iter().zip(most).map(|(gain, most)| if *most > 0.0 { gain / most } else { 0.0 });
    let mut shares: Vec<f64> = shares.collect();
    shares.sort_unstable_by(f64::total_cmp);
    let index = (shares.len() as f64 * (1.0 - CONFIDENCE_LEVEL)).floor() as usize;
    shares.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_critical_value_is_between_that_of_one_policy_and_that_of_bonferroni() {
        for degrees in 3..9 {
            for rivals in [0, 1, 2, 20, 500] {
                let bonferroni = quantile(1.0 - 0.05 / rivals.max(1) as f64, degrees);
                for error in [f64::NEG_INFINITY, -1.0, 0.0, 1.7, 3.0, 8.0, 40.0, f64::INFINITY] {
                    let value = critical_value(error, rivals, degrees);
                    assert!(value.is_finite() && value >= quantile(0.95, degrees), "{error} {rivals}: {value}");
                    assert!(value <= bonferroni, "{error} {rivals}: {value}");
                }
            }
        }
    }
}
