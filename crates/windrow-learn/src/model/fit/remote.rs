//! Fits whose rows are read elsewhere: by a cluster that has the windows' files.

use std::fmt::Debug;

use crate::model::encoder::Encoder;
use windrow_record::WindowIndex;

/// Beyond it a plan with every level of every feature in it outgrows what a cluster takes.
pub(super) const MOST_REMOTE: usize = 100_000;

/// Finds optima where the rows are.
pub trait RemoteSolver: Debug + Send + Sync {
    /// Minimises sum_i log(1 + exp(-s_i (w.x_i + b))) + l2/2 * |w|^2 over the labelled rows of some windows.
    ///
    /// # Errors
    /// It was told to stop, or there is no optimum.
    fn minimise(&self, task: &RemoteTask<'_>) -> Result<RemoteOptimum, RemoteError>;
}

/// A solver elsewhere, and the windows that a model learns from there.
#[derive(Debug, Clone, Copy)]
pub struct Remote<'a> {
    /// What solves.
    pub solver: &'a dyn RemoteSolver,
    /// The windows of the frames, in their order.
    pub windows: &'a [WindowIndex],
}

/// What is to be minimised.
#[derive(Debug, Clone, Copy)]
pub struct RemoteTask<'a> {
    /// From cells to columns.
    pub encoder: &'a Encoder,
    /// The windows, oldest first.
    pub windows: &'a [WindowIndex],
    /// How many rows of the newest window are meant, the first ones, labelled or not; all where there is no number.
    pub newest_rows: Option<u64>,
    /// How many labelled rows there are in all.
    pub rows: u64,
    /// Of these, positive ones.
    pub positives: u64,
    /// The weight of the penalty.
    pub l2: f64,
}

/// Where a solver elsewhere ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteOptimum {
    /// b of the objective.
    pub intercept: f64,
    /// w of the objective, in the encoder's order.
    pub weights: Vec<f64>,
    /// Steps taken.
    pub iterations: u64,
    /// The objective.
    pub objective: f64,
    /// Whether it stopped by itself.
    pub converged: bool,
}

/// Why there is no optimum from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// It was told to stop.
    #[error("the fit was given up, since it was told to stop")]
    Stopped,
    /// What went wrong, in a sentence.
    #[error("{0}")]
    Failed(String),
}
