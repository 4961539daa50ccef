//! Removes models that are not needed any more, and models of windows that do not exist any more.

use std::collections::HashSet;
use std::sync::PoisonError;

use crate::alias::{AliasAction, AliasChange, Aliases, Author};
use crate::error::RegistryError;
use crate::files;
use crate::journal::NewChange;
use crate::registry::Registry;
use crate::snapshot::Renewal;
use windrow_record::{ModelId, WindowIndex};

impl Registry {
    /// Removes the models of windows before `first` and returns their ids. Blocks on disk I/O.
    ///
    /// The champion is kept. So are the model of each alias and the model to which a rollback of that alias would
    /// return, and the models that callers keep for the moment. If an alias points to a recalibrated model, its fit is kept, because it is recalibrated again. If labels are late, the models are kept too whose labels have just become known or are not known yet.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be removed, or the aliases cannot be read.
    pub fn retire_before(&self, first: WindowIndex) -> Result<Vec<ModelId>, RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let first = snapshot.first_undecided().map_or(first, |undecided| first.min(undecided));
        let is_champion = |id: ModelId| snapshot.champion().is_some_and(|champion| champion.id() == id);
        let is_old = |id: ModelId| id.window < first && !is_champion(id) && !self.is_kept(id);
        let old: Vec<ModelId> = snapshot.models().map(|model| model.id()).filter(|id| is_old(*id)).collect();
        if old.is_empty() {
            return Ok(Vec::new());
        }
        // The journal is locked until the models are removed, so that no process can promote one of them.
        let locked = self.journal.lock().map_err(RegistryError::Aliases)?;
        let is_there = |id: &ModelId| snapshot.get(*id).is_some();
        let named = locked.aliases.current().flat_map(|(name, current)| {
            let before = locked.aliases.before(name).find(is_there);
            [Some(current), Some(current.fit()), before].into_iter().flatten()
        });
        let named: HashSet<ModelId> = named.collect();
        let retired: HashSet<ModelId> = old.iter().copied().filter(|id| !named.contains(id)).collect();
        // A recalibrated model of a learner outside of this program uses the files of its fit.
        let foreign = snapshot.models().filter(|model| model.artifact().foreign().is_some()).map(|model| model.id());
        let used: HashSet<ModelId> = foreign.filter(|id| !retired.contains(id)).map(ModelId::fit).collect();
        let retired: Vec<ModelId> = old.into_iter().filter(|id| retired.contains(id) && !used.contains(id)).collect();
        for id in &retired {
            files::remove(&self.models, *id)?;
            stamps.models.remove(id);
        }
        self.swap(Renewal { retired: retired.clone(), ..Renewal::default() });
        Ok(retired)
    }

    /// Removes the models of windows after `last`, the last window of a stream that has ended. Such windows were opened
    /// again for a newer extract and did not come back. An alias of such a model goes back to an earlier one, or is
    /// removed. Returns the changes of aliases. Does nothing that was done before. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the journal cannot be read or written, or a model cannot be removed.
    pub fn retire_after(&self, last: WindowIndex, author: &Author) -> Result<Vec<AliasChange>, RegistryError> {
        let is_gone = |model: ModelId| model.window > last;
        let snapshot = self.snapshot();
        let gone: Vec<ModelId> = snapshot.models().map(|model| model.id()).filter(|id| is_gone(*id)).collect();
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let mut changes = Vec::new();
        for (name, _) in snapshot.aliases().current().filter(|(_, model)| is_gone(*model)) {
            let decide = |aliases: &Aliases| {
                if !aliases.get(name.as_str()).is_some_and(is_gone) {
                    return Ok(None);
                }
                let stands = |model: &ModelId| !is_gone(*model) && self.check_promotable(*model).is_ok();
                let before = aliases.before(name).find(stands);
                let removed = || NewChange { action: AliasAction::Removed, to: None, lineage: None };
                Ok(Some(before.map_or_else(removed, |before| self.pointing(AliasAction::RolledBack, before))))
            };
            let change = self.change(name.clone(), author.clone(), decide, &|| true);
            changes.push(change.map_err(RegistryError::Aliases)?);
        }
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        for id in &gone {
            files::remove(&self.models, *id)?;
            stamps.models.remove(id);
        }
        self.swap(Renewal { retired: gone, ..Renewal::default() });
        Ok(changes)
    }
}
