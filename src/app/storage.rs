//! Where a run's files are: its work directory, and the object store that the pipeline names.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::app::inputs::{PriorRun, RunInputs};
use crate::app::workdir::{self, Origin};
use crate::app::{App, AppError, timestamp};
use windrow_base::telemetry::Event;
use windrow_config::Schema;
use windrow_stream::producer::Replay;
use windrow_windows::{BatchStore, Objects, RowFormat};

/// The object store of a process: one client, however often it is asked for.
#[derive(Clone, Default)]
pub(crate) struct Storage {
    settings: BTreeMap<String, String>,
    opened: Arc<OnceLock<Arc<Objects>>>,
}

impl Storage {
    /// `settings` are those of the client, by the names of the usual variables of the environment.
    pub(crate) fn new(settings: BTreeMap<String, String>) -> Self {
        Self { settings, ..Self::default() }
    }

    pub(super) fn open(&self, url: &str) -> Result<Arc<Objects>, AppError> {
        if let Some(objects) = self.opened.get() {
            return Ok(Arc::clone(objects));
        }
        let objects = Arc::new(Objects::open(url, &self.settings)?);
        Ok(Arc::clone(self.opened.get_or_init(|| objects)))
    }
}

/// The settings hold secrets.
impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl App {
    /// Makes sure that work directory and object store hold this run or none, and says how far it has come.
    pub(super) fn look(&self, inputs: &RunInputs, fresh: bool) -> Result<PriorRun, AppError> {
        if fresh {
            if let Some(objects) = self.objects()? {
                workdir::refuse_used(&objects)?;
            }
            workdir::empty(&self.workdir)?;
        }
        self.compare(Some(&inputs.origin()))?;
        workdir::compare_sharing(&self.workdir, false)?;
        self.begun(&inputs.replay)
    }

    /// Makes sure that work directory and object store hold this run or none.
    pub(super) fn compare(&self, origin: Option<&Origin<'_>>) -> Result<(), AppError> {
        workdir::compare(&self.workdir, &self.pipeline, origin)?;
        if let Some(objects) = self.objects()? {
            workdir::compare_store(&objects, &self.pipeline, origin)?;
        }
        Ok(())
    }

    /// The object store that the pipeline names, if it does.
    pub(super) fn objects(&self) -> Result<Option<Arc<Objects>>, AppError> {
        self.pipeline.batch.url.as_deref().map(|url| self.storage.open(url)).transpose()
    }

    /// Whether there cannot be a sealed window.
    pub(super) fn has_no_batches(&self) -> bool {
        self.pipeline.batch.url.is_none() && !self.workdir.join("batches").is_dir()
    }

    /// The work directory, from here on a run's.
    pub(super) fn begin(&self, inputs: &RunInputs) -> Result<BatchStore, AppError> {
        workdir::describe(&self.workdir, &self.pipeline, &inputs.origin(), &timestamp())?;
        if let Some(objects) = self.objects()? {
            workdir::describe_store(&objects, &self.workdir, &self.pipeline, &inputs.origin())?;
        }
        self.store(&inputs.schema)
    }

    /// The windows in the work directory, in the format that the pipeline asks for.
    pub(super) fn store(&self, schema: &Schema) -> Result<BatchStore, AppError> {
        let format = RowFormat::new(self.pipeline.batch.format, schema);
        Ok(BatchStore::open(&self.workdir)?.with_format(format).with_objects(self.objects()?))
    }

    /// How far a run in the work directory has come, if there is one.
    pub(super) fn begun(&self, replay: &Replay) -> Result<PriorRun, AppError> {
        if self.has_no_batches() {
            return Ok(PriorRun::default());
        }
        let store = BatchStore::open(&self.workdir)?.with_objects(self.objects()?);
        store.reconcile()?;
        let (manifests, end) = (store.manifests()?, store.end()?);
        let (windows, rows) = (manifests.len(), manifests.iter().map(|manifest| manifest.rows).sum());
        let next = BatchStore::first_missing(&manifests, replay.from);
        if windows > 0 || end.is_some() {
            self.progress.report(Event::RunResumed { windows, rows, next: end.is_none().then_some(next.get()) });
        }
        Ok(PriorRun { is_through: end.is_some(), next: (windows > 0).then_some(next) })
    }
}
