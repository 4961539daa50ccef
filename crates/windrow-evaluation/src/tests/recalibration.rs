//! Tests of recalibration in office: which model is in service, on which window it was recalibrated, and its losses.

use super::kinds::{SILENT, jumps, names, of};
use super::*;

/// The policies in office. The schedule fits after windows 24 and 28, and again after window 40.
const OFFICES: [(u32, Refit); 4] =
    [(24, Refit::Every(4)), (30, Refit::Recalibrated), (36, Refit::Never), (40, Refit::Every(4))];

fn silent(evidence: &Evidence, delay: u32) -> AlarmData<'_> {
    AlarmData { evidence, delay, has_drifted: &|_, _| false }
}

/// Returns the windows of a fit, of its recalibration, and in which the recalibrated model is in service.
fn recalibrated(evidence: &Evidence, offices: &[(u32, Refit)], delay: u32) -> Vec<(u32, u32, u32)> {
    let models = recalibrated_in_service(&names(offices), silent(evidence, delay));
    models.into_iter().map(|model| (model.model, model.on.expect("a recalibration"), model.window)).collect()
}

#[test]
fn the_model_in_service_is_recalibrated_after_each_window_whose_labels_are_known() {
    let all = jumps(50, |_| true);
    let advised = advised_fits(&names(&OFFICES), 50, silent(&all, 0));
    let windows = |steps: &[AdvisedFit]| steps.iter().map(|step| step.window).collect::<Vec<_>>();
    assert_eq!(windows(&advised.fits), [24, 28, 40, 44, 48]);
    assert_eq!(windows(&advised.recalibrations), [30, 31, 32, 33, 34, 35]);
    assert_eq!(windows(&advised.steps()), [24, 28, 30, 31, 32, 33, 34, 35, 40, 44, 48]);
    for delay in [0, 2] {
        // Fit once keeps the model with its last recalibration, until the schedule fits a new one.
        let expected: Vec<_> = (30..40).map(|known: u32| (28, known.min(35), known + 1 + delay)).collect();
        assert_eq!(recalibrated(&all, &OFFICES, delay), expected, "delay {delay}");
    }
    // A fit that gives no model leaves the recalibrated one in service.
    let missing = jumps(50, |model| model != 40);
    let expected: Vec<_> = (30..44).map(|known: u32| (28, known.min(35), known + 1)).collect();
    assert_eq!(recalibrated(&missing, &OFFICES, 0), expected);
}

#[test]
fn a_model_is_not_recalibrated_on_a_window_that_it_has_learned_from() {
    // The model of all history, which is in service without advice, has learned from window 30.
    let found = recalibrated(&jumps(34, |_| true), &[(30, Refit::Recalibrated)], 0);
    assert_eq!(found, [(30, 31, 32), (30, 32, 33), (30, 33, 34)]);
}

#[test]
fn a_window_without_labels_renews_nothing() {
    let evidence = thinned(34, |window| window != 32, |_| true);
    let found = recalibrated(&evidence, &[(28, Refit::Every(9)), (30, Refit::Recalibrated)], 0);
    assert_eq!(found, [(28, 30, 31), (28, 31, 33), (28, 33, 34)], "window 32 has no rows to predict either");
}

#[test]
fn following_has_the_losses_of_the_recalibrated_models() {
    let all = jumps(50, |_| true);
    let trial = Trial::over(&all, 26, 50, &[Scheme::Window, Scheme::Cumulative], 0, 1);
    let sums = |model: RecalibratedModel| {
        let on = model.on.expect("a recalibration");
        Some([f64::from(on), f64::from(model.window), f64::from(model.model), 7.0])
    };
    let observed = Observed { recalibrated: &sums, ..SILENT };
    let series = in_service::series(&trial, &all, &names(&OFFICES), observed).expect("losses");
    for (at, window) in trial.windows.iter().enumerate() {
        let found = [series.log_loss[at], series.squared_error[at], series.false_alarms[at], series.misses[at]];
        if (31..=40).contains(window) {
            let on = (window - 1).min(35);
            assert_eq!(found, [f64::from(on), f64::from(*window), 28.0, 7.0], "window {window}");
        } else {
            assert_eq!(found[2..], [24.0, 40.0], "window {window}");
        }
    }
    assert_eq!(
        series.fits.iter().sum::<f64>(),
        4.0,
        "the fits of windows 28, 40, 44 and 48; a recalibration costs none"
    );
    let unknown = in_service::series(&trial, &all, &names(&OFFICES), SILENT);
    assert_eq!(unknown.map(|series| series.policy), None, "losses that are not known are not guessed");
}

#[test]
fn no_alarm_asks_for_a_refit_while_recalibration_is_in_office() {
    let evidence = evidence(60, stable);
    let sums = |model: RecalibratedModel| Some([0.4 * ROWS as f64 + f64::from(model.window % 3), 100.0, 24.0, 40.0]);
    let observed = Observed { recalibrated: &sums, ..OBSERVED };
    let action = |refit| {
        let named = |window: u32| PolicyAtWindow::by_loss(window, of(Scheme::Cumulative, refit), false);
        let named: Vec<PolicyAtWindow> = (39..=60).map(named).collect();
        advice_naming(&evidence, 0, None, &named, observed).recommendation
    };
    // Features drift five windows after a fit.
    assert_eq!(action(Refit::Every(8)).action, Action::RefitNow);
    let held = action(Refit::Recalibrated);
    let reason = "The policy in office holds: fit once, on all history, and recalibrate every week.";
    assert_eq!((held.action, held.reason.as_str()), (Action::Hold, reason));
}
