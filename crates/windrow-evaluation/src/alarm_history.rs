//! The history of the alarms: whether a policy on alarm is good enough without any one of them.

use std::collections::BTreeSet;

use crate::bounds::Yardstick;
use crate::trial::{Series, Trial};

/// Returns `true` if a policy that refits on an alarm is good enough without any one alarm, given that its own bound is.
///
/// The stretch of an alarm is the windows from its refit to the next one of the same run. It is left out, the best
/// schedule is found again on the windows that remain, and the bound is computed with the same critical value. One lucky
/// refit is then no reason to name a policy.
pub(crate) fn is_good_enough(trial: &Trial, critical: f64, series: &Series, keep: f64) -> bool {
    stretches(trial, series).into_iter().all(|(from, until)| {
        let part = trial.part(|index| !(from..until).contains(&trial.windows[index]));
        let Some(yardstick) = Yardstick::new(&part).filter(|yardstick| yardstick.has_gain) else { return false };
        let left = part.series.iter().find(|one| one.policy == series.policy);
        left.is_some_and(|left| yardstick.bound(yardstick.to_best(&part, left), critical) >= keep)
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
