//! Tests of the names by cost, on synthetic errors.

use super::{OBSERVED, ROWS, advice_naming, advice_with, index, noise, stable};
use crate::alarm::on_alarm;
use crate::cost::window_costs;
use crate::plot::tables::tables;
use crate::{
    Action, AlarmData, BLOCKS, CostRanking, Evidence, LOSSES_FORMAT, ModelLosses, Observed, Policy, PolicyAtWindow,
    Ranking, Refit, Trial, WindowLosses, advised_fits, is_kept,
};
use windrow_record::{ModelId, Scheme};

/// The costs of a false alarm, a miss and a fit.
const COSTS: [f64; 3] = [1.0, 1.0, 16.0];

/// Returns 40 windows of which 60% of the rows are positive. In each block, models miss 10 to 25 rows by luck, one row
/// more for each window of their age, and 10 more if they learned from one window only. There are no false alarms.
fn evidence(log_loss: f64) -> Evidence {
    evidence_with(log_loss, |window, model| (16.0 * noise(window, model) + 8.0) as u64)
}

/// Returns the windows of [`evidence`] with other luck: further rows that the models of a window miss.
fn evidence_with(log_loss: f64, luck: impl Fn(u32, u32) -> u64) -> Evidence {
    evidence_of(&[Scheme::Window, Scheme::Cumulative], log_loss, luck)
}

/// Returns the windows of [`evidence_with`] with the models of some schemes only.
fn evidence_of(schemes: &[Scheme], log_loss: f64, luck: impl Fn(u32, u32) -> u64) -> Evidence {
    let rows = ROWS / BLOCKS as u64;
    Evidence::new((1..=40).map(|window| {
        let models = (1..window).filter(|model| is_kept(index(*model), index(window)));
        let models = models.flat_map(|model| schemes.iter().map(move |scheme| (*scheme, model)));
        let losses = models.map(|(scheme, model)| {
            let short = if scheme == Scheme::Window { 10 } else { 0 };
            let misses = 10 + short + u64::from(window - model - 1) + luck(window, model);
            ModelLosses {
                model: ModelId::new(index(model), scheme),
                log_loss: [rows as f64 * (log_loss + 0.001 * misses as f64); BLOCKS],
                squared_error: [rows as f64 * 0.1; BLOCKS],
                false_alarms: [0; BLOCKS],
                misses: [misses; BLOCKS],
            }
        });
        WindowLosses {
            format: LOSSES_FORMAT,
            window: index(window),
            sha256: String::new(),
            unlabelled: 0,
            rows: [rows; BLOCKS],
            positives: [60; BLOCKS],
            models: losses.collect(),
        }
    }))
}

fn every(history: Scheme, windows: u32) -> Policy {
    Policy { history, refit: Refit::Every(windows) }
}

/// Returns the trial on windows 17 to 40.
fn trial(evidence: &Evidence) -> Trial {
    Trial::over(evidence, 17, 40, &[Scheme::Window, Scheme::Cumulative], 0, 1)
}

/// Names a policy after window 40, given the one in office.
fn named(log_loss: f64, costs: [f64; 3], keep: f64, office: Option<Policy>) -> Option<PolicyAtWindow> {
    let evidence = evidence(log_loss);
    let trial = trial(&evidence);
    let by_loss = Ranking::new(&trial, keep).expect("a best policy");
    let before = office.map(|policy| PolicyAtWindow::by_loss(39, policy, false));
    CostRanking::new(&evidence, &trial, costs, keep).expect("enough windows").named(&by_loss, 40, before)
}

#[test]
fn a_refit_costs_in_the_window_that_its_model_is_first_used_in() {
    let evidence = evidence(0.4);
    let trial = trial(&evidence);
    let planned = trial.planned(&evidence, every(Scheme::Cumulative, 4)).expect("losses");
    let costs = window_costs(&planned, [1.0, 2.0, 16.0]);
    for (cost, misses) in costs.iter().zip(&planned.misses) {
        assert_eq!(*cost, 2.0 * misses + 4.0, "each window has a quarter of a refit");
    }
    let never = Policy { history: Scheme::Cumulative, refit: Refit::Never };
    let never = trial.planned(&evidence, never).expect("losses");
    assert_eq!(window_costs(&never, COSTS), never.misses);
    // The model of window 16 is refitted when features have drifted for five windows, and then again.
    let policy = Policy { history: Scheme::Cumulative, refit: Refit::PsiAlarm };
    let data = AlarmData { evidence: &evidence, delay: 0, has_drifted: &|since, now| now - since >= 5, cost: None };
    let (on_alarm, runs) = on_alarm(&trial, data, policy).expect("losses");
    assert_eq!(runs.rang[0], [21, 26, 31, 36], "the run that starts with the newest model, of window 16");
    // The four starts have the models of windows 13 to 16, so their refits are one window apart.
    let refits = |window: u32| [13, 14, 15, 16].into_iter().filter(|start| (window - start) % 5 == 1).count() as f64;
    for (window, fits) in trial.windows.iter().zip(&on_alarm.fits) {
        let expected = if *window < 19 { 0.0 } else { refits(*window) / 4.0 };
        assert_eq!(*fits, expected, "window {window}");
    }
    assert_eq!(on_alarm.refits, 4.5);
    let costs = window_costs(&on_alarm, COSTS);
    // Windows 18 and 19.
    assert_eq!((costs[1], costs[2]), (on_alarm.misses[1], on_alarm.misses[2] + 4.0));
}

#[test]
fn a_refit_pays_once_the_extra_errors_have_cost_as_much() {
    let evidence = evidence_with(0.4, |_, _| 0);
    let policy = Policy { history: Scheme::Cumulative, refit: Refit::WhenItPays };
    // A model that is n windows old misses 8 n rows more than a new one, so n windows cost 8, 24, 48, 80, ...
    for (delay, fit, expected) in [
        (0, 48.0, vec![20, 24, 28, 32, 36]),
        (0, 49.0, vec![21, 26, 31, 36]),
        (0, 0.0, (17..=39).collect()),
        (0, 1e6, vec![]),
        // The first model is that of window 14, and a newer one could be in use from window 18 on.
        (2, 48.0, vec![20, 26, 32]),
    ] {
        let trial = Trial::over(&evidence, 17, 40, &[Scheme::Window, Scheme::Cumulative], delay, 1);
        let data = AlarmData { evidence: &evidence, delay, has_drifted: &|_, _| false, cost: Some([1.0, 1.0, fit]) };
        let (series, runs) = on_alarm(&trial, data, policy).expect("losses");
        assert_eq!(runs.rang[0], expected, "delay {delay}, cost {fit}");
        if fit == 48.0 && delay == 0 {
            let schedule = |windows: u32| {
                let series = trial.planned(&evidence, every(Scheme::Cumulative, windows)).expect("losses");
                window_costs(&series, [1.0, 1.0, fit]).iter().sum::<f64>()
            };
            let best = (1..=8).map(schedule).fold(f64::INFINITY, f64::min);
            let own: f64 = window_costs(&series, [1.0, 1.0, fit]).iter().sum();
            assert!(own <= 1.01 * best, "if the errors rise evenly, it is the best schedule: {own} {best}");
        }
    }
}

#[test]
fn a_refit_pays_also_where_no_stage_makes_models_of_all_history() {
    for schemes in [&[Scheme::Window, Scheme::Cumulative][..], &[Scheme::Window]] {
        let evidence = evidence_of(schemes, 0.4, |_, _| 0);
        let history = *schemes.last().expect("a scheme");
        let office = PolicyAtWindow::by_loss(20, Policy { history, refit: Refit::WhenItPays }, false);
        let cost = Some([1.0, 1.0, 48.0]);
        let data = AlarmData { evidence: &evidence, delay: 0, has_drifted: &|_, _| false, cost };
        let fits = advised_fits(&[office], 40, data).fits;
        let windows: Vec<u32> = fits.iter().map(|fit| fit.window).collect();
        assert_eq!(windows, [24, 28, 32, 36, 40], "{schemes:?}");
    }
}

#[test]
fn the_first_policy_in_office_refits_when_it_pays_until_a_saving_is_shown() {
    const COSTS: [f64; 3] = [1.0, 1.0, 48.0];
    let evidence = evidence_with(0.4, |window, _| (16.0 * noise(window, 3) + 8.0) as u64);
    let by_loss = Ranking::new(&trial(&evidence), 0.9).expect("a best policy");
    let ranking = |costs: [f64; 3], histories: &[Scheme]| {
        let trial = Trial::over(&evidence, 17, 40, histories, 0, 1).when_it_pays(&evidence, costs);
        CostRanking::new(&evidence, &trial, costs, 0.9).expect("enough windows")
    };
    let all = ranking(COSTS, &[Scheme::Window, Scheme::Cumulative]);
    let first = all.named(&by_loss, 40, None).expect("a name");
    let pays = Policy { history: Scheme::Cumulative, refit: Refit::WhenItPays };
    assert_eq!((first.policy, first.takes_office), (pays, true));
    let next = all.named(&by_loss, 41, Some(first)).expect("a name");
    assert_eq!(next.policy, pays, "no saving is shown");
    // The models of one window miss more rows, and all history is shown to save.
    let before = PolicyAtWindow { policy: Policy { history: Scheme::Window, ..pays }, ..first };
    assert_eq!(all.named(&by_loss, 41, Some(before)).expect("a name").policy.history, Scheme::Cumulative);
    let fits = |cost| {
        let data = AlarmData { evidence: &evidence, delay: 0, has_drifted: &|_, _| false, cost };
        advised_fits(&[PolicyAtWindow { window: 20, ..first }], 40, data).fits.len()
    };
    assert!(fits(Some(COSTS)) > 4, "{}", fits(Some(COSTS)));
    assert_eq!(fits(Some([1.0, 1.0, 1e6])), 0);
    assert_eq!(fits(None), 0, "without costs, no refit pays");
}

#[test]
fn the_refits_that_paid_are_listed_and_are_no_alarm() {
    let evidence = evidence_with(0.4, |_, _| 0);
    let pays = Policy { history: Scheme::Cumulative, refit: Refit::WhenItPays };
    let named_policies: Vec<PolicyAtWindow> =
        (20..=40).map(|window| PolicyAtWindow::by_loss(window, pays, false)).collect();
    for (fit, expected) in [(48.0, vec![20, 24, 28, 32, 36]), (1e6, vec![])] {
        let costs = [1.0, 1.0, fit];
        let trial = trial(&evidence).when_it_pays(&evidence, costs);
        assert!(trial.silent_alarms(Scheme::Cumulative).is_empty(), "cost {fit}: no alarm to watch");
        let advice = advice_naming(&evidence, 0, Some(costs), &named_policies, OBSERVED);
        let found = advice.comparison.finding(pays).expect("its finding");
        assert_eq!(found.rang.iter().map(|at| at.window).collect::<Vec<_>>(), expected, "cost {fit}");
        let sentence = "This policy refitted 5 times, the last time after window 36 (week of 2013-04-01).";
        let said = advice.recommendation.sentences.iter().any(|said| said == sentence);
        assert_eq!(said, !expected.is_empty(), "{:?}", advice.recommendation.sentences);
        let tables = tables(&advice, None);
        let is_listed = |heading: &str| {
            let mut rows = tables.iter().filter(|table| table.heading == heading).flat_map(|table| &table.rows);
            rows.any(|row| row.cells[0] == "all, when it pays")
        };
        assert!(!is_listed("Alarms"));
        assert_eq!(is_listed("Refits that paid"), !expected.is_empty(), "cost {fit}");
    }
}

#[test]
fn a_refit_that_pays_is_the_action_and_no_alarm_is() {
    let (evidence, costs) = (evidence_with(0.4, |_, _| 0), Some([1.0, 1.0, 48.0]));
    let pays = Policy { history: Scheme::Cumulative, refit: Refit::WhenItPays };
    let action = |since: u32| {
        let named_policies: Vec<PolicyAtWindow> =
            (since..=40).map(|window| PolicyAtWindow::by_loss(window, pays, false)).collect();
        let observed = Observed { has_drifted: &|_, _| true, ..OBSERVED };
        advice_naming(&evidence, 0, costs, &named_policies, observed).recommendation
    };
    // The model of the window in which the policy takes office is refitted every fourth window.
    let refit = action(20);
    let reason = "Refit now: the extra errors have cost as much as a refit after window 40 (week of 2013-04-01).";
    assert_eq!((refit.action, refit.reason.as_str()), (Action::RefitNow, reason));
    let hold = action(21);
    assert_eq!(hold.action, Action::Hold, "{}", hold.reason);
    assert!(hold.reason.ends_with("holds: refit when it pays, on all history."), "{}", hold.reason);
}

#[test]
fn the_policy_of_the_lowest_total_is_named() {
    for (refit, windows) in [(16.0, 2), (64.0, 4)] {
        let named = named(0.4, [1.0, 1.0, refit], 0.9, None).expect("a name");
        assert_eq!((named.policy, named.provisional), (every(Scheme::Cumulative, windows), false), "{refit}");
    }
}

#[test]
fn the_policy_of_the_lowest_total_takes_office_before_it_is_shown() {
    // To keep all of the largest saving is not shown of a policy that another one may beat.
    let first = named(0.4, [1.0, 1.0, 16.0], 1.0, None).expect("a name");
    assert!(first.provisional && first.takes_office, "{first:?}");
    let evidence = evidence(0.4);
    let data = AlarmData { evidence: &evidence, delay: 0, has_drifted: &|_, _| false, cost: None };
    let fits = advised_fits(&[first], 40, data).fits;
    assert_eq!(fits.iter().map(|fit| (fit.window, fit.policy)).collect::<Vec<_>>(), [(40, first.policy)]);
    let by_loss = PolicyAtWindow { takes_office: false, ..first };
    assert!(advised_fits(&[by_loss], 40, data).fits.is_empty());
}

#[test]
fn the_policy_in_office_stays_unless_a_saving_is_shown() {
    let (short, all) = (Scheme::Window, Scheme::Cumulative);
    let cases = [
        // Refitting on the last window misses ten more rows of each block.
        (16.0, every(short, 1), every(all, 2)),
        // Refitting every window costs 9 more, with a standard error of 6.
        (16.0, every(all, 1), every(all, 1)),
        // If a fit costs more, this is 44 more, with a standard error of 7.
        (64.0, every(all, 1), every(all, 4)),
        // This policy is not among those that are compared.
        (16.0, every(all, 64), every(all, 2)),
    ];
    for (refit, office, expected) in cases {
        let named = named(0.4, [1.0, 1.0, refit], 0.9, Some(office)).expect("a name");
        assert_eq!(named.policy, expected, "{refit} {office}");
    }
}

#[test]
fn a_policy_is_shown_by_what_it_keeps_of_the_largest_saving() {
    // The policy keeps 95% of the saving, and the bound is below 90%.
    let office = Some(every(Scheme::Cumulative, 1));
    for (keep, provisional) in [(0.9, true), (0.2, false)] {
        let named = named(0.4, COSTS, keep, office).expect("a name");
        assert_eq!((named.policy, named.provisional), (every(Scheme::Cumulative, 1), provisional), "{keep}");
    }
}

#[test]
fn without_a_saving_a_name_is_provisional_and_needs_a_gain_in_log_loss() {
    // To predict that all are positive costs 32 of false alarms, which is less than the misses of any model.
    let cheap = [0.1, 1.0, 16.0];
    let provisional = named(0.4, cheap, 0.9, None).expect("a name");
    assert_eq!((provisional.policy, provisional.provisional), (every(Scheme::Cumulative, 2), true));
    assert_eq!(named(0.9, cheap, 0.9, None), None);
    assert!(named(0.9, COSTS, 0.9, None).is_some_and(|named| !named.provisional), "costs decide");
}

#[test]
fn savings_are_compared_with_the_commoner_class() {
    let evidence = evidence(0.4);
    assert_eq!(evidence.commoner_class_errors(16, 17), [320.0, 0.0]);
    assert_eq!(evidence.commoner_class_errors(0, 17), [0.0, 480.0], "nothing is known yet");
    let trial = trial(&evidence);
    let ranking = CostRanking::new(&evidence, &trial, COSTS, 0.9).expect("enough windows");
    let unit = ranking.unit(Some(every(Scheme::Cumulative, 1)), 0.3);
    assert_eq!((unit.commoner_class, unit.is_saving_shown), (320.0, true));
    assert_eq!((unit.cheapest, unit.best_threshold), (every(Scheme::Cumulative, 2), Some(0.5)));
    let share = 1.0 - unit.difference / (unit.commoner_class - unit.per_window);
    assert!(unit.kept.share.is_some_and(|kept| (kept - share).abs() < 1e-9), "{unit:?}");
    assert!((0.94..0.95).contains(&share), "{share}");
    let free = CostRanking::new(&evidence, &trial, [0.0, 0.0, 1.0], 0.9).expect("enough windows");
    assert_eq!(free.unit(None, 0.3).best_threshold, None);
}

#[test]
fn costs_decide_the_advice_and_its_sentences() {
    let losses = super::evidence(60, stable);
    let advice = advice_with(&losses, 0, Some([1.0, 5.0, 200.0]));
    let cost = advice.comparison.cost.as_ref().expect("costs");
    // Each window has 24 false alarms and 40 misses, and 160 rows are positive. Without refits, that is all.
    assert_eq!((cost.per_window, cost.difference, cost.commoner_class), (224.0, 0.0, 800.0));
    assert_eq!(advice.named().map(|named| named.refit), Some(Refit::WhenItPays), "no refit ever pays");
    let schedule = advice.comparison.schedule.map(|schedule| schedule.policy.refit);
    assert_eq!(schedule, Some(Refit::Every(8)), "an eighth of a refit in each window");
    let sentences = &advice.recommendation.sentences;
    assert_eq!(
        sentences[..4],
        [
            "Refit when it pays, on the last week.",
            "If you can only schedule, refit every 8th week, on the last week.",
            "By your costs, this is 224.0 per week, with the refits; always predicting the commoner class is 800.0.",
            "No other policy cost less.",
        ]
    );
    let threshold = |sentence: &String| sentence.contains("0.5, but your costs ask for 0.167");
    assert!(sentences.iter().any(threshold), "{sentences:?}");
    let without = advice_with(&losses, 0, None);
    assert_eq!(without.comparison.cost, None);
    assert!(!without.recommendation.sentences.iter().any(|sentence| sentence.contains("costs")));
}
