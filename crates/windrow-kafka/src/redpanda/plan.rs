//! The container to start.

use std::time::Duration;

use windrow_base::telemetry::Progress;

/// The container to start, and its limits.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) image: String,
    /// The time limit from the start of Redpanda to its first answer.
    pub(crate) patience: Duration,
    /// The value of `DOCKER_HOST`.
    pub(crate) docker_host: Option<String>,
    /// Receives the events of a pull.
    pub(crate) progress: Progress,
}
