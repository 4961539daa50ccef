//! What a model would answer to a body, without a server: for checking requests beforehand, and for fuzzing.

use std::sync::Arc;

use poem_openapi::payload::Json;

use crate::api::batch;
use crate::api::context::Served;
use crate::api::inference::infer;
use crate::api::payload::{RowsBody, RowsKind, TensorBody};
use crate::api::problem::Refusal;
use crate::registry::{Model, Snapshot};

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
        Self(Served::of(snapshot, nulls))
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
        self.try_rows(model, kind, body, max_rows).map_err(|refusal| {
            let Json(problem) = refusal.into_problem();
            (problem.status, problem.detail)
        })
    }

    fn try_rows(&self, model: &Arc<Model>, kind: BodyKind, body: &[u8], max_rows: usize) -> Result<usize, Refusal> {
        let asked = self.0.asked(model)?;
        let rows = |kind| RowsBody { kind, wanted: kind, bytes: body.to_vec() };
        let kind = match kind {
            BodyKind::Row => {
                let row = asked.form.read(body)?;
                let prediction = asked.predictor.predict(&asked.form.cells(&row));
                return Ok(usize::from(prediction.probability.is_finite()));
            }
            BodyKind::Tensors(json) => {
                let answer = infer(asked, &TensorBody { bytes: body.to_vec(), json }, max_rows)?;
                return Ok(answer.outputs.first().map_or(0, |output| output.shape[0]));
            }
            BodyKind::Rows => RowsKind::Json,
            BodyKind::Lines => RowsKind::Ndjson,
            BodyKind::Table => RowsKind::Csv,
        };
        Ok(batch::answer(asked, &rows(kind), max_rows)?.len())
    }
}
