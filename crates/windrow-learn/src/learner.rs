//! A learner outside of this program: any program that fits a model to files and predicts with it.
//!
//! This module has the vocabulary only. The processes are started elsewhere, so that training and serving can be tested
//! with any implementation of [`Learner`].
//!
//! - `schema`: [`LearnerSchema`], the columns of the files. `folder`: what a model folder may hold, and its digest.

mod folder;
mod schema;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use folder::{FolderDigest, FolderFault, MAX_BYTES, MAX_FILES, MAX_PATH, inspect_folder, measure_folder};
pub use schema::{LearnerFeature, LearnerKind, LearnerSchema};

/// A learner outside of this program. Its methods block, and may be called from several threads at once.
pub trait Learner: Debug + Send + Sync {
    /// Returns what `hello` answered. Starts the first worker, if that is not known yet.
    ///
    /// # Errors
    /// No worker can be started, or its answer is not valid.
    fn identity(&self) -> Result<LearnerIdentity, LearnerError>;

    /// Fits a model to the files, oldest window first, and leaves it in `task.folder`, which exists and is empty.
    ///
    /// # Errors
    /// Nothing can be learned from the rows, the learner failed or died, or the run was stopped.
    fn fit(&self, task: &FitTask<'_>) -> Result<(), LearnerError>;

    /// Returns the probabilities of the `rows` rows of a file, for each model folder, in the order of the models.
    ///
    /// # Errors
    /// The learner failed or died, or the run was stopped.
    fn score(&self, models: &[PathBuf], file: &Path, rows: usize) -> Result<Vec<Vec<f64>>, LearnerError>;

    /// Returns the probabilities of a few rows. A row has a value or null for each feature of the schema, by name.
    /// `is_wanted` returns false if the answer is of no use any more. It is called often, and must be quick.
    ///
    /// # Errors
    /// The learner failed, died or cannot be started, the queue is full, or the answer is not wanted any more.
    fn predict(
        &self,
        model: &Path,
        rows: &[Map<String, Value>],
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Vec<f64>, LearnerError>;

    /// Returns the state of the processes. It does not wait for them.
    fn status(&self) -> LearnerStatus;
}

/// The state of a learner's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnerStatus {
    /// The most processes at the same time.
    pub workers: usize,
    /// The processes that work on a request or start for one.
    pub busy: usize,
    /// The processes that wait for a request.
    pub idle: usize,
    /// The requests that wait for a process.
    pub waiting: usize,
    /// True if no process runs, and none may be started before the wait after a failed start has passed.
    pub is_unstartable: bool,
    /// The processes that were started so far.
    pub starts: u64,
    /// The processes that failed so far: they died, gave a wrong answer or were silent for too long.
    pub deaths: u64,
}

/// The identity of a learner, as it reports it. Models of different learners are never in one study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerIdentity {
    /// The name, such as `lightgbm.LGBMClassifier`.
    pub name: String,
    /// The versions of its libraries, by name.
    pub versions: BTreeMap<String, String>,
    /// The digest of its code, its parameters and its libraries.
    pub digest: String,
}

/// A model to fit.
#[derive(Debug, Clone, Copy)]
pub struct FitTask<'a> {
    /// The Parquet files with the labelled rows of the windows, oldest window first.
    pub files: &'a [PathBuf],
    /// The levels of each category in these windows, sorted, by the feature's name.
    pub levels: &'a BTreeMap<String, Vec<String>>,
    /// The folder for the model. It exists and is empty.
    pub folder: &'a Path,
    /// The seed, of 31 bits.
    pub seed: u32,
    /// The id of the model, for messages.
    pub model: &'a str,
}

/// The reason why a learner gives no result.
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    /// The learner says that nothing can be learned from these rows. Holds its reason.
    #[error("nothing can be learned from these rows: {0}")]
    Unlearnable(String),
    /// The learner reported an error. The request is not tried again.
    #[error("the learner reports: {message}; correct its program, and start again")]
    Failed {
        /// The learner's own message.
        message: String,
    },
    /// A request cannot be sent, for example because it is too long. The learner was not asked.
    #[error("{message}, and start again")]
    Unsent {
        /// The fault and what to do, in a sentence without its end.
        message: String,
    },
    /// The learner died, gave a wrong answer, or was silent for too long, twice in a row.
    #[error(
        "the learner failed twice: {reason}; correct its program or the limits in train.command, and start again{}",
        last_lines(log)
    )]
    Died {
        /// The event: the exit code or the signal in words, or the fault of the answer.
        reason: String,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// The command cannot be started.
    #[error("cannot start the learner `{command}`: {source}; check train.command.run in the pipeline file")]
    Start {
        /// The command as it was started.
        command: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The first answer of the learner is not valid: another protocol, silence, or two learners in one study.
    #[error("{message}")]
    Hello {
        /// The fault, in a sentence.
        message: String,
    },
    /// The queue of predictions is full.
    #[error("the learner's queue is full: try again later")]
    Busy,
    /// The last start of the learner failed, and the next one has to wait. Only predictions get this error.
    #[error("the last start of the learner failed: try again later")]
    Unstartable,
    /// The answer is not wanted any more, and the learner was not asked.
    #[error("the answer is not wanted any more")]
    Unwanted,
    /// The run was stopped.
    #[error("the run was stopped")]
    Stopped,
}

/// Returns the last lines of a log, each on a line of its own.
fn last_lines(log: &[String]) -> String {
    if log.is_empty() {
        return "; it wrote no log".to_owned();
    }
    let lines: String = log.iter().map(|line| format!("\n    {line}")).collect();
    format!("; its log ends with:{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_last_lines_of_the_log() {
        let died = |log: &[&str]| {
            let (reason, log) = ("signal 9".to_owned(), log.iter().map(|line| (*line).to_owned()).collect());
            LearnerError::Died { reason, log }.to_string()
        };
        let sentence = "the learner failed twice: signal 9; correct its program or the limits in train.command, and start \
                        again";
        assert_eq!(died(&["a", "b"]), format!("{sentence}; its log ends with:\n    a\n    b"));
        assert_eq!(died(&[]), format!("{sentence}; it wrote no log"));
    }
}
