//! Contrasts with one window left out. They are prepared once for all series of a trial, so that each takes only a few
//! steps for each cosine, and does not depend on the number of windows.
//!
//! A window that is left out counts as one without rows: its sums and its rows are 0, and the other windows keep their
//! places in time. Both variances of a [`Contrast`] are quadratic forms of the residuals. The residuals are the sums
//! less the mean times the rows, so the forms follow from those of the sums and of the rows.

use crate::contrast::{Contrast, cosine_terms, cosines, lag_weights};

/// The sums by window of some series and of their rows, with what the contrasts need.
#[derive(Clone)]
pub(crate) struct Jackknife {
    /// The series. The last one is that of the rows.
    parts: Vec<Part>,
    /// The bilinear form of each pair of series, whose value on a series without a mean is the bootstrap's variance.
    products: Vec<Vec<f64>>,
    weights: Weights,
}

/// The weights of the two variances, which depend only on the number of windows.
#[derive(Clone)]
struct Weights {
    /// The values of each cosine, by window.
    cosines: Vec<Vec<f64>>,
    /// The weights of the products of two windows, by how far the second is after the first. The first window follows
    /// the last.
    lags: Vec<f64>,
}

/// The sums of one series.
#[derive(Clone)]
struct Part {
    sums: Vec<f64>,
    total: f64,
    /// The weighted sum over all windows, for each window.
    spread: Vec<f64>,
    /// The sum of the products with each cosine.
    waves: Vec<f64>,
}

impl Weights {
    fn new(windows: usize) -> Self {
        let after: Vec<f64> = lag_weights(windows).collect();
        // A window that is k windows after another one is W - k windows before it.
        let lags = after.iter().zip(after.iter().rev()).map(|(after, before)| after + before).collect();
        let cosines = (1..=cosine_terms(windows)).map(|j| cosines(j, windows).collect()).collect();
        Self { cosines, lags }
    }

    fn part(&self, sums: Vec<f64>) -> Part {
        let mut spread = sums.clone();
        for (lag, weight) in (1..).zip(&self.lags) {
            let shifted = sums[lag..].iter().chain(&sums[..lag]);
            spread.iter_mut().zip(shifted).for_each(|(spread, value)| *spread += weight * value);
        }
        let waves = self.cosines.iter().map(|cosine| dot(&sums, cosine)).collect();
        Part { total: sums.iter().sum(), spread, waves, sums }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Jackknife {
    /// Prepares series of sums by window. `rows` holds the rows of each window.
    pub(crate) fn new(series: Vec<Vec<f64>>, rows: &[f64]) -> Self {
        let weights = Weights::new(rows.len());
        let parts: Vec<Part> = series.into_iter().chain([rows.to_vec()]).map(|sums| weights.part(sums)).collect();
        let row = |one: &Part| parts.iter().map(|other| dot(&one.sums, &other.spread)).collect();
        let products = parts.iter().map(row).collect();
        Self { parts, products, weights }
    }

    /// Returns the same with other sums of some series.
    pub(crate) fn with(&self, replaced: &[(usize, Vec<f64>)]) -> Self {
        let mut new = self.clone();
        for (index, sums) in replaced {
            new.parts[*index] = self.weights.part(sums.clone());
        }
        for (index, _) in replaced {
            for other in 0..new.parts.len() {
                let product = dot(&new.parts[*index].sums, &new.parts[other].spread);
                (new.products[*index][other], new.products[other][*index]) = (product, product);
            }
        }
        new
    }

    /// Returns the sums of a series by window.
    pub(crate) fn sums(&self, series: usize) -> &[f64] {
        &self.parts[series].sums
    }

    /// Returns the sum of a series over all windows but the one that is left out.
    pub(crate) fn total(&self, series: usize, left_out: Option<usize>) -> f64 {
        let part = &self.parts[series];
        part.total - left_out.map_or(0.0, |window| part.sums[window])
    }

    /// Returns the contrast of the sums of one series, less those of another one, without the window that is left out.
    pub(crate) fn contrast(&self, series: usize, less: Option<usize>, left_out: Option<usize>) -> Contrast {
        let Weights { cosines, .. } = &self.weights;
        let degrees = cosine_terms(self.parts[series].sums.len());
        let rows = self.parts.len() - 1;
        let total = self.total(rows, left_out);
        if total <= 0.0 {
            return Contrast { mean: 0.0, standard_error: 0.0, bootstrap_error: 0.0, degrees };
        }
        let difference = self.total(series, left_out) - less.map_or(0.0, |less| self.total(less, left_out));
        let mean = difference / total;
        // The residuals are a weighted sum of these series.
        let mut terms = vec![(series, 1.0), (rows, -mean)];
        terms.extend(less.map(|less| (less, -1.0)));
        let sum =
            |value: &dyn Fn(usize) -> f64| terms.iter().map(|(index, weight)| weight * value(*index)).sum::<f64>();
        let product = sum(&|one| sum(&|other| self.products[one][other]));
        let at = |window: usize| (window, sum(&|index| self.parts[index].sums[window]));
        let gone = left_out.map(at);
        let bootstrap = gone.map_or(product, |(window, gone)| {
            product + gone * (gone - 2.0 * sum(&|index| self.parts[index].spread[window]))
        });
        let wave = |(j, cosine): (usize, &Vec<f64>)| {
            let gone = gone.map_or(0.0, |(window, gone)| gone * cosine[window]);
            (sum(&|index| self.parts[index].waves[j]) - gone).powi(2)
        };
        let waves: f64 = cosines.iter().enumerate().map(wave).sum();
        // Rounding can leave a variance of zero slightly below it.
        let bootstrap_error = bootstrap.max(0.0).sqrt() / total;
        let standard_error = ((2.0 / f64::from(degrees) * waves).sqrt() / total).max(bootstrap_error);
        Contrast { mean, standard_error, bootstrap_error, degrees }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns sums that differ from window to window, with a slow and a fast part.
    fn series(seed: f64, windows: usize) -> Vec<f64> {
        let value = |at: usize| (at as f64 / 5.0 + seed).sin() + (at as f64 * 7.0 * seed).sin() + 0.3 * seed;
        (0..windows).map(value).collect()
    }

    fn assert_same(found: Contrast, expected: Contrast) {
        assert_eq!(found.degrees, expected.degrees);
        let pairs = [
            (found.mean, expected.mean),
            (found.bootstrap_error, expected.bootstrap_error),
            (found.standard_error, expected.standard_error),
        ];
        assert!(pairs.iter().all(|(found, expected)| (found - expected).abs() < 1e-9), "{found:?} {expected:?}");
    }

    fn difference(one: &[f64], other: &[f64]) -> Vec<f64> {
        one.iter().zip(other).map(|(one, other)| one - other).collect()
    }

    #[test]
    fn a_window_that_is_left_out_counts_as_one_without_rows() {
        for windows in [12, 23, 70] {
            let [one, other] = [1.0, 2.3].map(|seed| series(seed, windows));
            let rows: Vec<f64> = (0..windows).map(|at| 10.0 + (at % 4) as f64).collect();
            let prepared = Jackknife::new(vec![one.clone(), other.clone()], &rows);
            for window in 0..windows {
                let without = |sums: &[f64]| {
                    let mut sums = sums.to_vec();
                    sums[window] = 0.0;
                    sums
                };
                let rows = without(&rows);
                assert_same(prepared.contrast(0, None, Some(window)), Contrast::new(&without(&one), &rows));
                let apart = without(&difference(&one, &other));
                assert_same(prepared.contrast(0, Some(1), Some(window)), Contrast::new(&apart, &rows));
            }
            assert_same(prepared.contrast(0, Some(1), None), Contrast::new(&difference(&one, &other), &rows));
        }
    }

    #[test]
    fn a_series_can_be_replaced() {
        let [one, other, new] = [1.0, 2.3, 0.4].map(|seed| series(seed, 30));
        let rows = vec![10.0; 30];
        let prepared = Jackknife::new(vec![one.clone(), other], &rows).with(&[(1, new.clone())]);
        assert_eq!(prepared.sums(1), new);
        assert_same(prepared.contrast(0, Some(1), None), Contrast::new(&difference(&one, &new), &rows));
        assert_same(prepared.contrast(0, None, None), Contrast::new(&one, &rows));
        let twice = prepared.contrast(1, Some(1), Some(3));
        assert_eq!((twice.mean, twice.bootstrap_error < 1e-7), (0.0, true), "a series does not differ from itself");
    }
}
