//! Shares with 95% intervals, in words.

use statrs::distribution::{Beta, ContinuousCDF};

/// Returns a share with its exact 95% interval, as in `97.5% (94.3 to 99.2)`, or `-` of nothing.
pub(crate) fn share(count: usize, of: usize) -> String {
    if of == 0 {
        return "-".to_owned();
    }
    with_interval(count as f64 / of as f64, of as f64)
}

/// Returns a share with its 95% interval, given a count and its total in each seed.
///
/// The cases of one seed are alike, so they count as fewer cases. The interval is the exact one for the number of
/// independent cases whose share has the same variance (Korn and Graubard 1998). If the share is the same in all seeds,
/// a seed counts as one case.
pub(crate) fn share_over_seeds(seeds: &[(usize, usize)]) -> String {
    let of: usize = seeds.iter().map(|(_, of)| of).sum();
    if of == 0 {
        return "-".to_owned();
    }
    let share = seeds.iter().map(|(count, _)| count).sum::<usize>() as f64 / of as f64;
    let squares = seeds.iter().map(|(count, of)| (*count as f64 - share * *of as f64).powi(2)).sum::<f64>();
    let with_cases = seeds.iter().filter(|(_, of)| *of > 0).count() as f64;
    let variance = squares * with_cases / (with_cases - 1.0).max(1.0) / (of as f64).powi(2);
    let independent = if variance > 0.0 { share * (1.0 - share) / variance } else { with_cases };
    with_interval(share, independent.clamp(1.0, of as f64))
}

fn with_interval(share: f64, of: f64) -> String {
    let (low, high) = binomial(share * of, of);
    format!("{:.1}% ({:.1} to {:.1})", 100.0 * share, 100.0 * low, 100.0 * high)
}

/// Returns the exact 95% interval of a share (Clopper and Pearson, 1934).
fn binomial(count: f64, of: f64) -> (f64, f64) {
    let quantile = |a: f64, b: f64, p: f64| Beta::new(a, b).map_or(0.0, |beta| beta.inverse_cdf(p));
    let low = if count == 0.0 { 0.0 } else { quantile(count, of - count + 1.0, 0.025) };
    let high = if count >= of { 1.0 } else { quantile(count + 1.0, of - count, 0.975) };
    (low, high)
}
