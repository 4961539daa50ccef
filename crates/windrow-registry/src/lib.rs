//! The registry: every published model, on disk and ready to answer.
//!
//! Promises: many readers, who never wait; one writer of models; a reader sees a whole set of models or the whole set
//! before it. A model file appears whole or not at all, and one that cannot be read does not take the others down. What
//! an alias stands for changes by a line in its journal, from any process.
//!
//! - `registry`: [`Registry`], the models of one work directory; `snapshot`: the set of models that a reader sees.
//! - `alias`: names that stand for models; `journal`: the file of their changes.
//! - `files`: the files of models; `windows`: the reports of windows; `evidence`: losses, ladders and the advice.
//! - [`monitor`]: what the stages do now, for the pages of a server.
//! - [`export`]: windows, scores and losses as tables.
//! - `error`: why the registry cannot be read or changed.

mod alias;
mod error;
mod evidence;
pub mod export;
mod files;
mod journal;
pub mod monitor;
mod registry;
mod snapshot;
mod windows;

pub use self::alias::{AliasAction, AliasChange, AliasName, Aliases, Author, BadAliasName};
pub use self::error::{AliasError, RegistryError};
pub use self::evidence::{EvidenceStore, Ladder, Purpose, Recalibrations};
pub use self::registry::Registry;
pub use self::snapshot::{Model, Snapshot, UnknownModel};

#[cfg(test)]
mod tests;
