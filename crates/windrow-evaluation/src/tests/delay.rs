//! Tests that no policy uses labels that are not known yet.

use super::*;
use crate::alarm::{on_loss, on_psi};

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

/// Returns the windows of a trial, each with the model of the last window that was used for it.
fn models(trial: &Trial, series: &Series) -> Vec<(u32, u32)> {
    let model = |window: u32, loss: f64| {
        let has_loss = |model: &u32| (changing(Scheme::Window, *model, window) * ROWS as f64 - loss).abs() < 1e-6;
        (1..window).find(has_loss).expect("a model with this loss")
    };
    trial.windows.iter().zip(&series.log_loss).map(|(window, loss)| (*window, model(*window, *loss))).collect()
}

#[test]
fn a_loss_alarm_rings_when_the_labels_of_its_window_are_known() {
    let evidence = evidence(40, changing);
    for delay in [0, DELAY] {
        let trial = Trial::new(&evidence, 40, &histories(40, None), delay);
        let series = on_loss(&trial, &evidence, Scheme::Window).expect("losses");
        for (window, model) in models(&trial, &series) {
            // The longest history has 16 windows, so the first model is that of window 16.
            let expected = if window <= CHANGE + delay { 16 } else { CHANGE };
            assert_eq!(model, expected, "window {window}, delay {delay}");
        }
    }
}

#[test]
fn a_feature_alarm_refits_on_known_labels() {
    let evidence = evidence(40, changing);
    let trial = Trial::new(&evidence, 40, &histories(40, None), DELAY);
    let has_drifted = |since: u32, now: u32| since < CHANGE && now >= CHANGE;
    let series = on_psi(&trial, &evidence, Scheme::Window, &has_drifted).expect("losses");
    let models = models(&trial, &series);
    for (window, model) in &models {
        assert!(*model < window - DELAY, "window {window}: the labels of window {model} are not known yet");
    }
    assert_eq!(models.last(), Some(&(40, CHANGE)), "it has refitted on rows from after the change");
}

#[test]
fn advice_is_followed_when_the_labels_that_it_needs_are_known() {
    let evidence = evidence(40, changing);
    let trial = Trial::new(&evidence, 40, &[Scheme::Window, Scheme::Cumulative], DELAY);
    let advised = [(20, Scheme::Cumulative), (CHANGE, Scheme::Window)].map(|(window, history)| {
        let policy = Policy { history, refit: Refit::Every(1) };
        PolicyAtWindow { window, policy, provisional: false, was_shown: true }
    });
    let series = in_service::series(&trial, &evidence, &advised).expect("losses");
    assert_eq!(trial.windows.first(), Some(&(2 + DELAY)));
    for (window, loss) in trial.windows.iter().zip(&series.log_loss) {
        let known = window - 1 - DELAY;
        let history = if known >= CHANGE { Scheme::Window } else { Scheme::Cumulative };
        let expected = changing(history, known, *window) * ROWS as f64;
        assert!((loss - expected).abs() < 1e-6, "window {window}: {loss} instead of {expected}");
    }
}
