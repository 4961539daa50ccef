//! What both stages learn from, and with what.

use std::path::PathBuf;
use std::sync::Arc;

use windrow_base::telemetry::Progress;
use windrow_config::{Pipeline, Schema};
use windrow_learn::frames::Frames;
use windrow_learn::model::RemoteSolver;
use windrow_registry::Registry;
use windrow_windows::BatchStore;

/// What a stage needs to learn from sealed windows.
#[derive(Debug, Clone)]
pub struct Learning {
    /// What to learn, and how.
    pub pipeline: Arc<Pipeline>,
    /// The columns.
    pub schema: Arc<Schema>,
    /// Where the windows are.
    pub store: BatchStore,
    /// Where models, reports, losses and the advice are.
    pub registry: Arc<Registry>,
    /// How many bytes of encoded rows the stage may hold in memory.
    pub memory: usize,
    /// Where encoded rows beyond that are kept.
    pub folder: PathBuf,
    /// The remote solver (Spark), if one is configured.
    pub remote: Option<Arc<dyn RemoteSolver>>,
    /// The counters and events that report the progress.
    pub progress: Progress,
}

impl Learning {
    /// The rows of the windows, none of them read yet.
    pub(crate) fn frames(&self) -> Frames {
        let (store, schema) = (self.store.clone(), Arc::clone(&self.schema));
        let frames = Frames::new(store, schema, self.pipeline.train.holdout, &self.folder, self.memory);
        if self.remote.is_some() { frames.learning_elsewhere() } else { frames }
    }
}
