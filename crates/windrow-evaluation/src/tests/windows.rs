//! Tests of the windows that are judged, and of the number of windows that advice needs.

use super::*;
use crate::trial::{MIN_WINDOWS, intervals, longest_history};

#[test]
fn every_policy_is_judged_on_the_windows_after_the_longest_history() {
    assert_eq!(histories(79, None).len(), 6, "1, 2, 4, 8, 16 and all");
    assert_eq!(histories(4, None), [Scheme::Window, Scheme::Cumulative]);
    assert_eq!(histories(2, None), [Scheme::Cumulative], "two windows are too few for any other");
    // Further windows never take the advice away, however late labels are.
    for delay in 0..4 {
        for windows in first_advice(None, delay)..100 {
            let judged = windows - longest_history(&judged_histories(windows, None, delay)) - delay;
            assert!(judged as usize >= MIN_WINDOWS, "{windows} windows, delay {delay}: {judged}");
        }
    }
    assert_eq!((intervals(63, 0), intervals(12, 0), intervals(1, 0)), (vec![1, 2, 4, 8, 16], vec![1, 2, 4], vec![1]));
    let evidence = evidence(40, stable);
    for delay in [0, 3] {
        let trial = Trial::new(&evidence, 40, &histories(40, None), delay);
        assert_eq!((trial.windows.first(), trial.windows.last()), (Some(&(17 + delay)), Some(&40)));
        assert_eq!(trial.known(30), 29 - delay);
        assert!(trial.series.iter().all(|series| series.log_loss.len() == trial.len()));
    }
}

#[test]
fn a_refit_every_m_windows_is_the_mean_of_its_phases() {
    let evidence = evidence(40, stable);
    let trial = Trial::new(&evidence, 40, &histories(40, None), 1);
    let policy = Policy { history: Scheme::Window, refit: Refit::Every(4) };
    let series = trial.planned(&evidence, policy).expect("losses");
    for (window, loss) in trial.windows.iter().zip(&series.log_loss) {
        // At window t the newest model is of t - 2. The four phases use the models of t - 2 to t - 5.
        let phases = (2..6).map(|age| stable(Scheme::Window, window - age, *window) * ROWS as f64);
        assert!((loss - phases.sum::<f64>() / 4.0).abs() < 1e-9, "{window}");
    }
    assert_eq!(series.refits, trial.len() as f64 / 4.0);
}

#[test]
fn too_few_windows_say_how_many_would_do() {
    let advice = advice_on(&evidence(13, stable), 0);
    let Recommendation { status, named, sentences, .. } = &advice.recommendation;
    assert_eq!((*status, named.as_ref(), advice.basis.first_advice), (Status::TooFew, None, Some(16)));
    let expected = "Too few windows for advice: schedules can be compared on 9, and 12 are needed.";
    assert_eq!(sentences[..], [expected, "Advice needs 16 windows."]);
    let Recommendation { action, reason, .. } = &advice.recommendation;
    assert_eq!((*action, reason.as_str()), (Action::Hold, "Too few windows: advice needs 16."));
    assert!(advice.comparison.planned.iter().all(|found| found.kept.interval.is_none()));
    let later = advice_on(&evidence(16, stable), 2);
    assert_eq!(later.basis.first_advice, Some(18), "labels that come late need more windows");
    let none = advice_on(&Evidence::default(), 0);
    assert_eq!((none.recommendation.status, none.basis.judged.as_ref()), (Status::TooFew, None));
}

#[test]
fn empty_windows_delay_the_advice() {
    let advice = advice_on(&thinned(18, |window| window % 4 != 0, |window| window % 4 != 0), 0);
    // Windows 5 to 18 are judged, except 8, 12 and 16.
    assert_eq!(advice.basis.judged.as_ref().map(|judged| judged.windows), Some(11));
    assert_eq!((advice.recommendation.status, advice.basis.first_advice), (Status::TooFew, Some(19)));
    let labelled = |windows: u32| (1..=windows).map(|window| u64::from(window % 4 != 0)).collect::<Vec<_>>();
    assert_eq!([18, 19].map(|windows| is_enough_for_advice(&labelled(windows), 0)), [false, true]);
    assert_eq!((first_advice(None, 0), is_enough_for_advice(&[], 0)), (16, false));
    for delay in [0, 2, 5] {
        let first = first_advice(None, delay) as usize;
        let enough = [first - 1, first].map(|windows| is_enough_for_advice(&vec![9; windows], delay));
        assert_eq!(enough, [false, true], "{delay}");
    }
}

#[test]
fn a_window_without_a_model_hides_no_policy() {
    let of = |history, every| Policy { history, refit: Refit::Every(every) };
    // The first window is cut off, and some have one class only.
    let evidence = thinned(40, |_| true, |window| window > 1 && window % 7 != 0);
    let trial = Trial::new(&evidence, 40, &histories(40, None), 0);
    assert_eq!(trial.windows.first(), Some(&17));
    for every in [1, 2, 4, 8] {
        assert!(trial.series_of(of(Scheme::Cumulative, every)).is_some(), "{every}");
        assert!(trial.series_of(of(Scheme::Window, every)).is_some(), "{every}");
    }
    // Refitting every 4th window, one phase falls on a window before the first model.
    let late = thinned(16, |_| true, |window| window > 3);
    let trial = Trial::new(&late, 16, &histories(16, None), 0);
    assert_eq!(trial.windows.first(), Some(&5), "the model of window 4 is the first");
    let series = trial.planned(&late, of(Scheme::Window, 4)).expect("losses");
    assert!((series.log_loss[0] - stable(Scheme::Window, 4, 5) * ROWS as f64).abs() < 1e-9, "{series:?}");
    // Windows before the first model are not judged.
    let later = thinned(16, |_| true, |window| window > 6);
    assert_eq!(Trial::new(&later, 16, &histories(16, None), 0).windows.first(), Some(&8));
    assert_eq!(advice_on(&later, 0).basis.first_advice, Some(19));
}
