//! The model files of a work directory, read one by one. Unlike a registry, it keeps nothing in memory, and a file that
//! cannot be read is an error.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::RegistryError;
use crate::files;
use windrow_learn::model::Artifact;
use windrow_record::ModelId;

/// The model files of one work directory. They are only read.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    folder: PathBuf,
}

impl ModelFiles {
    /// Returns the model files of a work directory, which need not exist.
    #[must_use]
    pub fn new(workdir: &Path) -> Self {
        Self { folder: workdir.join("models") }
    }

    /// Returns the ids of all models, ascending.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be listed.
    pub fn ids(&self) -> Result<Vec<ModelId>, RegistryError> {
        let mut ids: Vec<ModelId> = files::list(&self.folder)?.into_iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Reads a model. Returns `None` if it does not exist, for example because it was removed since.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is damaged, or has another format version.
    pub fn read(&self, id: ModelId) -> Result<Option<Artifact>, RegistryError> {
        match files::read(&self.folder, id) {
            Err(RegistryError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }
}
