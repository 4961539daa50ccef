//! Tests of the sentences: what the answer says, in which order, in which words.

use super::*;
use crate::advice::{
    ADVICE_FORMAT, Action, AgeFinding, Basis, BreakFinding, ChangesOverTime, JudgedWindows, PolicyAfterBreak,
    PolicyComparison, Recommendation, Subject,
};
use crate::contrast::Interval;
use crate::plot::Ages;
use crate::policy_finding::{ComparedLosses, Effort, Errors, KeptGain, PolicyFinding};
use crate::trial::sliding;
use crate::window_unit::WindowUnit;
use crate::wrong_answers::WrongAnswers;
use windrow_record::Scheme;

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
        basis: Basis { keep: 0.9, label_delay: 0, label_delay_text: None, judged: Some(judged), first_advice: None },
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
fn a_share_without_an_interval_has_the_reason() {
    let keeps_with = |verdict: PolicyVerdict| {
        let mut found = finding(last(4, 2), 0.79, verdict);
        (found.kept.interval, found.kept.at_least) = (None, None);
        keeps(&found, "")
    };
    assert_eq!(keeps_with(PolicyVerdict::TooFew), "keeps 79% (no interval: too few windows or refits)");
    assert_eq!(keeps_with(PolicyVerdict::CannotTell), "keeps 79% (no interval: no gain is shown)");
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

#[test]
fn an_age_in_windows_has_the_time_that_it_means() {
    let mut advice = advice();
    advice.over_time.ages = vec![AgeFinding { age: 4, difference: 0.01, interval: None }];
    let cases = [
        (WindowUnit::Month, Some(30.4), "4 months", "4"),
        (WindowUnit::Window, Some(14.0), "4 windows (56 days)", "4 (56 days)"),
        (WindowUnit::Window, Some(15.2), "4 windows (about 61 days)", "4 (about 61 days)"),
        (WindowUnit::Window, Some(1.0 / 24.0), "4 windows (4 h)", "4 (4 h)"),
        (WindowUnit::Window, None, "4 windows", "4"),
        (WindowUnit::Window, Some(-1.0), "4 windows", "4"),
    ];
    for (unit, days, age, cell) in cases {
        (advice.subject.window_unit, advice.subject.days) = (unit, days);
        let ages = Ages::of(&advice).expect("an age");
        assert_eq!(ages.title, format!("The data do not show yet that a model is worse after {age}"));
        assert_eq!(ages.table().rows[0].cells[0], cell);
    }
}
