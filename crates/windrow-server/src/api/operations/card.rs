//! Summaries and cards of models in answers.

use std::collections::BTreeMap;

use poem_openapi::Enum;

use crate::api::operations::mirror::{Mirror, mirror};
use crate::api::operations::score::Score;
use windrow_learn::model::{self, Artifact, Outcome, Verdict};

mirror! {
    /// A model in a line
    struct ModelSummary of artifact: Artifact {
        /// Its name, as in cumulative-2
        id: String,
        /// Whether it answers
        status: Status = status(artifact).0,
        /// Why there is no model, or why it was rejected
        reason: Option<String> = status(artifact).1.map(str::to_owned),
        /// When it was made, RFC 3339, UTC
        created: String,
        /// Names the bytes that it was made from
        lineage: String = artifact.lineage.id.clone(),
        /// Rows that it was fitted to
        fit_rows: u64 = artifact.lineage.fit_rows,
        /// Its scores, by the rows that they were taken on
        scores: Vec<Score> = {
            let scores = artifact.learned().into_iter().flat_map(|learned| &learned.scores);
            scores.map(|(on, score)| Score::of(score, on)).collect()
        },
    }

    /// All that is known of a model
    struct ModelCard of artifact: Artifact {
        /// The same as in the list
        summary: ModelSummary = ModelSummary::of(artifact),
        /// The windows that it was made from
        windows: Vec<Window> = Mirror::of(&artifact.lineage.windows),
        /// Rows kept out of the fit, to score it
        holdout_rows: u64 = artifact.lineage.holdout_rows,
        /// Of the rows fitted to, positive ones
        fit_positives: u64 = artifact.lineage.fit_positives,
        /// The probability from which the answer is 'positive'
        threshold: Option<f64> = artifact.learned().map(|learned| learned.threshold),
        /// How the optimum was found
        solver: Option<Solver> = artifact.learned().map(|learned| Solver::of(&learned.solver)),
        /// Every penalty that was tried, where there was a choice
        penalties: Vec<Penalty> = artifact.learned().map(|learned| Mirror::of(&learned.penalties)).unwrap_or_default(),
        /// The log-odds where every column is 0
        intercept: Option<Coefficient> = artifact.learned().map(|learned| Coefficient::of(&learned.intercept)),
        /// The weights, in the encoder's order
        coefficients: Vec<Coefficient> =
            artifact.learned().map(|learned| Mirror::of(&learned.coefficients)).unwrap_or_default(),
        /// What made it, and with which libraries
        versions: BTreeMap<String, String>,
    }

    /// A window behind a model
    struct Window of found: model::WindowLineage {
        window: u32,
        rows: u64,
        /// Rows that have a target
        labelled: u64,
        /// The sha256 of its batch file
        sha256: String,
        /// The numbers of its rows in the dataset, where they have any
        row_numbers: Vec<Numbers>,
        /// Where its rows stood in the topic
        offsets: Vec<Offsets>,
    }

    /// Row numbers, both ends included
    struct Numbers of range: windrow_windows::RowRange {
        first: u64,
        last: u64,
    }

    /// Offsets of one partition, both ends included
    struct Offsets of range: windrow_windows::OffsetRange {
        partition: i32,
        first: i64,
        last: i64,
    }

    /// How an optimum was found
    struct Solver of report: model::SolverReport {
        /// newton, lbfgs or linfa
        method: String = report.method.name().to_owned(),
        /// The weight of the penalty, l2/2 * |w|^2
        l2: f64,
        /// How often the rows were gone through; 0 where the solver does not tell
        passes: u64,
        iterations: u64,
        /// The penalised sum of the rows' losses
        objective: f64,
        /// The largest component of its gradient, per row; null where the solver does not tell
        gradient_norm: Option<f64>,
        /// Whether this is the optimum
        converged: bool,
        /// How long the fit took
        seconds: f64,
    }

    /// A penalty that was tried
    struct Penalty of trial: model::PenaltyTrial {
        l2: f64,
        passes: u64,
        objective: f64,
        converged: bool,
        /// On the held-out rows
        log_loss: Option<f64>,
    }

    /// A weight and the column that it belongs to
    struct Coefficient of found: model::Coefficient {
        /// As in `distance`, `log(fare)` or `carrier=UA`
        name: String,
        weight: f64,
        /// From the inverse Hessian of the objective; left out where there is none
        standard_error: Option<f64>,
        /// exp(weight)
        odds_ratio: Option<f64>,
    }
}

/// Whether a model answers
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It does
    Learned,
    /// It does, by its own name; it did not pass the rules of acceptance, and no alias stands for it
    Rejected,
    /// Its window could not be learned from
    Refused,
}

/// The status of a model, with the reason if the model was refused or rejected.
fn status(artifact: &Artifact) -> (Status, Option<&str>) {
    match (&artifact.outcome, &artifact.verdict) {
        (Outcome::Refused { reason }, _) => (Status::Refused, Some(reason)),
        (Outcome::Learned(_), Verdict::Rejected { reason }) => (Status::Rejected, Some(reason)),
        (Outcome::Learned(_), Verdict::Accepted) => (Status::Learned, None),
    }
}
