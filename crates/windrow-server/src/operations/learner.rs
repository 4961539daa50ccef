//! Requests to models of a learner outside of this program: the threads on which they wait, and rows in slices.

use std::mem;

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::served::ForeignModel;
use windrow_base::runtime::{blocking, run_compute};
use windrow_learn::model::Cell;

/// The most rows in one request to a learner. Single rows of other clients wait at most for one slice in front of them.
const SLICE_ROWS: usize = 1_000;
/// The most bytes of JSON in one request to a learner. Its line may have 1 MiB.
const SLICE_BYTES: usize = 512 << 10;

/// Runs work that predicts. If `waits`, it waits for a learner, and runs on a thread that may wait: the threads that
/// compute are few, and other requests need them.
pub(crate) async fn run_prediction<T: Send + 'static>(waits: bool, work: impl FnOnce() -> T + Send + 'static) -> T {
    if waits { blocking(work).await } else { run_compute(work).await }
}

/// Many rows for a learner. It is asked as soon as a slice is full, so that only one slice is in memory.
pub(crate) struct Slices<'a> {
    pub(crate) model: ForeignModel<'a>,
    /// Returns an error if the client has left.
    is_wanted: &'a dyn Fn() -> Result<(), ApiError>,
    rows: Vec<Map<String, Value>>,
    /// The bytes of these rows as JSON.
    bytes: usize,
    probabilities: Vec<f64>,
}

impl<'a> Slices<'a> {
    pub(crate) fn new(model: ForeignModel<'a>, is_wanted: &'a dyn Fn() -> Result<(), ApiError>) -> Self {
        Self { model, is_wanted, rows: Vec::new(), bytes: 0, probabilities: Vec::new() }
    }

    /// Adds a row, and waits for the learner if the slice is full.
    pub(crate) fn push(&mut self, cells: &[Cell<'_>]) -> Result<(), ApiError> {
        let row = self.model.row(cells);
        // Writing a value with string keys to memory cannot fail.
        let bytes = serde_json::to_vec(&row).map_or(0, |text| text.len()) + 1;
        if bytes > SLICE_BYTES {
            return Err(ApiError::too_long_for_learner(bytes, SLICE_BYTES));
        }
        if self.rows.len() == SLICE_ROWS || self.bytes + bytes > SLICE_BYTES {
            self.ask()?;
        }
        self.bytes += bytes;
        self.rows.push(row);
        Ok(())
    }

    /// Returns the probabilities of all rows.
    pub(crate) fn finish(mut self) -> Result<Vec<f64>, ApiError> {
        self.ask()?;
        Ok(self.probabilities)
    }

    fn ask(&mut self) -> Result<(), ApiError> {
        let rows = mem::take(&mut self.rows);
        self.bytes = 0;
        self.probabilities.extend(self.model.probabilities(&rows, self.is_wanted)?);
        Ok(())
    }
}
