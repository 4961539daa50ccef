//! The state that every command on a pipeline needs.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::learner_host::LearnerHost;
use crate::app::storage::Storage;
use windrow_base::telemetry::Progress;
use windrow_config::Pipeline;
use windrow_server::Keys;

#[derive(Debug, Clone)]
pub(crate) struct App {
    pub pipeline: Arc<Pipeline>,
    pub workdir: PathBuf,
    pub progress: Progress,
    pub keys: Keys,
    pub storage: Storage,
    pub host: LearnerHost,
}
