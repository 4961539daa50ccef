use linfa::dataset::Pr;
use linfa::prelude::{BinaryClassification, ToConfusionMatrix};
use ndarray::Array1;

use super::*;
use crate::model::fit::{FitSettings, fit};
use crate::model::samples::flights;

/// A score of made-up losses.
fn scored(id: &str, losses: &[f64]) -> Scored {
    let score = ModelScore { model: id.parse().expect("an id"), window: None, holdout: None };
    Scored { score, losses: losses.to_vec() }
}

#[test]
fn the_interval_is_the_paired_normal_one() {
    // Differences 0.1, 0.3, -0.1, 0.1: mean 0.1, variance 0.08 / 3.
    let (first, second) = (scored("cumulative-1", &[0.2, 0.5, 0.3, 0.4]), scored("window-1", &[0.1, 0.2, 0.4, 0.3]));
    let found = compare(&first, &second).expect("the same rows");
    let half = 1.959_963_984_540_054 * (0.08_f64 / 3.0 / 4.0).sqrt();
    assert!((found.difference - 0.1).abs() < 1e-15);
    assert!((found.low - (0.1 - half)).abs() < 1e-12 && (found.high - (0.1 + half)).abs() < 1e-12, "{found:?}");
    assert_eq!((found.on, found.rows), (ScoredOn::Holdout, 4));
    assert_eq!(compare(&first, &scored("window-1", &[0.1])), None, "other rows");
}

#[test]
fn a_model_is_scored_on_all_rows_of_a_later_window_and_on_the_held_out_rows_of_its_own() {
    let (schema, frames, settings) = flights("at_least = 15");
    let settings = FitSettings { threshold: 0.3, ..settings };
    let learned = fit(&frames[..2], &schema, &settings).expect("a model");
    let id: ModelId = "cumulative-2".parse().expect("an id");
    let own = score_on(&frames[1], id, &learned, 0.25, true).expect("memory can be read");
    assert_eq!(own.score.window, None);
    let holdout = own.score.holdout.expect("rows are held out");
    // Another share of positives is another baseline; all else is what the fit found.
    let of_fit = &learned.scores["newest_holdout"];
    assert_eq!((holdout.auc, holdout.rows, own.losses.len() as u64), (of_fit.auc, of_fit.rows, of_fit.rows));
    assert!((holdout.log_loss - of_fit.log_loss).abs() < 1e-12);

    let later = score_on(&frames[2], id, &learned, 0.25, false).expect("memory can be read");
    let (whole, part) = (later.score.window.expect("rows"), later.score.holdout.expect("rows are held out"));
    assert_eq!((whole.rows, later.losses.len()), (frames[2].labelled() as u64, frames[2].labelled()));
    assert_eq!(part.rows, (frames[2].labelled() - frames[2].fit_len()) as u64);
    let mean = later.losses.iter().sum::<f64>() / later.losses.len() as f64;
    assert!((whole.log_loss - mean).abs() < 1e-12);
}

#[test]
fn where_linfa_has_the_measure_it_says_the_same() {
    let (schema, frames, settings) = flights("at_least = 15");
    let learned = fit(&frames[..2], &schema, &settings).expect("a model");
    let design = Design::new(&learned.encoder, &frames[2..], Subset::Whole);
    let weights: Vec<f64> = learned.weights().collect();
    let (log_odds, truth) =
        design.log_odds(&design.in_design_order(learned.intercept.weight, &weights)).expect("memory can be read");
    let ours = score(&log_odds, &truth, 0.5, 0.25).expect("there are rows");
    let probabilities = log_odds.iter().map(|z| 1.0 / (1.0 + (-z).exp()));
    // linfa measures in f32.
    let of_linfa: Array1<Pr> = probabilities.clone().map(|p| Pr::new(p as f32)).collect();
    let auc = of_linfa.roc(&truth).expect("two classes").area_under_curve();
    assert!((f64::from(auc) - ours.auc.expect("two classes")).abs() < 1e-4, "{auc} {:?}", ours.auc);
    let labels: Array1<bool> = probabilities.map(|p| p >= 0.5).collect();
    let matrix = labels.confusion_matrix(&Array1::from_vec(truth)).expect("as many labels");
    assert!((f64::from(matrix.accuracy()) - ours.accuracy).abs() < 1e-6, "{} {}", matrix.accuracy(), ours.accuracy);
}
