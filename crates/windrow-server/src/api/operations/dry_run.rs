//! A model's answer to a body, without a server. For tests and fuzzing.

use std::path::Path;
use std::sync::Arc;

use crate::api::body::RowsKind;
use crate::api::error::ApiError;
use crate::api::operations::batch::predictions;
use crate::api::operations::infer::infer;
use crate::api::operations::prediction::read_row;
use crate::api::state::Served;
use windrow_registry::{Model, Registry};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// One JSON object.
    Row,
    /// A JSON array of rows.
    Rows,
    /// A row a line.
    Lines,
    /// CSV with a header line.
    Table,
    /// An inference request whose first so many bytes are JSON; all of them where there is no number.
    Tensors(Option<usize>),
}

/// One model, to be asked without a server.
#[derive(Debug)]
pub struct DryRun {
    served: Served,
    model: Arc<Model>,
}

impl DryRun {
    /// `model` is the text of a model file, `folder` an empty work directory.
    ///
    /// # Panics
    /// It is not a model, or the folder cannot be written.
    #[must_use]
    pub fn new(model: &[u8], folder: &Path) -> Self {
        let registry = Registry::open(folder).expect("a folder");
        registry.publish(&serde_json::from_slice(model).expect("a model")).expect("room on the disk");
        let snapshot = registry.snapshot();
        let model = Arc::clone(snapshot.latest().expect("a model"));
        Self { served: Served::default().renewed(snapshot, &[String::new()]), model }
    }

    /// How many rows of a body the model would answer, at most `max_rows`.
    ///
    /// # Errors
    /// The status of the problem that it would answer, and its detail.
    pub fn rows(&self, kind: BodyKind, body: &[u8], max_rows: usize) -> Result<usize, (u16, String)> {
        self.try_rows(kind, body, max_rows).map_err(|ApiError(problem)| (problem.status, problem.detail))
    }

    fn try_rows(&self, kind: BodyKind, body: &[u8], max_rows: usize) -> Result<usize, ApiError> {
        let fitted = self.served.fitted(&self.model)?;
        let is_wanted = || Ok(());
        let kind = match kind {
            BodyKind::Row => {
                let row = read_row(fitted.schema, body)?;
                let prediction = fitted.predictor.predict(&fitted.schema.cells(&row));
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
