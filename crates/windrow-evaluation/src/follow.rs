//! Following the advice: what it would have said at each past window from what was known then, and what that had brought.

use crate::evidence::Evidence;
use crate::policy::{Policy, Refit};
use crate::policy_finding::Verdict;
use crate::ranking::{FEWEST_WINDOWS, Ranking};
use crate::trial::{Series, Trial, cost, histories};
use windrow_record::Scheme;

/// What is named behind a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// The window.
    pub window: u32,
    /// The policy named.
    pub policy: Policy,
    /// Whether it is not shown good enough at this window.
    pub provisional: bool,
    /// Whether it was at some window since it is named.
    pub(crate) was_shown: bool,
}

/// The policies as they stand behind window `last`, from what is known then; `None` with too few windows.
pub fn judge(
    evidence: &Evidence,
    last: u32,
    wanted: Option<&[Scheme]>,
    delay: u32,
    keep: f64,
) -> Option<(Trial, Ranking)> {
    let trial = Trial::new(evidence, last, &histories(last, wanted), delay);
    let ranking = (trial.len() >= FEWEST_WINDOWS).then(|| Ranking::new(&trial, keep))??;
    Some((trial, ranking))
}

/// What is named behind window `last`, given what was named before.
///
/// A policy that was shown good enough, or named for want of one that is, stays until its difference from the best excludes
/// zero or its observed share is below what is to be kept, or until one is shown good enough that costs less, or that comes in
/// place of one that never was. So the advice does not swing with what cannot be told.
pub fn named(trial: &Trial, ranking: &Ranking, last: u32, before: Option<Followed>) -> Option<Followed> {
    let (place, provisional) = ranking.named.filter(|_| ranking.gains)?;
    let new = Followed { window: last, policy: trial.series[place].policy, provisional, was_shown: !provisional };
    let Some(old) = before else { return Some(new) };
    let Some(held) = trial.series.iter().position(|series| series.is_of(old.policy)) else { return Some(new) };
    let verdict = ranking.ranked[held].verdict;
    let is_shown = verdict == Verdict::GoodEnough;
    let is_cheaper = cost(new.policy) < cost(trial.series[held].policy);
    let keeps_enough = ranking.ranked[held].kept.share.is_some_and(|share| share >= ranking.keep);
    let is_given_up = verdict == Verdict::Worse || !keeps_enough;
    let changes = is_given_up || (!provisional && (is_cheaper || !old.was_shown));
    let stays =
        Followed { window: last, policy: old.policy, provisional: !is_shown, was_shown: old.was_shown || is_shown };
    Some(if changes { new } else { stays })
}

/// The losses of following the advice on the windows of a trial from the first advice on: one run and no mean of phases.
/// `said` is what was named behind each window, ascending. A window's advice is followed from the labels that were known.
pub(super) fn series(trial: &Trial, evidence: &Evidence, said: &[Followed]) -> Option<Series> {
    let policy = Policy { history: Scheme::Cumulative, refit: Refit::Advice };
    let mut current: Option<(Scheme, u32)> = None;
    trial.stateful(evidence, policy, |window| {
        let known = trial.known(window);
        let advised = said.iter().rev().find(|said| said.window <= known).map(|said| said.policy);
        let (history, every) = match advised {
            Some(Policy { history, refit: Refit::Every(every) }) => (history, every),
            _ => (Scheme::Cumulative, 1),
        };
        let next = match current {
            Some((held, model)) if held == history && known.saturating_sub(model) < every => (held, model),
            _ => (history, known),
        };
        current = Some(next);
        next
    })
}
