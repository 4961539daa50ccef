//! How a model is fitted.

use windrow_config::{Pipeline, Solver};

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
