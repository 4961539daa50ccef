//! The errors of trainer and advisor.

use std::io;

use windrow_learn::frames::FrameError;
use windrow_learn::learner::{FolderFault, LearnerError};
use windrow_learn::model::RemoteError;
use windrow_record::{ModelId, Scheme, WindowIndex};
use windrow_registry::RegistryError;
use windrow_windows::BatchError;

/// The reason why a stage fails.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A manifest or the end of the stream cannot be read.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The rows of a window cannot be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Models, reports, losses or the advice cannot be read or written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Encoded rows that did not fit into memory cannot be read again.
    #[error("cannot read the encoded rows of window {window} again: {source}")]
    ReadRows {
        /// The window that they belong to.
        window: WindowIndex,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A scheme was added to the pipeline, and the trainer has not made all of its models.
    #[error(
        "train.schemes has {scheme}, but its model of window {window} is not made yet: make it with `windrow run` or \
         `windrow train`"
    )]
    Unmade {
        /// The scheme that was added.
        scheme: Scheme,
        /// The first window without its model.
        window: WindowIndex,
    },
    /// A model that only the advice needs cannot be scored on a window.
    #[error(
        "the advice needs the losses of {model} on window {window}, but the model cannot be scored: remove the folder \
         `advice` of the work directory, and start again"
    )]
    NoLosses {
        /// The id of the model.
        model: ModelId,
        /// The window that it cannot be scored on.
        window: WindowIndex,
    },
    /// The champion is of a learner outside of this program, and another process has removed its files.
    #[error(
        "cannot compare the models of window {window} with the champion {champion}: its files were removed in the \
         meantime; start again, and the models are compared with the champion of that time"
    )]
    NoChampion {
        /// The id of the champion.
        champion: ModelId,
        /// The window of the models.
        window: WindowIndex,
    },
    /// The rows of a window cannot be written for a learner outside of this program.
    #[error(
        "cannot write the rows of window {window} for the learner: {source}; free some space in the work directory, \
         and start again"
    )]
    LearnerFile {
        /// The window of the rows.
        window: WindowIndex,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A learner outside of this program gave no result.
    #[error("cannot {work}: {source}")]
    Learner {
        /// The work, as in `fit cumulative-3`.
        work: String,
        /// The error of the learner.
        source: LearnerError,
    },
    /// The folder that a learner left is not a model.
    #[error("the learner gave no valid model for {model}: {source}; correct what its program writes, and start again")]
    ModelFolder {
        /// The id of the model.
        model: String,
        /// The fault of the folder.
        source: FolderFault,
    },
    /// The remote solver has found no optimum.
    #[error("cannot fit {model}: {source}")]
    Remote {
        /// The model's name or description.
        model: String,
        /// The error of the remote solver.
        source: RemoteError,
    },
}
