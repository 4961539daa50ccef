//! The files of a run: its work directory, and the object store if the pipeline names one.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::clock::timestamp;
use crate::app::context::App;
use crate::app::error::AppError;
use crate::app::inputs::RunInputs;
use crate::app::run_file::Origin;
use crate::app::workdir;
use windrow_base::telemetry::Event;
use windrow_config::Schema;
use windrow_record::RowNumber;
use windrow_stream::producer::Replay;
use windrow_windows::{BatchStore, Objects, RowFormat};

/// The progress of an earlier run in the work directory.
#[derive(Debug, Default)]
pub(super) struct PriorRun {
    pub(super) is_through: bool,
    /// The first row that no sealed window accounts for; `None` before the first window is sealed.
    pub(super) next: Option<RowNumber>,
}

impl App {
    /// Checks that the work directory and the object store hold this run or no run, and returns the progress of the
    /// run. If the dataset has grown, the run goes on.
    pub(super) fn prepare_workdir(
        &self,
        inputs: &RunInputs,
        fresh: bool,
        stop: &CancellationToken,
    ) -> Result<PriorRun, AppError> {
        if fresh {
            if let Some(objects) = self.objects()? {
                workdir::refuse_used(&objects)?;
            }
            workdir::empty(&self.workdir)?;
        }
        self.go_on(inputs, stop)?;
        self.compare(Some(&inputs.origin()))?;
        workdir::compare_sharing(&self.workdir, false)?;
        self.prior_run(&inputs.replay)
    }

    /// Checks that the work directory and the object store hold this run or no run.
    pub(super) fn compare(&self, origin: Option<&Origin<'_>>) -> Result<(), AppError> {
        workdir::compare(&self.workdir, &self.pipeline, origin)?;
        if let Some(objects) = self.objects()? {
            workdir::compare_store(&objects, &self.pipeline, origin)?;
        }
        Ok(())
    }

    pub(super) fn objects(&self) -> Result<Option<Arc<Objects>>, AppError> {
        self.pipeline.batch.url.as_deref().map(|url| self.storage.open(url)).transpose()
    }

    /// Returns `true` if no window can be sealed yet: there is neither a folder of batches nor an object store.
    pub(super) fn has_no_batches(&self) -> bool {
        self.pipeline.batch.url.is_none() && !self.workdir.join("batches").is_dir()
    }

    /// Writes `run.json`, which assigns the work directory and the object store to this run. Returns the store of
    /// windows.
    pub(super) fn begin(&self, inputs: &RunInputs) -> Result<BatchStore, AppError> {
        workdir::remove_abandoned(&self.workdir);
        workdir::describe(&self.workdir, &self.pipeline, &inputs.origin(), &timestamp())?;
        if let Some(objects) = self.objects()? {
            workdir::describe_store(&objects, &self.workdir, &self.pipeline, &inputs.origin())?;
        }
        self.store(&inputs.schema)
    }

    pub(super) fn store(&self, schema: &Schema) -> Result<BatchStore, AppError> {
        let format = RowFormat::new(self.pipeline.batch.format, schema);
        Ok(BatchStore::open(&self.workdir)?.with_format(format).with_objects(self.objects()?))
    }

    /// Returns the progress of the run in the work directory, or the default if there is no run.
    pub(super) fn prior_run(&self, replay: &Replay) -> Result<PriorRun, AppError> {
        if self.has_no_batches() {
            return Ok(PriorRun::default());
        }
        let store = BatchStore::open(&self.workdir)?.with_objects(self.objects()?);
        store.reconcile()?;
        let (manifests, end) = (store.manifests()?, store.end()?);
        let (windows, rows) = (manifests.len(), manifests.iter().map(|manifest| manifest.rows.count).sum());
        let next = BatchStore::first_missing(&manifests, replay.from);
        if windows > 0 || end.is_some() {
            self.progress.report(Event::RunResumed { windows, rows, next: end.is_none().then_some(next.get()) });
        }
        Ok(PriorRun { is_through: end.is_some(), next: (windows > 0).then_some(next) })
    }
}
