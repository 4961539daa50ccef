//! Compares every solver, on a matrix of small datasets, with the others and with the optima that scikit-learn's
//! newton-cholesky found (made by `fixtures/optima.py`).

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use windrow_config::{Pipeline, Schema, Solver};
use windrow_learn::frames::SpillStore;
use windrow_learn::model::{ChunkBuilder, FitSettings, FrameBuilder, Logistic, fit};
use windrow_record::{RecordParser, RecordReader};
use windrow_testing::root;

/// The largest allowed difference between solvers, in objective per row.
const OBJECTIVE_TOLERANCE: f64 = 1e-6;

fn fitted(case: &Value, solver: Solver) -> Logistic {
    let pipeline = format!(
        "name = \"optima\"\ndataset = {{ path = \"optima.csv\" }}\ntarget = {{ column = \"y\", equals = \"1\" }}\n\
         window = {{ parts = 1 }}\ntrain = {{ l2 = {:?}, holdout = 0.0 }}\n\
         features = {{ numeric = {}, categorical = [\"c\"], min_count = {} }}",
        case["l2"].as_f64().expect("a number"),
        case["numeric"],
        case["min_count"],
    );
    let pipeline = Pipeline::parse(Path::new("optima.toml"), &pipeline).expect("a good pipeline");
    let mut records = RecordReader::new(case["csv"].as_str().expect("a text").as_bytes(), b',');
    let mut parser = RecordParser::new(b',');
    let header = records.next_record().expect("memory").expect("a header line");
    let columns: Vec<String> = parser.parse(header.bytes).expect("fields").iter().map(str::to_owned).collect();
    let schema = Arc::new(Schema::bind(&pipeline, &columns).expect("the columns are there"));
    let mut rows = ChunkBuilder::new(&schema);
    while let Some(record) = records.next_record().expect("memory") {
        rows.push(&parser.parse(record.bytes).expect("fields")).expect("a good row");
    }
    let mut frame = FrameBuilder::new(&schema, SpillStore::new(Path::new(""), usize::MAX).for_window());
    frame.append(rows.finish()).expect("memory");
    let frames = [Arc::new(frame.finish(0.0).expect("memory"))];
    let learned = fit(&frames, &schema, &FitSettings { solver, ..FitSettings::from(&pipeline) }, None);
    learned.expect("a model").logistic().expect("a logistic model").clone()
}

#[test]
fn every_solver_finds_the_optimum_that_scikit_learn_finds() {
    let file = root().join("fixtures/optima.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(file).expect("the fixture")).expect("JSON");
    assert_eq!(cases.len(), 8);
    for case in &cases {
        let (name, rows) = (&case["name"], case["rows"].as_f64().expect("a number"));
        let optimum = case["objective"].as_f64().expect("a number");
        for solver in [Solver::Newton, Solver::Lbfgs, Solver::Linfa] {
            let found = fitted(case, solver);
            assert_eq!(found.coefficients.len() as u64, case["columns"], "{name}: another encoding");
            assert!(found.solver.converged, "{name}: {:?}", found.solver);
            let apart = (found.solver.objective - optimum) / rows;
            assert!(apart.abs() < OBJECTIVE_TOLERANCE, "{name}: {:?} {optimum}", found.solver);
            // scikit-learn stopped at a tolerance of 1e-12, so Newton may exceed its objective only by rounding.
            if solver == Solver::Newton {
                assert!(apart < 1e-11, "{name}: {} {optimum}", found.solver.objective);
                let intercept = case["intercept"].as_f64().expect("a number");
                assert!((found.intercept.weight - intercept).abs() < 1e-5, "{name}: {:?} {intercept}", found.intercept);
            }
        }
    }
}
