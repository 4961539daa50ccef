use super::*;
use crate::losses::{BLOCKS, LOSSES_FORMAT, ModelLosses, WindowLosses};
use crate::trial::Series;
use windrow_record::WindowIndex;

fn id(text: &str) -> ModelId {
    text.parse().expect("a model id")
}

/// Returns 12 windows with models of all windows and of one window. Window 5 gives no model of its own.
fn evidence() -> Evidence {
    let index = |window: u32| WindowIndex::new(window).expect("not 0");
    Evidence::new((1..=12).map(|window| {
        let models = (1..window).flat_map(|model| [Scheme::Cumulative, Scheme::Window].map(|scheme| (scheme, model)));
        let models = models.filter(|model| *model != (Scheme::Window, 5));
        let losses = models.map(|(scheme, model)| ModelLosses {
            model: ModelId::new(index(model), scheme),
            log_loss: [f64::from(window + model); BLOCKS],
            squared_error: [1.0; BLOCKS],
            false_alarms: [1; BLOCKS],
            misses: [1; BLOCKS],
        });
        WindowLosses {
            format: LOSSES_FORMAT,
            window: index(window),
            sha256: String::new(),
            unlabelled: 0,
            rows: [10; BLOCKS],
            positives: [3; BLOCKS],
            models: losses.collect(),
        }
    }))
}

fn trial(evidence: &Evidence) -> Trial {
    Trial::over(evidence, 5, 12, &[Scheme::Window, Scheme::Cumulative], 0, 1)
}

fn models(found: &ModelsInUse, window: u32) -> BTreeSet<ModelId> {
    found.by_window().find(|(found, _)| *found == window).map(|(_, models)| models).expect("a window that is judged")
}

#[test]
fn only_the_models_in_use_are_asked_for() {
    let evidence = evidence();
    let trial = trial(&evidence);
    let named = Policy { history: Scheme::Window, refit: Refit::Every(2) };
    let found = ModelsInUse::new(&trial, &evidence, Some(named));
    // The two phases, the model of the first window judged, and all history.
    let expected = ["window-4", "window-8", "window-9", "cumulative-9"].map(id);
    assert_eq!(models(&found, 10), BTreeSet::from(expected));
    let expected = ["window-4", "window-6", "cumulative-6"].map(id);
    assert_eq!(models(&found, 7), BTreeSet::from(expected), "window 5 has no model: the one before it stays in use");
    let unnamed = ModelsInUse::new(&trial, &evidence, None);
    assert_eq!(models(&unnamed, 10), BTreeSet::from(["cumulative-4", "cumulative-9"].map(id)));
}

#[test]
fn the_auc_of_a_policy_is_the_mean_over_its_phases() {
    let evidence = evidence();
    let trial = trial(&evidence);
    let named = Policy { history: Scheme::Window, refit: Refit::Every(2) };
    let of = |model: ModelId, window: u32| (window != 11).then(|| f64::from(model.window.get()) / 100.0);
    let found = ModelsInUse::new(&trial, &evidence, Some(named)).auc(of, &|window| format!("week {window}"));
    let at = |index: usize, window: u32| {
        let mut windows = found[index].windows.iter();
        windows.find(|at| at.window == window).map(|at| (at.label.clone(), at.auc)).expect("a window that is judged")
    };
    let all = Policy { history: Scheme::Cumulative, refit: Refit::Every(1) };
    let once = Policy { history: Scheme::Window, refit: Refit::Never };
    assert_eq!(found.iter().map(|found| found.policy).collect::<Vec<_>>(), [named, once, all]);
    let (label, auc) = at(0, 10);
    assert_eq!(label, "week 10");
    assert!(auc.is_some_and(|auc| (auc - 0.085).abs() < 1e-12), "{auc:?}");
    assert_eq!((at(1, 10).1, at(2, 10).1), (Some(0.04), Some(0.09)));
    assert_eq!((0..3).map(|index| at(index, 11).1).collect::<Vec<_>>(), [None; 3], "one class only");
}

#[test]
fn a_policy_is_listed_once() {
    let evidence = evidence();
    let trial = trial(&evidence);
    let all = Policy { history: Scheme::Cumulative, refit: Refit::Every(1) };
    let once = Policy { history: Scheme::Cumulative, refit: Refit::Never };
    for named in [all, once] {
        let found = ModelsInUse::new(&trial, &evidence, Some(named)).auc(|_, _| None, &|_| String::new());
        let rest = if named == all { once } else { all };
        assert_eq!(found.iter().map(|found| found.policy).collect::<Vec<_>>(), [named, rest]);
    }
}

#[test]
fn a_policy_of_several_runs_has_the_models_of_each() {
    let evidence = evidence();
    let mut trial = trial(&evidence);
    let policy = Policy { history: Scheme::Window, refit: Refit::LossAlarm };
    let run = |start: u32| {
        trial.stateful(&evidence, policy, None, |window| (Scheme::Window, if window < 9 { start } else { 8 }))
    };
    let runs: Option<Vec<Series>> = [3, 4].into_iter().map(run).collect();
    let series = Series::mean(&runs.expect("losses")).expect("two runs");
    trial.series.push(series);
    let found = ModelsInUse::new(&trial, &evidence, Some(policy));
    assert_eq!(found.policies[0].0, policy);
    let [before, after] = [8, 9].map(|window| found.policies[0].1[window - 5].clone());
    assert_eq!(before, ["window-3", "window-4"].map(id));
    assert_eq!(after, ["window-8", "window-8"].map(id));
}
