//! The client of the object store that the pipeline names.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::app::error::AppError;
use windrow_windows::Objects;

/// The object store of a process. All uses share one client.
#[derive(Clone, Default)]
pub(crate) struct Storage {
    settings: BTreeMap<String, String>,
    opened: Arc<OnceLock<Arc<Objects>>>,
}

impl Storage {
    /// Takes the settings of the client, by the names of the usual environment variables (`AWS_...`).
    pub(crate) fn new(settings: BTreeMap<String, String>) -> Self {
        Self { settings, ..Self::default() }
    }

    pub(super) fn open(&self, url: &str) -> Result<Arc<Objects>, AppError> {
        if let Some(objects) = self.opened.get() {
            return Ok(Arc::clone(objects));
        }
        let objects = Arc::new(Objects::open(url, &self.settings)?);
        Ok(Arc::clone(self.opened.get_or_init(|| objects)))
    }
}

/// Omits the settings, which hold secrets.
impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("opened", &self.opened).finish_non_exhaustive()
    }
}
