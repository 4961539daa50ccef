//! The settings of a pool.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use windrow_learn::learner::LearnerSchema;

/// The settings of a pool.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program that supervises each learner: this program's own file. It is started with `worker -- COMMAND`.
    pub supervisor: PathBuf,
    /// The command of the learner, at least one text.
    pub command: Vec<String>,
    /// The folder in which the command is run: that of the pipeline file.
    pub folder: PathBuf,
    /// A folder for files of scores. It exists. Each file is removed after it was read. A killed process leaves its
    /// files there, under the names of temporary files.
    pub scratch: PathBuf,
    /// The variables of this process. The learner gets them without those of this program and without secrets.
    pub environment: Vec<(OsString, OsString)>,
    /// The columns of the files.
    pub schema: LearnerSchema,
    /// The number of processes; the number of cores if it is absent.
    pub workers: Option<usize>,
    /// The time limits of requests.
    pub limits: Limits,
    /// Stops all requests, and the processes that work on them.
    pub stop: CancellationToken,
}

/// The time limits of requests. A learner that does not answer in this time is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The limit of the first answer, which has to wait for the start of the program.
    pub hello: Duration,
    /// The limit of a fit.
    pub fit: Duration,
    /// The limit of the scores of a file.
    pub score: Duration,
    /// The limit of a prediction of a few rows, and of its wait for a free worker.
    pub predict: Duration,
}

impl Limits {
    /// Returns the limits for a pipeline with this `train.command.timeout`.
    pub fn new(timeout: Duration) -> Self {
        Self { hello: Duration::from_secs(60), fit: timeout, score: timeout, predict: Duration::from_secs(30) }
    }
}
