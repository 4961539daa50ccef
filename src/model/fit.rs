//! From the windows that a model learns from to the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{Feature, FeatureKind, Pipeline, Schema, Solver};
use crate::model::artifact::{Example, Learned, Score, SolverReport};
use crate::model::design::Design;
use crate::model::encoder::Encoder;
use crate::model::frame::{Frame, Rows};
use crate::model::predictor::{Cell, Predictor};
use crate::model::score::score;
use crate::model::solver::{Solution, linfa, newton};

/// Fewer rows to train on than this say nothing.
const FEWEST_ROWS: usize = 10;
/// Beyond it the Hessian of a Newton step, and the matrix that linfa-logistic takes, outgrow a common machine.
const MOST_COLUMNS: usize = 5_000;

/// How a model is to be fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitSettings {
    /// The weight of the penalty: l2/2 * |w|^2 beside the sum of the rows' losses.
    pub l2: f64,
    /// What finds the optimum.
    pub solver: Solver,
    /// The share of each window, its last labelled rows, that is kept out of the fit.
    pub holdout: f64,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
    /// Values seen fewer times than this share the level 'other'.
    pub min_count: u64,
}

impl From<&Pipeline> for FitSettings {
    fn from(pipeline: &Pipeline) -> Self {
        let train = &pipeline.train;
        Self {
            l2: train.l2,
            solver: train.solver,
            holdout: train.holdout,
            threshold: train.threshold,
            min_count: pipeline.features.min_count,
        }
    }
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
        "the features make {columns} columns, and at most {MOST_COLUMNS} can be trained: raise features.min_count, or \
         leave out a categorical column of many values"
    )]
    TooManyColumns {
        /// Columns after encoding.
        columns: usize,
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
/// from those that are. `SolverReport::seconds` is left 0: there is no clock here.
///
/// # Errors
/// Why these windows cannot be learned from.
pub fn fit(frames: &[Arc<Frame>], schema: &Schema, settings: &FitSettings) -> Result<Learned, Unlearnable> {
    let training = training_rows(frames, schema, settings)?;
    let encoder = Encoder::learn(&schema.features, &training, settings.min_count)
        .map_err(|column| Unlearnable::TooFarApart { column })?;
    if encoder.width() > MOST_COLUMNS {
        return Err(Unlearnable::TooManyColumns { columns: encoder.width() });
    }
    let design = Design::encode(&encoder, &training);
    let solution = match settings.solver {
        Solver::Newton => newton::minimise(&design, settings.l2, newton::STEP_LIMIT, None),
        Solver::Linfa => {
            linfa::minimise(&design, settings.l2, linfa::STEP_LIMIT).map_err(|reason| Unlearnable::Solver { reason })?
        }
    };
    let training_share = design.positives() as f64 / design.rows() as f64;
    let (intercept, weights) = design.to_encoder_order(&solution.coefficients);
    let scores = scores(frames, &encoder, &solution, settings, training_share);
    let mut learned = Learned {
        encoder,
        intercept,
        weights,
        threshold: settings.threshold,
        solver: report(&solution, settings),
        scores,
        examples: Vec::new(),
    };
    learned.examples = examples(frames, schema, &learned);
    Ok(learned)
}

fn training_rows<'a>(
    frames: &'a [Arc<Frame>],
    schema: &Schema,
    settings: &FitSettings,
) -> Result<Vec<Rows<'a>>, Unlearnable> {
    if frames.iter().any(|frame| frame.features() != schema.features) {
        return Err(Unlearnable::OtherFeatures);
    }
    if frames.iter().all(|frame| frame.labelled() == 0) {
        return Err(Unlearnable::NoLabels { rows: frames.iter().map(|frame| frame.rows()).sum() });
    }
    let training: Vec<Rows<'a>> = frames.iter().map(|frame| frame.fit_rows(settings.holdout)).collect();
    let rows: usize = training.iter().map(Rows::len).sum();
    if rows < FEWEST_ROWS {
        return Err(Unlearnable::TooFewRows { rows });
    }
    let positives: usize = frames.iter().map(|frame| frame.fit_positives(settings.holdout)).sum();
    if positives == 0 || positives == rows {
        return Err(Unlearnable::OneClass { rows, positive: positives > 0 });
    }
    Ok(training)
}

fn report(solution: &Solution, settings: &FitSettings) -> SolverReport {
    SolverReport {
        name: settings.solver,
        l2: settings.l2,
        iterations: solution.iterations,
        objective: solution.objective,
        gradient_norm: solution.gradient_norm,
        converged: solution.converged,
        seconds: 0.0,
    }
}

fn scores(
    frames: &[Arc<Frame>],
    encoder: &Encoder,
    solution: &Solution,
    settings: &FitSettings,
    training_share: f64,
) -> BTreeMap<String, Score> {
    let held_out: Vec<Rows<'_>> = frames.iter().map(|frame| frame.held_out_rows(settings.holdout)).collect();
    let design = Design::encode(encoder, &held_out);
    let log_odds = design.log_odds(&solution.coefficients);
    let newest = design.rows() - held_out.last().map_or(0, Rows::len);
    let score_from =
        |first: usize| score(&log_odds[first..], &design.labels()[first..], settings.threshold, training_share);
    let scores = [("holdout", score_from(0)), ("newest_holdout", score_from(newest))];
    scores.into_iter().filter_map(|(name, score)| Some((name.to_owned(), score?))).collect()
}

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
