//! Runs a model on a body without a server, for tests and fuzzing.

use std::path::Path;
use std::sync::Arc;

use crate::body::RowsKind;
use crate::error::ApiError;
use crate::operations::batch::predictions;
use crate::operations::infer::infer;
use crate::operations::prediction::predict;
use crate::served::{Served, ServedWith};
use windrow_config::Dataset;
use windrow_registry::{Model, Registry};

/// The format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// One row as a JSON object.
    Row,
    /// A JSON array of rows.
    Rows,
    /// NDJSON: one row per line.
    Lines,
    /// CSV with a header line.
    Table,
    /// An inference request. The number is the length of its JSON in bytes. `None` means that the whole body is JSON.
    Tensors(Option<usize>),
}

/// One model that can be called without a server.
#[derive(Debug)]
pub struct DryRun {
    served: Served,
    model: Arc<Model>,
}

impl DryRun {
    /// Publishes a model in an empty work directory. `model` is the text of a model file, `folder` is the directory.
    ///
    /// # Panics
    /// Panics if `model` is not a model file, or if `folder` cannot be written.
    pub fn new(model: &[u8], folder: &Path) -> Self {
        let registry = Registry::open(folder).expect("a folder");
        registry.publish(&serde_json::from_slice(model).expect("a model")).expect("room on the disk");
        let snapshot = registry.snapshot();
        let model = Arc::clone(snapshot.latest().expect("a model"));
        let dataset = Dataset::new("".into());
        let with = ServedWith { dataset: &dataset, registry: &registry, learner: None };
        Self { served: Served::default().renewed(snapshot, with), model }
    }

    /// Returns the number of rows in `body` that the model answers. A body may have at most `max_rows` rows.
    ///
    /// # Errors
    /// Returns the status and the detail of the problem that a server would send.
    pub fn rows(&self, kind: BodyKind, body: &[u8], max_rows: usize) -> Result<usize, (u16, String)> {
        self.try_rows(kind, body, max_rows).map_err(|ApiError(problem)| (problem.status, problem.detail))
    }

    fn try_rows(&self, kind: BodyKind, body: &[u8], max_rows: usize) -> Result<usize, ApiError> {
        let fitted = self.served.fitted(&self.model)?;
        let is_wanted = || Ok(());
        let kind = match kind {
            BodyKind::Row => {
                let prediction = predict(fitted, body, false, &is_wanted)?;
                return Ok(usize::from(prediction.probability.is_finite()));
            }
            BodyKind::Tensors(json) => return Ok(infer(fitted, body, json, max_rows, &is_wanted)?.len()),
            BodyKind::Rows => RowsKind::Json,
            BodyKind::Lines => RowsKind::Ndjson,
            BodyKind::Table => RowsKind::Csv,
        };
        Ok(predictions(fitted, kind, body, max_rows, &is_wanted)?.len())
    }
}

#[cfg(test)]
mod tests;
