//! What every command that works on a pipeline needs.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::storage::Storage;
use windrow_base::telemetry::Progress;
use windrow_config::Pipeline;
use windrow_server::api::Keys;

/// What every command that works on a pipeline needs.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// What to do.
    pub pipeline: Arc<Pipeline>,
    /// Where its files go.
    pub workdir: PathBuf,
    /// Where its stages tell of their work.
    pub progress: Progress,
    /// Who may ask the API.
    pub keys: Keys,
    /// The object store, where the pipeline names one.
    pub storage: Storage,
}
