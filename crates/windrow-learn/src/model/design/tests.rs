use ndarray::Array1;

use super::*;
use crate::model::chunk::CHUNK_ROWS;
use crate::model::kernel::Order;
use crate::model::logistic::{Coefficient, Logistic, Method, SolverReport};
use crate::model::objective::Objective;
use crate::model::predictor::{Cell, Predictor};
use crate::model::samples::{design, in_memory, joined_design, mixed, mixed_design, pipeline, read_holding_out};
use windrow_record::TimeFormat;

impl Design {
    /// A design of a dense matrix, rows by columns, without an encoder.
    pub(in crate::model) fn from_dense(records: &Array2<f64>, labels: &[bool]) -> Self {
        let width = records.ncols();
        let mut table = Table::new(width, Vec::new());
        for (index, labels) in labels.chunks(CHUNK_ROWS).enumerate() {
            let rows = records.rows().into_iter().skip(index * CHUNK_ROWS).take(labels.len());
            let numbers = rows.flat_map(|row| row.to_vec()).collect();
            let chunk = Chunk { numbers, codes: Vec::new(), labels: labels.to_vec() };
            table.push(labels.len(), in_memory().put(chunk).expect("memory keeps what it is given"));
        }
        let numbers = vec![(0.0, 0.0, 1.0); width];
        let arranged = Arranged { numbers, ranges: Vec::new(), levels: Vec::new(), columns: (0..width).collect() };
        Self::over(arranged, &[(&table, 0..table.rows)], vec![Vec::new()])
    }
}

/// A model of made-up coefficients, all different.
fn example_model(encoder: Encoder) -> Logistic {
    let coefficient = |column: usize| Coefficient::new(String::new(), (column as f64 * 0.7).sin(), None);
    let coefficients = (0..encoder.width()).map(coefficient).collect();
    let solver = SolverReport {
        method: Method::Newton,
        l2: 1.0,
        passes: 0,
        iterations: 0,
        objective: 0.0,
        gradient_norm: Some(0.0),
        converged: false,
        seconds: 0.0,
    };
    let intercept = Coefficient::new(String::new(), -0.3, None);
    Logistic { encoder, intercept, coefficients, solver, penalties: Vec::new() }
}

/// The coefficients of a model in the design's order. Its numbers come first, so that is the encoder's order.
fn coefficients(learned: &Logistic) -> Vec<f64> {
    std::iter::once(learned.intercept.weight).chain(learned.weights()).collect()
}

#[test]
fn raw_cells_and_the_design_give_the_same_probabilities() {
    // Training has windows of 4 rows. The new rows have cells that training never saw, and missing cells.
    let csv = "y,n,l,c,t\n1,1,1,a,2013-01-01 05:00\n0,,2,b,2013-01-01 06:00\n1,3,0,a,2013-01-01 06:00\n0,4,,a,\n";
    let new = "1,,,,\n1,1e300,1e300,zzz,2013-02-03 23:00\n0,2,0.25,b,2013-01-01 05:00\n0,-5,-0.5,a,2013-01-01 07:00\n";
    for min_count in [1, 2, 100] {
        let pipeline = pipeline(&format!(
            "time = {{ column = \"t\", format = \"%Y-%m-%d %H:%M\" }}\n[target]\ncolumn = \"y\"\nequals = \"1\"\n\
             [features]\nnumeric = [\"n\"]\nlog = [\"l\"]\ncategorical = [\"c\"]\ncalendar = [\"hour\", \"weekday\"]\n\
             min_count = {min_count}"
        ));
        let (schema, frames) = read_holding_out(&pipeline, format!("{csv}{new}").as_bytes(), 4, 0.0);
        let encoder = Encoder::learn(&schema.features, &frames[..1], Subset::Whole, min_count).expect("a sane range");
        let learned = example_model(encoder);
        let design = Design::new(&learned.encoder, &frames, Subset::Whole);
        let predictor = Predictor::new(&learned, 0.5);
        let lines = csv.lines().skip(1).chain(new.lines());
        let (log_odds, _) = design.log_odds(&coefficients(&learned)).expect("memory can be read");
        for (line, log_odds) in lines.zip(log_odds) {
            let expected = predictor.predict(&cells(line));
            let probability = crate::model::probability::probability(log_odds);
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
    let learned = example_model(encoder);
    let (matrix, labels) = design.to_dense().expect("memory can be read");
    let dense = matrix.dot(&Array1::from_iter(learned.weights())) + learned.intercept.weight;
    let (log_odds, truth) = design.log_odds(&coefficients(&learned)).expect("memory can be read");
    assert_eq!(labels, truth);
    for (row, compact) in log_odds.iter().enumerate() {
        assert!((dense[row] - compact).abs() < 1e-12, "{row}");
    }
}

#[test]
fn coefficients_match_an_encoder_whose_numbers_come_last() {
    let design = mixed_design(200);
    assert_eq!(design.to_encoder_order(&[9.0, 0.0, 1.0, 2.0]), (9.0, vec![0.0, 1.0, 2.0]));
    let swapped = Design { columns: vec![2, 0, 1], ..design };
    assert_eq!(swapped.to_encoder_order(&[9.0, 0.0, 1.0, 2.0]), (9.0, vec![1.0, 2.0, 0.0]));
    assert_eq!(swapped.in_design_order(9.0, &[1.0, 2.0, 0.0]), [9.0, 0.0, 1.0, 2.0]);
}

#[test]
fn without_memory_for_combinations_the_sums_are_the_same() {
    let evaluate = |design: &Design| {
        let w: Vec<f64> = (0..design.width()).map(|index| (index as f64 * 1.3).sin() / 2.0).collect();
        let mut objective = Objective::new(design, 1.0, Order::Hessian);
        let mut at = objective.evaluation();
        objective.evaluate(&w, &mut at).expect("memory can be read");
        let numbers = [vec![at.value], at.gradient, at.hessian].concat();
        numbers.into_iter().map(f64::to_bits).collect::<Vec<_>>()
    };
    let kept = joined_design(8_000);
    let expected = evaluate(&kept);
    assert!(kept.pieces.iter().all(|piece| matches!(piece.combinations.get(), Some(Some(_)))));
    assert_eq!(evaluate(&kept), expected, "a second pass");
    let without = joined_design(8_000);
    for piece in &without.pieces {
        let _ = piece.combinations.set(None);
    }
    assert_eq!(evaluate(&without), expected);
}
