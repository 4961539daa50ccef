//! Intervals as if rows were independent: of a share, and of an AUC.

use crate::contrast::Interval;

/// The 97.5% quantile of the normal distribution.
const Z: f64 = 1.959_964;

/// Returns the 95% interval of a share of `rows` rows: Wilson's, which stays between 0 and 1 (Wilson 1927). `None`
/// without rows.
pub(crate) fn share_interval(share: f64, rows: f64) -> Option<Interval> {
    if rows <= 0.0 {
        return None;
    }
    let middle = (share + Z * Z / (2.0 * rows)) / (1.0 + Z * Z / rows);
    let half = Z / (1.0 + Z * Z / rows) * (share * (1.0 - share) / rows + Z * Z / (4.0 * rows * rows)).sqrt();
    Some(Interval { low: middle - half, high: middle + half })
}

/// Returns the 95% interval of an AUC, with the standard error of Hanley and McNeil (1982). `None` without rows of both
/// classes.
pub(crate) fn auc_interval(auc: f64, positives: f64, negatives: f64) -> Option<Interval> {
    if positives < 1.0 || negatives < 1.0 {
        return None;
    }
    let (above, below) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
    let squares = (positives - 1.0) * (above - auc * auc) + (negatives - 1.0) * (below - auc * auc);
    let variance = (auc * (1.0 - auc) + squares) / (positives * negatives);
    let half = Z * variance.max(0.0).sqrt();
    Some(Interval { low: (auc - half).max(0.0), high: (auc + half).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_wilsons_interval() {
        // The interval of 8 of 10, as R's prop.test(correct = FALSE) computes it.
        let Interval { low, high } = share_interval(0.8, 10.0).expect("rows");
        assert!((low - 0.490_162).abs() < 1e-5 && (high - 0.943_318).abs() < 1e-5, "{low} {high}");
        assert!(share_interval(0.0, 5.0).is_some_and(|interval| interval.low.abs() < 1e-12));
        assert_eq!(share_interval(0.5, 0.0), None);
    }

    #[test]
    fn an_auc_has_the_standard_error_of_hanley_and_mcneil() {
        // The example of their paper: an AUC of 0.893 on 51 abnormal and 58 normal images has the standard error 0.0325.
        let Interval { low, high } = auc_interval(0.893, 51.0, 58.0).expect("both classes");
        assert!(((high - low) / 2.0 / Z - 0.0325).abs() < 1e-4, "{low} {high}");
        assert_eq!(auc_interval(1.0, 9.0, 9.0), Some(Interval { low: 1.0, high: 1.0 }));
        assert_eq!((auc_interval(0.7, 0.0, 9.0), auc_interval(0.7, 9.0, 0.0)), (None, None));
    }
}
