//! The test whether a policy that never refits is good enough: nothing in the windows judged asked for retraining.

use std::collections::BTreeSet;

use crate::bounds::{Bounds, Yardstick};
use crate::policy::Refit;
use crate::trial::{Series, Trial};
use windrow_record::Scheme;

/// The facts that the advice says about a policy that never refits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FitOnce {
    /// The newest window of the first model.
    pub model: u32,
    /// The name of that window, as in `window 14 (week of 2013-04-01)`.
    pub label: String,
    /// The alarms that did not ring on the windows judged. They are worth watching.
    pub watch: Vec<Refit>,
}

/// Returns the number of windows within which one change may have stayed away by luck: a third of the `judged` windows.
///
/// By the rule of three, if none of W windows had a change, the upper 95% limit of the probability of a change in a window
/// is 3 / W, since (1 - 3 / W)^W is about e^-3 = 0.05. So changes may be as frequent as one in W / 3 windows.
pub(crate) fn rarest_change(judged: u32) -> u32 {
    judged / 3
}

/// Returns `true` if a policy that never refits is good enough, given that its own bound is.
///
/// - The bound of another first model is also at least `keep`.
/// - So are the bounds of both on the last half of the windows: `holds_in_the_last_half`.
/// - A least-squares line through the excess loss of each against the age of the model stays within the tolerance, carried
///   on for as many windows again.
pub(crate) fn is_good_enough(
    trial: &Trial,
    yardstick: Yardstick,
    bounds: &Bounds<'_>,
    series: &Series,
    keep: f64,
    holds_in_the_last_half: impl FnOnce(Scheme) -> bool,
) -> bool {
    let history = series.policy.history;
    let Some(other) = trial.other_first_fit(history).filter(|other| bounds.of(other) >= keep) else { return false };
    let stays =
        [series, other].into_iter().all(|one| end_of_line(trial, yardstick, one) <= (1.0 - keep) * yardstick.gain.mean);
    stays && holds_in_the_last_half(history)
}

/// Returns the histories with which the bounds of both first models are at least `keep` on the last half of the windows.
pub(crate) fn good_enough_in_the_last_half(trial: &Trial, keep: f64) -> BTreeSet<Scheme> {
    let half = trial.part(|index| index >= trial.len() / 2);
    let Some(yardstick) = Yardstick::new(&half).filter(|yardstick| yardstick.has_gain) else { return BTreeSet::new() };
    let bounds = Bounds::new(&half, yardstick, &half.candidates());
    let first_fits = half.series.iter().filter(|series| series.policy.refit == Refit::Never);
    let both = first_fits.filter_map(|own| Some((own, half.other_first_fit(own.policy.history)?)));
    let good = both.filter(|(own, other)| bounds.of(own) >= keep && bounds.of(other) >= keep);
    good.map(|(own, _)| own.policy.history).collect()
}

/// Returns the largest excess loss per row, compared with the best schedule, on the line of least squares from the last
/// window judged to as many windows after it. Windows are weighted by their rows.
fn end_of_line(trial: &Trial, yardstick: Yardstick, series: &Series) -> f64 {
    let excess = yardstick.excess(trial, series);
    let rows: f64 = trial.rows.iter().sum();
    let last = trial.windows.last().copied().map_or(0.0, f64::from);
    // The age of a first model rises with the window, so the slope is the same.
    let windows = || trial.windows.iter().map(|window| f64::from(*window));
    let mean_window = windows().zip(&trial.rows).map(|(window, rows)| window * rows).sum::<f64>() / rows;
    let mean_excess = excess.iter().sum::<f64>() / rows;
    let apart = || windows().map(|window| window - mean_window);
    let covariance = apart().zip(&excess).map(|(apart, excess)| apart * excess).sum::<f64>();
    let variance = apart().zip(&trial.rows).map(|(apart, rows)| apart * apart * rows).sum::<f64>();
    let slope = if variance > 0.0 { covariance / variance } else { 0.0 };
    let at = |window: f64| mean_excess + slope * (window - mean_window);
    at(last).max(at(last + trial.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::tests::trials;

    /// Returns a trial of 40 windows of 100 rows. The schedule loses 0.4 per row, and fit once `once(window)` more.
    fn trial(once: impl Fn(u32) -> f64) -> Trial {
        let windows: Vec<u32> = (17..=56).collect();
        let series = |refit, losses: Vec<f64>| Series {
            fits: vec![0.25; 40],
            ..trials::series(Policy { history: Scheme::Cumulative, refit }, losses, 10.0)
        };
        let never = windows.iter().map(|window| 100.0 * (0.4 + once(*window))).collect();
        Trial {
            rows: vec![100.0; 40],
            delay: 0,
            oldest: 1,
            share_loss: vec![50.0; 40],
            series: vec![series(Refit::Every(4), vec![40.0; 40]), series(Refit::Never, never)],
            conditions: crate::trial::Conditions::default(),
            windows,
        }
    }

    #[test]
    fn a_line_is_carried_on_for_as_many_windows_again() {
        let line = |once: fn(u32) -> f64| {
            let trial = trial(once);
            end_of_line(&trial, Yardstick::new(&trial).expect("a schedule"), &trial.series[1])
        };
        // The line rises from 0.001 at window 17 by 0.0001 in each window: window 96 is 79 windows later.
        let rising = line(|window| 0.001 + 0.0001 * f64::from(window - 17));
        assert!((rising - 0.0089).abs() < 1e-9, "{rising}");
        // A falling line is highest at the last window judged, which is window 56.
        let falling = line(|window| 0.005 - 0.0001 * f64::from(window - 17));
        assert!((falling - 0.0011).abs() < 1e-9, "{falling}");
        assert!((line(|_| 0.002) - 0.002).abs() < 1e-9);
    }

    #[test]
    fn changes_may_have_stayed_away_by_luck() {
        assert_eq!([36, 44, 60].map(rarest_change), [12, 14, 20]);
        // If there is one change in 12 windows on average, 36 windows without any have a probability of 4.4%.
        let luck = (1.0_f64 - 1.0 / 12.0).powi(36);
        assert!((0.04..0.05).contains(&luck), "{luck}");
    }
}
