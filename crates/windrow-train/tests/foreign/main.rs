//! Trainer and advisor with a learner outside of this program. The learner here is a rule in Rust, so no process is
//! started.

mod pairs;
mod rule;
mod study;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use windrow_evaluation::BLOCKS;
use windrow_learn::learner::{inspect_folder, measure_folder};
use windrow_learn::model::Outcome;
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::{LadderModel, Purpose, Registry};
use windrow_train::TrainError;

use rule::Rule;
use study::{ROWS, Study, WINDOWS};

/// Settings with which each model is compared with the champion, and old models may be removed.
const COMPARED: &str = "keep = 100\nholdout = 0.25\naccept = { max_log_loss_increase = 9.0 }";

fn window(number: u32) -> WindowIndex {
    WindowIndex::new(number).expect("not 0")
}

fn id(text: &str) -> ModelId {
    text.parse().expect("a model id")
}

#[test]
fn models_of_a_learner_are_published_with_their_folders_and_scored() {
    let (study, rule) = (Study::new(""), Arc::new(Rule::default()));
    study.train(&rule).expect("the rule learns");
    let registry = study.registry();
    let snapshot = registry.snapshot();
    let models: Vec<_> = snapshot.models().filter(|model| model.learned().is_some()).collect();
    assert_eq!(models.len(), 2 * WINDOWS as usize, "two schemes");
    let mut seeds = Vec::new();
    for model in &models {
        let artifact = model.artifact();
        let foreign = artifact.foreign().expect("a model of the learner");
        let folder = registry.learner_folder(artifact).expect("a folder");
        let found = inspect_folder(&folder).expect("a model");
        assert_eq!((found.digest, found.files, found.bytes), (foreign.digest.clone(), foreign.files, foreign.bytes));
        assert_eq!((foreign.learner.name.as_str(), foreign.calibration), ("rule", None));
        assert!(artifact.learned().is_some_and(|learned| learned.is_converged() && learned.scores.is_empty()));
        assert!(artifact.is_eligible() && artifact.logistic().is_none() && model.predictor().is_none());
        assert_eq!(artifact.versions.keys().collect::<Vec<_>>(), ["rules", "windrow"]);
        seeds.push(foreign.seed);
    }
    // Two fits of the first window compare its probabilities.
    assert_eq!(rule.fits().len(), models.len() + 1);
    assert_eq!(study.repeats(), [0.0]);
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), models.len(), "each fit has a seed of its own");
    assert!(seeds.iter().all(|seed| *seed < 1 << 31));
    let left = fs::read_dir(study.path("learner")).expect("a folder").count();
    assert_eq!(left, 0, "the files of the process are removed at its end");

    // Examples, scores and losses follow from the probabilities.
    let artifact = snapshot.get(id("cumulative-3")).expect("a model").artifact();
    let folder = registry.learner_folder(artifact).expect("a folder");
    let expected = Rule::probabilities(&folder, &study.rows(4));
    let learned = artifact.learned().expect("a model");
    assert_eq!(learned.examples.len(), 3);
    for (example, p) in learned.examples.iter().zip(Rule::probabilities(&folder, &study.rows(3))) {
        assert_eq!(example.probability, p);
    }
    let report = snapshot.window(window(4)).expect("a report");
    let score = report.scores.iter().find(|score| score.model == artifact.id).and_then(|score| score.window.as_ref());
    let loss = |p: f64, y: bool| if y { -p.ln() } else { -(-p).ln_1p() };
    let rows = study.rows(4);
    let losses: Vec<f64> = rows.iter().zip(&expected).map(|(row, p)| loss(*p, row.y)).collect();
    let mean = losses.iter().sum::<f64>() / ROWS as f64;
    assert!((score.expect("a score").log_loss - mean).abs() < 1e-9);
    let sha256 = &report.sha256;
    let stored = registry.evidence().losses(Purpose::Serving, window(4), sha256).expect("a file").expect("losses");
    let own = stored.models.iter().find(|losses| losses.model == artifact.id).expect("losses");
    assert!((own.log_loss.iter().sum::<f64>() - losses.iter().sum::<f64>()).abs() < 1e-6 * BLOCKS as f64);
    let alarms = rows.iter().zip(&expected).filter(|(row, p)| **p >= 0.5 && !row.y).count() as u64;
    assert_eq!(own.false_alarms.iter().sum::<u64>(), alarms);
}

#[test]
fn the_models_of_a_window_are_fitted_at_once_and_published_in_their_order() {
    let (study, rule) = (Study::new("schemes = [\"cumulative\", \"window\"]"), Arc::new(Rule::default()));
    rule.meets.store(true, Relaxed);
    rule.fail("cumulative-9");
    study.train(&rule).expect_err("the learner fails");
    let names = |registry: &Registry| -> BTreeSet<String> {
        registry.snapshot().models().map(|model| model.name().to_owned()).collect()
    };
    let found = names(&study.registry());
    // The other model of the window is fitted, but its turn comes after the one that failed.
    assert!(rule.fits().iter().any(|fit| fit.model == "window-9"));
    assert_eq!(found.len(), 16, "{found:?}");
    assert!(!study.path("models/window-9").exists());

    let rule = Arc::new(Rule::default());
    rule.fail("window-9");
    study.train(&rule).expect_err("the learner fails");
    let found = names(&study.registry());
    assert!(found.len() == 17 && found.contains("cumulative-9"), "{found:?}");

    // The models are the same as those of a run without failures.
    let (again, rule) = (Study::new("schemes = [\"cumulative\", \"window\"]"), Arc::new(Rule::default()));
    study.train(&rule).expect("the rule learns");
    again.train(&rule).expect("the rule learns");
    let digests = |registry: &Registry| -> Vec<String> {
        let snapshot = registry.snapshot();
        snapshot.models().map(|model| model.artifact().foreign().expect("a model").digest.clone()).collect()
    };
    assert_eq!(digests(&study.registry()), digests(&again.registry()));
}

#[test]
fn stored_models_are_not_fitted_again() {
    let (study, rule) = (Study::new(""), Arc::new(Rule::default()));
    study.train(&rule).expect("the rule learns");
    let fits = rule.fits().len();
    study.train(&rule).expect("the rule learns");
    assert_eq!(rule.fits().len(), fits);
    // A model whose files are missing is made again.
    let registry = study.registry();
    let snapshot = registry.snapshot();
    let artifact = snapshot.get(id("window-5")).expect("a model").artifact();
    let folder = registry.learner_folder(artifact).expect("a folder");
    fs::remove_dir_all(&folder).expect("a folder");
    study.train(&rule).expect("the rule learns");
    assert_eq!(rule.fits()[fits..].iter().map(|fit| fit.model.clone()).collect::<Vec<_>>(), ["window-5"]);
    assert!(measure_folder(&folder).is_ok(), "the same rows and the same seed give the same model");
}

#[test]
fn the_files_of_windows_that_no_model_needs_any_more_are_removed() {
    let (study, rule) = (Study::new("schemes = [\"window\"]"), Arc::new(Rule::default()));
    study.train(&rule).expect("the rule learns");
    assert_eq!(rule.most_files.load(Relaxed), 2, "the rows of one window, and its example rows");
    // The advisor needs all windows up to the last one for each history of all windows, and writes them again.
    study.advise(&rule).expect("the rule learns");
    assert!(rule.most_files.load(Relaxed) >= WINDOWS as usize);
}

#[test]
fn files_of_models_that_were_not_published_are_removed_at_a_start_without_other_processes() {
    let (study, rule) = (Study::new(""), Arc::new(Rule::default()));
    study.train(&rule).expect("the rule learns");
    let registry = study.registry();
    let snapshot = registry.snapshot();
    let published =
        registry.learner_folder(snapshot.get(id("window-2")).expect("a model").artifact()).expect("a folder");
    let left = study.path("models/window-99");
    fs::create_dir_all(left.join("learner/0123456789abcdef")).expect("a folder");
    fs::write(left.join("learner/0123456789abcdef/shares.json"), "{}").expect("a file");
    let other = study.learning(&rule);
    assert!(!left.exists() && published.exists(), "no other process makes models");
    fs::create_dir_all(left.join("learner")).expect("a folder");
    study.train(&rule).expect("the rule learns");
    assert!(left.exists(), "the other process may be making it");
    drop(other);
    study.train(&rule).expect("the rule learns");
    assert!(!left.exists());
}

#[test]
fn held_out_rows_are_asked_for_and_score_a_first_fit() {
    let (study, rule) =
        (Study::new("holdout = 0.25\naccept = { min_auc = 0.5, max_log_loss_increase = 9.0 }"), Arc::default());
    study.train(&rule).expect("the rule learns");
    let snapshot = study.registry().snapshot();
    let model = snapshot.get(id("cumulative-6")).expect("a model");
    let score = &model.learned().expect("a model").scores["holdout"];
    assert_eq!(score.rows, ROWS as u64 / 4);
    assert!(score.auc.is_some_and(|auc| auc > 0.5), "{:?}", score.auc);
    let of_model = rule.fits().into_iter().filter(|fit| fit.model == "cumulative-6");
    let rows: Vec<usize> = of_model.map(|fit| fit.rows).collect();
    assert_eq!(rows, [6 * ROWS - ROWS / 4, 6 * ROWS], "without the held-out rows, and with them");
}

#[test]
fn the_ladder_is_fitted_once_and_continues_where_it_stopped() {
    let (study, rule) = (Study::new(""), Arc::new(Rule::default()));
    study.train(&rule).expect("the rule learns");
    let published = rule.fits().len();
    study.advise(&rule).expect("the rule learns");
    let ladder = rule.fits().len() - published;
    let evidence = study.registry().evidence().clone();
    assert!(evidence.advice().expect("a file").is_some());
    assert!(study.path("advice/recalibrated-0.json").exists());
    let mut folders = Vec::new();
    for number in 1..=WINDOWS {
        let sha256 = study.sha256(number);
        for (history, model) in evidence.ladder(window(number), &sha256).expect("a file").models {
            let Some(LadderModel::Foreign(found)) = model else { panic!("{history} of window {number}: {model:?}") };
            let folder = evidence.ladder_folder(ModelId::new(window(number), history), &found.digest);
            assert_eq!(measure_folder(&folder).expect("a model"), (found.files, found.bytes));
            folders.push(folder);
        }
    }
    // The last 2 windows from window 3 on, and the last 4 from window 5 on: earlier ones are all windows so far.
    assert_eq!(folders.len(), 14 + 12);
    assert_eq!(ladder, folders.len(), "models of the alias are copies of those of the ladder");

    let (fits, before) = (rule.fits().len(), fs::read(study.path("advice.json")).expect("the advice"));
    study.advise(&rule).expect("the rule learns");
    assert_eq!(rule.fits().len(), fits, "all is stored");
    // One folder is missing: one fit.
    fs::remove_dir_all(&folders[0]).expect("a folder");
    study.advise(&rule).expect("the rule learns");
    assert_eq!(rule.fits().len(), fits + 1);
    assert!(folders[0].exists());
    assert_eq!(fs::read(study.path("advice.json")).expect("the advice"), before);
}

#[test]
fn models_that_are_removed_while_the_advisor_scores_them_change_nothing() {
    let sums = |is_removed: bool| {
        // All models are kept, so only the rule removes some.
        let (study, rule) = (Study::new("keep = 100"), Arc::new(Rule::default()));
        study.train(&rule).expect("the rule learns");
        if is_removed {
            rule.remove_from(study.path("models"));
        }
        let learning = study.learning(&rule);
        study.advise_with(learning.clone()).expect("the rule learns");
        let files = study.learner_files();
        assert!(!files.iter().any(|name| name.starts_with("held-")), "nothing is held any more: {files:?}");
        drop(learning);
        assert_eq!(fs::read_dir(study.path("learner")).expect("a folder").count(), 0, "the process has ended");
        (fs::read(study.path("advice/recalibrated-0.json")).expect("the sums"), rule.removed())
    };
    let (expected, none) = sums(false);
    let (found, removed) = sums(true);
    assert!(none.is_empty() && !removed.is_empty());
    assert_eq!(found, expected, "without {removed:?}");
}

#[test]
fn models_that_are_retired_while_a_window_is_learned_from_are_scored_and_compared() {
    let losses = |is_retired: bool| {
        let (study, rule) = (Study::new(COMPARED), Arc::new(Rule::default()));
        let learning = study.learning(&rule);
        if is_retired {
            rule.retire_at(window(6), &learning.registry);
        }
        study::train(learning).expect("the rule learns");
        assert_eq!(rule.retirements.load(Relaxed) > 0, is_retired);
        fs::read(study.path("losses/window-00006.json")).expect("the losses")
    };
    assert_eq!(losses(true), losses(false));
}

#[test]
fn a_model_is_not_accepted_if_the_champion_has_lost_its_files() {
    let (study, rule) = (Study::new(COMPARED), Arc::new(Rule::default()));
    rule.empty_at("cumulative-6", study.path("models"));
    let error = study.train(&rule).expect_err("no champion");
    assert!(matches!(error, TrainError::NoChampion { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot compare the models of window 6 with the champion "), "{error}");
    assert!(!study.path("models/cumulative-6/model.json").exists());
}

#[test]
fn a_learner_that_varies_is_found() {
    let (study, rule) = (Study::new(""), Arc::new(Rule::default()));
    rule.varies.store(true, Relaxed);
    study.train(&rule).expect("the rule learns");
    let repeats = study.repeats();
    assert!(repeats.len() == 1 && repeats[0] > 1e-12, "{repeats:?}");
}

#[test]
fn rows_that_cannot_be_learned_from_give_a_record_and_errors_end_the_stage() {
    let (study, rule) = (Study::new(""), Arc::new(Rule::default()));
    rule.refuse("window-3");
    study.train(&rule).expect("the rule learns from other rows");
    let snapshot = study.registry().snapshot();
    let refused = snapshot.get(id("window-3")).expect("a record").artifact();
    assert_eq!(refused.outcome, Outcome::Refused { reason: "too dull: 1.parquet".to_owned() });
    assert!(snapshot.get(id("cumulative-3")).is_some_and(|model| model.learned().is_some()));

    let (study, rule) = (Study::new(""), Arc::new(Rule::default()));
    rule.fail("window-3");
    let error = study.train(&rule).expect_err("the learner fails");
    assert!(matches!(error, TrainError::Learner { .. }), "{error:?}");
    let sentence = "cannot fit window-3: the learner reports: no memory; correct its program, and start again";
    assert_eq!(error.to_string(), sentence);
    // The models before the failure are kept.
    assert!(study.registry().snapshot().get(id("window-2")).is_some());

    let (study, rule) = (Study::new(""), Arc::new(Rule::default()));
    rule.leave_nothing("window-3");
    let error = study.train(&rule).expect_err("the folder is empty");
    let sentence = "the learner gave no valid model for window-3: the model folder is empty; correct what its program \
                    writes, and start again";
    assert_eq!(error.to_string(), sentence);
}
