//! The reasons why a run cannot use a work directory.

use std::io;
use std::path::PathBuf;

use windrow_base::versioned::OtherFormat;
use windrow_record::display::shell_word;
use windrow_windows::BatchError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkdirError {
    #[error(
        "the work directory {} holds a run with other inputs, and was left unchanged:\n  {}\nrestore these inputs, {}start \
         a second work directory with `windrow run {} --workdir {}`{}",
        path.display(),
        changes.join("\n  "),
        if *has_store { "or set another batch.url and " } else { "" },
        shell_word(&file.display().to_string()),
        shell_word(&second.display().to_string()),
        if *has_store { "" } else { ", or empty this one with `windrow run --fresh`" }
    )]
    Changed {
        path: PathBuf,
        changes: Vec<String>,
        /// The path of the pipeline file.
        file: PathBuf,
        /// A path at which there is no work directory yet.
        second: PathBuf,
        /// True if the batch files are in an object store, which `--fresh` does not empty.
        has_store: bool,
    },
    #[error(
        "{url} holds batch files of a run with other inputs, and was left unchanged:\n  {}\nrestore these inputs, or \
         set another URL with batch.url",
        changes.join("\n  ")
    )]
    StoreChanged { url: String, changes: Vec<String> },
    /// `--fresh` does not remove the files in an object store, because other programs may read them.
    #[error("{url} holds batch files, which --fresh does not remove: remove them, or set another URL with batch.url")]
    StoreInUse { url: String },
    #[error(
        "a consumer group writes to the work directory {}: join it with --group, or choose another one with --workdir",
        path.display()
    )]
    Shared { path: PathBuf },
    #[error(
        "a single consumer writes to the work directory {}: continue without --group, or choose another one with \
         --workdir",
        path.display()
    )]
    NotShared { path: PathBuf },
    #[error(
        "cannot read {}: {reason}; empty the directory with `windrow run --fresh`, or choose another one with \
         --workdir",
        path.display()
    )]
    Read { path: PathBuf, reason: String },
    /// Another version of Windrow wrote the file.
    #[error(transparent)]
    OtherFormat(#[from] OtherFormat),
    #[error("cannot write {}: {source}; choose another directory with --workdir", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// Another process works in the directory, or its windows cannot be read.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The dataset has changed in another way than by new rows at its end, by missing rows at its beginning, or by
    /// labels that have arrived.
    #[error(
        "the work directory {} holds a run of an earlier extract, and was left unchanged:\n  {reason}\nrestore the \
         rows that were read, empty the directory with `windrow run --fresh`, or choose another one with --workdir",
        path.display()
    )]
    OtherRows { path: PathBuf, reason: String },
    /// Another run uses the broker's log in the directory.
    #[error(
        "another `windrow run` still uses {}, and the dataset has grown: stop it first; `windrow serve` can serve the \
         models meanwhile",
        path.display()
    )]
    Serving { path: PathBuf },
    /// The models in the directory are of another learner than the one that the pipeline file names now.
    #[error(
        "the work directory {} has models of the learner {before}, but train.command.run is now {now}: models of two \
         learners are never in one study; restore the learner or the versions of its libraries, empty the directory with `windrow run --fresh`, or choose \
         another one with `windrow run {} --workdir`",
        path.display(),
        shell_word(&file.display().to_string())
    )]
    OtherLearner {
        path: PathBuf,
        /// The path of the pipeline file.
        file: PathBuf,
        before: String,
        now: String,
    },
    /// A run was prepared for a newer extract, and the preparation was interrupted.
    #[error(
        "the work directory {} is being prepared for a newer extract, and that was interrupted: start `windrow \
         run` or `windrow consume` again to finish it",
        path.display()
    )]
    Unfinished { path: PathBuf },
    /// `--fresh` was interrupted, so the directory has only a part of a run.
    #[error(
        "the work directory {} was being emptied, and that was interrupted: empty it with `windrow run --fresh`, or \
         choose another one with --workdir",
        path.display()
    )]
    HalfEmpty { path: PathBuf },
}
