//! The advice from the losses of a table, as the advisor gives it from those of a pipeline.

use rayon::prelude::*;

use windrow_config::{Costs, WindowDelay};
use windrow_evaluation::{
    Advice, AdviceSettings, CostRanking, Evidence, PolicyAtWindow, Refit, Series, ServedLog, Subject, Trial, advise,
    advise_served, judge, judged_histories, named,
};
use windrow_record::Scheme;

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
        recalibrated: &'s [Series],
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
            // A table has no features.
            has_drifted: &|_, _| false,
            recalibrated,
            named_policies,
        }
    }
}

/// Returns the advice from the losses of fits. `histories` limits the histories that are compared. `recalibrated` returns
/// the series of recalibrated models on the windows of a trial.
pub(crate) fn of_losses(
    evidence: &Evidence,
    histories: Option<&[Scheme]>,
    recalibrated: impl FnOnce(&Trial) -> Vec<Series>,
    question: &Question<'_>,
) -> Advice {
    let (last, delay, keep) = (evidence.last(), question.delay.windows, question.keep);
    let costs = question.costs();
    let judged = |window: u32| {
        let (trial, ranking) = judge(evidence, window, histories, delay, keep)?;
        let costs = costs.and_then(|costs| CostRanking::new(evidence, &trial, costs, keep));
        Some((trial, ranking, costs))
    };
    let judged: Vec<_> = (1..=last).into_par_iter().map(|window| (window, judged(window))).collect();
    let mut named_policies: Vec<PolicyAtWindow> = Vec::new();
    for (window, found) in judged {
        let before = named_policies.last().copied();
        named_policies.extend(found.and_then(|(trial, ranking, costs)| match costs {
            Some(costs) => costs.named(&ranking, window, before),
            None => named(&trial, &ranking, window, before),
        }));
    }
    let trial = Trial::new(evidence, last, &judged_histories(last, histories, delay), delay);
    let recalibrated = recalibrated(&trial);
    let mut advice = advise(evidence, &question.settings(histories, &recalibrated, &named_policies));
    // Without features, no drift alarm ever rings. Its losses would say nothing.
    advice.comparison.further.retain(|found| found.policy.refit != Refit::PsiAlarm);
    advice
}

/// Returns the findings on a log of the models that served.
pub(crate) fn of_log(evidence: &Evidence, log: &ServedLog, question: &Question<'_>) -> Advice {
    advise_served(evidence, log, &question.settings(None, &[], &[]))
}
