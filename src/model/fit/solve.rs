//! One optimum: an encoder, its design, and the coefficients.

use std::sync::Arc;

use crate::config::Schema;
use crate::model::artifact::Method;
use crate::model::bare::BareModel;
use crate::model::design::Design;
use crate::model::encoder::Encoder;
use crate::model::encoder::learn::LearnError;
use crate::model::fit::{FitError, FitSettings, Unlearnable, counts};
use crate::model::frame::Frame;
use crate::model::solver::{self, MOST_DENSE, Solution, SolveError};
use crate::model::table::Subset;

/// Beyond it a model file alone is a hundred megabytes.
const MOST_COLUMNS: usize = 1_000_000;

/// Rows to be learned from, both classes among them.
pub(super) struct Problem<'a> {
    pub(super) frames: &'a [Arc<Frame>],
    /// Which rows of the newest frame.
    pub(super) newest: Subset,
    pub(super) schema: &'a Schema,
    pub(super) settings: &'a FitSettings,
}

/// What came of them.
pub(super) struct Solved {
    pub(super) encoder: Encoder,
    pub(super) design: Design,
    pub(super) solution: Solution,
    pub(super) l2: f64,
}

impl Problem<'_> {
    /// The optimum, from where another one is.
    pub(super) fn solve(&self, l2: f64, start: Option<&BareModel>) -> Result<Solved, FitError> {
        let Self { frames, newest, schema, settings } = self;
        let encoder = Encoder::learn(&schema.features, frames, *newest, settings.min_count)
            .map_err(|LearnError::TooFarApart { column }| Unlearnable::TooFarApart { column })?;
        let columns = encoder.width();
        let design = Design::new(&encoder, frames, *newest);
        let method = solver::method(settings.solver, &design);
        let most = if method == Method::Lbfgs { MOST_COLUMNS } else { MOST_DENSE - 1 };
        if columns > most {
            return Err(Unlearnable::TooManyColumns { columns, most }.into());
        }
        let minimise = |from: Vec<f64>| {
            solver::minimise(method, &design, l2, from).map_err(|error| match error {
                SolveError::Read(error) => FitError::Read(error),
                SolveError::GaveUp(reason) => FitError::Unlearnable(Unlearnable::Solver { reason }),
            })
        };
        let near = match start.map(|start| start.under(&encoder)) {
            Some((intercept, weights)) => Some(minimise(design.in_design_order(intercept, &weights))?),
            None => None,
        };
        let solution = match near {
            Some(solution) if solution.converged => solution,
            // From so far out that every row's curvature has vanished there may be no way back.
            near => {
                let cold = minimise(solver::from_share(&design, counts(frames, *newest).1))?;
                let passes = cold.passes + near.map_or(0, |near| near.passes);
                Solution { passes, ..cold }
            }
        };
        Ok(Solved { encoder, design, solution, l2 })
    }
}

impl Solved {
    pub(super) fn bare(&self) -> BareModel {
        let (intercept, weights) = self.design.to_encoder_order(&self.solution.coefficients);
        BareModel { encoder: self.encoder.clone(), intercept, weights }
    }
}
