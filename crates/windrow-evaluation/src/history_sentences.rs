//! The sentences on the history that a model learns from: the effect of more and of less of it, and a change of the
//! data after which older rows may mislead. Each has at most 25 words and two figures; an interval counts with its
//! figure.

use crate::advice::{Advice, NamedPolicy};
use crate::kept_share::{keeps, more_history};
use crate::phrases::{activity_on_history, history_phrase};
use crate::policy::{Policy, Refit, length};
use crate::policy_finding::PolicyVerdict;
use windrow_record::Scheme;

/// Adds sentences on the effect of more and of less history, if the data show one.
pub(super) fn history(advice: &Advice, named: &NamedPolicy, of: &str, sentences: &mut Vec<String>) {
    let unit = advice.subject.window_unit;
    let chosen = length(named.policy.history);
    let all = Policy { history: Scheme::Cumulative, refit: Refit::Every(1) };
    // If all history is best, the last sentences say so.
    let all = advice.comparison.finding(all).filter(|all| chosen.is_some() && !advice.comparison.is_best(all));
    if let Some(all) = all {
        sentences.push(format!("{}.", more_history(all, of)));
    }
    let limited = advice.comparison.every_window().filter_map(|found| Some((found.policy.length()?, found)));
    let shortest = limited.min_by_key(|(length, _)| *length);
    if let Some((_, found)) = shortest.filter(|(short, _)| chosen.is_none_or(|chosen| *short < chosen))
        && found.verdict == PolicyVerdict::Worse
    {
        let on = history_phrase(found.policy.history, unit);
        sentences.push(format!("Less history hurts: refitting on {on} {}.", keeps(found, of)));
    }
}

/// Adds sentences on the break, if one was found.
pub(super) fn change(advice: &Advice, named: &NamedPolicy, sentences: &mut Vec<String>) {
    let Some(found) = &advice.over_time.world_change else { return };
    let unit = advice.subject.window_unit;
    // The newest model of a history of `length` windows has learned from windows after `windows - length`.
    let reaches_back = length(named.policy.history).is_none_or(|length| advice.subject.windows < found.window + length);
    let consequence = if reaches_back {
        "Older rows may mislead a model, but this history still includes them"
    } else {
        "Do not train on rows from before it"
    };
    sentences.push(format!("The data changed around {}. {consequence}.", found.label));
    let rare = advice.comparison.planned.iter().filter(|found| found.policy.history == named.policy.history);
    let rare = rare.filter_map(|found| match found.policy.refit {
        Refit::Every(every @ 2..=8) => Some((every, found.compared.lost_at_break?)),
        _ => None,
    });
    let rare = rare.max_by_key(|(every, _)| *every).filter(|(_, lost)| *lost > 0.0);
    let lost = rare.map_or_else(String::new, |(every, lost)| {
        let every = Refit::Every(every).name(unit);
        format!(" After this one, refitting {every} cost {lost:.2} log-loss per row.")
    });
    sentences.push(format!("One change does not show how often changes happen.{lost}"));
    if let Some(calm) = &found.calm {
        let verdict = if calm.provisional { "does best so far" } else { "is good enough" };
        let policy = activity_on_history(calm.policy, unit);
        let judged = format!("judged only on {} after this change", unit.many());
        sentences.push(format!("If no other change comes, {policy} {verdict} ({judged})."));
    }
}
