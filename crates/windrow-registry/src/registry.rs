//! The models of one work directory: reads, publishes, retires and promotes them.
//!
//! A reader takes a snapshot and never waits. Writers take turns: each holds the lock on the stamps while it reads or
//! writes files and replaces the snapshot. `retire`: the removal of models. `keep`: models that are
//! not removed for the moment.

pub(crate) mod keep;
mod retire;

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::alias::{ADVISED, AliasAction, AliasChange, AliasName, Aliases, Author};
use crate::error::{AliasError, RegistryError};
use crate::evidence::EvidenceStore;
use crate::files::{self, Stamp};
use crate::journal::{Journal, NewChange};
use crate::model_folder;
use crate::snapshot::{Renewal, Snapshot};
use windrow_evaluation::Advice;
use windrow_learn::model::{Acceptance, Artifact, WindowReport};
use windrow_record::{ModelId, WindowIndex};

/// A last question before a change. If it returns `false`, the change is abandoned.
type Gate<'a> = &'a dyn Fn() -> bool;

/// The registry of the models in one work directory.
#[derive(Debug)]
pub struct Registry {
    models: PathBuf,
    windows: PathBuf,
    evidence: EvidenceStore,
    journal: Journal,
    current: ArcSwap<Snapshot>,
    changed: watch::Sender<()>,
    /// The stamps of the files as last read. Locked while files are read or written.
    stamps: Mutex<Stamps>,
    /// The models that are kept for the moment. Several callers may keep the same one.
    kept: Mutex<Vec<ModelId>>,
}

#[derive(Debug, Default)]
struct Stamps {
    models: HashMap<ModelId, Stamp>,
    windows: HashMap<WindowIndex, Stamp>,
    /// The stamp of the journal; `None` if it did not exist.
    aliases: Option<Stamp>,
    /// The stamp of the advice; `None` if it did not exist.
    advice: Option<Stamp>,
}

impl Registry {
    /// Opens the registry of a work directory and reads its models and window reports. The directory need not exist
    /// yet. The labels are not late.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be listed.
    pub fn open(workdir: &Path) -> Result<Self, RegistryError> {
        Self::open_with_label_delay(workdir, 0)
    }

    /// Opens a registry like [`Self::open`]. The labels are this number of windows late, which decides about the
    /// champion.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be listed.
    pub fn open_with_label_delay(workdir: &Path, label_delay: u32) -> Result<Self, RegistryError> {
        let registry = Self {
            models: workdir.join("models"),
            windows: workdir.join("windows"),
            evidence: EvidenceStore::new(workdir),
            journal: Journal::new(workdir),
            current: ArcSwap::from_pointee(Snapshot::empty(label_delay)),
            changed: watch::Sender::new(()),
            stamps: Mutex::default(),
            kept: Mutex::default(),
        };
        registry.refresh()?;
        Ok(registry)
    }

    /// Returns the current snapshot of the models.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Returns a receiver that is notified when the snapshot changes.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Reads models, window reports, aliases and advice that are new or changed since the last call, and drops models
    /// and reports that were removed. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be listed. A file that cannot be read is logged and skipped.
    pub fn refresh(&self) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let Self { models, windows, journal, evidence, .. } = self;
        let found = files::list(models)?;
        let present: HashSet<ModelId> = found.iter().map(|(id, _)| *id).collect();
        let retired: Vec<ModelId> = stamps.models.keys().filter(|id| !present.contains(id)).copied().collect();
        for id in &retired {
            stamps.models.remove(id);
        }
        let artifacts = renewed(found, &mut stamps.models, |id| files::read(models, id));
        let found = files::list_windows(windows)?;
        let present: HashSet<WindowIndex> = found.iter().map(|(window, _)| *window).collect();
        let reopened: Vec<WindowIndex> =
            stamps.windows.keys().filter(|window| !present.contains(window)).copied().collect();
        for window in &reopened {
            stamps.windows.remove(window);
        }
        let reports = renewed(found, &mut stamps.windows, |window| files::read_window(windows, window));
        let aliases = changed(&mut stamps.aliases, journal.stamp(), || journal.read(), "the aliases are unchanged");
        let now = evidence.advice_stamp();
        let advice = changed(&mut stamps.advice, now, || evidence.advice(), "the advice is unchanged").flatten();
        self.swap(Renewal { artifacts, reports, retired, reopened, aliases, advice });
        Ok(())
    }

    /// Returns the store of the losses and the advice.
    pub fn evidence(&self) -> &EvidenceStore {
        &self.evidence
    }

    /// Writes the advice and adds it to the snapshot. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written. The snapshot is then unchanged.
    pub fn publish_advice(&self, advice: &Advice) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        self.evidence.put_advice(advice)?;
        stamps.advice = self.evidence.advice_stamp();
        self.swap(Renewal { advice: Some(advice.clone()), ..Renewal::default() });
        Ok(())
    }

    /// Writes a model and adds it to the snapshot. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written. The snapshot is then unchanged.
    pub fn publish(&self, artifact: &Artifact) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&mut stamps, artifact)
    }

    /// Returns the folder of a model of a learner outside of this program; `None` for any other model.
    pub fn learner_folder(&self, artifact: &Artifact) -> Option<PathBuf> {
        let foreign = artifact.foreign()?;
        Some(files::learner_folder(&self.models, artifact.id, &foreign.digest))
    }

    /// Moves a complete folder with a model of a learner outside of this program to its place. The model file is to be
    /// published afterwards, and until then no reader sees the model. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be moved.
    pub fn put_learner_folder(&self, id: ModelId, from: &Path, digest: &str) -> Result<(), RegistryError> {
        // A model that is removed and made again at once must not lose its new folder.
        let lock = || self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        model_folder::put(from, &files::learner_folder(&self.models, id, digest), digest, lock)
    }

    /// Removes the folder of a model without a model file, if there is one, it is not kept and no recalibrated model uses
    /// it. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be removed.
    pub fn discard_unpublished(&self, id: ModelId) -> Result<(), RegistryError> {
        let _writing = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let uses_it = |model: ModelId| model.is_recalibrated() && model.fit() == id;
        let is_used = snapshot.models().any(|model| uses_it(model.id()));
        if is_used || self.is_kept(id) || files::exists(&self.models, id) {
            Ok(())
        } else {
            files::remove(&self.models, id)
        }
    }

    fn write(&self, stamps: &mut Stamps, artifact: &Artifact) -> Result<(), RegistryError> {
        let stamp = files::write(&self.models, artifact)?;
        // The files of a model that was made again are removed after its model file names the new ones.
        if let Some(folder) = self.learner_folder(artifact).filter(|_| !artifact.id.is_recalibrated()) {
            model_folder::remove_others(&folder)?;
        }
        stamps.models.insert(artifact.id, stamp);
        self.swap(Renewal { artifacts: vec![artifact.clone()], ..Renewal::default() });
        Ok(())
    }

    /// Writes a window's report and adds it to the snapshot. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written. The snapshot is then unchanged.
    pub fn publish_window(&self, report: &WindowReport) -> Result<(), RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = files::write_window(&self.windows, report)?;
        stamps.windows.insert(report.window, stamp);
        self.swap(Renewal { reports: vec![report.clone()], ..Renewal::default() });
        Ok(())
    }

    /// Points an alias to a model. If the alias already points to it, returns the change that did so. Blocks on disk
    /// I/O.
    ///
    /// `confirm` is called last. If it returns `false`, the change is abandoned.
    ///
    /// # Errors
    /// Returns an error if the model does not exist, its window could not be learned from, or it was rejected. The same
    /// holds if `confirm` returns `false`, or the journal cannot be read or written.
    pub fn promote(
        &self,
        alias: AliasName,
        model: ModelId,
        author: Author,
        confirm: Gate<'_>,
    ) -> Result<AliasChange, AliasError> {
        let name = alias.clone();
        let decide = |aliases: &Aliases| {
            self.check_promotable(model)?;
            let is_new = aliases.get(name.as_str()) != Some(model);
            Ok(is_new.then(|| self.pointing(AliasAction::Promoted, model)))
        };
        self.change(alias, author, decide, confirm)
    }

    /// Points the alias `advised` to the model that following the advice has in service. Blocks on disk I/O.
    ///
    /// `new` is the model if it is not published yet. It is published in the same step, so that no thread can retire it
    /// before the alias points to it.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read or written, or the model cannot have an alias.
    pub fn promote_advised(
        &self,
        model: ModelId,
        new: Option<&Artifact>,
        author: Author,
    ) -> Result<AliasChange, RegistryError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(artifact) = new {
            self.write(&mut stamps, artifact)?;
        }
        let decide = |_: &Aliases| {
            self.check_promotable(model)?;
            Ok(Some(self.pointing(AliasAction::Advised, model)))
        };
        self.append(&mut stamps, AliasName::advised(), author, decide, &|| true).map_err(RegistryError::Aliases)
    }

    /// Points an alias back to the newest of its earlier models that can still be promoted. Blocks on disk I/O.
    ///
    /// `confirm` is called last. If it returns `false`, the change is abandoned.
    ///
    /// # Errors
    /// Returns an error if there is no such alias or no such earlier model. The same holds if `confirm` returns
    /// `false`, or the journal cannot be read or written.
    pub fn roll_back(&self, alias: AliasName, author: Author, confirm: Gate<'_>) -> Result<AliasChange, AliasError> {
        let name = alias.clone();
        let decide = |aliases: &Aliases| {
            if aliases.get(name.as_str()).is_none() && name.as_str() != ADVISED {
                return Err(AliasError::Unknown(name));
            }
            let before = aliases.before(&name).find(|model| self.check_promotable(*model).is_ok());
            let before = before.ok_or(AliasError::NothingBefore(name))?;
            Ok(Some(self.pointing(AliasAction::RolledBack, before)))
        };
        self.change(alias, author, decide, confirm)
    }

    /// Removes an alias. Blocks on disk I/O.
    ///
    /// `confirm` is called last. If it returns `false`, the change is abandoned.
    ///
    /// # Errors
    /// Returns an error if there is no such alias, `confirm` returns `false`, or the journal cannot be read or written.
    pub fn remove_alias(&self, alias: AliasName, author: Author, confirm: Gate<'_>) -> Result<AliasChange, AliasError> {
        let name = alias.clone();
        let decide = |aliases: &Aliases| match aliases.get(name.as_str()) {
            Some(_) => Ok(Some(NewChange { action: AliasAction::Removed, to: None, lineage: None })),
            None => Err(AliasError::Unknown(name)),
        };
        self.change(alias, author, decide, confirm)
    }

    /// Records that the models of aliases were made again from other rows: the aliases point to the new models. An
    /// alias whose new model cannot be promoted goes back to an earlier model, or is removed. Does nothing that was
    /// recorded before. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the journal cannot be read or written.
    pub fn renew_aliases(&self, author: &Author) -> Result<Vec<AliasChange>, AliasError> {
        let snapshot = self.snapshot();
        let is_made_again = |aliases: &Aliases, name: &AliasName, model: ModelId| {
            let made = snapshot.get(model).map(|model| model.artifact().lineage.id.as_str());
            made.zip(aliases.lineage(name)).is_some_and(|(made, known)| made != known)
        };
        let aliases = snapshot.aliases().current();
        let renewed = aliases.filter(|&(name, model)| is_made_again(snapshot.aliases(), name, model));
        let renew = |(name, model): (&AliasName, ModelId)| {
            let decide = |aliases: &Aliases| {
                if aliases.get(name.as_str()) != Some(model) || !is_made_again(aliases, name, model) {
                    return Ok(None);
                }
                if self.check_promotable(model).is_ok() {
                    return Ok(Some(self.pointing(AliasAction::Renewed, model)));
                }
                let before = aliases.before(name).find(|model| self.check_promotable(*model).is_ok());
                let removed = || NewChange { action: AliasAction::Removed, to: None, lineage: None };
                Ok(Some(before.map_or_else(removed, |before| self.pointing(AliasAction::RolledBack, before))))
            };
            self.change(name.clone(), author.clone(), decide, &|| true)
        };
        renewed.map(renew).collect()
    }

    /// Returns a change that points an alias to a model.
    fn pointing(&self, action: AliasAction, model: ModelId) -> NewChange {
        let snapshot = self.snapshot();
        let lineage = snapshot.get(model).map(|model| model.artifact().lineage.id.clone());
        NewChange { action, to: Some(model), lineage }
    }

    fn change(
        &self,
        alias: AliasName,
        author: Author,
        decide: impl FnOnce(&Aliases) -> Result<Option<NewChange>, AliasError>,
        confirm: Gate<'_>,
    ) -> Result<AliasChange, AliasError> {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        self.append(&mut stamps, alias, author, decide, confirm)
    }

    fn append(
        &self,
        stamps: &mut Stamps,
        alias: AliasName,
        author: Author,
        decide: impl FnOnce(&Aliases) -> Result<Option<NewChange>, AliasError>,
        confirm: Gate<'_>,
    ) -> Result<AliasChange, AliasError> {
        let appended = self.journal.append(alias, author, decide, confirm)?;
        stamps.aliases = appended.stamp;
        self.swap(Renewal { aliases: Some(appended.aliases), ..Renewal::default() });
        Ok(appended.change)
    }

    fn check_promotable(&self, model: ModelId) -> Result<(), AliasError> {
        let no_model = |reason: &str| Err(AliasError::NoModel { model, reason: reason.to_owned() });
        match self.snapshot().get(model) {
            None => no_model("it does not exist, or it was removed"),
            Some(found) if found.learned().is_none() => no_model("no model could be trained on its windows"),
            // Another process may have retired the model since the last refresh.
            Some(_) if !files::exists(&self.models, model) => no_model("it was removed"),
            Some(found) => match &found.artifact().verdict {
                Acceptance::Rejected { reason } => Err(AliasError::Rejected { model, reason: reason.clone() }),
                Acceptance::Accepted => Ok(()),
            },
        }
    }

    /// Replaces the snapshot. The caller holds the lock on the stamps, so that concurrent writers cannot lose an
    /// update.
    fn swap(&self, renewal: Renewal) {
        if renewal != Renewal::default() {
            self.current.store(Arc::new(self.current.load().renewed(renewal)));
            self.changed.send_replace(());
        }
    }
}

/// Reads a file if its stamp has changed. If the file cannot be read, logs the error with the message `kept`.
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

/// Reads the files whose stamps have changed. A file that cannot be read is logged and skipped.
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
            Err(error) => tracing::warn!(%error, "a file of the registry is skipped"),
        }
        stamps.insert(key, stamp);
    }
    renewed
}
