//! The models of one work directory: read, published, retired, and promoted by alias.
//!
//! A reader takes a snapshot and never waits. Writers take turns: the lock on the stamps is held while files are read or
//! written and the snapshot is replaced.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::alias::{AliasAction, AliasChange, AliasName, Aliases, Author};
use crate::error::{AliasError, RegistryError};
use crate::evidence::EvidenceStore;
use crate::files::{self, Stamp};
use crate::journal::{Journal, NewChange};
use crate::snapshot::{Renewal, Snapshot};
use crate::windows;
use windrow_evaluation::Advice;
use windrow_learn::model::{Artifact, Verdict, WindowReport};
use windrow_record::{ModelId, WindowIndex};

/// The models of one work directory.
#[derive(Debug)]
pub struct Registry {
    models: PathBuf,
    windows: PathBuf,
    evidence: EvidenceStore,
    journal: Journal,
    current: ArcSwap<Snapshot>,
    changed: watch::Sender<()>,
    /// What is known of the files; held while they are read or written.
    stamps: Mutex<Stamps>,
}

#[derive(Debug, Default)]
struct Stamps {
    models: HashMap<ModelId, Stamp>,
    windows: HashMap<WindowIndex, Stamp>,
    /// Of the journal, once it is there.
    aliases: Option<Stamp>,
    /// Of the advice, once there is any.
    advice: Option<Stamp>,
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
            evidence: EvidenceStore::new(workdir),
            journal: Journal::new(workdir),
            current: ArcSwap::from_pointee(Snapshot::default()),
            changed: watch::Sender::new(()),
            stamps: Mutex::default(),
        };
        registry.refresh()?;
        Ok(registry)
    }

    /// The models as they are now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Wakes those who wait for the set of models to change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Takes up models, window reports and aliases that are new, changed or gone since the last look. Blocks on the disk.
    ///
    /// # Errors
    /// A folder cannot be listed. A file that cannot be read is logged and passed over.
    pub fn refresh(&self) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let found = files::list(&self.models)?;
        let is_there: HashSet<ModelId> = found.iter().map(|(id, _)| *id).collect();
        let retired: Vec<ModelId> = stamps.models.keys().filter(|id| !is_there.contains(id)).copied().collect();
        for id in &retired {
            stamps.models.remove(id);
        }
        let artifacts = renewed(found, &mut stamps.models, |id| files::read(&self.models, id));
        let reports =
            renewed(windows::list(&self.windows)?, &mut stamps.windows, |window| windows::read(&self.windows, window));
        let aliases =
            changed(&mut stamps.aliases, self.journal.stamp(), || self.journal.read(), "the aliases stay as they were");
        let advice = changed(
            &mut stamps.advice,
            self.evidence.advice_stamp(),
            || self.evidence.advice(),
            "the advice stays as it was",
        )
        .flatten();
        self.swap(Renewal { artifacts, reports, retired, aliases, advice });
        Ok(())
    }

    /// The files of losses and advice.
    pub fn evidence(&self) -> &EvidenceStore {
        &self.evidence
    }

    /// Writes the advice and serves it from then on. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be written; then nothing has changed.
    pub fn publish_advice(&self, advice: &Advice) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        self.evidence.put_advice(advice)?;
        stamps.advice = self.evidence.advice_stamp();
        self.swap(Renewal { advice: Some(advice.clone()), ..Renewal::default() });
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
        self.swap(Renewal { artifacts: vec![artifact.clone()], ..Renewal::default() });
        Ok(())
    }

    /// Writes a window's report and serves it from then on. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be written; then nothing has changed.
    pub fn publish_window(&self, report: &WindowReport) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = windows::write(&self.windows, report)?;
        stamps.windows.insert(report.window, stamp);
        self.swap(Renewal { reports: vec![report.clone()], ..Renewal::default() });
        Ok(())
    }

    /// Removes the models of windows before `first`, but for the champion, those that an alias stands for and those that it
    /// would be rolled back to; gives those removed. Blocks on the disk.
    ///
    /// # Errors
    /// A folder cannot be removed, or the aliases cannot be read.
    pub fn retire_before(&self, first: WindowIndex) -> Result<Vec<ModelId>, RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let is_old = |id: ModelId| id.window < first && snapshot.champion().is_none_or(|champion| champion.id() != id);
        let old: Vec<ModelId> = snapshot.models().map(|model| model.id()).filter(|id| is_old(*id)).collect();
        if old.is_empty() {
            return Ok(Vec::new());
        }
        // Locked until they are removed: no process can promote one of them meanwhile.
        let locked = self.journal.lock().map_err(RegistryError::Aliases)?;
        let is_there = |id: &ModelId| snapshot.get(*id).is_some();
        let named = locked.aliases.current().flat_map(|(name, current)| {
            let before = locked.aliases.before(name).find(is_there);
            [Some(current), before].into_iter().flatten()
        });
        let named: HashSet<ModelId> = named.collect();
        let retired: Vec<ModelId> = old.into_iter().filter(|id| !named.contains(id)).collect();
        for id in &retired {
            files::remove(&self.models, *id)?;
            stamps.models.remove(id);
        }
        self.swap(Renewal { retired: retired.clone(), ..Renewal::default() });
        Ok(retired)
    }

    /// Lets an alias stand for a model; where it does already, gives the change that made it so. `confirm` is asked last, and
    /// can give the change up. Blocks on the disk.
    ///
    /// # Errors
    /// There is no such model, its window could not be learned from, it was rejected, the change was given up, or the
    /// journal cannot be read or written.
    pub fn promote(
        &self,
        alias: AliasName,
        model: ModelId,
        author: Author,
        confirm: &dyn Fn() -> bool,
    ) -> Result<AliasChange, AliasError> {
        let name = alias.clone();
        let decide = |aliases: &Aliases| {
            self.check_promotable(model)?;
            let is_new = aliases.get(name.as_str()) != Some(model);
            Ok(is_new.then_some((AliasAction::Promoted, Some(model))))
        };
        self.change(alias, author, decide, confirm)
    }

    /// Lets an alias stand for the last model before that can still be promoted. `confirm` is asked last, and can give the
    /// change up. Blocks on the disk.
    ///
    /// # Errors
    /// There is no such alias, no such model before, the change was given up, or the journal cannot be read or written.
    pub fn roll_back(
        &self,
        alias: AliasName,
        author: Author,
        confirm: &dyn Fn() -> bool,
    ) -> Result<AliasChange, AliasError> {
        let name = alias.clone();
        let decide = |aliases: &Aliases| {
            if aliases.get(name.as_str()).is_none() {
                return Err(AliasError::Unknown(name));
            }
            let before = aliases.before(&name).find(|model| self.check_promotable(*model).is_ok());
            let before = before.ok_or(AliasError::NothingBefore(name))?;
            Ok(Some((AliasAction::RolledBack, Some(before))))
        };
        self.change(alias, author, decide, confirm)
    }

    /// Takes an alias away. `confirm` is asked last, and can give the change up. Blocks on the disk.
    ///
    /// # Errors
    /// There is no such alias, the change was given up, or the journal cannot be read or written.
    pub fn remove_alias(
        &self,
        alias: AliasName,
        author: Author,
        confirm: &dyn Fn() -> bool,
    ) -> Result<AliasChange, AliasError> {
        let name = alias.clone();
        let decide = |aliases: &Aliases| match aliases.get(name.as_str()) {
            Some(_) => Ok(Some((AliasAction::Removed, None))),
            None => Err(AliasError::Unknown(name)),
        };
        self.change(alias, author, decide, confirm)
    }

    fn change(
        &self,
        alias: AliasName,
        author: Author,
        decide: impl FnOnce(&Aliases) -> Result<Option<NewChange>, AliasError>,
        confirm: &dyn Fn() -> bool,
    ) -> Result<AliasChange, AliasError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let appended = self.journal.append(alias, author, decide, confirm)?;
        stamps.aliases = appended.stamp;
        self.swap(Renewal { aliases: Some(appended.aliases), ..Renewal::default() });
        Ok(appended.change)
    }

    fn check_promotable(&self, model: ModelId) -> Result<(), AliasError> {
        let no_model = |reason: &str| Err(AliasError::NoModel { model, reason: reason.to_owned() });
        match self.snapshot().get(model) {
            None => no_model("there is no such model, or there is none any longer"),
            Some(found) if found.learned().is_none() => no_model("its window could not be learned from"),
            // Another process may have retired it since the last look.
            Some(_) if !files::is_there(&self.models, model) => no_model("it was removed"),
            Some(found) => match &found.artifact().verdict {
                Verdict::Rejected { reason } => Err(AliasError::Rejected { model, reason: reason.clone() }),
                Verdict::Accepted => Ok(()),
            },
        }
    }

    /// Called with the stamps locked, so that no two writers overtake each other.
    fn swap(&self, renewal: Renewal) {
        if !renewal.is_empty() {
            self.current.store(Arc::new(self.current.load().renewed(renewal)));
            self.changed.send_replace(());
        }
    }
}

/// Reads a file that has another stamp than before. If it cannot be read, `kept` is logged.
fn changed<T, E: Display>(
    before: &mut Option<Stamp>,
    now: Option<Stamp>,
    read: impl FnOnce() -> Result<T, E>,
    kept: &str,
) -> Option<T> {
    let is_new = *before != now;
    *before = now;
    let read = is_new.then(read)?;
    read.inspect_err(|error| tracing::warn!(%error, "{kept}")).ok()
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
