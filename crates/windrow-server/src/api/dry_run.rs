//! What a model would answer to a body, without a server: for checking requests beforehand, and for fuzzing.

use std::sync::Arc;

use crate::api::body::RowsKind;
use crate::api::error::ApiError;
use crate::api::operations::{infer, predictions};
use crate::api::state::Served;
use windrow_registry::{Model, Snapshot};

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

/// The models of a snapshot, to be asked without a server.
#[derive(Debug)]
pub struct DryRun(Served);

impl DryRun {
    /// `nulls` are the texts that mean 'missing' where there is no null.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, nulls: &[String]) -> Self {
        Self(Served::new(snapshot, nulls))
    }

    /// How many rows of a body the model would answer, at most `max_rows`.
    ///
    /// # Errors
    /// The status of the problem that it would answer, and its detail.
    pub fn rows(
        &self,
        model: &Arc<Model>,
        kind: BodyKind,
        body: &[u8],
        max_rows: usize,
    ) -> Result<usize, (u16, String)> {
        self.try_rows(model, kind, body, max_rows).map_err(|ApiError(problem)| (problem.status, problem.detail))
    }

    fn try_rows(&self, model: &Arc<Model>, kind: BodyKind, body: &[u8], max_rows: usize) -> Result<usize, ApiError> {
        let fitted = self.0.fitted(model)?;
        let is_wanted = || Ok(());
        let kind = match kind {
            BodyKind::Row => {
                let row = fitted.schema.read(body)?;
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
