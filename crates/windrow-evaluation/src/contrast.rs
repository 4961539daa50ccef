//! A mean difference of losses per row, with an interval that allows for dependence between neighbouring windows.
//!
//! Diebold and Mariano (1995) test a mean of loss differences over time. The variance is the equal-weighted cosine
//! estimator of Lazarus, Lewis, Stock and Watson (2018). The critical values are the fixed-smoothing ones: those of
//! Student's t with one degree of freedom per cosine. Coroneo and Iacone (2020) show that these tests keep their size
//! in short series, unlike those with the estimator of Newey and West. The estimand is the expected difference over the
//! windows judged, for these ways of fitting, with their estimation error (Giacomini and White 2006).

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use windrow_record::display::percent_interval;

/// An interval of a difference or of a share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Interval {
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
    /// The standard error of the mean.
    pub standard_error: f64,
    /// The degrees of freedom: the number of cosines in the variance estimator.
    pub(crate) degrees: u32,
}

/// Returns the number of cosines for W windows: max(3, floor(0.4 W^(2/3))), as Lazarus et al. (2018) recommend.
fn cosine_terms(windows: usize) -> u32 {
    // The value is a small whole number, so the conversion is exact.
    (0.4 * (windows as f64).powf(2.0 / 3.0)).floor().max(3.0) as u32
}

/// The projections of a series of window sums on the first cosines, which is all that an interval needs. They are
/// linear: the spectrum of a difference is the difference of the spectra.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spectrum {
    pub(super) total: f64,
    waves: Vec<f64>,
}

impl Spectrum {
    /// Computes sqrt(2 / W) sum_t y_t cos(pi j (t - 1/2) / W) for j = 1 to B, with t = 1 to W.
    pub(super) fn new(sums: &[f64]) -> Self {
        let windows = sums.len() as f64;
        let wave = |j: u32| {
            let terms = sums
                .iter()
                .enumerate()
                .map(|(index, sum)| sum * (std::f64::consts::PI * f64::from(j) * (index as f64 + 0.5) / windows).cos());
            (2.0 / windows).sqrt() * terms.sum::<f64>()
        };
        Self { total: sums.iter().sum(), waves: (1..=cosine_terms(sums.len())).map(wave).collect() }
    }

    /// Returns `self + weight * other`.
    pub(super) fn add_scaled(&self, weight: f64, other: &Self) -> Self {
        let waves = self.waves.iter().zip(&other.waves).map(|(a, b)| a + weight * b).collect();
        Self { total: self.total + weight * other.total, waves }
    }

    /// Returns the mean per row; `rows` is the spectrum of the windows' row counts. Windows differ in size, so the mean
    /// is a ratio. Its variance is that of the sums less the mean times the rows.
    pub(super) fn contrast(&self, rows: &Self, windows: usize) -> Contrast {
        let mean = if rows.total > 0.0 { self.total / rows.total } else { 0.0 };
        let terms = self.waves.iter().zip(&rows.waves).map(|(sum, rows)| (sum - mean * rows).powi(2));
        let variance = terms.sum::<f64>() / self.waves.len() as f64;
        let standard_error = if rows.total > 0.0 { (windows as f64 * variance).sqrt() / rows.total } else { 0.0 };
        Contrast { mean, standard_error, degrees: cosine_terms(windows) }
    }
}

impl Contrast {
    /// Computes the mean of window sums over their rows. Both slices must have the same length.
    pub fn new(sums: &[f64], rows: &[f64]) -> Self {
        Spectrum::new(sums).contrast(&Spectrum::new(rows), sums.len())
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
        let error = (windows * variance).sqrt() / rows.iter().sum::<f64>();
        assert!((contrast.standard_error - error).abs() < 1e-15);
        // The 97.5% and 95% quantiles of t with 3 degrees of freedom, from a table.
        assert!((contrast.interval().high - mean - 3.182_446_305 * error).abs() < 1e-8);
        assert!((contrast.lower_bound() - mean + 2.353_363_435 * error).abs() < 1e-8);
    }

    #[test]
    fn cosines_grow_slowly_with_the_windows() {
        assert_eq!([12, 24, 63, 200, 500].map(cosine_terms), [3, 3, 6, 13, 25]);
    }

    #[test]
    fn no_difference_has_no_width() {
        let contrast = Contrast::new(&[0.0; 20], &[5.0; 20]);
        assert_eq!((contrast.mean, contrast.standard_error), (0.0, 0.0));
        let Interval { low, high } = contrast.interval();
        assert!(low <= 0.0 && high >= 0.0);
    }
}
