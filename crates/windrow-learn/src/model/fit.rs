//! Fits a model to the windows that it learns from.
//!
//! A first fit leaves out the last rows of the newest window and is scored on them. The model itself is then fitted to
//! all rows, starting from the first fit.

mod remote;
mod solve;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::model::artifact::{Example, Fitted, Learned};
use crate::model::design::Design;
use crate::model::encoder::{EncodedFeature, Encoding};
use crate::model::error::{FitError, Unlearnable};
use crate::model::frame::Frame;
use crate::model::linear::LinearModel;
use crate::model::logistic::{Coefficient, Logistic, PenaltyTrial, SolverReport};
use crate::model::measures::Score;
use crate::model::predictor::{Cell, Predictor};
use crate::model::score::score;
use crate::model::solver::{Finish, Solution};
use crate::model::table::Subset;
use windrow_config::{Feature, FeatureKind, Schema, Solver};

pub use remote::{Remote, RemoteOptimum, RemoteSolver, RemoteTask};
pub use solve::FitSettings;
use solve::{Optimum, Problem};

/// Fits one model to all rows of the windows, oldest first. Scores a first fit on the last rows of the newest window.
///
/// If several penalties are given, the first fit tries all of them, each from the optimum of the one before. It takes
/// the penalty with the lowest log-loss on the first half of the held-out rows. Its score is from the second half. If
/// nothing is held out, the first penalty is taken. `SolverReport::seconds` stays 0, because this module has no clock.
///
/// If a remote solver reads the rows, all frames but the newest may be without rows.
///
/// # Errors
/// No model can be learned from these windows, their rows cannot be read again, or the remote solver finds no optimum.
pub fn fit(
    frames: &[Arc<Frame>],
    schema: &Schema,
    settings: &FitSettings,
    remote: Option<&Remote<'_>>,
) -> Result<Learned, FitError> {
    let problem = Problem { frames, newest: Subset::Whole, schema, settings, remote };
    let first = FirstFit::new(problem)?;
    let l2 = first.l2(settings)?;
    let start = first.chosen.as_ref().map(Optimum::linear_model);
    let solved = problem.solve(l2, start.as_ref(), Finish::Verified)?;
    let (intercept, coefficients) = coefficients(&solved);
    let Solution { method, iterations, passes, objective, gradient_norm, converged, .. } = solved.solution;
    let passes = passes + first.trials.iter().map(|trial| trial.passes).sum::<u64>();
    let solver = SolverReport { method, l2, passes, iterations, objective, gradient_norm, converged, seconds: 0.0 };
    let penalties = if first.trials.len() > 1 { first.trials } else { Vec::new() };
    let scores = first.score.map(|score| ("holdout".to_owned(), score)).into_iter().collect();
    let logistic = Logistic { encoder: solved.encoder, intercept, coefficients, solver, penalties };
    let examples = examples(frames, schema, &Predictor::new(&logistic, settings.threshold));
    Ok(Learned { fitted: Fitted::Logistic(logistic), threshold: settings.threshold, scores, examples })
}

/// Fits a model to all rows of the windows without scoring it, starting from a similar model. Returns `None` if the
/// optimum is not reached.
///
/// # Errors
/// The same as for [`fit`].
pub fn fit_from(
    frames: &[Arc<Frame>],
    schema: &Schema,
    settings: &FitSettings,
    remote: Option<&Remote<'_>>,
    start: Option<&LinearModel>,
) -> Result<Option<LinearModel>, FitError> {
    let solver = if settings.solver == Solver::Linfa { Solver::Auto } else { settings.solver };
    let settings = &FitSettings { solver, ..settings.clone() };
    let problem = Problem { frames, newest: Subset::Whole, schema, settings, remote };
    let l2 = if let [l2] = settings.l2[..] { l2 } else { FirstFit::new(problem)?.l2(settings)? };
    problem.check()?;
    let solved = problem.solve(l2, start, Finish::Losses)?;
    Ok(solved.solution.converged.then(|| solved.linear_model()))
}

/// Checks that a model can be learned from these windows, oldest first. If `without_held_out`, the held-out rows of the
/// newest window are left out.
///
/// # Errors
/// The reason why none can be learned.
pub fn check_rows(frames: &[Arc<Frame>], schema: &Schema, without_held_out: bool) -> Result<(), Unlearnable> {
    let newest = if without_held_out { Subset::Training } else { Subset::Whole };
    solve::check(frames, newest, schema)
}

/// Returns the number of rows and of positive rows that a model of these windows learns from.
pub fn row_counts(frames: &[Arc<Frame>], without_held_out: bool) -> (usize, usize) {
    solve::counts(frames, if without_held_out { Subset::Training } else { Subset::Whole })
}

/// A fit without the held-out rows: the trials, the chosen penalty, and its score on the held-out rows.
struct FirstFit {
    chosen: Option<Optimum>,
    trials: Vec<PenaltyTrial>,
    score: Option<Score>,
}

impl FirstFit {
    fn new(whole: Problem<'_>) -> Result<Self, FitError> {
        whole.check()?;
        let problem = Problem { newest: Subset::Training, ..whole };
        let Problem { frames, settings, .. } = problem;
        let mut first = Self { chosen: None, trials: Vec::new(), score: None };
        let held_out = frames.last().map_or(0, |frame| frame.held_out());
        if held_out == 0 || problem.check().is_err() {
            return Ok(first);
        }
        let newest = &frames[frames.len() - 1..];
        let (rows, positives) = problem.counts();
        let share = positives as f64 / rows as f64;
        // The rows that choose a penalty must not score it.
        let choosing = if settings.l2.len() > 1 { held_out.div_ceil(2) } else { 0 };
        let mut lowest = f64::INFINITY;
        let mut start: Option<LinearModel> = None;
        for &l2 in &settings.l2 {
            let solved = problem.solve(l2, start.as_ref(), Finish::Score)?;
            start = Some(solved.linear_model());
            let design = Design::new(&solved.encoder, newest, Subset::HeldOut);
            let (log_odds, truth) = design.log_odds(&solved.solution.coefficients)?;
            let scored = |from: usize, to| score(&log_odds[from..to], &truth[from..to], settings.threshold, share);
            let log_loss = scored(0, choosing).map(|score| score.log_loss);
            let Solution { passes, objective, converged, .. } = solved.solution;
            first.trials.push(PenaltyTrial { l2, passes, objective, converged, log_loss });
            let loss = log_loss.unwrap_or(f64::INFINITY);
            if first.chosen.is_none() || loss < lowest {
                lowest = loss;
                first.score = scored(choosing, truth.len());
                first.chosen = Some(solved);
            }
        }
        Ok(first)
    }

    /// Returns the chosen penalty. If no rows can choose one, returns the first.
    fn l2(&self, settings: &FitSettings) -> Result<f64, Unlearnable> {
        let chosen = self.chosen.as_ref().map(|solved| solved.l2).or(settings.l2.first().copied());
        chosen.ok_or_else(|| Unlearnable::Solver("train.l2 has no penalty".to_owned()))
    }
}

/// Returns the intercept and the coefficients. Only numbers have standard errors; the intercept has one if no feature
/// is one-hot.
fn coefficients(solved: &Optimum) -> (Coefficient, Vec<Coefficient>) {
    let (intercept, weights) = solved.design.to_encoder_order(&solved.solution.coefficients);
    let errors = solved.solution.standard_errors.as_ref().map(|errors| solved.design.to_encoder_order(errors));
    let is_number = |feature: &EncodedFeature| matches!(feature.encoding, Encoding::Number { .. });
    let by_column = |feature: &EncodedFeature| std::iter::repeat_n(is_number(feature), feature.encoding.width());
    let has_meaning: Vec<bool> = solved.encoder.features.iter().flat_map(by_column).collect();
    let intercept_error = errors.as_ref().map(|(error, _)| *error).filter(|_| has_meaning.iter().all(|has| *has));
    let named = solved.encoder.names().into_iter().zip(weights).enumerate().map(|(column, (name, weight))| {
        let error = errors.as_ref().map(|(_, errors)| errors[column]).filter(|_| has_meaning[column]);
        Coefficient::new(name, weight, error)
    });
    (Coefficient::new("(intercept)".to_owned(), intercept, intercept_error), named.collect())
}

/// Returns rows of the newest window that has any, with the model's probabilities.
pub(super) fn examples(frames: &[Arc<Frame>], schema: &Schema, predictor: &Predictor) -> Vec<Example> {
    let rows = frames.iter().rev().map(|frame| frame.examples()).find(|rows| !rows.is_empty()).unwrap_or_default();
    let examples = rows.iter().map(|row| {
        let cells: Vec<Cell<'_>> = schema.features.iter().map(|feature| cell(feature, row)).collect();
        Example { row: row.clone(), probability: predictor.predict(&cells).probability }
    });
    examples.collect()
}

/// Returns the cell of an example row. The frame has read all its cells before, so a cell that cannot be read is a
/// missing one.
fn cell<'a>(feature: &Feature, row: &'a Map<String, Value>) -> Cell<'a> {
    let value = row.get(&feature.column);
    let text = value.and_then(Value::as_str);
    let cell = match &feature.kind {
        FeatureKind::Numeric | FeatureKind::Log => value.and_then(Value::as_f64).map(Cell::Number),
        FeatureKind::Categorical => text.map(Cell::Text),
        FeatureKind::Calendar(_, format) => text.and_then(|text| format.parse(text).ok()).map(Cell::Time),
    };
    cell.unwrap_or(Cell::Missing)
}

#[cfg(test)]
mod tests;
