//! The advice from the losses of a table, as the advisor gives it from those of a pipeline.

use rayon::prelude::*;

use windrow_config::{Costs, WindowDelay};
use windrow_evaluation::{
    Advice, AdviceSettings, CostRanking, Evidence, Observed, PolicyAtWindow, RecalibratedModel, Refit, ServedLog,
    Subject, advise, advise_served, judge, named,
};
use windrow_record::Scheme;

/// The number of windows that are judged at once. It bounds the memory.
const WINDOWS_AT_ONCE: usize = 32;

/// The settings of the advice.
pub(crate) struct Question<'a> {
    pub(crate) subject: Subject,
    pub(crate) keep: f64,
    pub(crate) delay: &'a WindowDelay,
    pub(crate) cost: Option<Costs>,
    pub(crate) threshold: f64,
    /// Returns the name of a window.
    pub(crate) label: &'a dyn Fn(u32) -> String,
}

impl Question<'_> {
    fn costs(&self) -> Option<[f64; 3]> {
        self.cost.map(|cost| [cost.false_alarm, cost.miss, cost.refit])
    }

    fn settings<'s>(
        &'s self,
        histories: Option<&'s [Scheme]>,
        observed: Observed<'s>,
        named_policies: &'s [PolicyAtWindow],
    ) -> AdviceSettings<'s> {
        AdviceSettings {
            subject: self.subject.clone(),
            keep: self.keep,
            delay: self.delay.windows,
            delay_text: self.delay.duration.as_deref(),
            histories,
            cost: self.costs(),
            threshold: self.threshold,
            label: self.label,
            observed,
            // The losses of a table do not hold the order of its rows.
            auc: &[],
            named_policies,
        }
    }
}

/// The policies of a table that can be judged besides schedules.
pub(crate) struct Further<'a> {
    /// The alarms that can be judged. A table has no features, so the drift alarm is none of them.
    pub(crate) alarms: &'a [Refit],
    /// Returns the sums of recalibrated models, as in [`Observed::recalibrated`].
    pub(crate) recalibrated: &'a (dyn Fn(RecalibratedModel) -> Option<[f64; 4]> + Sync),
}

impl Further<'_> {
    fn observed(&self) -> Observed<'_> {
        Observed { alarms: self.alarms, has_drifted: &|_, _| false, recalibrated: self.recalibrated }
    }
}

/// Returns the advice from the losses of fits. `histories` limits the histories that are compared.
pub(crate) fn of_losses(
    evidence: &Evidence,
    histories: Option<&[Scheme]>,
    further: &Further<'_>,
    question: &Question<'_>,
) -> Advice {
    let (last, delay, keep) = (evidence.last(), question.delay.windows, question.keep);
    let costs = question.costs();
    let judged = |window: u32| {
        let (trial, ranking) = judge(evidence, window, histories, delay, keep, further.observed())?;
        let costs = costs.and_then(|costs| CostRanking::new(evidence, &trial, costs, keep));
        Some((trial, ranking, costs))
    };
    let mut named_policies: Vec<PolicyAtWindow> = Vec::new();
    let windows: Vec<u32> = (1..=last).collect();
    for some in windows.chunks(WINDOWS_AT_ONCE) {
        let judged: Vec<_> = some.par_iter().map(|window| (*window, judged(*window))).collect();
        for (window, found) in judged {
            let before = named_policies.last().copied();
            named_policies.extend(found.and_then(|(trial, ranking, costs)| match costs {
                Some(costs) => costs.named(&ranking, window, before),
                None => named(&trial, &ranking, window, before),
            }));
        }
    }
    advise(evidence, &question.settings(histories, further.observed(), &named_policies))
}

/// Returns the findings on a log of the models that served.
pub(crate) fn of_log(evidence: &Evidence, log: &ServedLog, question: &Question<'_>) -> Advice {
    let nothing = Further { alarms: &[], recalibrated: &|_| None };
    advise_served(evidence, log, &question.settings(None, nothing.observed(), &[]))
}
