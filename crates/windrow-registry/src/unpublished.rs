//! Removes the files of models of a learner outside of this program that were never published.

use std::collections::HashSet;
use std::path::Path;

use crate::error::RegistryError;
use crate::files;
use windrow_record::ModelId;

/// Removes the files of models of a learner outside of this program that have no model file, unless a recalibrated model
/// uses them. Their process was killed, or the recalibrated model was removed. No other process may make models at the
/// same time.
///
/// # Errors
/// Returns an error if a folder cannot be listed or removed.
pub fn remove_unpublished(workdir: &Path) -> Result<(), RegistryError> {
    let models = workdir.join("models");
    let used: HashSet<ModelId> = files::list(&models)?.into_iter().map(|(id, _)| id.fit()).collect();
    for name in files::names(&models)? {
        let Ok(id) = name.parse::<ModelId>() else { continue };
        if !id.is_recalibrated() && !used.contains(&id) && files::is_unpublished(&models, id) {
            files::remove(&models, id)?;
        }
    }
    Ok(())
}
