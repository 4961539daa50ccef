//! The sentences of the advice. Each has at most 25 words and two figures; an interval counts with its figure.

use crate::advice::{Advice, NamedPolicy, Status};
use crate::cost_sentences::{cost_sentences, threshold_sentence};
use crate::kept_share::{BASELINE, keeps};
use crate::label_delay::condition;
use crate::phrases::{activity, activity_on_history, history_phrase, instruction, kind};
use crate::policy::{Policy, Refit};
use crate::policy_finding::PolicyVerdict;
use crate::trial::MIN_WINDOWS;
use crate::{caveats, history_sentences, kind_sentences};
use windrow_record::display::{counted, percent};

/// The number of labelled rows in a window that advice should have. With fewer, a sentence says what that means.
pub const WANTED_ROWS: u64 = 1000;

/// Returns the sentences: first the answer, then its basis. The last one is the condition under which the answer holds.
pub(super) fn sentences(advice: &Advice, label: &dyn Fn(u32) -> String) -> Vec<String> {
    let mut sentences = Vec::new();
    let judged = advice.basis.judged.as_ref().map_or(0, |judged| judged.windows);
    match (&advice.recommendation.named, advice.basis.first_advice) {
        (_, Some(first)) => {
            let needed = format!("schedules can be compared on {judged}, and {MIN_WINDOWS} are needed");
            sentences.push(format!("Too few windows for advice: {needed}."));
            sentences.push(format!("Advice needs {first} windows."));
        }
        (Some(named), None) => answer(advice, named, label, &mut sentences),
        (None, None) => no_recommendation(advice, &mut sentences),
    }
    sentences.extend(advice.comparison.cost.as_ref().and_then(|cost| threshold_sentence(cost, advice.subject.origin)));
    sentences.extend(advice.subject.note.clone());
    if advice.basis.first_advice.is_none() {
        sentences.push(condition(&advice.basis, advice.subject.window_unit));
    }
    sentences
}

fn answer(advice: &Advice, named: &NamedPolicy, label: &dyn Fn(u32) -> String, sentences: &mut Vec<String>) {
    let unit = advice.subject.window_unit;
    let cost = advice.comparison.cost.as_ref();
    let is_schedule = named.policy.is_schedule();
    let mut compared = advice.comparison.planned.iter().chain(&advice.comparison.further);
    let is_any_shown =
        compared.any(|found| found.policy.refit != Refit::Advice && found.verdict == PolicyVerdict::GoodEnough);
    if named.provisional && !is_any_shown && cost.is_none() {
        sentences.push("The data do not show that any schedule is good enough.".to_owned());
    }
    if is_schedule {
        let verb = if named.provisional { "For now, refit" } else { "Refit" };
        sentences.push(format!("{verb} {}.", instruction(advice, named.policy)));
    } else {
        sentences.extend(kind_sentences::answer(advice, named));
    }
    let found = advice.comparison.finding(named.policy);
    let best = advice.comparison.best().map(|best| best.policy);
    let is_best = found.is_some_and(|found| best == Some(found.policy));
    if let Some(cost) = cost {
        sentences.extend(cost_sentences(
            cost,
            named.provisional,
            advice.basis.keep,
            unit,
            &activity_on_history(cost.cheapest, unit),
        ));
    } else if is_best {
        sentences.extend(improvement(advice));
    } else if let Some(found) = found.filter(|_| !is_schedule) {
        let of_best = format!(" of the best schedule's improvement over {BASELINE} so far");
        sentences.extend(kind_sentences::share(advice, named, &keeps(found, &of_best)));
    } else if let Some(found) = found {
        let of_best = format!(" of the improvement that the best schedule gives over {BASELINE} so far");
        sentences.push(format!("That {}.", keeps(found, &of_best)));
    }
    sentences.extend(kind_sentences::meaning(advice, named));
    sentences.extend(without_refits(advice, named.policy));
    sentences.extend(caveats::influence(advice));
    if !named.against_each {
        sentences.extend(few_rows(advice));
    }
    if !named.provisional && !named.against_each {
        sentences.push("Compared with each other schedule on its own, this is not shown for all of them.".to_owned());
    }
    // The sentence on the improvement does not say `keeps`, so the ones that do say of what.
    let of_it = match cost {
        Some(_) => " of the log-loss improvement",
        None if is_best => " of this improvement",
        None => "",
    };
    if named.provisional && cost.is_none() {
        let keep = percent(advice.basis.keep, 0);
        let kind = kind(named.policy);
        sentences.push(format!("A {kind} is good enough if the data show that it keeps at least {keep}{of_it}."));
    }
    if named.provisional && is_any_shown && cost.is_none() {
        let kind = kind(named.policy);
        sentences.push(format!("The data showed this for this {kind} earlier, but do not show it now."));
    }
    // A model that is fitted only once does not forget, so the histories of refits say nothing about it.
    if !matches!(named.policy.refit, Refit::Never | Refit::Recalibrated) {
        history_sentences::history(advice, named, of_it, sentences);
    }
    history_sentences::change(advice, named, sentences);
    let is_said = |best: Policy| advice.comparison.schedule.is_some_and(|schedule| schedule.policy == best);
    if let Some(best) = best.filter(|best| !is_best && !is_said(*best)) {
        let on = history_phrase(best.history, unit);
        let which = if cost.is_some() { "The schedule of the lowest log-loss" } else { "The best schedule" };
        sentences.push(format!("{which} refits {}, on {on}.", best.refit.name(unit)));
    }
    if advice.recommendation.changes.len() > 1 {
        sentences.push(format!("This has been the advice since {}.", label(named.since)));
    }
    sentences.extend(caveats::steadiness(advice));
}

fn no_recommendation(advice: &Advice, sentences: &mut Vec<String>) {
    sentences.push(format!(
        "There is nothing to schedule: the data do not show that any model is better than {BASELINE} so far."
    ));
    let interval = advice.basis.judged.as_ref().and_then(|judged| judged.gain_interval);
    if let Some(interval) = interval {
        let most = interval.high.max(0.0);
        sentences.push(format!("With 95% confidence, the improvement is at most {most:.4} log-loss per row."));
    }
    sentences.extend(caveats::influence(advice));
    if advice.recommendation.status == Status::Partly {
        sentences.extend(few_rows(advice));
        sentences.push("More windows may show an improvement.".to_owned());
    }
}

/// Returns a sentence on the improvement that the best policy gives.
fn improvement(advice: &Advice) -> Option<String> {
    let gain = advice.basis.judged.as_ref()?.gain;
    Some(format!(
        "Of all schedules that can be compared, this one improves most on {BASELINE} so far: by {gain:.4} log-loss per row."
    ))
}

/// Returns a sentence on the wrong answers of fit once, compared with those of the named policy.
fn without_refits(advice: &Advice, named: Policy) -> Option<String> {
    let once = advice.comparison.without_refits(named)?;
    let more = once.wrong_answers.in_words()?;
    match named.refit {
        // A recalibrated model is never refitted either.
        Refit::Recalibrated => None,
        Refit::Every(_) => Some(format!("Never refitting gives {more} than this schedule.")),
        refit => {
            let activity = activity(refit, advice.subject.window_unit);
            Some(format!("Never refitting gives {more} than {activity}."))
        }
    }
}

/// Returns a sentence on windows with few rows.
fn few_rows(advice: &Advice) -> Option<String> {
    let judged = advice.basis.judged.as_ref()?;
    let rows = judged.rows / u64::from(judged.windows.max(1));
    let sentence = || {
        let rows = counted(rows, "labelled row", "labelled rows");
        format!("A window has about {rows}, so the data can show only large differences.")
    };
    (rows < WANTED_ROWS).then(sentence)
}

#[cfg(test)]
mod tests;
