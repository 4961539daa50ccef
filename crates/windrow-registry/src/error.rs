//! Errors of reading, writing and changing models, reports and aliases.

use std::io;
use std::path::PathBuf;

use crate::alias::AliasName;
use windrow_base::versioned::OtherFormat;
use windrow_record::ModelId;

/// An error of reading or writing the files of the registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The path of the file or folder.
        path: PathBuf,
        /// The underlying I/O error.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; models that were published before are not affected", path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The underlying I/O error.
        source: io::Error,
    },
    /// A file is not valid JSON of its format, or its contents are inconsistent.
    #[error("{} is damaged: {reason}; remove it, and `windrow train` creates it again", path.display())]
    Damaged {
        /// The path of the file.
        path: PathBuf,
        /// The defect that was found.
        reason: String,
    },
    /// The aliases cannot be read.
    #[error(transparent)]
    Aliases(AliasError),
    /// A file has a format version that this version of Windrow does not read.
    #[error(transparent)]
    OtherFormat(#[from] OtherFormat),
}

/// An error of reading or changing an alias.
#[derive(Debug, thiserror::Error)]
pub enum AliasError {
    /// The journal cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The path of the journal.
        path: PathBuf,
        /// The underlying I/O error.
        source: io::Error,
    },
    /// A line of the journal is not a valid change.
    #[error("line {line} of {} is damaged: {reason}; repair or remove this line", path.display())]
    Damaged {
        /// The path of the journal.
        path: PathBuf,
        /// The line number, from 1.
        line: usize,
        /// The defect that was found.
        reason: String,
    },
    /// A line of the journal has a format version that this version of Windrow does not read.
    #[error(transparent)]
    OtherFormat(#[from] OtherFormat),
    /// The journal cannot be written.
    #[error("cannot write {}: {source}; the aliases are unchanged", path.display())]
    Write {
        /// The path of the journal.
        path: PathBuf,
        /// The underlying I/O error.
        source: io::Error,
    },
    /// The model does not exist, or its window could not be learned from.
    #[error("{model} cannot have an alias: {reason}")]
    NoModel {
        /// The id of the model.
        model: ModelId,
        /// The reason, as a phrase.
        reason: String,
    },
    /// The model did not pass the acceptance rules.
    #[error("{model} cannot have an alias: it was rejected because {reason}")]
    Rejected {
        /// The id of the model.
        model: ModelId,
        /// The rule that it failed, as a phrase.
        reason: String,
    },
    /// There is no alias of this name.
    #[error("there is no alias `{0}`")]
    Unknown(AliasName),
    /// None of the earlier models of the alias can be promoted.
    #[error("`{0}` has nothing to go back to: it has named only one model, or the earlier models were removed")]
    NothingBefore(AliasName),
    /// The caller abandoned the change before it was written.
    #[error("the change was abandoned before it was made; the aliases are unchanged")]
    Abandoned,
}
