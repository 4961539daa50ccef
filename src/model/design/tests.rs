use std::collections::BTreeMap;

use ndarray::Array1;

use super::*;
use crate::config::Solver;
use crate::model::artifact::{Learned, SolverReport};
use crate::model::predictor::{Cell, Predictor};
use crate::model::samples::{design, mixed, pipeline, read};
use crate::record::TimeFormat;

/// A model of made-up coefficients, all different.
fn made_up(encoder: Encoder) -> Learned {
    let weights = (0..encoder.width()).map(|column| (column as f64 * 0.7).sin()).collect();
    let solver = SolverReport {
        name: Solver::Newton,
        l2: 1.0,
        iterations: 0,
        objective: 0.0,
        gradient_norm: 0.0,
        converged: false,
        seconds: 0.0,
    };
    let (scores, examples) = (BTreeMap::new(), Vec::new());
    Learned { encoder, intercept: -0.3, weights, threshold: 0.5, solver, scores, examples }
}

/// The coefficients of a model in the order of a design whose numbers come first, as a schema's do.
fn coefficients(learned: &Learned) -> Vec<f64> {
    std::iter::once(learned.intercept).chain(learned.weights.iter().copied()).collect()
}

#[test]
fn raw_cells_and_the_design_give_the_same_probabilities() {
    // Windows of 4 training rows; then cells that training never saw, and missing ones.
    let csv = "y,n,l,c,t\n1,1,1,a,2013-01-01 05:00\n0,,2,b,2013-01-01 06:00\n1,3,0,a,2013-01-01 06:00\n0,4,,a,\n";
    let new = "1,,,,\n1,1e300,1e300,zzz,2013-02-03 23:00\n0,2,0.25,b,2013-01-01 05:00\n0,-5,-0.5,a,2013-01-01 07:00\n";
    for min_count in [1, 2, 100] {
        let pipeline = pipeline(&format!(
            "time = {{ column = \"t\", format = \"%Y-%m-%d %H:%M\" }}\n[target]\ncolumn = \"y\"\nequals = \"1\"\n\
             [features]\nnumeric = [\"n\"]\nlog = [\"l\"]\ncategorical = [\"c\"]\ncalendar = [\"hour\", \"weekday\"]\n\
             min_count = {min_count}"
        ));
        let (schema, frames) = read(&pipeline, format!("{csv}{new}").as_bytes(), 4);
        let train = [frames[0].fit_rows(0.0)];
        let encoder = Encoder::learn(&schema.features, &train, min_count).expect("a sane range");
        let learned = made_up(encoder);
        let all = [frames[0].fit_rows(0.0), frames[1].fit_rows(0.0)];
        let design = Design::encode(&learned.encoder, &all);
        let predictor = Predictor::new(&learned);
        let lines = csv.lines().skip(1).chain(new.lines());
        for (line, log_odds) in lines.zip(design.log_odds(&coefficients(&learned))) {
            let expected = predictor.predict(&cells(line));
            let probability = crate::model::predictor::probability(log_odds);
            assert!((probability - expected.probability).abs() <= 1e-12, "{line}: {probability} {expected:?}");
            assert!((log_odds - expected.log_odds).abs() <= 1e-12 * log_odds.abs().max(1.0), "{line}");
        }
    }
}

fn cells(line: &str) -> Vec<Cell<'_>> {
    let fields: Vec<&str> = line.split(',').collect();
    let number = |text: &str| text.parse().map_or(Cell::Missing, Cell::Number);
    let format = TimeFormat::new("%Y-%m-%d %H:%M").expect("a good format");
    let time = format.parse(fields[4]).map_or(Cell::Missing, Cell::Time);
    let text = if fields[3].is_empty() { Cell::Missing } else { Cell::Text(fields[3]) };
    vec![number(fields[1]), number(fields[2]), text, time, time]
}

#[test]
fn the_dense_matrix_holds_the_same_rows() {
    let (schema, frames, settings) = mixed(200);
    let (encoder, design) = design(&schema, &frames, &settings);
    let learned = made_up(encoder);
    let dense = design.to_dense().dot(&Array1::from_vec(learned.weights.clone())) + learned.intercept;
    for (row, compact) in design.log_odds(&coefficients(&learned)).iter().enumerate() {
        assert!((dense[row] - compact).abs() < 1e-12, "{row}");
    }
}

#[test]
fn coefficients_find_back_to_an_encoder_whose_numbers_come_last() {
    let (schema, frames, settings) = mixed(200);
    let rows: Vec<_> = frames.iter().map(|frame| frame.fit_rows(settings.holdout)).collect();
    let encoder = Encoder::learn(&schema.features, &rows, settings.min_count).expect("a sane range");
    let design = Design::encode(&encoder, &rows);
    assert_eq!(design.to_encoder_order(&[9.0, 0.0, 1.0, 2.0]), (9.0, vec![0.0, 1.0, 2.0]));
    let swapped = Design { columns: vec![2, 0, 1], ..design };
    assert_eq!(swapped.to_encoder_order(&[9.0, 0.0, 1.0, 2.0]), (9.0, vec![1.0, 2.0, 0.0]));
}
