//! Tests that no policy uses labels that are not known yet.

use super::*;
use crate::alarm::on_alarm;

/// The label delay in these tests, in windows.
const DELAY: u32 = 2;
/// The window in which the data change.
const CHANGE: u32 = 25;

/// Returns a loss that differs from model to model. The models from before the change lose more after it.
fn changing(history: Scheme, model: u32, window: u32) -> f64 {
    let all = if history == Scheme::Cumulative { 0.1 } else { 0.0 };
    let alternating = if window.is_multiple_of(2) { 0.01 } else { 0.0 };
    let change = if window >= CHANGE && model < CHANGE { 0.5 } else { 0.0 };
    0.4 + all + alternating + change + 0.0001 * f64::from(model)
}

fn of(refit: Refit) -> Policy {
    Policy { history: Scheme::Window, refit }
}

/// Asserts that a policy on alarm has one model from window `from` on. Before, its four starts have the models of windows
/// 13 to 16: the longest history has 16 windows, so the first model is that of window 16.
fn assert_refit(trial: &Trial, series: &Series, from: u32, model: u32) {
    let loss = |model: u32, window: u32| changing(Scheme::Window, model, window) * ROWS as f64;
    for (window, seen) in trial.windows.iter().zip(&series.log_loss) {
        let before = (13..=16).map(|model| loss(model, *window)).sum::<f64>() / 4.0;
        let expected = if *window < from { before } else { loss(model, *window) };
        assert!((seen - expected).abs() < 1e-6, "window {window}, delay {}: {seen} {expected}", trial.delay);
    }
}

#[test]
fn a_loss_alarm_rings_when_the_labels_of_its_window_are_known() {
    let evidence = evidence(40, changing);
    for delay in [0, DELAY] {
        let trial = Trial::new(&evidence, 40, &histories(40, None), delay);
        let series = on_alarm(&trial, &evidence, of(Refit::LossAlarm), &|_, _| false).expect("losses").0;
        assert_refit(&trial, &series, CHANGE + 1 + delay, CHANGE);
    }
}

#[test]
fn a_feature_alarm_refits_on_known_labels() {
    let evidence = evidence(40, changing);
    let has_drifted = |since: u32, now: u32| since < CHANGE && now >= CHANGE;
    for delay in [0, DELAY] {
        let trial = Trial::new(&evidence, 40, &histories(40, None), delay);
        let series = on_alarm(&trial, &evidence, of(Refit::PsiAlarm), &has_drifted).expect("losses").0;
        assert_eq!(series.refits, 1.0, "the alarm does not ring again while labels are awaited");
        assert_refit(&trial, &series, CHANGE + 1 + delay, CHANGE);
    }
}

#[test]
fn advice_is_followed_when_the_labels_that_it_needs_are_known() {
    let evidence = evidence(40, changing);
    let trial = Trial::new(&evidence, 40, &[Scheme::Window, Scheme::Cumulative], DELAY);
    let advised = [(20, Scheme::Cumulative), (CHANGE, Scheme::Window)].map(|(window, history)| {
        let policy = Policy { history, refit: Refit::Every(1) };
        PolicyAtWindow::by_loss(window, policy, false)
    });
    let series = in_service::series(&trial, &evidence, &advised, OBSERVED).expect("losses");
    assert_eq!(trial.windows.first(), Some(&(2 + DELAY)));
    for (window, loss) in trial.windows.iter().zip(&series.log_loss) {
        let known = window - 1 - DELAY;
        let history = if known >= CHANGE { Scheme::Window } else { Scheme::Cumulative };
        let expected = changing(history, known, *window) * ROWS as f64;
        assert!((loss - expected).abs() < 1e-6, "window {window}: {loss} instead of {expected}");
    }
}
