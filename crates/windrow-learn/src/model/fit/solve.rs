//! Finds one optimum: the encoder, the design and the coefficients.

use std::sync::Arc;

use crate::model::design::Design;
use crate::model::encoder::Encoder;
use crate::model::encoder::learn::parts;
use crate::model::error::{FitError, RemoteError, Unlearnable};
use crate::model::fit::remote::{MAX_REMOTE_COLUMNS, Remote, RemoteOptimum, RemoteTask};
use crate::model::frame::Frame;
use crate::model::linear::LinearModel;
use crate::model::logistic::Method;
use crate::model::solver::{self, Finish, MAX_DENSE_COEFFICIENTS, Solution, Start};
use crate::model::table::Subset;
use windrow_config::{MIN_TRAINING_ROWS, Pipeline, Schema, Solver};

/// The most columns of a model. With more, its file is larger than a hundred megabytes.
const MAX_COLUMNS: usize = 1_000_000;

/// The settings of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitSettings {
    /// The weights of the penalty to try, at least one. The objective is the sum of the rows' losses plus l2/2 * |w|^2.
    pub l2: Vec<f64>,
    /// The solver that finds the optimum.
    pub solver: Solver,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
    /// Values seen fewer times than this share the level 'other'.
    pub min_count: u64,
}

impl From<&Pipeline> for FitSettings {
    fn from(pipeline: &Pipeline) -> Self {
        let (train, min_count) = (&pipeline.train, pipeline.features.min_count);
        Self { l2: train.l2.clone(), solver: train.solver, threshold: train.threshold, min_count }
    }
}

/// Returns the number of rows and of positive rows. `newest` is the subset of the last frame to use.
pub(super) fn counts(frames: &[Arc<Frame>], newest: Subset) -> (usize, usize) {
    let counts = parts(frames, newest).into_iter().map(|(frame, rows)| frame.counts(rows));
    counts.fold((0, 0), |(rows, positives), (more, positive)| (rows + more, positives + positive))
}

/// Checks that a model can be learned from these windows. `newest` is the subset of the last frame to use.
pub(super) fn check(frames: &[Arc<Frame>], newest: Subset, schema: &Schema) -> Result<(), Unlearnable> {
    if frames.iter().any(|frame| frame.features != schema.features) {
        return Err(Unlearnable::OtherFeatures);
    }
    if frames.iter().all(|frame| frame.labelled() == 0) {
        return Err(Unlearnable::NoLabels(frames.iter().map(|frame| frame.rows()).sum()));
    }
    let (rows, positives) = counts(frames, newest);
    if rows < MIN_TRAINING_ROWS {
        return Err(Unlearnable::TooFewRows(rows));
    }
    if positives == 0 || positives == rows {
        return Err(Unlearnable::OneClass { rows, positive: positives > 0 });
    }
    Ok(())
}

/// The rows to learn from, with the settings.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    pub(super) frames: &'a [Arc<Frame>],
    /// The rows of the newest frame to use.
    pub(super) newest: Subset,
    pub(super) schema: &'a Schema,
    pub(super) settings: &'a FitSettings,
    pub(super) remote: Option<&'a Remote<'a>>,
}

pub(super) struct Optimum {
    pub(super) encoder: Encoder,
    pub(super) design: Design,
    pub(super) solution: Solution,
    pub(super) l2: f64,
}

impl Problem<'_> {
    /// Returns the number of rows and of positive rows.
    pub(super) fn counts(&self) -> (usize, usize) {
        counts(self.frames, self.newest)
    }

    /// Checks that a model can be learned from these windows.
    pub(super) fn check(&self) -> Result<(), Unlearnable> {
        check(self.frames, self.newest, self.schema)
    }

    /// Finds the optimum, starting from another model if one is given.
    pub(super) fn solve(&self, l2: f64, start: Option<&LinearModel>, finish: Finish) -> Result<Optimum, FitError> {
        let Self { frames, newest, schema, settings, remote } = self;
        let encoder = Encoder::learn(&schema.features, frames, *newest, settings.min_count)?;
        let columns = encoder.width();
        let mut design = Design::new(&encoder, frames, *newest);
        if let Some(remote) = remote {
            let solution = self.remotely(remote, &encoder, &design, l2)?;
            return Ok(Optimum { encoder, design, solution, l2 });
        }
        let method = solver::method(settings.solver, &design);
        let most = if method == Method::Lbfgs { MAX_COLUMNS } else { MAX_DENSE_COEFFICIENTS - 1 };
        if columns > most {
            return Err(Unlearnable::TooManyColumns { columns, most }.into());
        }
        let minimise = |coefficients: Vec<f64>, is_near: bool| {
            solver::minimise(method, &design, l2, Start { coefficients, is_near }, finish)
        };
        let start = start.map(|start| start.with_encoder(&encoder));
        let near = start
            .map(|(intercept, weights)| minimise(design.in_design_order(intercept, &weights), true))
            .transpose()?;
        let solution = match near {
            Some(solution) if solution.converged => solution,
            // If the start is so far off that every row's curvature vanishes, there may be no way back.
            near => {
                let cold = minimise(solver::from_share(&design, self.counts().1), false)?;
                let passes = cold.passes + near.map_or(0, |near| near.passes);
                Solution { passes, ..cold }
            }
        };
        design.forget_combinations();
        Ok(Optimum { encoder, design, solution, l2 })
    }

    fn remotely(&self, remote: &Remote<'_>, encoder: &Encoder, design: &Design, l2: f64) -> Result<Solution, FitError> {
        let columns = encoder.width();
        if columns > MAX_REMOTE_COLUMNS {
            return Err(Unlearnable::TooManyColumns { columns, most: MAX_REMOTE_COLUMNS }.into());
        }
        let newest = self.frames.last().filter(|_| self.newest == Subset::Training);
        let newest_rows = newest.map(|frame| frame.first_held_out());
        let (rows, positives) = self.counts();
        let (windows, rows, positives) = (remote.windows, rows as u64, positives as u64);
        let task = RemoteTask { encoder, windows, newest_rows, rows, positives, l2 };
        let RemoteOptimum { intercept, weights, iterations, objective, converged } = remote.solver.minimise(&task)?;
        let is_finite = [intercept, objective].iter().chain(&weights).all(|number| number.is_finite());
        if !is_finite || weights.len() != columns {
            let reason = format!("the answer does not have {columns} finite coefficients");
            return Err(RemoteError::Failed(reason).into());
        }
        let (method, coefficients) = (Method::Spark, design.in_design_order(intercept, &weights));
        let (standard_errors, gradient_norm, passes) = (None, None, 0);
        Ok(Solution { method, coefficients, standard_errors, iterations, passes, objective, gradient_norm, converged })
    }
}

impl Optimum {
    pub(super) fn linear_model(&self) -> LinearModel {
        let (intercept, weights) = self.design.to_encoder_order(&self.solution.coefficients);
        LinearModel { encoder: self.encoder.clone(), intercept, weights }
    }
}
