//! Keeps models that another model is made from or compared with, and those that are scored.
//!
//! A recalibrated model is made from its fit, and published afterwards. Another stage of the process must not remove the
//! fit in between: the files of a model of a learner outside of this program are those of its fit.

use std::sync::{Arc, PoisonError};

use crate::registry::Registry;
use crate::snapshot::Snapshot;
use windrow_record::ModelId;

/// Keeps a model until the value is dropped.
#[derive(Debug)]
pub struct KeptModel<'a> {
    registry: &'a Registry,
    id: ModelId,
}

impl Registry {
    /// Keeps a model, which need not exist yet: it is not removed because of its age, and its folder is not discarded. A
    /// removal that has begun is waited for, so a model that is in the snapshot afterwards is there as long as the value
    /// exists. Other processes are not affected.
    pub fn keep(&self, id: ModelId) -> KeptModel<'_> {
        let _removing = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        KeptModel { registry: self, id }
    }

    /// Keeps the models that `find` returns, as [`Self::keep`] does, and returns the snapshot that `find` was given. The
    /// models of this snapshot among them are there as long as the values exist.
    pub fn keep_found(&self, find: impl FnOnce(&Snapshot) -> Vec<ModelId>) -> (Arc<Snapshot>, Vec<KeptModel<'_>>) {
        let _removing = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let found = find(&snapshot);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).extend(&found);
        let kept = found.into_iter().map(|id| KeptModel { registry: self, id }).collect();
        (snapshot, kept)
    }

    pub(super) fn is_kept(&self, id: ModelId) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }
}

impl Drop for KeptModel<'_> {
    fn drop(&mut self) {
        let mut kept = self.registry.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|kept| *kept == self.id) {
            kept.swap_remove(place);
        }
    }
}
