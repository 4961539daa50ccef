//! Tests of the names of all kinds of policies: fit once, recalibrate, refit on an alarm, schedules.

use super::*;
use crate::alarm_history;
use crate::trial::{AlarmRuns, Conditions};

/// Returns a loss that does not depend on the age of the model.
fn unchanging(history: Scheme, model: u32, window: u32) -> f64 {
    stable(history, model, window) - 0.0001 * f64::from(window - model)
}

/// No alarm rings because of drift, and no model is recalibrated.
pub(super) const SILENT: Observed<'static> =
    Observed { alarms: &Observed::ALARMS, has_drifted: &|_, _| false, recalibrated: &|_| None, cost: None };

pub(super) fn of(history: Scheme, refit: Refit) -> Policy {
    Policy { history, refit }
}

#[test]
fn fit_once_is_named_if_nothing_asked_for_retraining_in_36_windows() {
    // The longest history has 16 windows, so 35 and 36 windows are judged.
    let short = advice_observing(&evidence(51, unchanging), 0, None, SILENT);
    assert!(short.named().is_some_and(Policy::is_schedule), "{:?}", short.named());
    let advice = advice_observing(&evidence(52, unchanging), 0, None, SILENT);
    let named = advice.recommendation.named.as_ref().expect("a name");
    assert_eq!((named.policy.refit, named.provisional), (Refit::Never, false));
    let sentences = &advice.recommendation.sentences;
    let first = "Nothing in these 36 weeks asked for retraining: the first model (week of 2013-04-01) kept ";
    assert!(sentences[0].starts_with(first) && sentences[0].contains("% (at least 9"), "{sentences:?}");
    assert!(sentences[1].starts_with("If you can only schedule, refit every 8th week, on "), "{sentences:?}");
    let meaning = [
        "Changes as frequent as one in 12 weeks could have stayed away by luck.",
        "Keep watching the drift alarm and the loss alarm, and retrain when one rings.",
    ];
    assert_eq!(sentences[2..4], meaning);
    assert_eq!(advice.comparison.fit_once.as_ref().map(|once| once.model), Some(16));
}

#[test]
fn fit_once_needs_an_alarm_to_watch() {
    let named = |observed: Observed<'_>, world: &dyn Fn(Scheme, u32, u32) -> f64| {
        advice_observing(&evidence(56, world), 0, None, observed)
    };
    let drifting = named(OBSERVED, &unchanging);
    assert_eq!(drifting.named().map(|named| named.refit), Some(Refit::Never));
    let watch = drifting.comparison.fit_once.map(|once| once.watch);
    assert_eq!(watch, Some(vec![Refit::LossAlarm]), "the drift alarm rang");
    assert!(
        drifting
            .recommendation
            .sentences
            .contains(&"Keep watching the loss alarm, and retrain when it rings.".to_owned())
    );
    // The loss alarm rings after one window in which all models lose much.
    let spike = |history, model, window| if window == 30 { 0.9 } else { unchanging(history, model, window) };
    let named = named(OBSERVED, &spike).named();
    assert!(named.is_some_and(Policy::is_schedule), "{named:?}");
}

#[test]
fn fit_once_is_given_up_when_it_may_not_be_named_any_more() {
    let evidence = evidence(56, unchanging);
    let (trial, ranking) = judge(&evidence, 56, None, 0, 0.9, SILENT).expect("enough windows");
    let policy = trial.series[ranking.named.expect("a name").index].policy;
    assert_eq!(policy.refit, Refit::Never);
    let before = Some(PolicyAtWindow::by_loss(55, policy, false));
    let after = |trial: &Trial| {
        let ranking = Ranking::new(trial, 0.9).expect("a best schedule");
        named(trial, &ranking, 56, before).map(|named| named.policy)
    };
    assert_eq!(after(&trial), Some(policy));
    let broken = Trial { conditions: Conditions { has_break: true, ..trial.conditions.clone() }, ..trial };
    assert!(after(&broken).is_some_and(Policy::is_schedule));
}

#[test]
fn fit_once_must_hold_to_the_end_and_for_two_first_fits() {
    let named = |world: &dyn Fn(Scheme, u32, u32) -> f64| {
        let (trial, ranking) = judge(&evidence(60, world), 60, None, 0, 0.9, SILENT).expect("enough windows");
        trial.series[ranking.named.expect("a name").index].policy.refit
    };
    assert_eq!(named(&unchanging), Refit::Never);
    // The models before window 16 are bad ones, or those up to window 16 are bad later.
    let old = |history, model, window| unchanging(history, model, window) + if model < 16 { 0.05 } else { 0.0 };
    let late = |history, model, window| {
        unchanging(history, model, window) + if model <= 16 && window > 50 { 0.05 } else { 0.0 }
    };
    for world in [&old as &dyn Fn(Scheme, u32, u32) -> f64, &late] {
        assert!(matches!(named(world), Refit::Every(_)));
    }
}

/// Returns the base rate, which jumps every six windows.
fn base_rate(window: u32) -> u32 {
    window / 6 % 2
}

#[test]
fn recalibration_is_named_where_only_the_base_rate_jumps() {
    let jump = |known: u32, window: u32| if base_rate(known) == base_rate(window) { 0.0 } else { 0.05 };
    let world = |history, model, window| unchanging(history, model, window) + jump(model, window);
    let recalibrated = |model: RecalibratedModel| {
        let RecalibratedModel { on, window, .. } = model;
        let loss = 0.401 + 0.02 * noise(window, 7) + jump(on.unwrap_or(model.model), window);
        Some([loss * ROWS as f64, 100.0, 24.0, 40.0])
    };
    let observed = Observed { recalibrated: &recalibrated, ..SILENT };
    let advice = advice_observing(&evidence(40, world), 0, None, observed);
    let named = advice.recommendation.named.as_ref().expect("a name");
    assert_eq!((named.policy, named.provisional), (of(Scheme::Window, Refit::Recalibrated), false));
    let sentences = &advice.recommendation.sentences;
    assert_eq!(sentences[0], "Fit once, on the last week, and recalibrate every week.");
    assert!(sentences[1].starts_with("If you can only schedule, "), "{sentences:?}");
    assert!(sentences[2].starts_with("Recalibrating keeps "), "{sentences:?}");
    assert!(!sentences.iter().any(|sentence| sentence.contains("serve")), "{sentences:?}");
    let schedule = advice.comparison.schedule.expect("a schedule");
    assert!(schedule.policy.is_schedule());
    let same = judge(&evidence(40, world), 40, None, 0, 0.9, SILENT).expect("enough windows").1.schedule;
    assert!(same.is_some(), "the schedule is named without recalibration");
    // A recalibration costs no fit.
    let advice = advice_observing(&evidence(40, world), 0, Some([1.0, 1.0, 200.0]), observed);
    assert_eq!(advice.named().map(|named| named.refit), Some(Refit::Recalibrated));
    let cost = advice.comparison.cost.expect("costs");
    assert_eq!((cost.per_window, cost.cheapest.refit), (64.0, Refit::Recalibrated));
}

/// The windows in which the data change for good.
const CHANGES: [u32; 5] = [22, 31, 40, 49, 58];

/// Returns the number of changes up to a window.
fn level(window: u32) -> usize {
    CHANGES.iter().filter(|change| **change <= window).count()
}

/// Returns a loss that is higher for models from before a change.
pub(super) fn changes(history: Scheme, model: u32, window: u32) -> f64 {
    unchanging(history, model, window) + if level(model) == level(window) { 0.0 } else { 0.1 }
}

/// Features drift when the data change.
pub(super) const DRIFT: Observed<'static> = Observed {
    alarms: &Observed::ALARMS,
    has_drifted: &|since, now| level(since) != level(now),
    recalibrated: &|_| None,
    cost: None,
};

#[test]
fn an_alarm_is_named_and_its_history_is_said() {
    // Refitting every 4th window loses too much if models differ only by the changes.
    let world = |_: Scheme, model, window| changes(Scheme::Cumulative, model, window);
    let advice = advice_observing(&evidence(60, world), 0, None, DRIFT);
    let named = advice.recommendation.named.as_ref().expect("a name");
    assert_eq!((named.policy.refit, named.provisional), (Refit::PsiAlarm, false), "{named:?}");
    let found = advice.comparison.finding(named.policy).expect("its finding");
    assert_eq!(found.effort.refits, 5.0);
    assert_eq!(found.rang.iter().map(|alarm| alarm.window).collect::<Vec<_>>(), CHANGES);
    let sentences = &advice.recommendation.sentences;
    assert!(sentences[0].starts_with("Refit when the drift alarm rings, on the last "), "{sentences:?}");
    assert!(sentences[1].starts_with("If you can only schedule, "), "{sentences:?}");
    let rang = "The drift alarm rang 5 times, the last time in window 58 (week of 2013-04-01).";
    assert!(sentences.contains(&rang.to_owned()), "{sentences:?}");
}

/// Returns a trial of 44 windows in which a policy on alarm and refitting every 4th window lose a little more than
/// refitting every window. `alarm` returns the loss of the policy on alarm.
fn compared(refits: f64, alarm: impl Fn(u32) -> f64) -> Trial {
    let windows: Vec<u32> = (17..=60).collect();
    let series = |refit, refits: f64, loss: &dyn Fn(u32) -> f64| {
        let sums = windows.iter().map(|window| 100.0 * loss(*window)).collect();
        let fits = vec![refits / 44.0; 44];
        Series { fits, ..trials::series(of(Scheme::Cumulative, refit), sums, refits) }
    };
    let often = |window: u32| 0.4 + 0.01 * noise(window, 1);
    let rarely = |window: u32| often(window) + 0.001 + 0.0005 * noise(window, 2);
    let policy = of(Scheme::Cumulative, Refit::PsiAlarm);
    let refitted = vec![vec![20, 30, 40, 50, 55]];
    Trial {
        rows: vec![100.0; 44],
        delay: 0,
        oldest: 1,
        share_loss: vec![50.0; 44],
        series: vec![
            series(Refit::Every(1), 44.0, &often),
            series(Refit::Every(4), 11.0, &rarely),
            series(Refit::PsiAlarm, refits, &|window| often(window) + alarm(window)),
        ],
        conditions: Conditions {
            alarm_runs: vec![AlarmRuns { policy, rang: refitted.clone(), refitted }],
            ..Conditions::default()
        },
        windows,
    }
}

#[test]
fn an_alarm_is_cheaper_than_a_schedule_only_by_the_upper_limit_of_its_fits() {
    let named = |refits: f64| {
        let trial = compared(refits, |window| 0.0005 + 0.0003 * noise(window, 3));
        let ranking = Ranking::new(&trial, 0.9).expect("a best schedule");
        let schedule = ranking.schedule.expect("a schedule");
        assert_eq!(trial.series[schedule.index].policy.refit, Refit::Every(4));
        trial.series[ranking.named.expect("a name").index].policy.refit
    };
    // The limits of 5 and 6 refits are 10.5 and 11.8, and refitting every 4th window has 11 fits.
    assert_eq!(named(5.0), Refit::PsiAlarm);
    assert_eq!(named(6.0), Refit::Every(4));
    assert_eq!(named(3.0), Refit::Every(4), "too few refits");
}

#[test]
fn an_alarm_must_be_good_enough_without_any_one_of_its_stretches() {
    let holds = |alarm: fn(u32) -> f64| {
        let trial = compared(5.0, alarm);
        alarm_history::is_good_enough(&trial, 0.0, &trial.series[2], 0.9)
    };
    assert!(holds(|_| 0.005));
    // One lucky refit makes up for the others. Its windows are 30 to 39.
    assert!(!holds(|window| if (30..40).contains(&window) { -0.04 } else { 0.012 }));
    // The last stretch ends with the windows judged.
    assert!(!holds(|window| if window >= 55 { -0.08 } else { 0.012 }));
}

#[test]
fn nothing_is_judged_by_what_comes_later() {
    let recalibrated =
        |model: RecalibratedModel| Some([320.0 + f64::from(model.model + model.window), 100.0, 24.0, 40.0]);
    let observed = Observed { recalibrated: &recalibrated, ..DRIFT };
    let all = evidence(60, changes);
    for last in [45, 53] {
        let (_, then) = judge(&evidence(last, changes), last, None, 0, 0.9, observed).expect("enough windows");
        let (trial, now) = judge(&all, last, None, 0, 0.9, observed).expect("enough windows");
        assert_eq!((now.named, &now.ranked), (then.named, &then.ranked), "window {last}");
        let has = |refit| trial.series.iter().any(|series| series.policy.refit == refit);
        assert!([Refit::Never, Refit::Recalibrated, Refit::PsiAlarm, Refit::LossAlarm].into_iter().all(has));
    }
}

/// Returns windows whose models of the last window and of all windows lose more after a change. Those of windows that
/// `has_model` refuses are missing.
pub(super) fn jumps(windows: u32, has_model: impl Fn(u32) -> bool) -> Evidence {
    let loss = |model: u32, window: u32| {
        let alternating = if window.is_multiple_of(2) { 0.01 } else { 0.0 };
        0.4 + alternating + if level(model) == level(window) { 0.0 } else { 0.1 }
    };
    Evidence::new((1..=windows).map(|window| {
        let models = (1..window).filter(|model| has_model(*model));
        let models = models.flat_map(|model| [Scheme::Window, Scheme::Cumulative].map(|scheme| (scheme, model)));
        let losses = models.map(|(scheme, model)| ModelLosses {
            model: ModelId::new(index(model), scheme),
            log_loss: [100.0 * loss(model, window); BLOCKS],
            squared_error: [10.0; BLOCKS],
            false_alarms: [3; BLOCKS],
            misses: [5; BLOCKS],
        });
        WindowLosses {
            format: LOSSES_FORMAT,
            window: index(window),
            sha256: String::new(),
            unlabelled: 0,
            rows: [100; BLOCKS],
            positives: [20; BLOCKS],
            models: losses.collect(),
        }
    }))
}

/// Returns policies that take office after some windows, named after each window up to 60.
pub(super) fn names(offices: &[(u32, Refit)]) -> Vec<PolicyAtWindow> {
    let named = (1..=60).filter_map(|window| {
        let (_, refit) = offices.iter().rev().find(|(since, _)| *since <= window)?;
        Some(PolicyAtWindow::by_loss(window, of(Scheme::Window, *refit), false))
    });
    named.collect()
}

/// Returns the windows after which the advice fits a model, if the labels of the windows up to `known` are known.
fn fits(evidence: &Evidence, named: &[PolicyAtWindow], known: u32, delay: u32) -> Vec<u32> {
    let data = AlarmData { evidence, delay, has_drifted: DRIFT.has_drifted, cost: None };
    advised_fits(named, known, data).fits.iter().map(|fit| fit.window).collect()
}

#[test]
fn a_policy_on_alarm_starts_with_the_model_in_service_and_fits_when_it_rings() {
    for refit in [Refit::PsiAlarm, Refit::LossAlarm] {
        let named = names(&[(24, Refit::Every(2)), (27, refit)]);
        for delay in [0, 2] {
            let all = jumps(60, |_| true);
            // The schedule has fitted after windows 24 and 26.
            assert_eq!(fits(&all, &named, 50, delay), [24, 26, 31, 40, 49], "{refit}, delay {delay}");
        }
        // A fit that gives no model is tried again: the model before it stays in service, and the alarm rings.
        let missing = jumps(60, |model| model != 40);
        assert_eq!(fits(&missing, &named, 50, 0), [24, 26, 31, 40, 41, 49], "{refit}");
        // The champion was in service before. The alarm reads its losses as those of all history.
        assert_eq!(fits(&jumps(60, |_| true), &names(&[(24, refit)]), 50, 0), [31, 40, 49], "{refit}");
    }
}

#[test]
fn fits_of_the_advice_do_not_change_when_windows_arrive() {
    let offices = [
        (18, Refit::Every(4)),
        (24, Refit::PsiAlarm),
        (35, Refit::Never),
        (38, Refit::LossAlarm),
        (44, Refit::Recalibrated),
        (47, Refit::PsiAlarm),
        (54, Refit::Every(2)),
        (56, Refit::LossAlarm),
    ];
    let named = names(&offices);
    for delay in [0, 3] {
        let all = fits(&jumps(60, |model| model % 7 != 0), &named, 60 - delay, delay);
        assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
        assert!(!all.iter().any(|fit| (35..38).contains(fit) || (44..47).contains(fit)), "{all:?}");
        for known in 1..=60 - delay {
            let then = fits(&jumps(known + delay, |model| model % 7 != 0), &named, known, delay);
            let expected: Vec<u32> = all.iter().copied().filter(|fit| *fit <= known).collect();
            assert_eq!(then, expected, "known {known}, delay {delay}");
        }
    }
}
