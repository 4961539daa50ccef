//! From the windows that a model learns from to the model.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{Feature, FeatureKind, Pipeline, Schema, Solver};
use crate::model::artifact::{Coefficient, Example, Learned, Method, PenaltyTrial, Score, SolverReport};
use crate::model::design::Design;
use crate::model::encoder::Encoder;
use crate::model::encoder::learn::LearnError;
use crate::model::frame::Frame;
use crate::model::predictor::{Cell, Predictor};
use crate::model::score::score;
use crate::model::solver::{self, MOST_DENSE, Solution, SolveError};
use crate::model::table::Subset;

/// Fewer rows to train on than this say nothing.
const FEWEST_ROWS: usize = 10;
/// Beyond it a model file alone is a hundred megabytes.
const MOST_COLUMNS: usize = 1_000_000;

/// How a model is to be fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct FitSettings {
    /// The weights of the penalty that are tried, at least one: l2/2 * |w|^2 beside the sum of the rows' losses.
    pub l2: Vec<f64>,
    /// What finds the optimum.
    pub solver: Solver,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
    /// Values seen fewer times than this share the level 'other'.
    pub min_count: u64,
}

impl From<&Pipeline> for FitSettings {
    fn from(pipeline: &Pipeline) -> Self {
        let train = &pipeline.train;
        Self {
            l2: train.l2.clone(),
            solver: train.solver,
            threshold: train.threshold,
            min_count: pipeline.features.min_count,
        }
    }
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The windows cannot be learned from.
    #[error(transparent)]
    Unlearnable(#[from] Unlearnable),
    /// Their rows cannot be read again.
    #[error("cannot read the encoded rows again: {0}")]
    Read(#[from] io::Error),
}

/// Why windows cannot be learned from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlearnable {
    /// Nothing to compare with.
    #[error("none of the {rows} rows has a target")]
    NoLabels {
        /// The rows.
        rows: usize,
    },
    /// Too little.
    #[error("there are {rows} rows to train on, and fewer than {FEWEST_ROWS} say nothing")]
    TooFewRows {
        /// Labelled rows that are not held out.
        rows: usize,
    },
    /// Nothing to tell apart.
    #[error("all {rows} rows to train on are {}: a classifier needs both classes", class_name(*positive))]
    OneClass {
        /// Labelled rows that are not held out.
        rows: usize,
        /// Their class.
        positive: bool,
    },
    /// More than can be solved for.
    #[error(
        "the features make {columns} columns, and at most {most} can be trained by this solver: raise \
         features.min_count, leave out a categorical column of many values, or leave train.solver out"
    )]
    TooManyColumns {
        /// Columns after encoding.
        columns: usize,
        /// The most there may be.
        most: usize,
    },
    /// Numbers at both ends of the range of `f64`.
    #[error(
        "the numbers of {column} lie too far apart to be standardised: put the column under features.log or leave it out"
    )]
    TooFarApart {
        /// The name of the column.
        column: String,
    },
    /// The solver gave no answer at all.
    #[error("{reason}")]
    Solver {
        /// What it said.
        reason: String,
    },
    /// Windows and pipeline do not belong together.
    #[error("a window was read with other features than the pipeline has now: read it again")]
    OtherFeatures,
}

fn class_name(positive: bool) -> &'static str {
    if positive { "positive" } else { "negative" }
}

/// Fits one model to windows, oldest first. Encoder and coefficients come from the rows that are not held out, scores
/// from those that are. Where several penalties are given, each starts from the optimum of the one before, and the one
/// with the lowest log-loss on the held-out rows is taken (the first where nothing is held out).
/// `SolverReport::seconds` is left 0: there is no clock here.
///
/// # Errors
/// Why these windows cannot be learned from, or that their rows cannot be read again.
pub fn fit(frames: &[Arc<Frame>], schema: &Schema, settings: &FitSettings) -> Result<Learned, FitError> {
    check(frames, schema)?;
    let encoder = Encoder::learn(&schema.features, frames, settings.min_count)
        .map_err(|LearnError::TooFarApart { column }| Unlearnable::TooFarApart { column })?;
    let columns = encoder.width();
    let design = Design::new(&encoder, frames, Subset::Training);
    let method = solver::method(settings.solver, &design);
    let most = if method == Method::Lbfgs { MOST_COLUMNS } else { MOST_DENSE - 1 };
    if columns > most {
        return Err(Unlearnable::TooManyColumns { columns, most }.into());
    }
    let positives: usize = frames.iter().map(|frame| frame.fit_positives()).sum();
    let training_share = positives as f64 / design.rows() as f64;
    let held_out = HeldOut { design: Design::new(&encoder, frames, Subset::HeldOut), settings, training_share };
    let mut from = solver::from_share(&design, positives);
    let (mut best, mut trials, mut passes): (Option<(f64, Trial)>, _, _) = (None, Vec::new(), 0);
    for l2 in &settings.l2 {
        let solution = solver::minimise(method, &design, *l2, from).map_err(|error| match error {
            SolveError::Read(error) => FitError::Read(error),
            SolveError::GaveUp(reason) => FitError::Unlearnable(Unlearnable::Solver { reason }),
        })?;
        from = solution.coefficients.clone();
        passes += solution.passes;
        let newest = frames.last().map_or(0, |frame| frame.range(Subset::HeldOut).len());
        let scores = held_out.scores(&solution, newest)?;
        let log_loss = scores.get(HOLDOUT).map(|score| score.log_loss);
        trials.push(PenaltyTrial {
            l2: *l2,
            passes: solution.passes,
            objective: solution.objective,
            converged: solution.converged,
            log_loss,
        });
        let loss = log_loss.unwrap_or(f64::INFINITY);
        if best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
            best = Some((loss, Trial { l2: *l2, solution, scores }));
        }
    }
    let Some((_, Trial { l2, solution, scores })) = best else {
        let reason = "no penalty is given: train.l2 names none".to_owned();
        return Err(Unlearnable::Solver { reason }.into());
    };
    let (intercept, coefficients) = coefficients(&encoder, &design, &solution);
    let mut learned = Learned {
        encoder,
        intercept,
        coefficients,
        threshold: settings.threshold,
        solver: SolverReport {
            method: solution.method,
            l2,
            passes,
            iterations: solution.iterations,
            objective: solution.objective,
            gradient_norm: solution.gradient_norm,
            converged: solution.converged,
            seconds: 0.0,
        },
        penalties: if trials.len() > 1 { trials } else { Vec::new() },
        scores,
        examples: Vec::new(),
    };
    learned.examples = examples(frames, schema, &learned);
    Ok(learned)
}

struct Trial {
    l2: f64,
    solution: Solution,
    scores: BTreeMap<String, Score>,
}

fn check(frames: &[Arc<Frame>], schema: &Schema) -> Result<(), Unlearnable> {
    if frames.iter().any(|frame| frame.features() != schema.features) {
        return Err(Unlearnable::OtherFeatures);
    }
    if frames.iter().all(|frame| frame.labelled() == 0) {
        return Err(Unlearnable::NoLabels { rows: frames.iter().map(|frame| frame.rows()).sum() });
    }
    let rows: usize = frames.iter().map(|frame| frame.fit_len()).sum();
    if rows < FEWEST_ROWS {
        return Err(Unlearnable::TooFewRows { rows });
    }
    let positives: usize = frames.iter().map(|frame| frame.fit_positives()).sum();
    if positives == 0 || positives == rows {
        return Err(Unlearnable::OneClass { rows, positive: positives > 0 });
    }
    Ok(())
}

fn coefficients(encoder: &Encoder, design: &Design, solution: &Solution) -> (Coefficient, Vec<Coefficient>) {
    let (intercept, weights) = design.to_encoder_order(&solution.coefficients);
    let errors = solution.standard_errors.as_ref().map(|errors| design.to_encoder_order(errors));
    let intercept_error = errors.as_ref().map(|(error, _)| *error);
    let named = encoder.names().into_iter().zip(weights).enumerate().map(|(column, (name, weight))| {
        Coefficient::new(name, weight, errors.as_ref().map(|(_, errors)| errors[column]))
    });
    (Coefficient::new("(intercept)".to_owned(), intercept, intercept_error), named.collect())
}

/// The rows that a fit does not see.
struct HeldOut<'a> {
    design: Design,
    settings: &'a FitSettings,
    training_share: f64,
}

impl HeldOut<'_> {
    /// Scores on all held-out rows, and on the last `newest` of them.
    fn scores(&self, solution: &Solution, newest: usize) -> io::Result<BTreeMap<String, Score>> {
        let (log_odds, truth) = self.design.log_odds(&solution.coefficients)?;
        let from = truth.len() - newest;
        let score =
            |first: usize| score(&log_odds[first..], &truth[first..], self.settings.threshold, self.training_share);
        let scores = [(HOLDOUT, score(0)), (NEWEST_HOLDOUT, score(from))];
        Ok(scores.into_iter().filter_map(|(name, score)| Some((name.to_owned(), score?))).collect())
    }
}

/// The held-out rows of all windows that a model learned from.
const HOLDOUT: &str = "holdout";
/// The held-out rows of its newest window.
const NEWEST_HOLDOUT: &str = "newest_holdout";

/// Rows of the newest window that has any, answered as a request would be.
fn examples(frames: &[Arc<Frame>], schema: &Schema, learned: &Learned) -> Vec<Example> {
    let predictor = Predictor::new(learned);
    let rows = frames.iter().rev().map(|frame| frame.examples()).find(|rows| !rows.is_empty()).unwrap_or_default();
    let examples = rows.iter().map(|row| {
        let cells: Vec<Cell<'_>> = schema.features.iter().map(|feature| cell(feature, row)).collect();
        Example { row: row.clone(), probability: predictor.predict(&cells).probability }
    });
    examples.collect()
}

/// The cell of a row that a frame kept: what it holds was read before, so that what cannot be read is missing.
fn cell<'a>(feature: &Feature, row: &'a Map<String, Value>) -> Cell<'a> {
    let value = row.get(&feature.column);
    let cell = match &feature.kind {
        FeatureKind::Numeric | FeatureKind::Log => value.and_then(Value::as_f64).map(Cell::Number),
        FeatureKind::Categorical => value.and_then(Value::as_str).map(Cell::Text),
        FeatureKind::Calendar(_, format) => {
            value.and_then(Value::as_str).and_then(|text| format.parse(text).ok()).map(Cell::Time)
        }
    };
    cell.unwrap_or(Cell::Missing)
}

#[cfg(test)]
mod tests;
