use std::sync::Arc;

use linfa::dataset::Pr;
use linfa::prelude::{BinaryClassification, ToConfusionMatrix};
use ndarray::Array1;

use super::*;
use crate::model::artifact::Learned;
use crate::model::design::Design;
use crate::model::fit::{FitSettings, fit, fit_from};
use crate::model::linear::LinearModel;
use crate::model::samples::{flights, mixed};
use crate::model::table::Subset;
use windrow_record::ModelId;

fn id(text: &str) -> ModelId {
    text.parse().expect("an id")
}

/// The log-odds of one model, from the design that fits use.
fn by_design(frame: &Arc<Frame>, learned: &Learned) -> (Vec<f64>, Vec<bool>) {
    let design = Design::new(&learned.encoder, std::slice::from_ref(frame), Subset::Whole);
    let weights: Vec<f64> = learned.weights().collect();
    design.log_odds(&design.in_design_order(learned.intercept.weight, &weights)).expect("memory can be read")
}

#[test]
fn models_scored_together_give_the_same_scores_as_each_separately() {
    let (schema, frames, settings) = mixed(3_000);
    // More models than a group holds, with different levels and penalties.
    let learn = |model: u32| {
        let (l2, min_count) = (vec![0.5 + f64::from(model)], 1 + u64::from(model));
        fit(&frames[..1], &schema, &FitSettings { l2, min_count, ..settings.clone() }, None).expect("a model")
    };
    let learned: Vec<Learned> = (0..70).map(learn).collect();
    let models = (1..).zip(&learned).map(|(number, learned)| {
        let model = ScoredModel::of(id(&format!("window-{number}")), learned);
        ScoredModel { threshold: 0.3, ..model }
    });
    let models: Vec<ScoredModel<'_>> = models.collect();
    let window = window_losses(&frames[1], windrow_record::WindowIndex::FIRST, "00", &models).expect("memory");
    let rows = frames[1].labelled();
    for (learned, found) in learned.iter().zip(&window.models) {
        let (log_odds, truth) = by_design(&frames[1], learned);
        for block in 0..BLOCKS {
            let rows = block * rows / BLOCKS..(block + 1) * rows / BLOCKS;
            let sum = |term: &dyn Fn(f64, bool) -> f64| {
                log_odds[rows.clone()].iter().zip(&truth[rows.clone()]).map(|(z, truth)| term(*z, *truth)).sum::<f64>()
            };
            let loss = sum(&|z, truth| row_loss(z, truth));
            assert!((found.log_loss[block] - loss).abs() < 2e-6, "{} {loss}", found.log_loss[block]);
            let square = sum(&|z, truth| (probability(z) - f64::from(truth)).powi(2));
            assert!((found.squared_error[block] - square).abs() < 2e-6);
            assert_eq!(found.false_alarms[block] as f64, sum(&|z, truth| f64::from(probability(z) >= 0.3 && !truth)));
            assert_eq!(found.misses[block] as f64, sum(&|z, truth| f64::from(probability(z) < 0.3 && truth)));
        }
    }
    assert_eq!(window.labelled(), rows as u64);
    assert_eq!(window.positive(), frames[1].positives() as u64);
}

#[test]
fn a_model_of_other_features_reads_no_row() {
    let (schema, frames, settings) = mixed(600);
    let (_, other, _) = flights("at_least = 15");
    let learned = fit(&frames[..1], &schema, &settings, None).expect("a model");
    let model = ScoredModel::of(id("window-1"), &learned);
    let short = ScoredModel { weights: model.weights[1..].to_vec(), ..model.clone() };
    for (frame, model) in [(&other[0], model), (&frames[1], short)] {
        let error = losses(frame, &[model]).expect_err("other features").to_string();
        assert!(error.contains("window-1 was trained with other features"), "{error}");
    }
}

#[test]
fn a_score_is_that_of_the_rows_asked_for() {
    let (schema, frames, settings) = flights("at_least = 15");
    let learned = fit(&frames[..2], &schema, &settings, None).expect("a model");
    let model = [ScoredModel::of(id("cumulative-2"), &learned)];
    let whole = scores(&frames[2], &model, &[0.25], None).expect("memory").remove(0).expect("rows");
    let tail = scores(&frames[2], &model, &[0.25], Some(100)).expect("memory").remove(0).expect("rows");
    let (log_odds, truth) = by_design(&frames[2], &learned);
    let mean = |from: usize| {
        let losses = log_odds[from..].iter().zip(&truth[from..]).map(|(z, truth)| row_loss(*z, *truth));
        losses.sum::<f64>() / (truth.len() - from) as f64
    };
    assert_eq!((whole.rows, tail.rows), (truth.len() as u64, 100));
    assert!((whole.log_loss - mean(0)).abs() < 1e-12 && (tail.log_loss - mean(truth.len() - 100)).abs() < 1e-12);
}

#[test]
fn measures_equal_those_of_linfa() {
    let (schema, frames, settings) = flights("at_least = 15");
    let learned = fit(&frames[..2], &schema, &settings, None).expect("a model");
    let (log_odds, truth) = by_design(&frames[2], &learned);
    let ours = score(&log_odds, &truth, 0.5, 0.25).expect("there are rows");
    let probabilities = log_odds.iter().map(|z| 1.0 / (1.0 + (-z).exp()));
    // linfa computes the AUC in f32.
    let of_linfa: Array1<Pr> = probabilities.clone().map(|p| Pr::new(p as f32)).collect();
    let auc = of_linfa.roc(&truth).expect("two classes").area_under_curve();
    assert!((f64::from(auc) - ours.auc.expect("two classes")).abs() < 1e-4, "{auc} {:?}", ours.auc);
    let labels: Array1<bool> = probabilities.map(|p| p >= 0.5).collect();
    let matrix = labels.confusion_matrix(&Array1::from_vec(truth)).expect("as many labels");
    assert!((f64::from(matrix.accuracy()) - ours.accuracy).abs() < 1e-6, "{} {}", matrix.accuracy(), ours.accuracy);
}

#[test]
fn recalibration_recovers_the_removed_intercept_and_slope() {
    let (schema, frames, settings) = mixed(20_000);
    let learned = fit(&frames[..1], &schema, &settings, None).expect("a model");
    let (log_odds, truth) = by_design(&frames[0], &learned);
    // A model at its optimum needs no other intercept. The penalty leaves a slope a little above 1.
    let (a, b) = recalibrate(&log_odds, &truth).expect("two classes");
    let moved: Vec<f64> = log_odds.iter().map(|z| 2.0 * z - 3.0).collect();
    let (moved_a, moved_b) = recalibrate(&moved, &truth).expect("two classes");
    assert!((moved_b - b / 2.0).abs() < 1e-6 && (moved_a - (a + 1.5 * b)).abs() < 1e-6, "{a} {b} {moved_a} {moved_b}");
    assert_eq!(recalibrate(&log_odds, &vec![true; truth.len()]), None, "one class");
    assert_eq!(recalibrate(&[0.5; 4], &[true, false, true, false]), None, "nothing varies");
    assert_eq!(recalibrate(&[-1.0, -2.0, 1.0, 2.0], &[false, false, true, true]), None, "no finite slope");
    let sums =
        recalibrated(Some(&frames[0]), &frames[1], &[ScoredModel::of(id("window-1"), &learned)]).expect("memory");
    let (log_odds, truth) = by_design(&frames[1], &learned);
    let loss: f64 = log_odds.iter().zip(&truth).map(|(z, truth)| row_loss(a + b * z, *truth)).sum();
    assert!((sums[0][0] - loss).abs() < 1e-3, "{} {loss}", sums[0][0]);
}

#[test]
fn a_warm_start_reaches_the_same_optimum() {
    let (schema, frames, settings) = flights("at_least = 15");
    let fit_linear = |frames: &[Arc<Frame>], start: Option<&LinearModel>| {
        fit_from(frames, &schema, &settings, None, start).expect("a model").expect("an optimum")
    };
    let neighbour = fit_linear(&frames[..2], None);
    let (cold, warm) = (fit_linear(&frames[1..], None), fit_linear(&frames[1..], Some(&neighbour)));
    assert_eq!(cold.encoder, warm.encoder);
    for (a, b) in cold.weights.iter().zip(&warm.weights) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    // The start is so far off that every row's curvature vanishes.
    let far = LinearModel { intercept: 300.0, weights: vec![-300.0; neighbour.weights.len()], ..neighbour.clone() };
    for (a, b) in cold.weights.iter().zip(&fit_linear(&frames[1..], Some(&far)).weights) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    // Under its own encoder, a model keeps its coefficients.
    let (intercept, weights) = neighbour.with_encoder(&neighbour.encoder);
    assert_eq!((intercept, weights), (neighbour.intercept, neighbour.weights.clone()));
}
