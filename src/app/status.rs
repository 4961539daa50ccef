//! The status file of a running stage, updated every second. A server in this or another process shows it on its pages.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::clock::timestamp;
use crate::app::context::App;
use crate::app::error::AppError;
use windrow_base::runtime::blocking;
use windrow_registry::monitor::{Stage, StatusFile};

/// The interval between two updates of the status file.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// The role of a process among those of its stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StageProcess {
    /// The only process of its stage.
    Alone,
    /// One of a fixed number of processes, identified by its name.
    Part(String),
    /// A member of a consumer group. Members come and go.
    Member,
}

impl App {
    /// Runs a stage, and writes its counters to the status file until it ends.
    pub(super) async fn with_status<E: Into<AppError>>(
        self,
        stage: Stage,
        process: StageProcess,
        stop: CancellationToken,
        work: impl Future<Output = Result<(), E>>,
    ) -> Result<(), AppError> {
        let is_member = process == StageProcess::Member;
        let member = match process {
            StageProcess::Alone => None,
            StageProcess::Part(name) => Some(name),
            StageProcess::Member => Some(hex::encode(rand::random::<[u8; 4]>())),
        };
        let file = StatusFile::new(&self.workdir, stage, member.as_deref());
        // A separate task, so that a slow disk does not delay the stage.
        let ended = CancellationToken::new();
        let writing = tokio::spawn(self.clone().write_status(file.clone(), ended.clone()));
        let result = work.await;
        ended.cancel();
        // The task does not panic and is not aborted.
        let _ = writing.await;
        let is_over = result.is_ok() && !stop.is_cancelled();
        blocking(move || {
            if is_member {
                file.remove();
            } else if let Err(error) = file.write(self.progress.counters(), timestamp(), is_over) {
                tracing::debug!(%error, "cannot write the status file");
            }
        })
        .await;
        result.map_err(Into::into)
    }

    async fn write_status(self, file: StatusFile, ended: CancellationToken) {
        let mut is_first_failure = true;
        while !ended.is_cancelled() {
            let (progress, file) = (self.progress.clone(), file.clone());
            let written = blocking(move || file.write(progress.counters(), timestamp(), false)).await;
            if let Err(error) = written
                && std::mem::take(&mut is_first_failure)
            {
                tracing::warn!(%error, "cannot write the status file: the pages show this stage as silent");
            }
            ended.run_until_cancelled(tokio::time::sleep(STATUS_INTERVAL)).await;
        }
    }
}
