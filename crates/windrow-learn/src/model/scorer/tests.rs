use std::sync::Arc;

use linfa::dataset::Pr;
use linfa::prelude::{BinaryClassification, ToConfusionMatrix};
use ndarray::Array1;

use super::*;
use crate::model::artifact::Learned;
use crate::model::design::Design;
use crate::model::fit::{FitSettings, fit, fit_from};
use crate::model::linear::LinearModel;
use crate::model::predictor::Cell;
use crate::model::samples::{flights, logistic, mixed, pipeline, predictor, read_holding_out};
use crate::model::table::Subset;
use windrow_record::ModelId;

fn id(text: &str) -> ModelId {
    text.parse().expect("an id")
}

fn scored_model<'a>(name: &str, learned: &'a Learned) -> ScoredModel<'a> {
    ScoredModel::of(id(name), learned).expect("a logistic regression")
}

/// The log-odds of one model, from the design that fits use.
fn by_design(frame: &Arc<Frame>, learned: &Learned) -> (Vec<f64>, Vec<bool>) {
    let design = Design::new(&logistic(learned).encoder, std::slice::from_ref(frame), Subset::Whole);
    let weights: Vec<f64> = logistic(learned).weights().collect();
    design.log_odds(&design.in_design_order(logistic(learned).intercept.weight, &weights)).expect("memory can be read")
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
        let model = scored_model(&format!("window-{number}"), learned);
        ScoredModel { threshold: 0.3, ..model }
    });
    let models: Vec<ScoredModel<'_>> = models.collect();
    let window = window_losses(&frames[1], WindowIndex::FIRST, "00", &models).expect("memory");
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
fn losses_and_scores_of_one_pass_are_the_same_to_the_bit_as_those_of_two() {
    let (schema, frames, settings) = mixed(3_000);
    // More models than a group holds.
    let learn = |model: u32| {
        let l2 = vec![0.5 + f64::from(model)];
        fit(&frames[..1], &schema, &FitSettings { l2, ..settings.clone() }, None).expect("a model")
    };
    let learned: Vec<Learned> = (0..70).map(learn).collect();
    let models = (1..).zip(&learned).map(|(number, one)| scored_model(&format!("window-{number}"), one));
    let models: Vec<ScoredModel<'_>> = models.collect();
    let (frame, first) = (&frames[1], WindowIndex::FIRST);
    let shares: Vec<f64> = (0..70).map(|model| 0.2 + f64::from(model) / 200.0).collect();
    let expected = window_losses(frame, first, "00", &models).expect("memory");
    let expected = (expected, scores(frame, &models, &shares, None).expect("memory"));
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let found = pool.install(|| losses_and_scores(frame, first, "00", &models, &shares)).expect("memory");
        assert_eq!(found, expected, "{threads} threads");
    }
    assert_eq!(expected.0.models.len(), 70);
    // A score is that of the rows in their order: the log-odds of the blocks follow each other.
    let losses: f64 = expected.0.models[69].log_loss.iter().sum();
    let score = expected.1[69].as_ref().expect("rows");
    assert!((score.log_loss * score.rows as f64 - losses).abs() < 1e-5, "{score:?} {losses}");
}

#[test]
fn a_window_without_labelled_rows_has_no_scores() {
    let pipeline = pipeline("[target]\ncolumn = \"y\"\nequals = \"1\"\n[features]\nnumeric = [\"x\"]");
    let labelled = (0..20).map(|row| format!("{},{row}\n", row % 2));
    let rows: String = labelled.chain((0..20).map(|row| format!(",{row}\n"))).collect();
    let (schema, frames) = read_holding_out(&pipeline, format!("y,x\n{rows}").as_bytes(), 20, 0.0);
    let learned = fit(&frames[..1], &schema, &FitSettings::from(&pipeline), None).expect("a model");
    let model = [scored_model("window-1", &learned)];
    let (losses, scores) = losses_and_scores(&frames[1], WindowIndex::FIRST, "00", &model, &[0.5]).expect("memory");
    assert_eq!((losses.labelled(), losses.unlabelled, losses.models[0].log_loss), (0, 20, [0.0; BLOCKS]));
    assert_eq!(scores, [None]);
}

#[test]
fn a_model_of_other_features_reads_no_row() {
    let (schema, frames, settings) = mixed(600);
    let (_, other, _) = flights("at_least = 15");
    let learned = fit(&frames[..1], &schema, &settings, None).expect("a model");
    let model = scored_model("window-1", &learned);
    let short = ScoredModel { weights: model.weights[1..].to_vec(), ..model.clone() };
    for (frame, model) in [(&other[0], model), (&frames[1], short)] {
        let error = losses(frame, &[model], &mut []).expect_err("other features").to_string();
        assert!(error.contains("window-1 was trained with other features"), "{error}");
    }
}

#[test]
fn a_score_is_that_of_the_rows_asked_for() {
    let (schema, frames, settings) = flights("at_least = 15");
    let learned = fit(&frames[..2], &schema, &settings, None).expect("a model");
    let model = [scored_model("cumulative-2", &learned)];
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
fn the_auc_of_many_models_is_that_of_their_scores() {
    let (schema, frames, settings) = mixed(2_000);
    // More models than are ranked at once.
    let learn = |model: u32| {
        let l2 = vec![0.5 + 20.0 * f64::from(model)];
        fit(&frames[..1], &schema, &FitSettings { l2, ..settings.clone() }, None).expect("a model")
    };
    let learned: Vec<Learned> = (0..20).map(learn).collect();
    let models = (1..).zip(&learned).map(|(number, one)| scored_model(&format!("window-{number}"), one));
    let models: Vec<ScoredModel<'_>> = models.collect();
    let scored = scores(&frames[1], &models, &[0.25; 20], None).expect("memory");
    let expected: Vec<Option<f64>> = scored.into_iter().map(|score| score.expect("rows").auc).collect();
    assert!(expected.iter().all(Option::is_some) && expected[0] != expected[19], "{expected:?}");
    assert_eq!(aucs(&frames[1], &models).expect("memory"), expected);
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
    let (a, b) = recalibrate(&log_odds, &truth, 0.0).expect("two classes");
    let moved: Vec<f64> = log_odds.iter().map(|z| 2.0 * z - 3.0).collect();
    let (moved_a, moved_b) = recalibrate(&moved, &truth, 0.0).expect("two classes");
    assert!((moved_b - b / 2.0).abs() < 1e-6 && (moved_a - (a + 1.5 * b)).abs() < 1e-6, "{a} {b} {moved_a} {moved_b}");
    assert_eq!(recalibrate(&log_odds, &vec![true; truth.len()], 0.0), None, "one class");
    assert_eq!(recalibrate(&[0.5; 4], &[true, false, true, false], 0.0), None, "nothing varies");
    let apart = recalibrate(&[-1.0, -2.0, 1.0, 2.0], &[false, false, true, true], 0.0);
    assert_eq!(apart, None, "no finite slope");
    let sums = recalibrated(Some(&frames[0]), &frames[1], &[scored_model("window-1", &learned)]).expect("memory");
    let (log_odds, truth) = by_design(&frames[1], &learned);
    let loss: f64 = log_odds.iter().zip(&truth).map(|(z, truth)| row_loss(a + b * z, *truth)).sum();
    assert!((sums[0][0] - loss).abs() < 1e-3, "{} {loss}", sums[0][0]);
}

/// Windows of a number and a logarithm: of 0 to 9, of 5 to 14, and one whose cells are beyond both, missing, or within.
fn windows_that_move() -> (Vec<Arc<Frame>>, Vec<Learned>, Vec<String>) {
    let pipeline = pipeline("[target]\ncolumn = \"y\"\nequals = \"1\"\n[features]\nnumeric = [\"x\"]\nlog = [\"l\"]");
    let known = |first: usize| (0..40).map(move |row| format!("{},{}", first + row % 10, first + row % 7));
    let beyond = ["-1e300,-0.5", "4,5", ",", "1e300,1e300", "9,3", "20,", "7,7", "14,0"].repeat(5);
    let cells: Vec<String> = known(0).chain(known(5)).chain(beyond.into_iter().map(str::to_owned)).collect();
    let csv: String =
        cells.iter().enumerate().map(|(row, cells)| format!("{},{cells}\n", u8::from(row % 3 == 0))).collect();
    let (schema, frames) = read_holding_out(&pipeline, format!("y,x,l\n{csv}").as_bytes(), 40, 0.0);
    let settings = FitSettings::from(&pipeline);
    let learned = [&frames[..1], &frames[1..2], &frames[..2]].map(|frames| fit(frames, &schema, &settings, None));
    let learned = learned.into_iter().map(|learned| learned.expect("a model")).collect();
    (frames, learned, cells[80..].to_vec())
}

#[test]
fn each_model_holds_the_numbers_of_a_window_within_its_own_range() {
    let (frames, learned, cells) = windows_that_move();
    let names = ["window-1", "window-2", "cumulative-2"];
    let models: Vec<ScoredModel<'_>> =
        names.iter().zip(&learned).map(|(name, learned)| scored_model(name, learned)).collect();
    let (_, log_odds) = log_odds(&frames[2], &models, 0..frames[2].labelled()).expect("memory");
    for ((learned, log_odds), name) in learned.iter().zip(&log_odds).zip(names) {
        let predictor = predictor(learned);
        for (cells, log_odds) in cells.iter().zip(log_odds) {
            let numbers = cells.split(',').map(|cell| cell.parse().map_or(Cell::Missing, Cell::Number));
            let expected = predictor.predict(&numbers.collect::<Vec<_>>()).log_odds;
            assert!((log_odds - expected).abs() < 1e-12 * expected.abs().max(1.0), "{name} {cells}: {log_odds}");
        }
        // The design of held-out rows holds them too.
        for (by_design, log_odds) in by_design(&frames[2], learned).0.iter().zip(log_odds) {
            assert!((log_odds - by_design).abs() < 1e-12 * by_design.abs().max(1.0), "{name}: {log_odds} {by_design}");
        }
    }
    // The shares of each eight rows that are outside. Window 1 has 0 to 9 and 0 to 6, window 2 has 5 to 14 and 5 to 11,
    // and both together have 0 to 14 and 0 to 11.
    let outside = [5.0 / 8.0, 6.0 / 8.0, 3.0 / 8.0];
    assert_eq!(held_shares(&frames[2], &models).expect("memory"), outside);
    assert_eq!(held_shares(&frames[1], &models[1..]).expect("memory"), [0.0, 0.0], "training rows are within");
}

#[test]
fn the_slope_stays_one_if_more_than_a_tenth_of_the_rows_were_held() {
    let (schema, frames, settings) = mixed(20_000);
    let learned = fit(&frames[..1], &schema, &settings, None).expect("a model");
    let (log_odds, truth) = by_design(&frames[0], &learned);
    let moved: Vec<f64> = log_odds.iter().map(|z| 2.0 * z - 3.0).collect();
    let (_, slope) = recalibrate(&moved, &truth, 0.1).expect("two classes");
    assert!((slope - 0.5).abs() < 0.05, "{slope}");
    let (intercept, slope) = recalibrate(&moved, &truth, 0.100_001).expect("two classes");
    assert_eq!(slope, 1.0);
    // At the optimum, the probabilities add up to the positives.
    let expected: f64 = moved.iter().map(|z| probability(intercept + z)).sum();
    let positives = truth.iter().filter(|truth| **truth).count() as f64;
    assert!((expected - positives).abs() < 1e-3 * positives, "{expected} {positives}");
    assert_eq!(recalibrate(&moved, &vec![true; truth.len()], 0.5), None, "one class");

    // A window of which a model holds more than half is recalibrated by the intercept only.
    let (frames, learned, _) = windows_that_move();
    let model = [scored_model("window-1", &learned[0])];
    let (known, log_odds) = super::log_odds(&frames[2], &model, 0..frames[2].labelled()).expect("memory");
    let (intercept, _) = recalibrate(&log_odds[0], &known, 1.0).expect("two classes");
    let expected: f64 = log_odds[0].iter().zip(&known).map(|(z, truth)| row_loss(intercept + z, *truth)).sum();
    let sums = recalibrated(Some(&frames[2]), &frames[2], &model).expect("memory");
    assert!((sums[0][0] - expected).abs() < 1e-5, "{} {expected}", sums[0][0]);
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
