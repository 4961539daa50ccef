//! Follows the advice over time: the policy that it names after each window, with the data known then.

use crate::candidates::{Observed, trial_of_all_kinds};
use crate::evidence::Evidence;
use crate::order::{held_place, place};
use crate::policy::{Policy, Refit};
use crate::policy_finding::PolicyVerdict;
use crate::ranking::{NamedSeries, Ranking};
use crate::trial::{MIN_WINDOWS, Trial, judged_histories};
use windrow_record::Scheme;

/// The policy that is named after a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolicyAtWindow {
    /// The number of the window.
    pub window: u32,
    /// The policy that is named.
    pub policy: Policy,
    /// `true` if the policy is not shown good enough at this window.
    pub provisional: bool,
    /// `true` if the policy takes office. By log-loss, it must be shown good enough. By cost, the one with the lowest total
    /// is in office, until it is shown that another one saves more: each fit of another rule costs, too.
    pub(crate) takes_office: bool,
    /// `true` if the policy was shown good enough at some window since it was named.
    pub(crate) was_shown: bool,
}

impl PolicyAtWindow {
    /// Returns the policy named after a window by log-loss. It takes office if it is shown good enough.
    pub(crate) fn by_loss(window: u32, policy: Policy, provisional: bool) -> Self {
        let is_shown = !provisional;
        Self { window, policy, provisional, takes_office: is_shown, was_shown: is_shown }
    }
}

/// Judges policies of all kinds on the data known after window `last`. Returns `None` if there are too few windows.
///
/// `wanted` limits the histories, `delay` is the label delay in windows, and `keep` is the share of the best gain that
/// is good enough.
pub fn judge(
    evidence: &Evidence,
    last: u32,
    wanted: Option<&[Scheme]>,
    delay: u32,
    keep: f64,
    observed: Observed<'_>,
) -> Option<(Trial, Ranking)> {
    let trial = trial_of_all_kinds(evidence, last, &judged_histories(last, wanted, delay), delay, observed);
    let ranking = (trial.len() >= MIN_WINDOWS).then(|| Ranking::new(&trial, keep))??;
    Some((trial, ranking))
}

/// Returns the policy to name after window `last`, given the one named before. Returns `None` if the best policy's gain
/// is not shown to be positive.
///
/// The policy named before stays until one of these holds:
///
/// - Its difference from the best policy excludes zero, or its observed share is below the share to keep.
/// - Another policy is shown good enough, and it comes before in the order of the fits, or the policy named before was never shown good enough.
/// - It never refits, and it may not be named any more: a break was found, or every alarm to watch
///   has rung.
/// - It refits on an alarm, and too few of its refits are in the windows judged.
/// - It refits on an alarm, it is not shown good enough, and another policy is.
/// - It is not among the policies of the trial.
///
/// The advice therefore does not change with differences that the data cannot show.
pub fn named(trial: &Trial, ranking: &Ranking, last: u32, before: Option<PolicyAtWindow>) -> Option<PolicyAtWindow> {
    let NamedSeries { index, provisional } = ranking.named.filter(|_| ranking.has_gain)?;
    let policy = trial.series[index].policy;
    let new = PolicyAtWindow::by_loss(last, policy, provisional);
    let Some(old) = before else { return Some(new) };
    let Some(held) = trial.series.iter().position(|series| series.is_of(old.policy)) else { return Some(new) };
    let verdict = ranking.ranked[held].verdict;
    let is_shown = verdict == PolicyVerdict::GoodEnough;
    let is_cheaper =
        place(&trial.series[index], trial.len()) < held_place(old.policy, &trial.series[held], trial.len());
    let keeps_enough = ranking.ranked[held].kept.share.is_some_and(|share| share >= ranking.keep);
    // An alarm that rang too few times on the windows judged cannot be judged any more.
    let is_untested = verdict == PolicyVerdict::TooFew && !old.policy.is_schedule();
    // The conditions of a policy on alarm are strict: one lucky alarm does not justify keeping it.
    let is_on_alarm = matches!(old.policy.refit, Refit::PsiAlarm | Refit::LossAlarm);
    let is_replaced = is_on_alarm && !is_shown && !provisional;
    let is_given_up = matches!(verdict, PolicyVerdict::Worse | PolicyVerdict::Reference)
        || is_untested
        || is_replaced
        || !keeps_enough;
    let changes = is_given_up || (!provisional && (is_cheaper || !old.was_shown));
    let (policy, was_shown) = (old.policy, old.was_shown || is_shown);
    let stays = PolicyAtWindow { was_shown, ..PolicyAtWindow::by_loss(last, policy, !is_shown) };
    Some(if changes { new } else { stays })
}
