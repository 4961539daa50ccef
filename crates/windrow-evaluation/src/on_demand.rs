//! Losses that are computed when a policy reads them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::losses::{BLOCKS, ModelLosses, is_kept};
use crate::pairs::NeededPairs;
use windrow_record::{ModelId, WindowIndex};

/// The models that are not scored on every later window, and the losses of them that were read.
#[derive(Debug, Default)]
pub(crate) struct OnDemand {
    /// The pairs that are scored before anything is read.
    needed: NeededPairs,
    /// The value that is read in place of losses that are not known yet, by model. All of its sums are 0.
    unknown: HashMap<ModelId, ModelLosses>,
    /// The pairs that were read, except for known ones of `needed`.
    read: Mutex<BTreeSet<(WindowIndex, ModelId)>>,
}

impl OnDemand {
    pub(crate) fn new(needed: NeededPairs, models: impl IntoIterator<Item = ModelId>) -> Self {
        let unknown = |model: ModelId| ModelLosses {
            model,
            log_loss: [0.0; BLOCKS],
            squared_error: [0.0; BLOCKS],
            false_alarms: [0; BLOCKS],
            misses: [0; BLOCKS],
        };
        let unknown = models.into_iter().map(|model| (model, unknown(model))).collect();
        Self { needed, unknown, read: Mutex::default() }
    }

    /// Returns the losses of a model on a window, given the known ones. Records the pair, if it is not one that is scored
    /// anyway. Without known losses, a model that can be scored has losses of 0 for now: what is computed from them must
    /// be computed again.
    pub(crate) fn read<'a>(
        &'a self,
        model: ModelId,
        window: u32,
        known: Option<&'a ModelLosses>,
    ) -> Option<&'a ModelLosses> {
        let Some(window) = WindowIndex::new(window).filter(|_| !self.unknown.is_empty()) else { return known };
        if known.is_some() && self.needed.has(model.window, window) {
            return known;
        }
        let Some(unknown) = self.unknown.get(&model).filter(|_| is_kept(model.window, window)) else { return known };
        self.pairs().insert((window, model));
        Some(known.unwrap_or(unknown))
    }

    /// Returns the pairs that were read since the last call.
    pub(crate) fn take_read(&self) -> BTreeSet<(WindowIndex, ModelId)> {
        std::mem::take(&mut *self.pairs())
    }

    fn pairs(&self) -> MutexGuard<'_, BTreeSet<(WindowIndex, ModelId)>> {
        // Each pair is inserted at once, so a panic of another thread leaves no half of it.
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
