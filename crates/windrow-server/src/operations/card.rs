//! Summaries and cards of models in answers.

use std::collections::BTreeMap;

use poem_openapi::Enum;

use crate::operations::mirror::{Mirror, mirror};
use crate::operations::score::Score;
use windrow_learn::model::{self, Acceptance, Artifact, Outcome};

mirror! {
    /// The summary of a model
    struct ModelSummary of artifact: Artifact {
        /// The id of the model, as in `cumulative-2`
        id: String,
        /// The status: `learned`, `rejected` or `refused`
        status: Status = status(artifact).0,
        /// The reason why there is no model, or why the model was rejected
        reason: Option<String> = status(artifact).1.map(str::to_owned),
        /// The time at which the model was made, RFC 3339, UTC
        created: String,
        /// The id of the lineage, which identifies the training data
        lineage: String = artifact.lineage.id.clone(),
        /// The number of rows that the model was fitted to
        fit_rows: u64 = artifact.lineage.fit_rows,
        /// The scores of the model, one per set of rows
        scores: Vec<Score> = {
            let scores = artifact.learned().into_iter().flat_map(|learned| &learned.scores);
            scores.map(|(on, score)| Score { on: on.clone(), ..Score::of(score) }).collect()
        },
    }

    /// The model card: training data, solver report, coefficients and scores
    struct ModelCard of artifact: Artifact {
        /// The summary, as in the list of models
        summary: ModelSummary = ModelSummary::of(artifact),
        /// The windows that the model was made from, oldest first. The last one of a recalibrated model is the window
        /// that it was recalibrated on
        windows: Vec<Window> = Mirror::of(&artifact.lineage.windows),
        /// The recalibration; left out if the model is as it was fitted
        recalibration: Option<Recalibration> = Mirror::of(&artifact.lineage.recalibration),
        /// The number of fitted rows that a first fit left out, to be scored on them
        holdout_rows: u64 = artifact.lineage.holdout_rows,
        /// The number of fitted rows that are positive
        fit_positives: u64 = artifact.lineage.fit_positives,
        /// The probability from which a row is labelled positive
        threshold: Option<f64> = artifact.learned().map(|learned| learned.threshold),
        /// The report of the solver; of a recalibrated model, that of its fit
        solver: Option<Solver> = artifact.logistic().map(|logistic| Solver::of(&logistic.solver)),
        /// The penalties that were tried; empty if only one was given
        penalties: Vec<Penalty> = artifact.logistic().map(|logistic| Mirror::of(&logistic.penalties)).unwrap_or_default(),
        /// The log-odds if every column is 0
        intercept: Option<Coefficient> = artifact.logistic().map(|logistic| Coefficient::of(&logistic.intercept)),
        /// The weights, one per column, in the encoder's order
        coefficients: Vec<Coefficient> =
            artifact.logistic().map(|logistic| Mirror::of(&logistic.coefficients)).unwrap_or_default(),
        /// The learner outside of Windrow that fitted the model, and its files. Such a learner returns only
        /// probabilities, so `solver`, `penalties`, `intercept` and `coefficients` are empty or left out
        learner: Option<LearnerFit> = artifact.foreign().map(LearnerFit::of),
        /// The versions of Windrow and of the libraries that the numbers depend on
        versions: BTreeMap<String, String>,
    }

    /// A fit by a learner outside of Windrow
    struct LearnerFit of found: model::Foreign {
        /// The name of the learner, as it reports itself
        name: String = found.learner.name.clone(),
        /// The versions of its libraries
        versions: BTreeMap<String, String> = found.learner.versions.clone(),
        /// The digest of its code, its parameters and its libraries
        code: String = found.learner.digest.clone(),
        /// The digest of the model's files: SHA-256 over their paths, lengths and SHA-256, in hexadecimal
        digest: String,
        /// The number of files
        files: u64,
        /// The number of bytes of the files
        bytes: u64,
        /// The seed that the learner was given
        seed: u32,
        /// The duration of the fit, in seconds
        seconds: f64,
    }

    /// The recalibration of a fitted model: the log-odds z of the fit became intercept + slope * z
    struct Recalibration of found: model::Recalibration {
        /// The id of the fitted model
        model: String,
        /// The id of the lineage of the fitted model
        lineage: String,
        /// The window whose labelled rows gave the intercept and the slope
        window: u32,
        /// The number of these rows
        rows: u64,
        /// The number of positive rows among them
        positives: u64,
        /// The share of these rows with a number outside the range of the model's training rows
        held_share: f64,
        /// The intercept; 0 if the rows have no finite optimum
        intercept: f64,
        /// The slope; 1 if the rows have no finite optimum, or if the share of rows with a number outside is above 0.1
        slope: f64,
    }

    /// A window that a model was trained on
    struct Window of found: model::WindowLineage {
        window: u32,
        rows: u64,
        /// The number of rows that have a target
        labelled: u64,
        /// The SHA-256 of the batch file, in hexadecimal
        sha256: String,
        /// The numbers of the rows in the dataset, if they have numbers
        row_numbers: Vec<Numbers>,
        /// The offsets of the rows in the topic
        offsets: Vec<Offsets>,
    }

    /// A range of row numbers, both ends included
    struct Numbers of range: windrow_windows::RowRange {
        first: u64,
        last: u64,
    }

    /// A range of offsets in one partition, both ends included
    struct Offsets of range: windrow_windows::OffsetRange {
        partition: i32,
        first: i64,
        last: i64,
    }

    /// The report of a solver
    struct Solver of report: model::SolverReport {
        /// The method: `newton`, `lbfgs`, `linfa` or `spark`
        method: String = report.method.name().to_owned(),
        /// The weight of the penalty l2/2 * |w|^2
        l2: f64,
        /// The number of passes over the rows, with all penalties; 0 if the solver does not report it
        passes: u64,
        /// The number of steps; 0 if the solver does not report it
        iterations: u64,
        /// The value of the objective: the sum of the rows' losses plus the penalty
        objective: f64,
        /// The largest component of the objective's gradient, per row; left out if the solver does not report it
        gradient_norm: Option<f64>,
        /// `true` if the solver reached the optimum
        converged: bool,
        /// The duration of the fit, in seconds
        seconds: f64,
    }

    /// A penalty that was tried
    struct Penalty of trial: model::PenaltyTrial {
        /// The weight of the penalty l2/2 * |w|^2
        l2: f64,
        /// The number of passes over the rows
        passes: u64,
        /// The value of the objective with this penalty
        objective: f64,
        /// `true` if the first fit reached the optimum
        converged: bool,
        /// The log-loss on the first half of the held-out rows; left out if no rows are held out
        log_loss: Option<f64>,
    }

    /// A weight and the column that it belongs to
    struct Coefficient of found: model::Coefficient {
        /// The column, as in `distance`, `log(fare)` or `carrier=UA`
        name: String,
        /// The change of the log-odds for one standard deviation of a number, or for a row of this level
        weight: f64,
        /// The standard error, from the inverse Hessian of the objective; left out if unknown, and for one-hot columns.
        /// In a recalibrated model, it is that of the fit times the slope, and holds for this slope; the intercept has
        /// none
        standard_error: Option<f64>,
        /// The odds ratio: exp(weight)
        odds_ratio: Option<f64>,
    }
}

/// The status of a model: `learned`, `rejected` or `refused`
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum Status {
    /// The model predicts, and aliases may point to it
    Learned,
    /// The model failed the acceptance rules: it predicts by its own id, and no alias may point to it
    Rejected,
    /// No model could be learned from the window
    Refused,
}

/// The status of a model, with the reason if the model was refused or rejected.
fn status(artifact: &Artifact) -> (Status, Option<&str>) {
    match (&artifact.outcome, &artifact.verdict) {
        (Outcome::Refused { reason }, _) => (Status::Refused, Some(reason)),
        (Outcome::Learned(_), Acceptance::Rejected { reason }) => (Status::Rejected, Some(reason)),
        (Outcome::Learned(_), Acceptance::Accepted) => (Status::Learned, None),
    }
}
