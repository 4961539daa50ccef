//! The titles of the pictures of the advice. Each title states the finding as a sentence.

use crate::advice::{Advice, AgeFinding, Status};
use crate::advise::{first_advice, first_judged};
use crate::kept_share::{BASELINE, keeps, more_history};
use crate::phrases::{activity, activity_on_history, capitalised, time_of};
use crate::policy::{Policy, Refit};
use crate::policy_finding::PolicyVerdict;
use windrow_record::Scheme;

/// Returns the titles of the three pictures: how often, on how much history, and over time.
pub(crate) fn titles(advice: &Advice) -> [String; 3] {
    [how_often(advice), how_much(advice), over_time(advice)]
}

/// Returns the title of the picture of models by age, or `None` if no ages have been compared.
pub(crate) fn age_title(advice: &Advice) -> Option<String> {
    let is_worse = |found: &&AgeFinding| found.interval.is_some_and(|interval| interval.low > 0.0);
    let oldest = advice.over_time.ages.last()?;
    let age = |age: u32| {
        let time = time_of(advice, age).map_or_else(String::new, |time| format!(" ({time})"));
        format!("{age} {}{time}", advice.subject.window_unit.many())
    };
    Some(match advice.over_time.ages.iter().find(is_worse) {
        Some(first) => format!("From an age of {}, a model is worse than a new one", age(first.age)),
        None => format!("The data do not show yet that a model is worse after {}", age(oldest.age)),
    })
}

/// Returns the text with the windows after which there can be a comparison and advice. `delay` is the label delay in
/// windows.
pub fn first_advice_sentence(histories: Option<&[Scheme]>, delay: u32) -> String {
    let (first, advice) = (first_judged(histories, delay, 1), first_advice(histories, delay));
    format!("Schedules can be compared after window {first}. Advice needs {advice} windows.")
}

/// Returns the policy that the pictures are about: the named one or, without one, the best.
pub(crate) fn subject(advice: &Advice) -> Option<Policy> {
    advice.named().or_else(|| advice.comparison.best().map(|best| best.policy))
}

fn how_often(advice: &Advice) -> String {
    let Some(policy) = subject(advice).filter(|_| advice.recommendation.status != Status::TooFew) else {
        return "How often? Too few windows yet".to_owned();
    };
    let Some(found) = advice.comparison.finding(policy) else {
        return "How often? The data do not show it yet".to_owned();
    };
    if !policy.is_schedule() {
        let activity = capitalised(&activity(policy.refit, advice.subject.window_unit));
        return format!("{activity} {}", keeps(found, ""));
    }
    let every = policy.refit.name(advice.subject.window_unit);
    if advice.comparison.cost.is_some() {
        // Costs decided, and the picture shows log-losses.
        return format!("By log-loss, refitting {every} {}", keeps(found, ""));
    }
    match (found.verdict, advice.comparison.is_best(found)) {
        (PolicyVerdict::GoodEnough, false) => format!("Refitting {every} {}", keeps(found, "")),
        (_, true) => {
            let others = advice.comparison.planned.iter().filter(|found| found.policy.history == policy.history);
            let mut others = others.filter(|one| matches!(one.policy.refit, Refit::Every(_)) && one.policy != policy);
            let is_shown = others.any(|found| found.verdict == PolicyVerdict::GoodEnough);
            let rest = if is_shown { "" } else { "; the data do not show yet that less often is enough" };
            format!("Refitting {every} did best{rest}")
        }
        _ => format!("The data do not show yet that refitting {every} is enough"),
    }
}

fn how_much(advice: &Advice) -> String {
    let refit = advice.comparison.shortest_period();
    let all = advice.comparison.finding(Policy { history: Scheme::Cumulative, refit });
    // The policies are sorted by log-loss.
    let best = advice.comparison.most_frequent().next();
    match (best.filter(|_| advice.recommendation.status != Status::TooFew), all) {
        (None, _) => "How much history? Too few windows yet".to_owned(),
        (Some(best), Some(all)) if best == all => "Refitting on all history did best".to_owned(),
        (Some(_), Some(all)) => more_history(all, ""),
        // A table may lack fits on all history.
        (Some(best), None) => {
            let activity = activity_on_history(best.policy, advice.subject.window_unit);
            format!("{} did best", capitalised(&activity))
        }
    }
}

/// Returns the title of the picture of the loss by window. Returns `None` without such losses.
pub(crate) fn loss_title(advice: &Advice) -> Option<String> {
    let (windows, many) = (&advice.over_time.losses, advice.subject.window_unit.many());
    let rises = windows.iter().filter(|at| at.rose).count();
    let of = windows.len();
    (of > 0).then(|| match rises {
        0 => format!("The loss alarm did not ring in {of} {many}"),
        rises => format!("The loss alarm rang in {rises} of {of} {many}"),
    })
}

/// Returns the title of the picture of what was saved compared with the average rate.
pub(crate) fn average_rate_title(advice: &Advice) -> String {
    let (windows, many) = (&advice.over_time.losses, advice.subject.window_unit.many());
    let ahead = windows.iter().filter(|at| at.log_loss < at.share_log_loss).count();
    format!("In {ahead} of {} {many}, better than {BASELINE}", windows.len())
}

fn over_time(advice: &Advice) -> String {
    let Some(course) = advice.over_time.course.as_ref().filter(|course| !course.windows.is_empty()) else {
        return "Does it hold over time? Nothing to compare yet".to_owned();
    };
    if advice.recommendation.status == Status::TooFew {
        return "Does it hold over time? Too few windows yet".to_owned();
    }
    let Some(saved) = course.saved.first() else {
        return "Does it hold over time? There is nothing to compare".to_owned();
    };
    let steps = saved.sums.iter().scan(0.0, |before, sum| Some(sum - std::mem::replace(before, *sum)));
    let ahead = steps.filter(|step| *step > 0.0).count();
    let other = if saved.beside.refit == Refit::Never { "never refitting" } else { "refitting on all history" };
    let many = advice.subject.window_unit.many();
    format!("In {ahead} of {} {many}, better than {other}", course.windows.len())
}
