//! The pairs of model and window whose losses the policies need. `needed_pairs` collects them.

use std::collections::BTreeMap;

use crate::losses::is_kept;
use windrow_record::WindowIndex;

/// The pairs of model and window that are scored because policies need them: every model up to an age, and longer those
/// that are in use when the first window is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NeededPairs {
    /// The age in windows up to which every model is needed.
    pub(crate) oldest_age: u32,
    /// The last window on which a first model is needed, by the newest window of the model.
    pub(crate) first_models: BTreeMap<u32, u32>,
}

impl NeededPairs {
    /// Returns `true` if the losses on `window` of a model whose newest window is `model` are needed.
    pub fn has(&self, model: WindowIndex, window: WindowIndex) -> bool {
        let is_young = window.get().saturating_sub(model.get()) <= self.oldest_age;
        let is_first = || self.first_models.get(&model.get()).is_some_and(|until| window.get() <= *until);
        is_kept(model, window) && (is_young || is_first())
    }
}
