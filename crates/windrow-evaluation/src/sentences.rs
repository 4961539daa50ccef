//! The sentences of the advice. Each has at most 25 words and two figures; an interval counts with its figure.

use crate::advice::{Advice, NamedPolicy, Status};
use crate::caveats;
use crate::cost_sentences::{cost_sentences, threshold_sentence};
use crate::kind_sentences;
use crate::label_delay::condition;
use crate::phrases::{activity, activity_on_history, history_phrase, instruction, kind};
use crate::policy::{Policy, Refit, length};
use crate::policy_finding::{PolicyFinding, PolicyVerdict};
use crate::trial::MIN_WINDOWS;
use windrow_record::Scheme;
use windrow_record::display::{counted, percent};

/// The baseline of all gains, in words.
pub(super) const BASELINE: &str = "predicting the average rate";
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
    sentences.extend(advice.comparison.cost.as_ref().and_then(threshold_sentence));
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
        history(advice, named, of_it, sentences);
    }
    change(advice, named, sentences);
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

/// Returns a clause on the share that refitting every window on all history keeps. `of` says of what.
pub(super) fn more_history(all: &PolicyFinding, of: &str) -> String {
    let keeps = keeps(all, of);
    match all.verdict {
        PolicyVerdict::Worse => format!("More history hurts: all of it {keeps}"),
        PolicyVerdict::GoodEnough => format!("More history does not hurt: all of it {keeps}"),
        _ => format!("The data do not show yet whether more history hurts: all of it {keeps}"),
    }
}

/// Adds sentences on the effect of more and of less history, if the data show one.
fn history(advice: &Advice, named: &NamedPolicy, of: &str, sentences: &mut Vec<String>) {
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
fn change(advice: &Advice, named: &NamedPolicy, sentences: &mut Vec<String>) {
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

/// Returns a clause on a share, as in `keeps 98% (at least 96%)`, `keeps 98% (92 to 104)` or `is worse than predicting
/// the average rate`. The brackets of a policy that is good enough have the bound that shows it; those of others have
/// the interval. `of` says of what the share is.
pub(super) fn keeps(found: &PolicyFinding, of: &str) -> String {
    let kept = &found.kept;
    let bound = kept.at_least.filter(|_| found.verdict == PolicyVerdict::GoodEnough);
    match kept.interval {
        _ if kept.is_negative() => format!("is worse than {BASELINE}"),
        _ if kept.share.is_none() => format!("keeps an unknown share{of}"),
        Some(_) => match bound {
            Some(bound) => format!("keeps {} (at least {}){of}", kept.percent(), percent(bound, 0)),
            None => format!("keeps {}{of}", kept.with_interval()),
        },
        None => format!("keeps {}{of} (too few windows for an interval)", kept.percent()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::{
        ADVICE_FORMAT, Action, Basis, BreakFinding, ChangesOverTime, JudgedWindows, PolicyAfterBreak, PolicyComparison,
        Recommendation, Subject,
    };
    use crate::contrast::Interval;
    use crate::policy_finding::{ComparedLosses, Effort, Errors, KeptGain};
    use crate::trial::sliding;
    use crate::window_unit::WindowUnit;
    use crate::wrong_answers::WrongAnswers;

    fn last(windows: u32, every: u32) -> Policy {
        Policy { history: sliding(windows), refit: Refit::Every(every) }
    }

    fn finding(policy: Policy, share: f64, verdict: PolicyVerdict) -> PolicyFinding {
        let interval = Some(Interval { low: share - 0.1, high: share + 0.1 });
        let (difference, confidence_set_p, lost_at_break) = (0.0, None, Some(0.1));
        PolicyFinding {
            policy,
            same: Vec::new(),
            since: None,
            verdict,
            errors: Errors { log_loss: 0.5, brier: 0.2, false_alarms: 0.1, misses: 0.1 },
            kept: KeptGain { share: Some(share), interval, at_least: Some(share - 0.02) },
            wrong_answers: WrongAnswers { per_1000: 200.0, more: None, interval: None },
            compared: ComparedLosses { difference, interval: None, confidence_set_p, lost_at_break },
            effort: Effort { fits_per_window: 1.0, fits_per_year: None, refits: 40.0, cost: None },
            rang: Vec::new(),
        }
    }

    fn provisional(policy: Policy) -> NamedPolicy {
        NamedPolicy { policy, provisional: true, against_each: false, since: 20 }
    }

    /// Returns advice on months. It names a policy that is not the best one.
    fn advice() -> Advice {
        let all = Policy { history: Scheme::Cumulative, refit: Refit::Every(1) };
        let planned = vec![
            finding(last(2, 1), 1.0, PolicyVerdict::CannotTell),
            finding(last(4, 2), 0.98, PolicyVerdict::GoodEnough),
            finding(all, 0.67, PolicyVerdict::Worse),
            finding(last(4, 8), 0.5, PolicyVerdict::Worse),
            finding(last(1, 1), -1.85, PolicyVerdict::Worse),
        ];
        let judged = JudgedWindows {
            first: 17,
            last: 60,
            windows: 44,
            rows: 44_000,
            unlabelled_share: 0.0,
            share_log_loss: 0.56,
            best_log_loss: 0.5,
            gain: 0.06,
            gain_interval: Some(Interval { low: -0.01, high: 0.0012 }),
        };
        Advice {
            format: ADVICE_FORMAT,
            subject: Subject { windows: 60, window_unit: WindowUnit::Month, days: Some(30.4), ..Subject::default() },
            basis: Basis {
                keep: 0.9,
                label_delay: 0,
                label_delay_text: None,
                judged: Some(judged),
                first_advice: None,
            },
            recommendation: Recommendation {
                status: Status::Clear,
                action: Action::Hold,
                reason: String::new(),
                sentences: Vec::new(),
                named: Some(NamedPolicy { policy: last(4, 2), provisional: false, against_each: true, since: 20 }),
                changes: Vec::new(),
                followed: None,
            },
            comparison: PolicyComparison { planned, ..PolicyComparison::default() },
            over_time: ChangesOverTime::default(),
        }
    }

    fn advice_sentences(advice: &Advice) -> Vec<String> {
        sentences(advice, &|window| format!("window {window}"))
    }

    #[test]
    fn a_share_is_introduced_once_and_may_be_negative() {
        assert_eq!(
            advice_sentences(&advice()),
            [
                "Refit every 2nd month, on the last 4 months.",
                "That keeps 98% (at least 96%) of the improvement that the best schedule gives over predicting the \
                 average rate so far.",
                "More history hurts: all of it keeps 67% (57 to 77).",
                "Less history hurts: refitting on the last month is worse than predicting the average rate.",
                "The best schedule refits every month, on the last 2 months.",
                "This holds if labels are known at the end of each month.",
            ]
        );
    }

    #[test]
    fn wrong_answers_of_fit_once_come_next_to_the_share_kept() {
        let mut advice = advice();
        let never = Policy { history: sliding(4), refit: Refit::Never };
        let mut once = finding(never, 0.2, PolicyVerdict::Reference);
        once.wrong_answers.more = Some(41.0);
        once.wrong_answers.interval = Some(Interval { low: 30.0, high: 52.0 });
        advice.comparison.planned.push(once);
        let expected = "Never refitting gives 41 more wrong answers per 1,000 rows (30 to 52) than this schedule.";
        assert_eq!(advice_sentences(&advice)[2], expected);
        // There is nothing to compare if the named policy has the same losses.
        advice.comparison.planned.retain(|found| found.policy != last(4, 2));
        if let Some(once) = advice.comparison.planned.last_mut() {
            once.same.push(last(4, 2));
        }
        assert!(!advice_sentences(&advice).iter().any(|sentence| sentence.starts_with("Never")));
    }

    #[test]
    fn the_answer_ends_with_the_condition_on_the_labels() {
        let mut advice = advice();
        (advice.basis.label_delay, advice.basis.label_delay_text) = (2, Some("30 days".to_owned()));
        advice.subject.note = Some("The windows after window 60 repeat rows, so they are not used.".to_owned());
        let last = advice_sentences(&advice).pop();
        assert_eq!(last.as_deref(), Some("This holds if labels are known 30 days later."));
        advice.recommendation.named = None;
        assert_eq!(advice_sentences(&advice).pop(), last, "there may be nothing to schedule only because of the delay");
        advice.basis.first_advice = Some(70);
        assert_eq!(advice_sentences(&advice).pop(), advice.subject.note, "there is no answer yet");
    }

    #[test]
    fn windows_are_named_by_their_unit_of_time() {
        let cases = [
            (
                WindowUnit::Window,
                "every 2nd window (about 61 days), on the last 4 windows",
                "every window (about 30 days), on all history",
            ),
            (WindowUnit::Hour, "every 2nd hour, on the last 4 hours", "every hour, on all history"),
            (WindowUnit::Day, "every 2nd day, on the last 4 days", "every day, on all history"),
            (WindowUnit::Week, "every 2nd week, on the last 4 weeks", "every week, on all history"),
            (WindowUnit::Month, "every 2nd month, on the last 4 months", "every month, on all history"),
            (WindowUnit::Quarter, "every 2nd quarter, on the last 4 quarters", "every quarter, on all history"),
        ];
        let all = Policy { history: Scheme::Cumulative, refit: Refit::Every(1) };
        let mut advice = advice();
        for (unit, rarely, often) in cases {
            advice.subject.window_unit = unit;
            assert_eq!([instruction(&advice, last(4, 2)), instruction(&advice, all)], [rarely, often]);
        }
        // Windows of rows whose dataset has no times.
        advice.subject = Subject::default();
        assert_eq!(instruction(&advice, last(1, 2)), "every 2nd window, on the last window");
    }

    #[test]
    fn a_change_of_the_data_says_what_comes_before_and_after_it() {
        let mut advice = advice();
        let kept = KeptGain { share: Some(0.97), interval: None, at_least: None };
        let calm = PolicyAfterBreak { first: 33, windows: 28, policy: last(4, 8), provisional: false, kept };
        let (label, calm) = ("window 29 (2019-05)".to_owned(), Some(calm));
        let change = BreakFinding { window: 29, label, jump: 0.1, deviations: 9.0, calm };
        advice.over_time.world_change = Some(change.clone());
        let expected = [
            "The data changed around window 29 (2019-05). Do not train on rows from before it.",
            "One change does not show how often changes happen. After this one, refitting every 8th month cost 0.10 \
             log-loss per row.",
            "If no other change comes, refitting every 8th month on the last 4 months is good enough (judged only on \
             months after this change).",
        ];
        assert_eq!(advice_sentences(&advice)[4..7], expected);
        // A history that reaches back to the change, and all history.
        for history in [last(32, 1), Policy { history: Scheme::Cumulative, refit: Refit::Every(1) }] {
            let mut advice = advice.clone();
            advice.recommendation.named =
                Some(NamedPolicy { policy: history, provisional: false, against_each: true, since: 20 });
            let expected = "The data changed around window 29 (2019-05). Older rows may mislead a model, but this \
                            history still includes them.";
            assert!(advice_sentences(&advice).contains(&expected.to_owned()));
        }
        // Without a policy that refits less often, and too soon after the change.
        advice.comparison.planned.retain(|found| found.policy.refit == Refit::Every(1));
        advice.over_time.world_change = Some(BreakFinding { calm: None, ..change });
        let sentences = advice_sentences(&advice);
        assert!(sentences.contains(&"One change does not show how often changes happen.".to_owned()), "{sentences:?}");
        assert!(!sentences.iter().any(|sentence| sentence.starts_with("If no other change")), "{sentences:?}");
    }

    #[test]
    fn all_history_that_is_best_is_not_compared_with_itself() {
        let mut advice = advice();
        advice.comparison.planned.swap(0, 2);
        let sentences = advice_sentences(&advice);
        assert!(!sentences.iter().any(|sentence| sentence.contains("ore history")), "{sentences:?}");
        assert!(sentences.contains(&"The best schedule refits every month, on all history.".to_owned()));
    }

    #[test]
    fn provisional_advice_says_what_the_data_do_not_show() {
        let mut advice = advice();
        advice.recommendation.named = Some(provisional(last(2, 1)));
        assert_eq!(
            advice_sentences(&advice)[..4],
            [
                "For now, refit every month, on the last 2 months.",
                "Of all schedules that can be compared, this one improves most on predicting the average rate so far: by \
                 0.0600 log-loss per row.",
                "A schedule is good enough if the data show that it keeps at least 90% of this improvement.",
                "The data showed this for this schedule earlier, but do not show it now.",
            ]
        );
        for found in &mut advice.comparison.planned {
            found.verdict = PolicyVerdict::CannotTell;
        }
        assert_eq!(
            advice_sentences(&advice)[..5],
            [
                "The data do not show that any schedule is good enough.",
                "For now, refit every month, on the last 2 months.",
                "Of all schedules that can be compared, this one improves most on predicting the average rate so far: by \
                 0.0600 log-loss per row.",
                "A schedule is good enough if the data show that it keeps at least 90% of this improvement.",
                "The data do not show yet whether more history hurts: all of it keeps 67% (57 to 77) of this \
                 improvement.",
            ]
        );
        advice.recommendation.named = None;
        let nothing = [
            "There is nothing to schedule: the data do not show that any model is better than predicting the average \
             rate so far.",
            "With 95% confidence, the improvement is at most 0.0012 log-loss per row.",
            "This holds if labels are known at the end of each month.",
        ];
        assert_eq!(advice_sentences(&advice), nothing);
    }

    #[test]
    fn windows_with_few_rows_are_a_reason_if_something_is_not_shown() {
        let few = "A window has about 75 labelled rows, so the data can show only large differences.";
        let mut advice = advice();
        advice.basis.judged.as_mut().expect("judged").rows = 44 * 75;
        assert!(!advice_sentences(&advice).contains(&few.to_owned()), "the verdict is shown");
        advice.recommendation.named = Some(provisional(last(2, 1)));
        assert_eq!(advice_sentences(&advice)[2], few);
        (advice.recommendation.named, advice.recommendation.status) = (None, Status::Partly);
        assert_eq!(advice_sentences(&advice)[2..4], [few, "More windows may show an improvement."]);
    }
}
