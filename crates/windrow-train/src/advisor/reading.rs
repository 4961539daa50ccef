//! Losses of the ladder that are computed because something reads them, and the losses that stay stored.
//!
//! The policies need most losses whatever the rows are: `ladder` computes those. Which models an alarm leaves in use, and
//! for how long, follows from losses. So do the models of a break, and of following the advice. These are read, computed
//! if they are missing, and read again. Nothing that is read is ever left out.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use crate::advisor::ladder::{LadderWork, is_compared};
use crate::{Learning, TrainError};
use windrow_evaluation::Evidence;
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::Purpose;

/// Pairs of a window and a model that is scored on it.
pub(super) type Pairs = BTreeSet<(WindowIndex, ModelId)>;

impl LadderWork {
    /// Calls `read` until it reads only losses that are known, and computes those that are missing in between. Returns
    /// its last result, and the pairs that it read besides those that the policies need whatever the rows are. Returns
    /// `None` if the run was stopped.
    pub(super) fn read_losses<T>(
        &mut self,
        learning: &Learning,
        stop: &CancellationToken,
        read: impl Fn(&Evidence) -> T,
    ) -> Result<Option<(T, Pairs)>, TrainError> {
        loop {
            // Pairs from before this call are of another reader.
            self.evidence.take_read();
            let found = read(&self.evidence);
            let pairs = self.evidence.take_read();
            let mut missing: BTreeMap<WindowIndex, Vec<ModelId>> = BTreeMap::new();
            for (window, model) in &pairs {
                if !self.evidence.has_losses(*model, *window) {
                    missing.entry(*window).or_default().push(*model);
                }
            }
            if missing.is_empty() {
                return Ok(Some((found, pairs)));
            }
            for (window, models) in missing {
                if stop.is_cancelled() || !self.score_models(learning, window, &models)? {
                    return Ok(None);
                }
                if let Some(model) = models.into_iter().find(|model| !self.evidence.has_losses(*model, window)) {
                    return Err(TrainError::NoLosses { model, window });
                }
            }
        }
    }

    /// Removes the stored losses that neither the policies need whatever the rows are, nor `read` has. So the files depend
    /// on the rows and the settings only, and not on when the advice was computed or what was asked before.
    pub(super) fn keep_losses(&mut self, learning: &Learning, read: &Pairs) -> Result<(), TrainError> {
        let store = learning.registry.evidence();
        for (window, scored) in &mut self.scored {
            let window = *window;
            let is_needed = |id: &ModelId| {
                let is_planned = is_compared(learning, id.scheme) && self.needed.has(id.window, window);
                is_planned || read.contains(&(window, *id))
            };
            if scored.iter().all(is_needed) {
                continue;
            }
            scored.retain(is_needed);
            let manifest = self.frames.manifests(window, window).next();
            let stored = match manifest {
                Some(manifest) => store.losses(Purpose::Advice, window, &manifest.rows.file.sha256)?,
                None => None,
            };
            let Some(mut losses) = stored else { continue };
            losses.models.retain(|losses| scored.contains(&losses.model));
            if losses.models.is_empty() {
                store.remove_losses(Purpose::Advice, window)?;
            } else {
                store.put_losses(Purpose::Advice, &losses)?;
            }
        }
        Ok(())
    }
}
