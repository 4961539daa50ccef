//! What is known of dataset and work directory before the stages begin.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::context::App;
use crate::app::error::AppError;
use crate::app::workdir::Origin;
use windrow_base::runtime::blocking;
use windrow_config::{Cut, Schema, WindowPolicy};
use windrow_dataset::DatasetReader;
use windrow_dataset::inspection;
use windrow_record::RunId;
use windrow_stream::producer::Replay;

/// So many digits of the dataset's sha256 name its replay.
const RUN_ID_LENGTH: usize = 16;

/// What is known before the first row moves.
#[derive(Clone)]
pub(super) struct RunInputs {
    pub(super) schema: Arc<Schema>,
    /// The sha256 of the dataset; none where it is not there and not needed: other producers' rows, columns by name.
    pub(super) digest: Option<String>,
    pub(super) cut: Cut,
    /// Whether this process chooses the rows that are replayed.
    pub(super) is_run: bool,
    pub(super) replay: Replay,
}

impl RunInputs {
    /// The same dataset is the same replay: rows that are sent again after a broker was lost are known again. None where the
    /// dataset is not there.
    pub(super) fn run(&self) -> Option<RunId> {
        self.digest.as_deref().and_then(|digest| digest.get(..RUN_ID_LENGTH)).map(RunId::new)
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { dataset: self.digest.as_deref(), replay: self.is_run.then_some(&self.replay) }
    }
}

impl App {
    /// The columns of the dataset and what the pipeline makes of them. Reads the header if the pipeline names no columns.
    pub(super) fn schema(&self) -> Result<Arc<Schema>, AppError> {
        let dataset = &self.pipeline.dataset;
        let schema = match &dataset.columns {
            Some(columns) => Schema::bind(&self.pipeline, &dataset.with_joined_time(columns))?,
            None => Schema::bind(&self.pipeline, DatasetReader::open(dataset)?.columns())?,
        };
        Ok(Arc::new(schema))
    }

    /// What every stage that touches rows must know of the dataset. Reads it, so not on the runtime's threads; a stop does
    /// not wait for that.
    pub(super) async fn prepare(
        &self,
        replay: Option<Replay>,
        stop: &CancellationToken,
    ) -> Result<RunInputs, AppError> {
        let place = self.clone();
        let reading = blocking(move || {
            let schema = place.schema()?;
            let is_run = replay.is_some();
            let dataset = &place.pipeline.dataset;
            let is_needed = is_run || dataset.columns.is_none() || dataset.path.exists();
            let digest = if is_needed { Some(windrow_dataset::digest(dataset)?) } else { None };
            let replay = replay.unwrap_or_default();
            let cut = place.cut(&replay)?;
            Ok(RunInputs { schema, digest, cut, is_run, replay })
        });
        tokio::select! {
            read = reading => read,
            () = stop.cancelled() => Err(AppError::Stopped),
        }
    }

    /// Windows by the number of a row are windows of time where rows are in order, and lies where they are not.
    pub(super) async fn refuse_disorder(&self, stop: &CancellationToken) -> Result<(), AppError> {
        let is_by_number = matches!(self.pipeline.window, WindowPolicy::Rows(_) | WindowPolicy::Parts(_));
        if !is_by_number || self.pipeline.dataset.time.is_none() {
            return Ok(());
        }
        let pipeline = Arc::clone(&self.pipeline);
        let fault = tokio::select! {
            fault = blocking(move || inspection::disorder(&pipeline)) => fault?,
            () = stop.cancelled() => return Err(AppError::Stopped),
        };
        let dataset = &self.pipeline.dataset.path;
        fault.map_or(Ok(()), |fault| Err(AppError::Disorder { dataset: dataset.clone(), fault }))
    }

    fn cut(&self, replay: &Replay) -> Result<Cut, AppError> {
        let rows = match self.pipeline.window {
            WindowPolicy::Parts(_) => {
                let all = DatasetReader::open(&self.pipeline.dataset)?.count()?;
                // Equal parts of what is replayed.
                let rest = all.saturating_sub(replay.from.get() - 1);
                Some(replay.limit.map_or(rest, |limit| if replay.again { limit } else { limit.min(rest) }))
            }
            _ => None,
        };
        Ok(Cut::new(self.pipeline.window, rows).beginning_with(replay.from))
    }
}
