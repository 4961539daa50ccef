//! Fits by a remote solver: a cluster that reads the windows' files itself.

use std::fmt::Debug;

use crate::model::encoder::Encoder;
use crate::model::error::RemoteError;
use windrow_record::WindowIndex;

/// The most columns for a remote solver. The query plan contains every level of every feature, and a cluster does not
/// take larger plans.
pub(super) const MAX_REMOTE_COLUMNS: usize = 100_000;

/// A solver that runs where the rows are stored.
pub trait RemoteSolver: Debug + Send + Sync {
    /// Minimises sum_i log(1 + exp(-s_i (w.x_i + b))) + l2/2 * |w|^2 over the labelled rows of some windows.
    ///
    /// # Errors
    /// The solver was stopped, or finds no optimum.
    fn minimise(&self, task: &RemoteTask<'_>) -> Result<RemoteOptimum, RemoteError>;
}

/// A remote solver, and the windows that a model learns from.
#[derive(Debug, Clone, Copy)]
pub struct Remote<'a> {
    /// The solver that finds the optimum.
    pub solver: &'a dyn RemoteSolver,
    /// The windows of the frames, in the same order.
    pub windows: &'a [WindowIndex],
}

/// The problem that a remote solver solves.
#[derive(Debug, Clone, Copy)]
pub struct RemoteTask<'a> {
    /// The encoder that turns cells into columns.
    pub encoder: &'a Encoder,
    /// The windows, oldest first.
    pub windows: &'a [WindowIndex],
    /// The number of rows of the newest window to use, labelled or not. They are the first ones. `None` means all rows.
    pub newest_rows: Option<u64>,
    /// The number of labelled rows to learn from.
    pub rows: u64,
    /// The number of positive rows among them.
    pub positives: u64,
    /// The weight of the penalty.
    pub l2: f64,
}

/// The optimum that a remote solver found.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteOptimum {
    /// The intercept, b of the objective.
    pub intercept: f64,
    /// The weights, w of the objective, in the encoder's order.
    pub weights: Vec<f64>,
    /// The number of steps taken.
    pub iterations: u64,
    /// The value of the objective.
    pub objective: f64,
    /// `true` if the solver stopped before its limit of steps.
    pub converged: bool,
}
