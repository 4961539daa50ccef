//! A mean difference of losses per row, with an interval that allows for dependence between neighbouring windows.
//!
//! Diebold and Mariano (1995) test a mean of loss differences over time. Its standard error is the larger of two. The
//! first comes from the equal-weighted cosine estimator of Lazarus, Lewis, Stock and Watson (2018). With few cosines it
//! can be small by chance. The second is that of the stationary bootstrap of Politis and Romano (1994). The critical
//! values are the fixed-smoothing ones: those of Student's t with one degree of freedom per cosine. Coroneo and Iacone
//! (2020) show that these tests keep their size in short series, unlike those with the estimator of Newey and West.
//!
//! The estimand is the expected difference on the windows judged, in this course of the world, for these ways of
//! fitting, with their estimation error (Giacomini and White 2006). Another stretch of time may differ.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use windrow_record::display::percent_interval;

use crate::bootstrap::mean_run;

/// An interval of a difference or of a share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Interval {
    /// Returns `true` if both ends are the same number, as of a policy that is compared with itself. Such an interval is
    /// not printed.
    pub fn is_point(self) -> bool {
        (self.high - self.low).abs() < 1e-9
    }

    /// Returns the ends in percent, as in `92 to 104`.
    pub fn percent(self) -> String {
        percent_interval(self.low, self.high)
    }
}

/// A mean over rows, computed from sums over windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// The mean per row: the sum over all windows divided by the number of their rows.
    pub mean: f64,
    /// The standard error of the mean: the larger one of the two estimates.
    pub standard_error: f64,
    /// The standard error of the mean by the stationary bootstrap.
    pub(crate) bootstrap_error: f64,
    /// The degrees of freedom: the number of cosines in the variance estimator.
    pub(crate) degrees: u32,
}

/// Returns the number of cosines for W windows: max(3, floor(0.25 W^(2/3))). Fewer cosines than the 0.4 W^(2/3) of
/// Lazarus et al. (2018) give wider intervals, which cover more often if losses are alike over many windows.
pub(super) fn cosine_terms(windows: usize) -> u32 {
    // The power is not exact, so this compares whole numbers: B is at most 0.25 W^(2/3) if (4 B)^3 is at most W^2.
    let is_within = |terms: &u32| (4 * u64::from(*terms)).pow(3) <= (windows as u64).pow(2);
    (4..).take_while(is_within).last().unwrap_or(3)
}

/// Returns cos(pi j (t - 1/2) / W) for t = 1 to W.
pub(super) fn cosines(j: u32, windows: usize) -> impl Iterator<Item = f64> {
    let step = std::f64::consts::PI * f64::from(j) / windows as f64;
    (0..windows).map(move |index| (step * (index as f64 + 0.5)).cos())
}

/// Returns the variance of the sum of a series without a mean, by the equal-weighted cosine estimator: W / B times the
/// sum of the squares of sqrt(2 / W) sum_t y_t cos(pi j (t - 1/2) / W) for j = 1 to B, with t = 1 to W.
fn cosine_variance(residuals: &[f64]) -> f64 {
    let terms = cosine_terms(residuals.len());
    let wave = |j: u32| residuals.iter().zip(cosines(j, residuals.len())).map(|(y, cosine)| y * cosine).sum::<f64>();
    2.0 / f64::from(terms) * (1..=terms).map(|j| wave(j).powi(2)).sum::<f64>()
}

/// Returns the weights (1 - k / W) (1 - 1 / run)^k of the products of windows that are k = 1 to W - 1 windows apart.
pub(super) fn lag_weights(windows: usize) -> impl Iterator<Item = f64> {
    let goes_on = 1.0 - 1.0 / mean_run(windows);
    let mut weight = 1.0;
    (1..windows).map(move |lag| {
        weight *= goes_on;
        (1.0 - lag as f64 / windows as f64) * weight
    })
}

/// Returns the variance of the sum of a series without a mean over all draws of the stationary bootstrap:
/// c_0 + 2 sum_k (1 - k / W) (1 - 1 / run)^k c_k for k = 1 to W - 1. c_k is the sum of y_t y_(t + k), where the first
/// window follows the last (Politis and Romano 1994, lemma 1).
fn bootstrap_variance(residuals: &[f64]) -> f64 {
    let product = |lag: usize| {
        let shifted = residuals[lag..].iter().chain(&residuals[..lag]);
        residuals.iter().zip(shifted).map(|(a, b)| a * b).sum::<f64>()
    };
    let lags = (1..).zip(lag_weights(residuals.len())).map(|(lag, weight)| weight * product(lag));
    // Rounding can leave a variance of zero slightly below it.
    (2.0 * lags.sum::<f64>() + product(0)).max(0.0)
}

impl Contrast {
    /// Computes the mean of window sums over their rows. Both slices must have the same length.
    ///
    /// Windows differ in size, so the mean is a ratio. Its variance is that of the sums less the mean times the rows.
    pub fn new(sums: &[f64], rows: &[f64]) -> Self {
        let (total, degrees) = (rows.iter().sum::<f64>(), cosine_terms(sums.len()));
        if total <= 0.0 {
            return Self { mean: 0.0, standard_error: 0.0, bootstrap_error: 0.0, degrees };
        }
        let mean = sums.iter().sum::<f64>() / total;
        let residuals: Vec<f64> = sums.iter().zip(rows).map(|(sum, rows)| sum - mean * rows).collect();
        let bootstrap_error = bootstrap_variance(&residuals).sqrt() / total;
        let standard_error = (cosine_variance(&residuals).sqrt() / total).max(bootstrap_error);
        Self { mean, standard_error, bootstrap_error, degrees }
    }

    /// Returns the two-sided 95% interval.
    pub fn interval(self) -> Interval {
        let half = quantile(0.975, self.degrees) * self.standard_error;
        Interval { low: self.mean - half, high: self.mean + half }
    }

    /// Returns the lower end of the one-sided 95% interval.
    pub(crate) fn lower_bound(self) -> f64 {
        self.mean - quantile(0.95, self.degrees) * self.standard_error
    }
}

/// Returns a quantile of Student's t distribution.
pub(super) fn quantile(probability: f64, degrees: u32) -> f64 {
    // The constructor only fails if the degrees are not positive; they are at least 3.
    StudentsT::new(0.0, 1.0, f64::from(degrees)).map_or(f64::NAN, |t| t.inverse_cdf(probability))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::stationary_bootstrap;

    #[test]
    fn the_interval_is_that_of_ten_lines_by_hand() {
        let sums = [1.0, 3.0, -2.0, 4.0, 0.5, 2.5, -1.0, 3.5, 2.0, -0.5, 1.5, 2.0];
        let rows = [10.0, 12.0, 9.0, 11.0, 10.0, 10.0, 13.0, 8.0, 10.0, 9.0, 12.0, 10.0];
        let contrast = Contrast::new(&sums, &rows);
        let windows = 12.0_f64;
        let mean = sums.iter().sum::<f64>() / rows.iter().sum::<f64>();
        let wave = |j: f64| {
            let terms = sums.iter().zip(&rows).enumerate().map(|(index, (sum, rows))| {
                (sum - mean * rows) * (std::f64::consts::PI * j * (index as f64 + 0.5) / windows).cos()
            });
            (2.0 / windows).sqrt() * terms.sum::<f64>()
        };
        let variance = (wave(1.0).powi(2) + wave(2.0).powi(2) + wave(3.0).powi(2)) / 3.0;
        assert!((contrast.mean - mean).abs() < 1e-15);
        let residual = |index: usize| sums[index % 12] - mean * rows[index % 12];
        let run = 1.0 - 1.0 / windows.sqrt();
        let product = |lag: usize| (0..12).map(|at| residual(at) * residual(at + lag)).sum::<f64>();
        let lags = (1..12).map(|lag| (1.0 - lag as f64 / windows) * run.powi(lag as i32) * product(lag));
        let bootstrap = product(0) + 2.0 * lags.sum::<f64>();
        assert!((contrast.bootstrap_error - bootstrap.sqrt() / rows.iter().sum::<f64>()).abs() < 1e-15);
        let error = (windows * variance).max(bootstrap).sqrt() / rows.iter().sum::<f64>();
        assert!((contrast.standard_error - error).abs() < 1e-15);
        // The 97.5% and 95% quantiles of t with 3 degrees of freedom, from a table.
        assert!((contrast.interval().high - mean - 3.182_446_305 * error).abs() < 1e-8);
        assert!((contrast.lower_bound() - mean + 2.353_363_435 * error).abs() < 1e-8);
    }

    #[test]
    fn cosines_grow_slowly_with_the_windows() {
        assert_eq!([12, 24, 63, 64, 200, 216, 500, 512].map(cosine_terms), [3, 3, 3, 4, 8, 9, 15, 16]);
    }

    #[test]
    fn the_error_of_the_bootstrap_is_the_deviation_over_its_draws() {
        let rows = vec![10.0; 40];
        let sums: Vec<f64> = (0..40).map(|at| (f64::from(at) / 5.0).sin() + (f64::from(at) * 7.0).sin()).collect();
        let draws = stationary_bootstrap(40, mean_run(40), 20_000);
        let means = draws.iter().map(|draw| draw.iter().map(|index| sums[*index]).sum::<f64>() / 400.0);
        let means: Vec<f64> = means.collect();
        let mean = means.iter().sum::<f64>() / 20_000.0;
        let deviation = (means.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / 20_000.0).sqrt();
        let found = Contrast::new(&sums, &rows).bootstrap_error;
        // The deviation of 20,000 draws has a standard error of 0.5%.
        assert!((found / deviation - 1.0).abs() < 0.02, "{found} {deviation}");
    }

    #[test]
    fn a_small_error_of_the_cosines_is_replaced_by_that_of_the_bootstrap() {
        // A change of sign from window to window is orthogonal to the first cosines.
        let sums: Vec<f64> = (0..24).map(|at| if at % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let contrast = Contrast::new(&sums, &[10.0; 24]);
        assert!(contrast.bootstrap_error > 0.0);
        assert_eq!(contrast.standard_error, contrast.bootstrap_error);
    }

    #[test]
    fn no_difference_has_no_width() {
        let contrast = Contrast::new(&[0.0; 20], &[5.0; 20]);
        assert_eq!((contrast.mean, contrast.standard_error), (0.0, 0.0));
        let Interval { low, high } = contrast.interval();
        assert!(low <= 0.0 && high >= 0.0);
    }
}
