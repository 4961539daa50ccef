//! The state that every command on a pipeline needs.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::storage::Storage;
use windrow_base::telemetry::Progress;
use windrow_config::Pipeline;
use windrow_server::api::Keys;

/// The state that every command on a pipeline needs.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// The validated pipeline file.
    pub pipeline: Arc<Pipeline>,
    /// The work directory, to which all files are written.
    pub workdir: PathBuf,
    /// The counters and events of the stages.
    pub progress: Progress,
    /// The keys that the API accepts.
    pub keys: Keys,
    /// The object store, if the pipeline names one.
    pub storage: Storage,
}
