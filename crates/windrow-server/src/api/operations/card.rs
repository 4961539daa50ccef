//! What answers say of a model: its summary, its scores, its card.

use std::collections::BTreeMap;

use poem_openapi::{Enum, Object};

use crate::api::operations::score::Score;
use windrow_learn::model::{self, Learned, Outcome, Verdict};
use windrow_registry::Model;

/// A model in a line
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ModelSummary {
    /// Its name, as in cumulative-2
    pub(crate) id: String,
    /// Whether it answers
    pub(crate) status: Status,
    /// Why there is no model, or why it was rejected
    pub(crate) reason: Option<String>,
    /// When it was made, RFC 3339, UTC
    pub(crate) created: String,
    /// Names the bytes that it was made from
    pub(crate) lineage: String,
    /// Rows that it was fitted to
    pub(crate) fit_rows: u64,
    /// Its scores, by the rows that they were taken on
    pub(crate) scores: Vec<Score>,
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

/// All that is known of a model
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ModelCard {
    /// The same as in the list
    pub(crate) summary: ModelSummary,
    /// The windows that it was made from
    pub(crate) windows: Vec<Window>,
    /// Rows kept out of the fit, to score it
    pub(crate) holdout_rows: u64,
    /// Of the rows fitted to, positive ones
    pub(crate) fit_positives: u64,
    /// The probability from which the answer is 'positive'
    pub(crate) threshold: Option<f64>,
    /// How the optimum was found
    pub(crate) solver: Option<Solver>,
    /// Every penalty that was tried, where there was a choice
    pub(crate) penalties: Vec<Penalty>,
    /// The log-odds where every column is 0
    pub(crate) intercept: Option<Coefficient>,
    /// The weights, in the encoder's order
    pub(crate) coefficients: Vec<Coefficient>,
    /// What made it, and with which libraries
    pub(crate) versions: BTreeMap<String, String>,
}

/// A window behind a model
#[derive(Debug, Object)]
pub(crate) struct Window {
    pub window: u32,
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
#[derive(Debug, Object)]
pub(crate) struct Numbers {
    first: u64,
    last: u64,
}

/// Offsets of one partition, both ends included
#[derive(Debug, Object)]
pub(crate) struct Offsets {
    partition: i32,
    first: i64,
    last: i64,
}

/// How an optimum was found
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Solver {
    /// newton, lbfgs or linfa
    method: String,
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
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Penalty {
    l2: f64,
    passes: u64,
    objective: f64,
    converged: bool,
    /// On the held-out rows
    log_loss: Option<f64>,
}

/// A weight and the column that it belongs to
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Coefficient {
    /// As in `distance`, `log(fare)` or `carrier=UA`
    name: String,
    weight: f64,
    /// From the inverse Hessian of the objective; left out where there is none
    standard_error: Option<f64>,
    /// exp(weight)
    odds_ratio: Option<f64>,
}

impl ModelSummary {
    pub(crate) fn of(model: &Model) -> Self {
        let artifact = model.artifact();
        let (status, reason, scores) = match &artifact.outcome {
            Outcome::Learned(learned) => {
                let scores = learned.scores.iter().map(|(on, score)| Score::of(on, score)).collect();
                match &artifact.verdict {
                    Verdict::Accepted => (Status::Learned, None, scores),
                    Verdict::Rejected { reason } => (Status::Rejected, Some(reason.clone()), scores),
                }
            }
            Outcome::Refused { reason } => (Status::Refused, Some(reason.clone()), Vec::new()),
        };
        Self {
            id: model.name().to_owned(),
            status,
            reason,
            created: artifact.created.clone(),
            lineage: artifact.lineage.id.clone(),
            fit_rows: artifact.lineage.fit_rows,
            scores,
        }
    }
}

impl ModelCard {
    pub(crate) fn of(model: &Model) -> Self {
        let lineage = &model.artifact().lineage;
        let learned = model.learned();
        Self {
            summary: ModelSummary::of(model),
            windows: lineage.windows.iter().map(Window::of).collect(),
            holdout_rows: lineage.holdout_rows,
            fit_positives: lineage.fit_positives,
            threshold: learned.map(|learned| learned.threshold),
            solver: learned.map(|learned| Solver::of(&learned.solver)),
            penalties: learned.map(penalties).unwrap_or_default(),
            intercept: learned.map(|learned| Coefficient::of(&learned.intercept)),
            coefficients: learned
                .map(|learned| learned.coefficients.iter().map(Coefficient::of).collect())
                .unwrap_or_default(),
            versions: model.artifact().versions.clone(),
        }
    }
}

fn penalties(learned: &Learned) -> Vec<Penalty> {
    let penalty = |trial: &model::PenaltyTrial| Penalty {
        l2: trial.l2,
        passes: trial.passes,
        objective: trial.objective,
        converged: trial.converged,
        log_loss: trial.log_loss,
    };
    learned.penalties.iter().map(penalty).collect()
}

impl Coefficient {
    fn of(coefficient: &model::Coefficient) -> Self {
        Self {
            name: coefficient.name.clone(),
            weight: coefficient.weight,
            standard_error: coefficient.standard_error,
            odds_ratio: coefficient.odds_ratio,
        }
    }
}

impl Window {
    fn of(window: &model::WindowLineage) -> Self {
        Self {
            window: window.window.get(),
            rows: window.rows,
            labelled: window.labelled,
            sha256: window.sha256.clone(),
            row_numbers: window.row_numbers.iter().map(Numbers::of).collect(),
            offsets: window.offsets.iter().map(Offsets::of).collect(),
        }
    }
}

impl Numbers {
    pub(crate) fn of(range: &model::RowRange) -> Self {
        Self { first: range.first, last: range.last }
    }
}

impl Offsets {
    pub(crate) fn of(range: &model::OffsetRange) -> Self {
        Self { partition: range.partition.0, first: range.first.0, last: range.last.0 }
    }
}

impl Solver {
    fn of(report: &model::SolverReport) -> Self {
        Self {
            method: report.method.name().to_owned(),
            l2: report.l2,
            passes: report.passes,
            iterations: report.iterations,
            objective: report.objective,
            gradient_norm: report.gradient_norm,
            converged: report.converged,
            seconds: report.seconds,
        }
    }
}
