//! The properties of the dataset that stages need before they start.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::context::App;
use crate::app::error::{AppError, Result};
use crate::app::run_file::{Origin, RunFile, run_name};
use windrow_base::runtime::blocking;
use windrow_config::{Cut, Pipeline, Schema, WindowPolicy};
use windrow_dataset::DatasetReader;
use windrow_dataset::inspection;
use windrow_record::{RowNumber, RunId};
use windrow_stream::producer::Replay;

/// The inputs that are known before the first row is read or sent.
#[derive(Clone)]
pub(super) struct RunInputs {
    pub(super) schema: Arc<Schema>,
    /// The sha256 of the dataset; `None` if the file is missing and not needed. A consumer of another producer's rows
    /// does not need it if the pipeline names the columns.
    pub(super) digest: Option<String>,
    pub(super) cut: Cut,
    /// True if this process chooses the rows that are replayed.
    pub(super) is_run: bool,
    pub(super) replay: Replay,
    /// The name of the replay, if the work directory has a run whose newest extract is this file.
    name: Option<RunId>,
    /// The row number of the file's first row. It is not 1 if rows of earlier extracts are gone.
    pub(super) begins: RowNumber,
    /// The last row of the replay, if an earlier extract had fewer rows.
    pub(super) last: Option<u64>,
}

impl RunInputs {
    /// Returns the name of the replay: that of its first run, or else that of this dataset. `None` if the dataset is
    /// missing.
    pub(super) fn run(&self) -> Option<RunId> {
        self.name.clone().or_else(|| self.digest.as_deref().and_then(run_name))
    }

    /// Returns the inputs with the name and the row numbers that the work directory has for this file.
    pub(super) fn in_workdir(self, workdir: &Path) -> Result<Self> {
        let Some(held) = RunFile::read(workdir)? else { return Ok(self) };
        let newest = held.newest().filter(|newest| self.digest.as_deref() == Some(newest.sha256.as_str()));
        let Some((begins, last)) = newest.map(|newest| (newest.begins, newest.last)) else { return Ok(self) };
        let replay = Replay { begins, grows: held.extracts.len() > 1, ..self.replay };
        Ok(Self { name: held.name(), begins, last, replay, ..self })
    }

    /// Returns the inputs for the newest extract that the work directory knows, although the file is a newer one.
    pub(super) fn of_earlier(self, workdir: &Path) -> Result<Self> {
        let digest = RunFile::read(workdir)?.and_then(|held| held.newest().map(|newest| newest.sha256.clone()));
        Self { digest, ..self }.in_workdir(workdir)
    }

    /// Returns true if the work directory has a run whose newest extract is this file.
    pub(super) fn is_newest(&self) -> bool {
        self.name.is_some()
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { dataset: self.digest.as_deref(), replay: self.is_run.then_some(&self.replay) }
    }
}

impl App {
    /// Binds the pipeline to the columns of the dataset. Reads the header if the pipeline names no columns.
    pub(super) fn schema(&self) -> Result<Arc<Schema>, AppError> {
        let dataset = &self.pipeline.dataset;
        let schema = match &dataset.columns {
            Some(columns) => Schema::bind(&self.pipeline, &dataset.with_joined_time(columns))?,
            None => Schema::bind(&self.pipeline, DatasetReader::open(dataset)?.columns())?,
        };
        Ok(Arc::new(schema))
    }

    /// Returns the columns for a process that only predicts. If the dataset is absent, they are those that the pipeline
    /// names: a prediction does not need their order in the file.
    pub(super) fn schema_for_predictions(&self) -> Result<Arc<Schema>, AppError> {
        let Pipeline { dataset, target, features, .. } = &*self.pipeline;
        if dataset.columns.is_some() || dataset.path.exists() {
            return self.schema();
        }
        let time = dataset.time.as_ref().map(|time| &time.column);
        let lists = [&features.numeric, &features.log, &features.categorical];
        let named = std::iter::once(&target.column).chain(time).chain(lists.into_iter().flatten());
        let named: Vec<String> = named.cloned().collect();
        Ok(Arc::new(Schema::bind(&self.pipeline, &named)?))
    }

    /// Returns the inputs of the stages that process rows. Reads the dataset on a blocking thread; a stop does not wait
    /// for it.
    pub(super) async fn prepare(&self, replay: Option<Replay>, stop: &CancellationToken) -> Result<RunInputs> {
        let inputs = self.clone();
        let reading = blocking(move || {
            let schema = inputs.schema()?;
            let is_run = replay.is_some();
            let dataset = &inputs.pipeline.dataset;
            let is_needed = is_run || dataset.columns.is_none() || dataset.path.exists();
            let digest = if is_needed { Some(windrow_dataset::digest(dataset)?) } else { None };
            let replay = replay.unwrap_or_default();
            let cut = inputs.cut(&replay)?;
            let (name, begins) = (None, RowNumber::FIRST);
            Ok(RunInputs { schema, digest, cut, is_run, replay, name, begins, last: None })
        });
        stop.run_until_cancelled(reading).await.unwrap_or(Err(AppError::Stopped))
    }

    /// Fails if the rows are not in order of time and the pipeline cuts windows by row number. Such windows would not
    /// be periods of time.
    pub(super) async fn refuse_disorder(&self, stop: &CancellationToken) -> Result<(), AppError> {
        let app = self.clone();
        stop.run_until_cancelled(blocking(move || app.check_order())).await.ok_or(AppError::Stopped)?
    }

    /// The same as [`Self::refuse_disorder`], on a thread that may block.
    pub(super) fn check_order(&self) -> Result<(), AppError> {
        let is_by_number = matches!(self.pipeline.window, WindowPolicy::Rows(_) | WindowPolicy::Parts(_));
        if !is_by_number || self.pipeline.dataset.time.is_none() {
            return Ok(());
        }
        let fault = inspection::disorder(&self.pipeline)?;
        let dataset = &self.pipeline.dataset.path;
        fault.map_or(Ok(()), |fault| Err(AppError::Disorder { dataset: dataset.clone(), fault }))
    }

    fn cut(&self, replay: &Replay) -> Result<Cut, AppError> {
        let rows = match self.pipeline.window {
            WindowPolicy::Parts(_) => {
                let all = DatasetReader::open(&self.pipeline.dataset)?.count()?;
                // `window.parts` divides the replayed rows into equal parts.
                let rest = all.saturating_sub(replay.from.get() - 1);
                Some(replay.limit.map_or(rest, |limit| if replay.again { limit } else { limit.min(rest) }))
            }
            _ => None,
        };
        Ok(Cut::new(self.pipeline.window, rows).starting_at(replay.from))
    }
}
