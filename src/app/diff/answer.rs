//! The differences in the advice: what is recommended, on which conditions, and what was found about each policy.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::app::diff::pair::Pair;
use crate::app::diff::sides::Side;
use crate::app::error::Result;
use windrow_config::Costs;
use windrow_evaluation::{Action, Advice, Policy, PolicyVerdict, Status, WindowUnit};
use windrow_registry::EvidenceStore;

/// The advice of one directory, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Answer {
    /// The first sentence of the advice.
    pub(crate) sentence: Option<String>,
    /// The named policy; `None` if none is named.
    pub(crate) named: Option<String>,
    /// `true` if a policy is named that is not shown good enough.
    pub(crate) is_provisional: bool,
    /// The share of the best policy's gain that the named policy keeps.
    pub(crate) kept: Option<f64>,
    /// The lower bound on this share.
    pub(crate) at_least: Option<f64>,
    /// The grade of the evidence.
    pub(crate) grade: Status,
    /// The action after the newest window.
    pub(crate) action: Action,
    /// The share that is good enough.
    pub(crate) keep: f64,
    /// The label delay, in windows.
    pub(crate) label_delay: u32,
    /// The label delay in words, as in `30 days`, if it was given as a time.
    pub(crate) label_delay_text: Option<String>,
    /// The costs that decide, if any.
    pub(crate) cost: Option<Costs>,
    /// The first and the last window judged.
    pub(crate) judged: Option<(u32, u32)>,
}

/// The findings of both on one policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PolicyInBoth {
    /// The name of the policy.
    pub(crate) policy: String,
    /// The verdict; `None` if the policy was not judged.
    pub(crate) verdict: Pair<Option<PolicyVerdict>>,
    /// The share of the best policy's gain that it keeps.
    pub(crate) kept: Pair<Option<f64>>,
    /// The lower bound on this share.
    pub(crate) at_least: Pair<Option<f64>>,
}

/// The differences in the advice.
#[derive(Debug, Default, Serialize)]
pub(crate) struct AnswerDiff {
    /// The advice of each directory; `None` if there is none yet.
    pub(crate) answers: Pair<Option<Answer>>,
    /// `true` if all findings and sentences are the same.
    pub(crate) is_same: bool,
    /// The policies that either of them names, with the findings of both.
    pub(crate) named: Vec<PolicyInBoth>,
    /// The policies that both judged, with another verdict.
    pub(crate) other_verdict: Vec<PolicyInBoth>,
    /// The policies that only one of them judged.
    pub(crate) only: Pair<Vec<String>>,
}

impl AnswerDiff {
    /// Returns `true` if anything differs.
    pub(super) fn differs(&self) -> bool {
        !self.is_same
    }
}

/// Compares the advice of two directories.
pub(super) fn compare(sides: &Pair<Side>) -> Result<AnswerDiff> {
    let advice = sides.try_map(|side| EvidenceStore::new(&side.workdir).advice())?;
    Ok(differences(&advice))
}

fn differences(advice: &Pair<Option<Advice>>) -> AnswerDiff {
    let answers = advice.map(|advice| advice.as_ref().map(short));
    let Some((a, b)) = advice.both() else {
        return AnswerDiff { answers, is_same: !advice.map(Option::is_some).differs(), ..AnswerDiff::default() };
    };
    let units = (a.subject.window_unit, b.subject.window_unit);
    let unit = if units.0 == units.1 { units.0 } else { WindowUnit::Window };
    let in_both = |policy: Policy| {
        let found = Pair { a: a.comparison.finding(policy), b: b.comparison.finding(policy) };
        PolicyInBoth {
            policy: policy.name(unit),
            verdict: found.map(|found| found.map(|found| found.verdict)),
            kept: found.map(|found| found.and_then(|found| found.kept.share)),
            at_least: found.map(|found| found.and_then(|found| found.kept.at_least)),
        }
    };
    let policies = (policies(a), policies(b));
    let names = |of: &BTreeSet<Policy>, without: &BTreeSet<Policy>| {
        of.difference(without).map(|policy| policy.name(unit)).collect::<Vec<_>>()
    };
    let named: BTreeSet<Policy> = a.named().into_iter().chain(b.named()).collect();
    let judged_by_both = policies.0.intersection(&policies.1).map(|policy| in_both(*policy));
    AnswerDiff {
        answers,
        is_same: is_same(a, b),
        named: named.into_iter().map(in_both).collect(),
        other_verdict: judged_by_both.filter(|policy| policy.verdict.differs()).collect(),
        only: Pair { a: names(&policies.0, &policies.1), b: names(&policies.1, &policies.0) },
    }
}

/// Returns `true` if two pieces of advice are the same. The subject has only what pipeline and windows have too.
fn is_same(a: &Advice, b: &Advice) -> bool {
    a.basis == b.basis
        && a.recommendation == b.recommendation
        && a.comparison == b.comparison
        && a.over_time == b.over_time
}

/// Returns all policies that were judged, with those that have the same losses.
fn policies(advice: &Advice) -> BTreeSet<Policy> {
    let found = advice.comparison.planned.iter().chain(&advice.comparison.further);
    found.flat_map(|found| found.same.iter().copied().chain([found.policy])).collect()
}

fn short(advice: &Advice) -> Answer {
    let Advice { basis, recommendation, comparison, subject, .. } = advice;
    let kept = advice.named().and_then(|named| comparison.finding(named)).map(|found| found.kept);
    let cost = comparison.cost.as_ref();
    Answer {
        sentence: recommendation.sentences.first().cloned(),
        named: advice.named().map(|named| named.name(subject.window_unit)),
        is_provisional: recommendation.named.as_ref().is_some_and(|named| named.provisional),
        kept: kept.and_then(|kept| kept.share),
        at_least: kept.and_then(|kept| kept.at_least),
        grade: recommendation.status,
        action: recommendation.action,
        keep: basis.keep,
        label_delay: basis.label_delay,
        label_delay_text: basis.label_delay_text.clone(),
        cost: cost.map(|cost| Costs { false_alarm: cost.false_alarm, miss: cost.miss, refit: cost.refit }),
        judged: basis.judged.as_ref().map(|judged| (judged.first, judged.last)),
    }
}
