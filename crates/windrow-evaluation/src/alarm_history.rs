//! The history of the alarms: whether a policy on alarm is good enough without any one of them.

use std::collections::BTreeSet;

use crate::contrast::Contrast;
use crate::trial::{MIN_WINDOWS, Series, Trial};

/// Returns `true` if a policy that refits on an alarm is good enough without any one alarm, given that its own bound is.
///
/// The stretch of an alarm is the windows from its refit to the next one of the same run. It is left out, the best
/// schedule is found again on the windows that remain, and the bound is computed with the same critical value. One lucky
/// refit is then no reason to name a policy.
pub(crate) fn is_good_enough(trial: &Trial, critical: f64, series: &Series, keep: f64) -> bool {
    let yardsticks: Vec<&Series> =
        trial.series.iter().filter(|series| trial.is_yardstick(series) && trial.has_enough_data(series)).collect();
    stretches(trial, series).into_iter().all(|(from, until)| {
        let is_left = |index: &usize| !(from..until).contains(&trial.windows[*index]);
        let left: Vec<usize> = (0..trial.len()).filter(is_left).collect();
        let total = |series: &Series| left.iter().map(|index| series.log_loss[*index]).sum::<f64>();
        let best = yardsticks.iter().min_by(|a, b| total(a).total_cmp(&total(b)));
        let Some(best) = best.filter(|_| left.len() >= MIN_WINDOWS) else { return false };
        let rows: Vec<f64> = left.iter().map(|index| trial.rows[*index]).collect();
        let less = |one: &[f64], other: &[f64]| {
            let differences: Vec<f64> = left.iter().map(|index| one[*index] - other[*index]).collect();
            Contrast::new(&differences, &rows)
        };
        let gain = less(&trial.share_loss, &best.log_loss);
        let to_best = less(&series.log_loss, &best.log_loss);
        gain.lower_bound() > 0.0 && 1.0 - (to_best.mean + critical * to_best.standard_error) / gain.mean >= keep
    })
}

/// Returns the stretches of all runs: the window in which a refitted model is first used, and the one in which the next
/// one is.
fn stretches(trial: &Trial, series: &Series) -> BTreeSet<(u32, u32)> {
    let of_policy = trial.conditions.alarm_runs.iter().filter(|runs| runs.policy == series.policy);
    let runs = of_policy.flat_map(|runs| &runs.refitted);
    let stretches = runs.flat_map(|refitted| {
        let next = refitted.iter().skip(1).copied().chain([u32::MAX]);
        refitted.iter().copied().zip(next)
    });
    stretches.collect()
}
