//! A difference of losses a row, with an interval that knows that neighbouring windows are alike.
//!
//! Diebold and Mariano (1995) test a mean of loss differences over time. For its variance the equal-weighted cosine
//! estimator of Lazarus, Lewis, Stock and Watson (2018) is taken, with fixed-smoothing critical values: t with as many
//! degrees of freedom as there are cosines. Coroneo and Iacone (2020) show that these keep their size in short series, where
//! Newey and West's do not. What is estimated is the expected difference over the windows judged, for these ways of
//! fitting, estimation error and all (Giacomini and White 2006).

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use windrow_record::display::percent_interval;

/// An interval of a difference or of a share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Its ends in per cent, as in `92 to 104`.
    pub fn percent(self) -> String {
        percent_interval(self.low, self.high)
    }
}

/// A mean over rows, from sums over windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// The mean a row: the sum over windows by the sum of their rows.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Degrees of freedom: how many cosines the variance is estimated by.
    pub(crate) degrees: u32,
}

/// How many cosines are taken for so many windows: max(3, floor(0.4 W^(2/3))), as Lazarus and others recommend.
fn cosine_terms(windows: usize) -> u32 {
    // A small number: the conversion cannot lose more than the fraction.
    (0.4 * (windows as f64).powf(2.0 / 3.0)).floor().max(3.0) as u32
}

/// A series of sums over windows, seen by the first cosines: all that an interval needs of it. Linear, so that the view of a
/// difference is the difference of the views.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spectrum {
    pub(super) total: f64,
    waves: Vec<f64>,
}

impl Spectrum {
    /// sqrt(2 / W) sum_t y_t cos(pi j (t - 1/2) / W) for j = 1 to B.
    pub(super) fn new(sums: &[f64]) -> Self {
        let windows = sums.len() as f64;
        let wave = |j: u32| {
            let terms = sums
                .iter()
                .enumerate()
                .map(|(place, sum)| sum * (std::f64::consts::PI * f64::from(j) * (place as f64 + 0.5) / windows).cos());
            (2.0 / windows).sqrt() * terms.sum::<f64>()
        };
        Self { total: sums.iter().sum(), waves: (1..=cosine_terms(sums.len())).map(wave).collect() }
    }

    /// `self + weight * other`.
    pub(super) fn plus(&self, weight: f64, other: &Self) -> Self {
        let waves = self.waves.iter().zip(&other.waves).map(|(a, b)| a + weight * b).collect();
        Self { total: self.total + weight * other.total, waves }
    }

    /// The mean of this a row, `rows` being the windows' rows. Windows differ in their rows, so that the mean is a ratio;
    /// its variance is that of the sums less the mean times the rows.
    pub(super) fn contrast(&self, rows: &Self, windows: usize) -> Contrast {
        let mean = if rows.total > 0.0 { self.total / rows.total } else { 0.0 };
        let terms = self.waves.iter().zip(&rows.waves).map(|(sum, rows)| (sum - mean * rows).powi(2));
        let variance = terms.sum::<f64>() / self.waves.len() as f64;
        let standard_error = if rows.total > 0.0 { (windows as f64 * variance).sqrt() / rows.total } else { 0.0 };
        Contrast { mean, standard_error, degrees: cosine_terms(windows) }
    }
}

impl Contrast {
    /// From the windows' sums and their rows, which must be as many.
    pub fn new(sums: &[f64], rows: &[f64]) -> Self {
        Spectrum::new(sums).contrast(&Spectrum::new(rows), sums.len())
    }

    /// The two-sided interval of 95%.
    pub fn interval(self) -> Interval {
        let half = quantile(0.975, self.degrees) * self.standard_error;
        Interval { low: self.mean - half, high: self.mean + half }
    }

    /// The lower end of the one-sided interval of 95%.
    pub(crate) fn lower_bound(self) -> f64 {
        self.mean - quantile(0.95, self.degrees) * self.standard_error
    }
}

/// A quantile of Student's t.
pub(super) fn quantile(probability: f64, degrees: u32) -> f64 {
    // Degrees are at least 3, which is all that the constructor asks for.
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
            let terms = sums.iter().zip(&rows).enumerate().map(|(place, (sum, rows))| {
                (sum - mean * rows) * (std::f64::consts::PI * j * (place as f64 + 0.5) / windows).cos()
            });
            (2.0 / windows).sqrt() * terms.sum::<f64>()
        };
        let variance = (wave(1.0).powi(2) + wave(2.0).powi(2) + wave(3.0).powi(2)) / 3.0;
        assert!((contrast.mean - mean).abs() < 1e-15);
        let error = (windows * variance).sqrt() / rows.iter().sum::<f64>();
        assert!((contrast.standard_error - error).abs() < 1e-15);
        // The 97.5% quantile of t with 3 degrees of freedom, from any table.
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
