//! Conversions between probabilities and log-odds.

use windrow_evaluation::MIN_PROBABILITY;

/// Returns 1 / (1 + exp(-log_odds)), without overflow.
#[inline]
pub(super) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Returns ln(p / (1 - p)). The probability is held at [`MIN_PROBABILITY`] from 0 and 1, so that no loss is infinite.
pub(super) fn log_odds_of(probability: f64) -> f64 {
    let held = probability.clamp(MIN_PROBABILITY, 1.0 - MIN_PROBABILITY);
    held.ln() - (-held).ln_1p()
}

/// Returns the probability whose log-odds are those of another one, times a slope, plus an intercept.
pub fn calibrated(of_fit: f64, (intercept, slope): (f64, f64)) -> f64 {
    probability(intercept + slope * log_odds_of(of_fit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_odds_are_those_of_a_probability_that_is_held() {
        for p in [1e-12, 0.001, 0.25, 0.5, 0.9, 1.0 - 1e-9] {
            assert!((probability(log_odds_of(p)) - p).abs() < 1e-12, "{p}");
        }
        assert_eq!(log_odds_of(0.5), 0.0);
        assert_eq!((log_odds_of(0.0), log_odds_of(1.0)), (log_odds_of(1e-15), log_odds_of(1.0 - 1e-15)));
        assert!((log_odds_of(0.0) + 34.5).abs() < 0.1 && log_odds_of(1.0).is_finite());
        assert!((calibrated(0.2, (0.0, 1.0)) - 0.2).abs() < 1e-15);
        let moved = calibrated(0.2, (0.5, 2.0));
        assert!((log_odds_of(moved) - (0.5 + 2.0 * log_odds_of(0.2))).abs() < 1e-12);
    }
}
