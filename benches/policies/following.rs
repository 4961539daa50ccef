//! Following the advice, at each cost of a refit.

use rayon::prelude::*;
use windrow_evaluation::{
    AdvisedFit, AlarmData, CostRanking, Evidence, InService, Observed, PolicyAtWindow, Ranking, Refit, Trial,
    advised_fits, judge, named,
};
use windrow_record::Scheme;

use crate::losses::{Losses, Span};

/// The cost of a false alarm, and of a miss.
const ERROR_COST: f64 = 1.0;

/// The models that following the advice has in service.
pub(crate) struct Followed {
    /// The history that the advice names on the first third, without costs.
    pub(crate) history: Scheme,
    /// The model in service, by cost and window judged: its history and its newest window.
    pub(crate) models: Vec<Vec<(Scheme, u32)>>,
    /// The number of models that the advice compares and that end in the windows judged.
    pub(crate) shadow_fits: usize,
}

/// The comparison of the policies after one window, if there are enough windows.
type Judged = (u32, Option<(Trial, Ranking)>);

/// The facts that the advice has besides the losses. The drift alarm and recalibration do not take part: a policy can only choose
/// which stored model is in use, and the losses do not hold the features.
const OBSERVED: Observed<'static> =
    Observed { alarms: &[Refit::LossAlarm], has_drifted: &|_, _| false, recalibrated: &|_| None };

/// Follows the advice as `windrow run` does for the alias `advised`. Before a policy is in office, a model of all
/// history is fitted every window. Each of these fits counts.
pub(crate) fn follow(losses: &Losses, span: &Span, costs: &[f64]) -> Followed {
    let (evidence, keep) = (&losses.evidence, losses.keep);
    let judged: Vec<Judged> = (1..=span.last)
        .into_par_iter()
        .map(|window| (window, judge(evidence, window, None, span.delay, keep, OBSERVED)))
        .collect();
    let models = costs.par_iter().map(|cost| {
        let names = names(&judged, |trial, ranking, window, before| {
            let refit_costs = [ERROR_COST, ERROR_COST, *cost];
            match CostRanking::new(evidence, trial, refit_costs, keep) {
                Some(costs) => costs.named(ranking, window, before),
                None => named(trial, ranking, window, before),
            }
        });
        in_service(evidence, span, &names)
    });
    Followed {
        history: history(&judged[..span.third as usize]),
        models: models.collect(),
        shadow_fits: losses.compared(span.third),
    }
}

/// Returns the policies that are named after each window.
fn names(
    judged: &[Judged],
    name: impl Fn(&Trial, &Ranking, u32, Option<PolicyAtWindow>) -> Option<PolicyAtWindow>,
) -> Vec<PolicyAtWindow> {
    let mut names: Vec<PolicyAtWindow> = Vec::new();
    for (window, found) in judged {
        let before = names.last().copied();
        let policy = found.as_ref().and_then(|(trial, ranking)| name(trial, ranking, *window, before));
        names.extend(policy);
    }
    names
}

/// Returns the history of the policy that is named last. If none is named, returns that of the best policy.
fn history(judged: &[Judged]) -> Scheme {
    let names = names(judged, named);
    let best = || {
        let (trial, ranking) = judged.last()?.1.as_ref()?;
        Some(trial.series.get(ranking.best)?.policy.history)
    };
    names.last().map(|named| named.policy.history).or_else(best).unwrap_or(Scheme::Cumulative)
}

/// Returns the model in service at each window judged.
fn in_service(evidence: &Evidence, span: &Span, names: &[PolicyAtWindow]) -> Vec<(Scheme, u32)> {
    let data = AlarmData { evidence, delay: span.delay, has_drifted: OBSERVED.has_drifted };
    let advised = advised_fits(names, span.known(span.last), data);
    let models = (span.first..=span.last).map(|window| {
        let has_model = |fit: AdvisedFit| evidence.losses(fit.policy.history, fit.window, fit.window + 1).is_some();
        match advised.in_service(span.known(window), has_model) {
            InService::Advised(fit) => (fit.policy.history, fit.window),
            InService::Unadvised(newest) => (Scheme::Cumulative, newest),
        }
    });
    models.collect()
}
