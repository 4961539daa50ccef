//! The registry: every published model, on disk and in memory.
//!
//! Guarantees: there are many readers, which never wait, and one writer of models. A reader sees a complete set of
//! models or the complete set before it. A model file is written atomically, and a file that cannot be read does not
//! affect the other models. Any process can change an alias by appending a line to the journal.
//!
//! - `registry`: [`Registry`], the models of one work directory. `snapshot`: the set of models that a reader sees.
//! - `alias`: names that point to models. `journal`: the file of their changes.
//! - `files`: model files and window reports. `model_folder`: the folders of models that only a learner outside of this
//!   program can read.
//! - `evidence`: losses, ladders and the advice. `ladder`: [`Ladder`], the models that only the advice needs.
//!   `model_aucs`: their AUC.
//! - `model_files`: [`ModelFiles`], the model files without a registry, to compare two work directories.
//! - `outdated`: removes what was computed from windows that have other rows or labels now.
//! - `unpublished`: removes the files that a killed process left of models of a learner outside of this program.
//! - [`monitor`]: the current state of the stages, for the pages of a server.
//! - [`export`]: windows, scores and losses as tables.
//! - `error`: the errors of reading and changing the registry.

mod alias;
mod error;
mod evidence;
pub mod export;
mod files;
mod journal;
mod ladder;
mod model_aucs;
mod model_files;
mod model_folder;
pub mod monitor;
mod outdated;
mod registry;
mod snapshot;
mod unpublished;

pub use self::alias::{ADVISED, AliasAction, AliasChange, AliasName, Aliases, Author, BadAliasName};
pub use self::error::{AliasError, RegistryError};
pub use self::evidence::{EvidenceStore, Purpose, Recalibrations};
pub use self::ladder::{Ladder, LadderFolder, LadderModel};
pub use self::model_aucs::ModelAucs;
pub use self::model_files::ModelFiles;
pub use self::outdated::Outdated;
pub use self::registry::Registry;
pub use self::registry::keep::KeptModel;
pub use self::snapshot::{Model, Snapshot, UnknownModel};
pub use self::unpublished::remove_unpublished;

#[cfg(test)]
mod tests;
