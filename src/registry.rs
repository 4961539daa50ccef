//! The registry: every published model, on disk and ready to answer.
//!
//! Promises: many readers, who never wait; one writer; a reader sees a whole set of models or the whole set before it.
//! A model file appears whole or not at all, and one that cannot be read does not take the others down.

mod files;
mod snapshot;
mod windows;

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use self::files::Stamp;
use crate::model::{Artifact, WindowReport};
use crate::record::{ModelId, WindowIndex};

pub use self::files::RegistryError;
pub use self::snapshot::{Model, Snapshot, UnknownModel};

/// The models of one work directory.
#[derive(Debug)]
pub struct Registry {
    models: PathBuf,
    windows: PathBuf,
    current: ArcSwap<Snapshot>,
    changed: watch::Sender<()>,
    /// What is known of the files; held while they are read or written.
    stamps: Mutex<Stamps>,
}

#[derive(Debug, Default)]
struct Stamps {
    models: HashMap<ModelId, Stamp>,
    windows: HashMap<WindowIndex, Stamp>,
}

impl Registry {
    /// Reads the models and the window reports of a work directory, which need not be there yet.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn open(workdir: &Path) -> Result<Self, RegistryError> {
        let registry = Self {
            models: workdir.join("models"),
            windows: workdir.join("windows"),
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

    /// Reads models and window reports that are new or changed since the last look. Blocks on the disk.
    ///
    /// # Errors
    /// A folder cannot be listed. A file that cannot be read is logged and passed over.
    pub fn refresh(&self) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let models = renewed(files::list(&self.models)?, &mut stamps.models, |id| files::read(&self.models, id));
        let windows =
            renewed(windows::list(&self.windows)?, &mut stamps.windows, |window| windows::read(&self.windows, window));
        self.swap(models, windows);
        Ok(())
    }

    /// Writes a model and serves it from then on. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be written; then nothing has changed.
    pub fn publish(&self, artifact: &Artifact) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = files::write(&self.models, artifact)?;
        stamps.models.insert(artifact.id, stamp);
        self.swap(vec![artifact.clone()], Vec::new());
        Ok(())
    }

    /// Writes a window's report and tells it from then on. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be written; then nothing has changed.
    pub fn publish_window(&self, report: &WindowReport) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = windows::write(&self.windows, report)?;
        stamps.windows.insert(report.window, stamp);
        self.swap(Vec::new(), vec![report.clone()]);
        Ok(())
    }

    /// Called with the stamps locked, so that no two writers overtake each other.
    fn swap(&self, artifacts: Vec<Artifact>, reports: Vec<WindowReport>) {
        if artifacts.is_empty() && reports.is_empty() {
            return;
        }
        self.current.store(Arc::new(self.current.load().with(artifacts, reports)));
        self.changed.send_replace(());
    }
}

/// Reads what has another stamp than before.
fn renewed<K: Copy + Eq + Hash, T>(
    found: Vec<(K, Stamp)>,
    stamps: &mut HashMap<K, Stamp>,
    read: impl Fn(K) -> Result<T, RegistryError>,
) -> Vec<T> {
    let mut renewed = Vec::new();
    for (key, stamp) in found {
        if stamps.get(&key) == Some(&stamp) {
            continue;
        }
        match read(key) {
            Ok(read) => renewed.push(read),
            Err(error) => tracing::warn!(%error, "a file of the registry is passed over"),
        }
        stamps.insert(key, stamp);
    }
    renewed
}

#[cfg(test)]
mod tests;
