use super::*;
use crate::model::logistic::Method;
use crate::model::samples::{design, flights, logistic, mixed, pipeline, predictor, read, read_holding_out};

/// A pipeline with one numeric feature.
const TINY: &str = "[target]\ncolumn = \"y\"\nequals = \"1\"\n[features]\nnumeric = [\"x\"]";

/// Fits a model without a remote solver.
fn fit(frames: &[Arc<Frame>], schema: &Schema, settings: &FitSettings) -> Result<Learned, Unlearnable> {
    crate::model::fit(frames, schema, settings, None).map_err(|error| match error {
        FitError::Unlearnable(reason) => reason,
        error => panic!("memory can be read: {error}"),
    })
}

#[test]
fn a_model_of_the_flights_is_better_than_the_baseline() {
    let (schema, frames, settings) = flights("at_least = 15");
    let learned = fit(&frames, &schema, &settings).expect("the sample can be learned from");
    assert!(
        logistic(&learned).solver.converged && logistic(&learned).solver.seconds == 0.0,
        "{:?}",
        logistic(&learned).solver
    );
    assert_eq!(logistic(&learned).coefficients.len(), logistic(&learned).encoder.width());
    let score = &learned.scores["holdout"];
    assert_eq!(score.rows, frames[2].held_out() as u64, "the newest window's");
    assert!(score.auc.is_some_and(|auc| auc > 0.6), "{:?}", score.auc);
    assert!(score.log_loss < score.baseline_log_loss, "{} {}", score.log_loss, score.baseline_log_loss);
    assert_eq!(score.reliability.iter().map(|bin| bin.rows).sum::<u64>(), score.rows);
    for coefficient in &logistic(&learned).coefficients {
        assert_eq!(coefficient.standard_error.is_some(), !coefficient.name.contains('='), "{}", coefficient.name);
    }
    assert_eq!(logistic(&learned).intercept.standard_error, None);
}

#[test]
fn both_solvers_give_the_same_model() {
    let (schema, frames, settings) = mixed(1_000);
    let solved_by = |solver| fit(&frames, &schema, &FitSettings { solver, ..settings.clone() }).expect("a model");
    let (newton, linfa) = (solved_by(Solver::Newton), solved_by(Solver::Linfa));
    assert_eq!(logistic(&newton).encoder, logistic(&linfa).encoder);
    assert_eq!(logistic(&linfa).solver.method, Method::Linfa);
    for (a, b) in newton.examples.iter().zip(&linfa.examples) {
        assert!((a.probability - b.probability).abs() < 1e-4, "{} {}", a.probability, b.probability);
    }
    let (a, b) = (&newton.scores["holdout"], &linfa.scores["holdout"]);
    assert!((a.log_loss - b.log_loss).abs() < 1e-5, "{} {}", a.log_loss, b.log_loss);
}

#[test]
fn examples_are_rows_of_the_newest_window_with_the_answers_to_them() {
    let (schema, frames, settings) = flights("at_least = 15");
    let learned = fit(&frames, &schema, &settings).expect("the sample can be learned from");
    let rows: Vec<_> = learned.examples.iter().map(|example| example.row.clone()).collect();
    assert_eq!(rows, frames[2].examples());
    let first: usize = frames[..2].iter().map(|frame| frame.labelled()).sum();
    let (_, design) = design(&schema, &frames, &settings);
    let coefficients: Vec<f64> =
        std::iter::once(logistic(&learned).intercept.weight).chain(logistic(&learned).weights()).collect();
    let (log_odds, _) = design.log_odds(&coefficients).expect("memory can be read");
    for (index, example) in learned.examples.iter().enumerate() {
        let expected = crate::model::probability::probability(log_odds[first + index]);
        assert!((example.probability - expected).abs() < 1e-12, "{} {expected}", example.probability);
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let (schema, frames, settings) = mixed(20_000);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let learned = pool.install(|| fit(&frames, &schema, &settings)).expect("these rows can be learned from");
        serde_json::to_string(&learned).expect("a model is JSON")
    };
    let one = on(1);
    assert_eq!(one, on(4));
    let read_back: Learned = serde_json::from_str(&one).expect("a model is read back");
    assert_eq!(serde_json::to_string(&read_back).expect("a model is JSON"), one);
}

#[test]
fn without_a_holdout_there_is_no_score() {
    let (schema, frames) = tiny(40, 0.0);
    let learned = fit(&frames, &schema, &FitSettings::from(&pipeline(TINY))).expect("these rows can be learned from");
    assert!(learned.scores.is_empty() && logistic(&learned).solver.converged);
}

#[test]
fn the_score_is_of_a_fit_without_the_scored_rows() {
    let (schema, frames) = tiny(40, 0.1);
    let settings = FitSettings { l2: vec![1.0], solver: Solver::Newton, threshold: 0.5, min_count: 1 };
    let learned = fit(&frames, &schema, &settings).expect("these rows can be learned from");
    // The same rows, with nothing held out.
    let (_, whole) = tiny(40, 0.0);
    let of_all = fit(&whole, &schema, &settings).expect("these rows can be learned from");
    assert_eq!(logistic(&learned).encoder, logistic(&of_all).encoder);
    assert!((logistic(&learned).coefficients[0].weight - logistic(&of_all).coefficients[0].weight).abs() < 1e-6);
    // Only the rows that were not held out.
    let (_, cut) = tiny(36, 0.0);
    let without = fit(&cut, &schema, &settings).expect("these rows can be learned from");
    let predictor = predictor(&without);
    let held_out = [(37.0, false), (38.0, false), (39.0, true)].map(|(row, truth)| (f64::from(row as u32 % 7), truth));
    let losses = held_out.iter().chain(&[(3.0, false)]).map(|(x, truth)| {
        let p = predictor.predict(&[Cell::Number(*x)]).probability;
        -(if *truth { p } else { 1.0 - p }).ln()
    });
    let expected = losses.sum::<f64>() / 4.0;
    assert!((learned.scores["holdout"].log_loss - expected).abs() < 1e-9, "{expected}");
}

/// The first of 40 rows with one number and both classes. A share of `holdout` is held out.
fn tiny(first: usize, holdout: f64) -> (Schema, Vec<Arc<Frame>>) {
    let rows = (1..40).map(|row| format!("{row},{},{}\n", row % 7, u8::from(row % 3 == 0)));
    let rows: String = rows.chain(["12,3,0\n".to_owned()]).take(first).collect();
    read_holding_out(&pipeline(TINY), format!("id,x,y\n{rows}").as_bytes(), usize::MAX, holdout)
}

#[test]
fn windows_that_cannot_be_learned_from_give_a_reason() {
    let of = |target: &str, rows: usize| format!("1,{target}\n").repeat(rows);
    for (csv, reason) in [
        (String::new(), "none of the 0 rows has a target"),
        (of("", 30), "none of the 30 rows has a target"),
        ([of("1", 4), of("0", 5)].concat(), "there are only 9 rows to train on; at least 10 are needed"),
        (of("1", 20), "all 20 rows to train on are positive: a classifier needs both classes"),
        ([of("0", 20), of("", 5)].concat(), "all 20 rows to train on are negative: a classifier needs both classes"),
        (
            "-1.7e308,1\n1.7e308,0\n".repeat(10),
            "the range of the column x is too large to standardise it: move it to features.log or remove it",
        ),
    ] {
        let pipeline = pipeline(TINY);
        let (schema, frames) = read_holding_out(&pipeline, format!("x,y\n{csv}").as_bytes(), usize::MAX, 0.0);
        let settings = FitSettings::from(&pipeline);
        let refused = fit(&frames, &schema, &settings).expect_err(reason);
        assert_eq!(refused.to_string(), reason);
    }
}

#[test]
fn too_many_columns_for_newton_are_solved_by_lbfgs() {
    let rows: String = (0..5_001).map(|row| format!("v{row},{}\n", row % 2)).collect();
    let pipeline =
        pipeline("[target]\ncolumn = \"y\"\nequals = \"1\"\n[features]\ncategorical = [\"x\"]\nmin_count = 1");
    let (schema, frames) = read_holding_out(&pipeline, format!("x,y\n{rows}").as_bytes(), usize::MAX, 0.0);
    let solved_by = |solver| fit(&frames, &schema, &FitSettings { solver, ..FitSettings::from(&pipeline) });
    assert_eq!(solved_by(Solver::Newton), Err(Unlearnable::TooManyColumns { columns: 5_002, most: 4_999 }));
    let learned = solved_by(Solver::Auto).expect("L-BFGS keeps no Hessian");
    assert_eq!(
        (logistic(&learned).solver.method, logistic(&learned).solver.converged),
        (Method::Lbfgs, true),
        "{:?}",
        logistic(&learned).solver
    );
    assert_eq!(logistic(&learned).coefficients[0].standard_error, None);
}

#[test]
fn windows_of_another_pipeline_are_refused() {
    let (schema, _, settings) = mixed(100);
    let (_, frames) = tiny(40, 0.1);
    assert_eq!(fit(&frames, &schema, &settings), Err(Unlearnable::OtherFeatures));
}

#[test]
fn a_window_without_labels_beside_a_good_one_does_no_harm() {
    let pipeline = pipeline(TINY);
    let rows = ["1,1\n2,0\n3,1\n5,0\n".repeat(10), "4,\n".repeat(40)].concat();
    let (schema, frames) = read(&pipeline, format!("x,y\n{rows}").as_bytes(), 40);
    let learned = fit(&frames, &schema, &FitSettings::from(&pipeline)).expect("the first window can be learned from");
    assert!(learned.scores.is_empty(), "the newest window has nothing to score on");
    assert_eq!(learned.examples.len(), 3);
}

#[test]
fn columns_of_any_scale_and_missing_cells_suit_both_solvers() {
    let wave = |row: usize, column: usize| ((row * (column + 2)) as f64 * 0.61).sin();
    let row = |row: usize| {
        let cell = |column: usize, scale: f64| match (row + column) % 11 {
            0 => String::new(),
            _ => format!("{:e}", scale * wave(row, column)),
        };
        let late = u8::from(wave(row, 0) + wave(row, 1) > wave(row, 5));
        format!("{late},{},{},7,,{}\n", cell(0, 1e6), cell(1, 1e-6), ["a", "b", ""][row % 3])
    };
    let pipeline = pipeline(
        "[target]\ncolumn = \"y\"\nequals = \"1\"\n[features]\nnumeric = [\"huge\", \"tiny\", \"constant\", \"empty\"]\n\
         categorical = [\"c\"]\nmin_count = 1",
    );
    let csv: String = (0..600).map(row).collect();
    let (schema, frames) = read(&pipeline, format!("y,huge,tiny,constant,empty,c\n{csv}").as_bytes(), 200);
    for l2 in [0.0, 1e-6, 1.0, 1e6] {
        let solved_by = |solver| {
            let settings = FitSettings { l2: vec![l2], solver, ..FitSettings::from(&pipeline) };
            fit(&frames, &schema, &settings).expect("these rows can be learned from")
        };
        let (newton, linfa) = (solved_by(Solver::Newton), solved_by(Solver::Linfa));
        assert!(
            logistic(&newton).solver.converged && logistic(&linfa).solver.converged,
            "{l2}: {:?} {:?}",
            logistic(&newton).solver,
            logistic(&linfa).solver
        );
        let apart = (logistic(&newton).solver.objective - logistic(&linfa).solver.objective).abs() / 540.0;
        assert!(apart < 1e-6, "{l2}: {:?} {:?}", logistic(&newton).solver, logistic(&linfa).solver);
    }
}

#[test]
fn the_penalty_with_the_lowest_held_out_loss_is_taken() {
    let (schema, frames, settings) = flights("at_least = 15");
    let penalties = [100_000.0, 1_000.0, 10.0, 0.1];
    let one = |l2| fit(&frames, &schema, &FitSettings { l2: vec![l2], ..settings.clone() }).expect("a model");
    let chosen = fit(&frames, &schema, &FitSettings { l2: penalties.to_vec(), ..settings.clone() }).expect("a model");
    let best = logistic(&chosen)
        .penalties
        .iter()
        .min_by(|a, b| a.log_loss.unwrap_or(9.0).total_cmp(&b.log_loss.unwrap_or(9.0)));
    assert_eq!(logistic(&chosen).solver.l2, best.expect("four").l2);
    assert_eq!(logistic(&chosen).penalties.iter().map(|trial| trial.l2).collect::<Vec<_>>(), penalties);
    // The rows that chose the penalty do not score it.
    let held_out = frames[2].held_out() as u64;
    assert_eq!(chosen.scores["holdout"].rows, held_out / 2);
    let separate = one(logistic(&chosen).solver.l2);
    assert_eq!(separate.scores["holdout"].rows, held_out);
    for (a, b) in logistic(&chosen).weights().zip(logistic(&separate).weights()) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    let trials = logistic(&chosen).penalties.iter().zip(penalties);
    for (trial, l2) in trials.filter(|(_, l2)| *l2 == logistic(&chosen).solver.l2) {
        let (log_loss, halves) = (trial.log_loss.expect("rows are held out"), chosen.scores["holdout"].log_loss);
        let (first, second) = ((held_out - held_out / 2) as f64, (held_out / 2) as f64);
        let both = (log_loss * first + halves * second) / held_out as f64;
        assert!((both - one(l2).scores["holdout"].log_loss).abs() < 1e-7, "{trial:?}");
    }
    assert_eq!(logistic(&one(1.0)).penalties, []);
}
