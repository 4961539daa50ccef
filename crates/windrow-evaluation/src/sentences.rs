//! The sentences of the advice. Each has at most 22 words and two figures; an interval counts with its figure.

use crate::advice::{Advice, Named, Status};
use crate::policy::{Policy, Refit, length};
use crate::policy_finding::{PolicyFinding, Verdict};
use crate::ranking::FEWEST_WINDOWS;
use windrow_record::Scheme;
use windrow_record::display::{counted, percent};

/// Returns the sentences: first the answer, then its basis.
pub(super) fn sentences(advice: &Advice, label: &dyn Fn(u32) -> String) -> Vec<String> {
    let mut sentences = Vec::new();
    let judged = advice.basis.judged.as_ref().map_or(0, |judged| judged.windows);
    match (&advice.recommendation.named, advice.basis.first_advice) {
        (_, Some(first)) => {
            sentences.push(format!(
                "Too few windows to tell: {judged} of the {FEWEST_WINDOWS} that are needed have been judged."
            ));
            sentences.push(format!("Advice comes after window {first}."));
        }
        (Some(named), None) => answer(advice, named, label, &mut sentences),
        (None, None) => nothing(advice, &mut sentences),
    }
    sentences.extend(advice.subject.note.clone());
    sentences
}

fn answer(advice: &Advice, named: &Named, label: &dyn Fn(u32) -> String, sentences: &mut Vec<String>) {
    let keep = percent(advice.basis.keep, 0);
    let is_any_shown = advice.comparison.planned.iter().any(|found| found.verdict == Verdict::GoodEnough);
    if named.provisional && is_any_shown {
        sentences.push(format!("{}.", instruction(advice, named.policy)));
        sentences.push(format!("It was shown to keep {keep} of the best one's gain; now that cannot be told."));
    } else if named.provisional {
        sentences.push(format!("No policy is shown to keep {keep} of the best one's gain yet."));
        sentences.push(format!("{}, provisionally.", instruction(advice, named.policy)));
    } else {
        sentences.push(format!("{}.", instruction(advice, named.policy)));
    }
    if let Some(found) = advice.comparison.finding(named.policy)
        && let Some(best) = advice.comparison.best()
    {
        let share = share(found);
        sentences.push(if best.policy == found.policy {
            format!("Of all policies tried it lost least; {}.", gain(advice))
        } else {
            format!("That keeps {share} of what {} gains.", of_best(best.policy))
        });
    }
    history(advice, named, sentences);
    change(advice, named, sentences);
    if advice.recommendation.changes.len() > 1 {
        sentences.push(format!("This is the advice since {}.", label(named.since)));
    }
}

fn nothing(advice: &Advice, sentences: &mut Vec<String>) {
    sentences.push("There is nothing to schedule: no model is shown to beat the share of positives so far.".to_owned());
    let interval = advice.basis.judged.as_ref().and_then(|judged| judged.gain_interval);
    if let Some(interval) = interval {
        sentences.push(format!("A gain of more than {:.4} a row would have been seen.", interval.high.max(0.0)));
    }
    if advice.recommendation.status == Status::Partly {
        sentences.push("More windows may tell.".to_owned());
    }
}

/// Returns an instruction, as in `Refit every 2nd window (28 days), on the last 4 windows`.
fn instruction(advice: &Advice, policy: Policy) -> String {
    let every = match policy.refit {
        Refit::Every(every) => every,
        _ => 1,
    };
    let days = advice.subject.days.map(|days| days * f64::from(every)).filter(|days| *days >= 1.0);
    let days = days.map_or_else(String::new, |days| format!(" ({})", counted(days.round() as u64, "day", "days")));
    format!("Refit {} window{days}, on {}", Refit::Every(every), on(policy.history))
}

/// Returns a history in words, as in `the last 4 windows`.
pub(super) fn on(history: Scheme) -> String {
    match length(history) {
        None => "all history".to_owned(),
        Some(1) => "the last window".to_owned(),
        Some(length) => format!("the last {length} windows"),
    }
}

fn of_best(policy: Policy) -> String {
    match policy.refit {
        Refit::Every(_) => format!("refitting {} window on {}", policy.refit, on(policy.history)),
        _ => "the best policy".to_owned(),
    }
}

/// Returns a clause on the share that refitting every window on all history keeps.
pub(super) fn more_history(all: &PolicyFinding) -> String {
    let share = share(all);
    match all.verdict {
        Verdict::Worse => format!("More history hurts: all of it keeps {share}"),
        Verdict::GoodEnough => format!("More history does no harm: all of it keeps {share}"),
        _ => format!("Whether more history hurts cannot be told: all of it keeps {share}"),
    }
}

/// Adds sentences on the effect of more and of less history, if the data show one.
fn history(advice: &Advice, named: &Named, sentences: &mut Vec<String>) {
    let chosen = length(named.policy.history);
    let all = Policy { history: Scheme::Cumulative, refit: Refit::Every(1) };
    if let Some(all) = advice.comparison.finding(all).filter(|_| chosen.is_some()) {
        sentences.push(format!("{}.", more_history(all)));
    }
    let limited = advice.comparison.every_window().filter_map(|found| Some((found.policy.length()?, found)));
    let shortest = limited.min_by_key(|(length, _)| *length);
    if let Some((short, found)) = shortest.filter(|(short, _)| chosen.is_none_or(|chosen| *short < chosen))
        && found.verdict == Verdict::Worse
    {
        let on = if short == 1 { "the last window alone".to_owned() } else { format!("the last {short} windows") };
        sentences.push(format!("Less history hurts: {on} keeps {}.", share(found)));
    }
}

fn change(advice: &Advice, named: &Named, sentences: &mut Vec<String>) {
    let Some(found) = &advice.over_time.world_change else { return };
    sentences.push(format!("The world changed around {}: do not reach behind it.", found.label));
    let rare = advice.comparison.planned.iter().filter(|found| found.policy.history == named.policy.history);
    let rare = rare.filter_map(|found| match found.policy.refit {
        Refit::Every(every @ 2..=8) => Some((every, found.compared.lost_at_break?)),
        _ => None,
    });
    let rare = rare.max_by_key(|(every, _)| *every);
    sentences.push(rare.filter(|(_, lost)| *lost > 0.0).map_or_else(
        || "One break gives no rate.".to_owned(),
        |(every, lost)| {
            format!("One break gives no rate; those who refit {} lost {lost:.2} a row behind it.", Refit::Every(every))
        },
    ));
    if let Some(calm) = &found.calm {
        let told = if calm.provisional { "does best so far" } else { "is good enough" };
        let policy = of_best(calm.policy);
        sentences.push(format!("If no other break comes, {policy} {told} (judged behind that break alone)."));
    }
}

fn gain(advice: &Advice) -> String {
    advice.basis.judged.as_ref().map_or_else(String::new, |judged| {
        format!("it gains {:.4} a row over the share of positives so far", judged.gain)
    })
}

/// Returns the share with its interval, as in `98% (92 to 104)`.
pub(super) fn share(found: &PolicyFinding) -> String {
    match (found.kept.share, found.kept.interval) {
        (None, _) => "an unknown share".to_owned(),
        (_, Some(_)) => found.kept.with_interval(),
        (_, None) => format!("{} (too few windows for an interval)", found.kept.percent()),
    }
}
