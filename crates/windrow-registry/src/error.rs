//! Why models, reports or aliases cannot be read, written or changed.

use std::io;
use std::path::PathBuf;

use crate::alias::AliasName;
use windrow_base::versioned::OtherFormat;
use windrow_record::ModelId;

/// Why models cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Not readable.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not writable.
    #[error("cannot write {}: {source}; models published before are not harmed", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a model.
    #[error("{} is damaged: {reason}; remove it, and `windrow train` makes it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The aliases cannot be read.
    #[error(transparent)]
    Aliases(AliasError),
    /// Written by another version of the program.
    #[error(transparent)]
    OtherFormat(#[from] OtherFormat),
}

/// Why an alias cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AliasError {
    /// The journal cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal holds what is no change.
    #[error("line {line} of {} is damaged: {reason}; mend or remove that line", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A line of it was written by another version of the program.
    #[error(transparent)]
    OtherFormat(#[from] OtherFormat),
    /// The journal cannot be written.
    #[error("cannot write {}: {source}; the aliases are as they were", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing that the name could stand for.
    #[error("{model} cannot have an alias: {reason}")]
    NoModel {
        /// The model.
        model: ModelId,
        /// Why not.
        reason: String,
    },
    /// The model did not pass the rules of acceptance.
    #[error("{model} cannot have an alias: it was rejected, since {reason}")]
    Rejected {
        /// The model.
        model: ModelId,
        /// Why.
        reason: String,
    },
    /// The name stands for nothing.
    #[error("there is no alias `{0}`")]
    Unknown(AliasName),
    /// No model that the name stood for before is still there.
    #[error("`{0}` has nothing to go back to: it has stood for one model alone, or those before were removed")]
    NothingBefore(AliasName),
    /// The change was given up before it was made.
    #[error("the change was given up before it was made; the aliases are as they were")]
    Abandoned,
}
