//! Tests of publishing and reading models and reports, and of the alias rules. The models and reports are made here.
//!
//! `reading`: what a registry reads. `champion`: the aliases `latest` and `champion`. `promoted`: the aliases that
//! users give. `advised`: the alias that the advice moves. `renewed`: models that are made again. `foreign`: models of a
//! learner outside of this program.

mod advised;
mod champion;
mod foreign;
mod promoted;
mod reading;
mod renewed;

use std::collections::{BTreeMap, BTreeSet};

use tempfile::TempDir;

use crate::{Author, Registry};
use windrow_learn::model::{
    Acceptance, Artifact, Coefficient, ConfusionMatrix, Encoder, FORMAT, Fitted, Learned, Lineage, Logistic, Method,
    ModelScore, Outcome, Profile, Score, SolverReport, WINDOW_FORMAT, WindowReport,
};
use windrow_record::{ModelId, Scheme, WindowIndex};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(folder: &TempDir) -> Registry {
    Registry::open(folder.path()).expect("opens")
}

fn id(text: &str) -> ModelId {
    text.parse().expect("a model id")
}

fn author(why: &str) -> Author {
    Author { at: "now".to_owned(), by: "ops".to_owned(), why: why.to_owned() }
}

fn score(log_loss: f64) -> Score {
    let confusion = ConfusionMatrix { true_positives: 1, false_positives: 0, true_negatives: 1, false_negatives: 0 };
    Score {
        rows: 2,
        positives: 1,
        auc: Some(1.0),
        average_precision: Some(1.0),
        log_loss,
        baseline_log_loss: 0.7,
        brier: 0.1,
        accuracy: 1.0,
        baseline_accuracy: 0.5,
        confusion,
        calibration_error: 0.0,
        reliability: Vec::new(),
    }
}

/// Returns a model with this log-loss or, without one, the record of a window that gave no model.
fn artifact(id: &str, log_loss: Option<f64>) -> Artifact {
    let solver = SolverReport {
        method: Method::Newton,
        l2: 1.0,
        passes: 4,
        iterations: 3,
        objective: 1.0,
        gradient_norm: Some(0.0),
        converged: true,
        seconds: 0.0,
    };
    let intercept = Coefficient { name: "(intercept)".to_owned(), weight: 0.5, standard_error: None, odds_ratio: None };
    let outcome = match log_loss {
        None => Outcome::Refused { reason: "all rows are negative".to_owned() },
        Some(log_loss) => Outcome::Learned(Box::new(Learned {
            fitted: Fitted::Logistic(Logistic {
                encoder: Encoder { features: Vec::new() },
                intercept,
                coefficients: Vec::new(),
                penalties: Vec::new(),
                solver,
            }),
            threshold: 0.5,
            scores: BTreeMap::from([("holdout".to_owned(), score(log_loss))]),
            examples: Vec::new(),
        })),
    };
    let (lineage, windows) = ("00".to_owned(), Vec::new());
    let lineage = Lineage { id: lineage, windows, recalibration: None, fit_rows: 2, fit_positives: 1, holdout_rows: 2 };
    let created = "2026-01-01T00:00:00Z".to_owned();
    let (id, versions, verdict) = (self::id(id), BTreeMap::new(), Acceptance::Accepted);
    let (pipeline, is_for_advice) = ("p".to_owned(), false);
    Artifact { format: FORMAT, id, pipeline, created, versions, is_for_advice, lineage, verdict, outcome }
}

fn rejected(id: &str) -> Artifact {
    Artifact { verdict: Acceptance::Rejected { reason: "its AUC is 0.5".to_owned() }, ..artifact(id, Some(0.5)) }
}

/// Returns a report with the log-loss of models on all rows of a window.
fn report(window: u32, scores: &[(&str, f64)]) -> WindowReport {
    let of = |(id, loss): &(&str, f64)| ModelScore { model: self::id(id), window: Some(score(*loss)), holdout: None };
    WindowReport {
        format: WINDOW_FORMAT,
        window: WindowIndex::new(window).expect("not 0"),
        period: None,
        is_cut_off: false,
        sha256: "00".to_owned(),
        schemes: BTreeSet::from([Scheme::Cumulative, Scheme::Window]),
        added: BTreeSet::new(),
        scores: scores.iter().map(of).collect(),
        is_evidence: true,
        drift: None,
        first_full: None,
        drift_since_first: None,
        profile: Profile { rows: 2, positives: 1, features: Vec::new() },
    }
}
