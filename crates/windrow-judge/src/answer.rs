//! The advice from the losses of a table, as the advisor gives it from those of a pipeline.

use windrow_config::{Costs, WindowDelay};
use windrow_evaluation::{
    Advice, AdviceSettings, Evidence, NamingSettings, Observed, PolicyAtWindow, RecalibratedModel, Refit, ServedLog,
    Subject, advise, advise_served, name_policies,
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

    fn naming<'s>(&self, histories: Option<&'s [Scheme]>, observed: Observed<'s>) -> NamingSettings<'s> {
        NamingSettings { histories, delay: self.delay.windows, keep: self.keep, cost: self.costs(), observed }
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
    let mut named_policies = Vec::new();
    let naming = question.naming(histories, further.observed());
    name_policies(evidence, 1..=evidence.last(), naming, &mut named_policies);
    advise(evidence, &question.settings(histories, further.observed(), &named_policies))
}

/// Returns the findings on a log of the models that served.
pub(crate) fn of_log(evidence: &Evidence, log: &ServedLog, question: &Question<'_>) -> Advice {
    let nothing = Further { alarms: &[], recalibrated: &|_| None };
    advise_served(evidence, log, &question.settings(None, nothing.observed(), &[]))
}
