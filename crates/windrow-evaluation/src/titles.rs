//! The titles of the three pictures of the advice: what each shows, in a sentence.

use crate::advice::{Advice, AgeFinding, PolicyFinding, Status, Verdict};
use crate::advise::first_judged;
use crate::policy::{Policy, Refit};
use crate::ranking::FEWEST_WINDOWS;
use crate::sentences::{more_history, share};
use windrow_record::Scheme;

/// The titles of the pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Titles {
    /// How often to refit.
    pub(crate) how_often: String,
    /// On how much history.
    pub(crate) how_much: String,
    /// What was saved from window to window.
    pub(crate) over_time: String,
}

/// What the pictures say.
#[must_use]
pub(crate) fn titles(advice: &Advice) -> Titles {
    Titles { how_often: how_often(advice), how_much: how_much(advice), over_time: over_time(advice) }
}

/// What the picture of models by age says; `None` where no ages have been compared.
#[must_use]
pub(crate) fn age_title(advice: &Advice) -> Option<String> {
    let told = |found: &&AgeFinding| found.interval.is_some_and(|interval| interval.low > 0.0);
    let oldest = advice.ages.last()?;
    Some(match advice.ages.iter().find(told) {
        Some(first) => format!("From {} windows of age on, a model is worse than a new one", first.age),
        None => format!("Whether a model is worse at {} windows of age cannot be told", oldest.age),
    })
}

/// What is waited for before there is anything to compare, and before there is advice.
#[must_use]
pub fn awaited(histories: Option<&[Scheme]>, delay: u32) -> String {
    let (first, advice) = (first_judged(histories, delay, 1), first_judged(histories, delay, FEWEST_WINDOWS));
    format!("First comparison after window {first}; advice after window {advice}.")
}

/// The finding of a policy, where one with the same losses stands for it too.
#[must_use]
pub fn finding(advice: &Advice, policy: Policy) -> Option<&PolicyFinding> {
    advice.policies.iter().find(|found| found.policy == policy || found.same.contains(&policy))
}

/// The policy that the pictures are about: the named one, else the best.
#[must_use]
pub(crate) fn subject(advice: &Advice) -> Option<Policy> {
    advice.named.as_ref().map(|named| named.policy).or_else(|| advice.best().map(|best| best.policy))
}

fn how_often(advice: &Advice) -> String {
    let Some(policy) = subject(advice).filter(|_| advice.status != Status::TooFew) else {
        return "How often? Too few windows to tell".to_owned();
    };
    let Some(found) = finding(advice, policy).filter(|_| matches!(policy.refit, Refit::Every(_))) else {
        return "How often? Cannot be told".to_owned();
    };
    let every = format!("{} window", policy.refit);
    match (found.verdict, advice.best() == Some(found)) {
        (Verdict::GoodEnough, false) => format!("Refitting {every} keeps {}", share(found)),
        (_, true) => {
            let rarer = |found: &&PolicyFinding| {
                found.policy.history == policy.history
                    && matches!(found.policy.refit, Refit::Every(_))
                    && found.policy != policy
            };
            let is_shown = advice.policies.iter().filter(rarer).any(|found| found.verdict == Verdict::GoodEnough);
            let rest = if is_shown { "" } else { "; that a rarer refit is enough is not shown" };
            format!("Refitting {every} lost least{rest}")
        }
        _ => format!("Refitting {every} is not shown to be enough: cannot tell"),
    }
}

fn how_much(advice: &Advice) -> String {
    let of = |history: Scheme| finding(advice, Policy { history, refit: Refit::Every(1) });
    let every_window = advice.policies.iter().filter(|found| found.policy.refit == Refit::Every(1));
    let best = every_window.min_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    let (Some(best), Some(all)) = (best.filter(|_| advice.status != Status::TooFew), of(Scheme::Cumulative)) else {
        return "How much history? Too few windows to tell".to_owned();
    };
    if best == all { "The more history, the better".to_owned() } else { more_history(all) }
}

fn over_time(advice: &Advice) -> String {
    let Some(course) = advice.course.as_ref().filter(|course| !course.windows.is_empty()) else {
        return "Does it hold over time? Nothing to compare yet".to_owned();
    };
    if advice.status == Status::TooFew {
        return "Does it hold over time? Too few windows to tell".to_owned();
    }
    let Some(saved) = course.saved.first() else {
        return "Does it hold over time? There is nothing to compare".to_owned();
    };
    let steps = saved.sums.iter().scan(0.0, |before, sum| Some(sum - std::mem::replace(before, *sum)));
    let ahead = steps.filter(|step| *step > 0.0).count();
    let beside = if saved.beside.refit == Refit::Never { "never refitting" } else { "all history" };
    format!("Ahead of {beside} in {ahead} of {} windows", course.windows.len())
}
