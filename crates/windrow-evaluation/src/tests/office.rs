//! Tests of the models in service if the advice is followed, and of the alarms that ask for a refit of them.

use super::*;
use crate::alarm::Alarms;

#[test]
fn following_the_advice_has_the_losses_of_the_models_in_service() {
    let policy = Policy { history: Scheme::Window, refit: Refit::Every(2) };
    let at = |window, provisional| PolicyAtWindow::by_loss(window, policy, provisional);
    let named_policies = [at(20, true), at(21, false), at(22, false), at(23, true)];
    // Window 25 gives no model in the second case, so the model of window 23 stays in service.
    for (delay, without_model) in [(0, None), (0, Some(25)), (2, None)] {
        let evidence = thinned(30, |_| true, |window| Some(window) != without_model);
        let trial = Trial::over(&evidence, 20, 30, &histories(30, None), delay, 1);
        let followed = in_service::series(&trial, &evidence, &named_policies, OBSERVED).expect("losses");
        for (window, loss) in trial.windows.iter().zip(&followed.log_loss) {
            let known = trial.known(*window);
            // The policy takes office after window 21. Before, all history is fitted every window.
            let fit = known - known.saturating_sub(21) % 2;
            let fit = if Some(fit) == without_model { fit - 2 } else { fit };
            let (history, model) = if known < 21 { (Scheme::Cumulative, known) } else { (Scheme::Window, fit) };
            let expected = stable(history, model, *window) * ROWS as f64;
            assert!((loss - expected).abs() < 1e-9, "delay {delay}, window {window}");
        }
    }
}

#[test]
fn an_alarm_rings_for_the_model_in_service() {
    let rings = |evidence: &Evidence, model: u32, known: u32| {
        Alarms::of(evidence, Scheme::Cumulative, model, known, &|since, now| now - since >= 5)
    };
    let calm = evidence(40, stable);
    assert_eq!([34, 35, 36, 40].map(|model| rings(&calm, model, 40).drift), [true, true, false, false]);
    let risen = evidence(40, |_, _, window| if window >= 40 { 0.9 } else { 0.4 });
    assert!(rings(&risen, 30, 40).loss);
    assert!(!rings(&risen, 30, 39).loss, "the labels of window 40 are not known yet");
    assert!(!rings(&risen, 38, 40).loss, "too few windows for a mean and a deviation");
    assert!(!rings(&evidence(39, stable), 30, 39).loss);
}

#[test]
fn an_alarm_asks_for_a_refit_only_if_the_schedule_does_not() {
    let evidence = evidence(60, stable);
    let last = evidence.last();
    let policy = Policy { history: Scheme::Cumulative, refit: Refit::Every(8) };
    // The schedule fits after windows 40, 48 and 56, and features drift five windows after a fit.
    for (since, is_due, expected) in [(40, false, false), (44, true, false), (39, false, true)] {
        let named = |window| PolicyAtWindow::by_loss(window, policy, false);
        let named_policies: Vec<PolicyAtWindow> = (since..=last).map(named).collect();
        let action = advice_after(&evidence, 0, None, &named_policies).recommendation.action;
        let newest = since + (last - since) / 8 * 8;
        assert_eq!((newest == last, action == Action::RefitNow), (is_due, expected), "since {since}");
    }
}
