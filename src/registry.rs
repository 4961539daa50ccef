//! The registry: every published model, on disk and ready to answer.
//!
//! Promises: many readers, who never wait; one writer; a reader sees a whole set of models or the whole set before it.
//! A model file appears whole or not at all, and one that cannot be read does not take the others down.

mod files;
mod snapshot;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use self::files::Stamp;
use crate::model::Artifact;
use crate::record::ModelId;

pub use self::files::RegistryError;
pub use self::snapshot::{Model, Snapshot, UnknownModel};

/// The models of one work directory.
#[derive(Debug)]
pub struct Registry {
    folder: PathBuf,
    current: ArcSwap<Snapshot>,
    changed: watch::Sender<()>,
    /// What is known of the files; held while they are read or written.
    stamps: Mutex<HashMap<ModelId, Stamp>>,
}

impl Registry {
    /// Reads the models in `folder`, which need not be there yet.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn open(folder: &Path) -> Result<Self, RegistryError> {
        let registry = Self {
            folder: folder.to_owned(),
            current: ArcSwap::from_pointee(Snapshot::default()),
            changed: watch::Sender::new(()),
            stamps: Mutex::default(),
        };
        registry.refresh()?;
        Ok(registry)
    }

    /// The models as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Wakes whoever waits for the set of models to change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Reads models that are new or changed since the last look. Blocks on the disk.
    ///
    /// # Errors
    /// The folder cannot be listed. A file that cannot be read is logged and passed over.
    pub fn refresh(&self) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = Vec::new();
        for (id, stamp) in files::list(&self.folder)? {
            if stamps.get(&id) == Some(&stamp) {
                continue;
            }
            match files::read(&self.folder, id) {
                Ok(artifact) => read.push(artifact),
                Err(error) => tracing::warn!(%error, "a model is passed over"),
            }
            stamps.insert(id, stamp);
        }
        self.swap(read);
        Ok(())
    }

    /// Writes a model and serves it from then on. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be written; then nothing has changed.
    pub fn publish(&self, artifact: &Artifact) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = files::write(&self.folder, artifact)?;
        stamps.insert(artifact.id, stamp);
        self.swap(vec![artifact.clone()]);
        Ok(())
    }

    /// Called with the stamps locked, so that no two writers overtake each other.
    fn swap(&self, artifacts: Vec<Artifact>) {
        if artifacts.is_empty() {
            return;
        }
        self.current.store(Arc::new(self.current.load().with(artifacts)));
        self.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests;
