//! The sentences on a named policy that is not a schedule: fit once, recalibrate, refit on an alarm. Each has at most 25
//! words and two figures; an interval counts with its figure.

use crate::advice::{Advice, NamedPolicy};
use crate::fit_once::{FitOnce, rarest_change};
use crate::phrases::{activity, alarm, capitalised, command, instruction};
use crate::policy::Refit;
use crate::policy_finding::PolicyFinding;
use windrow_record::display::{counted, percent};

/// Returns the answer: what to do, and then the schedule for those who can only schedule. The share of a policy that
/// never refits is in its first sentence.
pub(super) fn answer(advice: &Advice, named: &NamedPolicy) -> Vec<String> {
    let first = nothing_asked(advice, named).unwrap_or_else(|| {
        let command = command(advice, named.policy);
        if named.provisional { format!("For now, {command}.") } else { format!("{}.", capitalised(&command)) }
    });
    let schedule = advice.comparison.schedule.map(|schedule| {
        let for_now = if schedule.provisional { "for now, " } else { "" };
        format!("If you can only schedule, {for_now}refit {}.", instruction(advice, schedule.policy))
    });
    std::iter::once(first).chain(schedule).collect()
}

/// Returns the sentence on the share of a policy. `keeps` is a clause on it, as in `keeps 98% (at least 96%) of ...`.
pub(super) fn share(advice: &Advice, named: &NamedPolicy, keeps: &str) -> Option<String> {
    let is_said = nothing_asked(advice, named).is_some();
    let activity = capitalised(&activity(named.policy.refit, advice.subject.window_unit));
    (!is_said).then(|| format!("{activity} {keeps}."))
}

/// Returns the sentences on what the policy means: what to watch, what is recalibrated, when the alarm rang or a refit
/// paid.
pub(super) fn meaning(advice: &Advice, named: &NamedPolicy) -> Vec<String> {
    let past = || advice.comparison.finding(named.policy).and_then(history);
    match named.policy.refit {
        Refit::Never => fit_once(advice),
        Refit::Recalibrated => vec![
            "To recalibrate is to fit only the intercept and the slope of the predictions again, on the newest labels."
                .to_owned(),
        ],
        Refit::PsiAlarm | Refit::LossAlarm => past().into_iter().collect(),
        Refit::WhenItPays => {
            let pays = "It pays once the errors of the model in use have cost as much more than those of newer models \
                        as a refit costs.";
            std::iter::once(pays.to_owned()).chain(past()).collect()
        }
        Refit::Every(_) | Refit::Advice | Refit::Served => Vec::new(),
    }
}

/// Returns the first sentence on a policy that never refits and is shown good enough. By costs, the share of the log-loss
/// is not what was shown.
fn nothing_asked(advice: &Advice, named: &NamedPolicy) -> Option<String> {
    let once =
        advice.comparison.fit_once.as_ref().filter(|_| !named.provisional && advice.comparison.cost.is_none())?;
    let kept = advice.comparison.finding(named.policy)?.kept;
    let judged = advice.basis.judged.as_ref()?.windows;
    let many = advice.subject.window_unit.many();
    let at_least = kept.at_least.map_or_else(String::new, |bound| format!(" (at least {})", percent(bound, 0)));
    Some(format!(
        "Nothing in these {judged} {many} asked for retraining: the first model ({}) kept {}{at_least}.",
        dated(once),
        kept.percent()
    ))
}

/// Returns the sentences on the changes that may have stayed away, and on the alarm to watch.
fn fit_once(advice: &Advice) -> Vec<String> {
    let (Some(once), Some(judged)) = (&advice.comparison.fit_once, &advice.basis.judged) else { return Vec::new() };
    let many = advice.subject.window_unit.many();
    let rarest = rarest_change(judged.windows);
    let luck = format!("Changes as frequent as one in {rarest} {many} could have stayed away by luck.");
    let watch = match once.watch.as_slice() {
        [] => None,
        [one] => Some(format!("Keep watching {}, and retrain when it rings.", alarm(*one))),
        [one, other, ..] => {
            Some(format!("Keep watching {} and {}, and retrain when one rings.", alarm(*one), alarm(*other)))
        }
    };
    std::iter::once(luck).chain(watch).collect()
}

/// Returns the date of the first model, as in `week of 2013-04-01`; its window if there is no date.
fn dated(once: &FitOnce) -> &str {
    let date = once.label.split_once('(').and_then(|(_, date)| date.strip_suffix(')'));
    date.unwrap_or(&once.label)
}

/// Returns a sentence on when an alarm rang, or after which windows a refit paid; `None` if there was none.
fn history(found: &PolicyFinding) -> Option<String> {
    let newest = found.rang.last()?;
    let times = counted(found.rang.len() as u64, "time", "times");
    let last = if found.rang.len() > 1 { "the last time " } else { "" };
    Some(match found.policy.refit {
        Refit::WhenItPays => format!("This policy refitted {times}, {last}after {}.", newest.label),
        refit => format!("{} rang {times}, {last}in {}.", capitalised(alarm(refit)), newest.label),
    })
}
