//! The inputs that trainer and advisor share.

use std::path::PathBuf;
use std::sync::Arc;

use crate::foreign::ForeignLearner;
use windrow_base::telemetry::Progress;
use windrow_config::{Pipeline, Schema};
use windrow_learn::frames::Frames;
use windrow_learn::model::RemoteSolver;
use windrow_registry::Registry;
use windrow_windows::BatchStore;

/// The inputs of a stage that learns from sealed windows.
#[derive(Debug, Clone)]
pub struct Learning {
    /// The pipeline: targets, features and settings of the training.
    pub pipeline: Arc<Pipeline>,
    /// The pipeline bound to the columns of its dataset.
    pub schema: Arc<Schema>,
    /// The store of the sealed windows.
    pub store: BatchStore,
    /// The models, reports, losses and the advice.
    pub registry: Arc<Registry>,
    /// The most bytes of encoded rows that the stage holds in memory.
    pub memory: usize,
    /// The folder for encoded rows that do not fit into that memory.
    pub folder: PathBuf,
    /// The remote solver (Spark), if one is configured.
    pub remote: Option<Arc<dyn RemoteSolver>>,
    /// The learner outside of this program, if one is configured.
    pub learner: Option<Arc<ForeignLearner>>,
    /// The counters and events that report the progress.
    pub progress: Progress,
    /// Returns the current time in RFC 3339.
    pub clock: fn() -> String,
}

impl Learning {
    /// Returns `true` if this process fits the models, and neither a cluster nor a learner outside of it.
    pub(crate) fn fits_here(&self) -> bool {
        self.remote.is_none() && self.learner.is_none()
    }

    /// Returns the windows, with no rows read yet.
    pub(crate) fn frames(&self) -> Frames {
        let (store, schema) = (self.store.clone(), Arc::clone(&self.schema));
        let frames = Frames::new(store, schema, self.pipeline.train.holdout, &self.folder, self.memory);
        if self.fits_here() { frames } else { frames.for_remote_solver() }
    }
}
