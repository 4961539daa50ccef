//! The trial of all kinds of policies: fit once, recalibrate, refit on an alarm or when it pays, and schedules.

use std::collections::BTreeSet;

use crate::alarm::{AlarmData, on_alarm};
use crate::breaks::find_break;
use crate::conditions::MIN_FIT_ONCE_WINDOWS;
use crate::evidence::Evidence;
use crate::losses::{Costs, STARTS};
use crate::policy::{Policy, Refit};
use crate::recalibrated::{RecalibratedModel, recalibrated_on};
use crate::trial::{Series, Trial};
use windrow_record::Scheme;

/// The facts and costs besides the losses of models. The answers must not change when further windows arrive.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds closures")]
pub struct Observed<'a> {
    /// The alarms that can be judged, of [`Observed::ALARMS`].
    pub alarms: &'a [Refit],
    /// Returns `true` if the features of the second window have drifted since the first.
    pub has_drifted: &'a (dyn Fn(u32, u32) -> bool + Sync),
    /// Returns the sums of a model that is recalibrated instead of refitted: log-loss, squared error, false alarms and
    /// misses.
    pub recalibrated: &'a (dyn Fn(RecalibratedModel) -> Option<[f64; 4]> + Sync),
    /// The costs of a false alarm, a miss and a fit. If they are given, they decide which policy is named.
    pub cost: Option<Costs>,
}

impl Observed<'_> {
    /// All alarms: on drift of the features, and on rising losses.
    pub const ALARMS: [Refit; 2] = [Refit::PsiAlarm, Refit::LossAlarm];

    /// Returns the data of the alarms. Labels are `delay` windows late.
    pub fn alarm_data<'a>(&'a self, evidence: &'a Evidence, delay: u32) -> AlarmData<'a> {
        AlarmData { evidence, delay, has_drifted: self.has_drifted, cost: self.cost }
    }
}

/// Returns the trial of all kinds of policies on the windows up to `last`, which uses only what was known then.
pub(crate) fn trial_of_all_kinds(
    evidence: &Evidence,
    last: u32,
    histories: &[Scheme],
    delay: u32,
    observed: Observed<'_>,
) -> Trial {
    let mut trial = Trial::new(evidence, last, histories, delay);
    let Some(first) = trial.windows.first().copied() else { return trial };
    let model = trial.known(first);
    let data = observed.alarm_data(evidence, delay);
    for history in histories.iter().copied() {
        let recalibrated = trial.recalibrated(history, |window| {
            let on = recalibrated_on(evidence, model, trial.known(window));
            (observed.recalibrated)(RecalibratedModel { history, model, on, window })
        });
        trial.series.extend(recalibrated);
        for refit in observed.alarms.iter().copied() {
            let found = on_alarm(&trial, data, Policy { history, refit });
            let Some((series, runs)) = found else { continue };
            trial.series.push(series);
            trial.conditions.alarm_runs.push(runs);
        }
    }
    if let Some(cost) = observed.cost {
        trial = trial.when_it_pays(evidence, cost);
    }
    if trial.len() >= MIN_FIT_ONCE_WINDOWS {
        trial.conditions.has_break = find_break(evidence, last).is_some();
        let others = histories.iter().filter_map(|history| other_first_fit(&trial, evidence, *history, first));
        trial.conditions.other_first_fits = others.collect();
    }
    trial
}

impl Trial {
    /// Returns the trial with the policies that refit when it pays: one for each history.
    #[must_use]
    pub fn when_it_pays(mut self, evidence: &Evidence, cost: Costs) -> Self {
        let data = AlarmData { evidence, delay: self.delay, has_drifted: &|_, _| false, cost: Some(cost) };
        let histories: BTreeSet<Scheme> = self.series.iter().map(|series| series.policy.history).collect();
        // The policy may ask for a fit at any window.
        for history in histories.into_iter().filter(|history| evidence.step(*history) == 1) {
            let found = on_alarm(&self, data, Policy { history, refit: Refit::WhenItPays });
            let Some((series, runs)) = found else { continue };
            self.series.push(series);
            self.conditions.alarm_runs.push(runs);
        }
        self
    }
}

/// Returns the losses of never refitting the oldest of the models with which an alarm starts, if it is not the one that
/// the policy `never` has. The losses of these models are kept for all windows.
fn other_first_fit(trial: &Trial, evidence: &Evidence, history: Scheme, first: u32) -> Option<Series> {
    let known = trial.known(first);
    let of = |model: u32| evidence.newest(history, model, trial.oldest, first).map(|(model, _)| model);
    let usual = of(known)?;
    let model = (1..STARTS).rev().filter_map(|age| of(known.checked_sub(age)?)).find(|model| *model != usual)?;
    trial.stateful(evidence, Policy { history, refit: Refit::Never }, None, |_| (history, model))
}
