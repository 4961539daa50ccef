//! The order of the policies by the fits that they need: of those that are good enough, the first one is named.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::policy::{Policy, Refit};
use crate::trial::Series;

/// The confidence level of the limit of an alarm's fits.
const CONFIDENCE_LEVEL: f64 = 0.95;

/// The place of a policy in the order: the fits per window, in billionths; the kind of the policy; the windows that each
/// fit learns from; the policy itself.
pub(crate) type Place = (u64, u8, u32, Policy);

/// Returns the place of a policy that was judged on `windows` windows.
///
/// Fewer fits come first. At equal fits, the order is: fit once, recalibrate, on alarm, schedule. Then fewer rows come
/// first.
///
/// The fits of an alarm are luck, while those of a schedule are certain. An alarm therefore counts with the
/// [`poisson_limit`] of its fits: it comes before a schedule only if this limit is below the fits of the schedule.
pub(crate) fn place(series: &Series, windows: usize) -> Place {
    with_alarm_fits(series.policy, windows, poisson_limit(series.refits))
}

/// Returns the place of a policy that is in office, which has the losses of `series`. An alarm counts with the fits that it
/// had, so that a limit that moves a little does not end its office.
pub(crate) fn held_place(policy: Policy, series: &Series, windows: usize) -> Place {
    with_alarm_fits(policy, windows, series.refits)
}

/// Returns the place of a policy. An alarm counts with `alarm_fits`.
fn with_alarm_fits(policy: Policy, windows: usize, alarm_fits: f64) -> Place {
    let (fits, kind) = match policy.refit {
        Refit::Never => (0.0, 0),
        Refit::Recalibrated => (0.0, 1),
        Refit::PsiAlarm | Refit::LossAlarm | Refit::WhenItPays | Refit::Advice | Refit::Served => {
            (alarm_fits / windows.max(1) as f64, 2)
        }
        Refit::Every(_) => (policy.fits().unwrap_or_default(), 3),
    };
    // An integer can be ordered.
    ((fits * 1e9) as u64, kind, policy.length().unwrap_or(u32::MAX), policy)
}

/// Returns the upper 95% limit of the mean of a Poisson distribution, if `count` events were observed: half the 95%
/// quantile of chi-squared with 2 (count + 1) degrees of freedom (Garwood 1936). The count may be a mean over runs.
pub(crate) fn poisson_limit(count: f64) -> f64 {
    // The constructor only fails if the degrees are not positive.
    ChiSquared::new(2.0 * (count + 1.0)).map_or(f64::INFINITY, |chi| chi.inverse_cdf(CONFIDENCE_LEVEL) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_record::Scheme;

    fn series(refit: Refit, refits: f64) -> Series {
        let [log_loss, squared_error, false_alarms, misses, fits] = [const { Vec::new() }; 5];
        let policy = Policy { history: Scheme::Cumulative, refit };
        Series {
            policy,
            same: Vec::new(),
            log_loss,
            squared_error,
            false_alarms,
            misses,
            fits,
            refits,
            runs: Vec::new(),
        }
    }

    #[test]
    fn the_limit_is_that_of_garwood() {
        // The upper limits of Garwood's table for 0, 4 and 10 events.
        for (count, limit) in [(0.0, 2.995_732), (4.0, 9.153_519), (10.0, 16.962_219)] {
            assert!((poisson_limit(count) - limit).abs() < 1e-4, "{count}: {}", poisson_limit(count));
        }
        assert!(poisson_limit(4.5) > poisson_limit(4.25));
    }

    #[test]
    fn fewer_fits_come_first_and_then_the_simpler_kind() {
        let of = |refit, refits| place(&series(refit, refits), 40);
        let ascending = [
            of(Refit::Never, 0.0),
            of(Refit::Recalibrated, 0.0),
            of(Refit::Every(8), 5.0),
            // Four refits in 40 windows may be 9.2 by luck: more than refitting every 8th window, less than every 4th.
            of(Refit::PsiAlarm, 4.0),
            of(Refit::Every(4), 10.0),
            // Seven refits may be 13.1 by luck.
            of(Refit::LossAlarm, 7.0),
            of(Refit::Every(2), 20.0),
        ];
        assert!(ascending.is_sorted(), "{ascending:?}");
        let short = Series {
            policy: Policy { history: Scheme::Window, ..series(Refit::Never, 0.0).policy },
            ..series(Refit::Never, 0.0)
        };
        assert!(place(&short, 40) < of(Refit::Never, 0.0), "fewer rows come first");
        assert!(place(&short, 40) < of(Refit::Recalibrated, 0.0));
    }
}
