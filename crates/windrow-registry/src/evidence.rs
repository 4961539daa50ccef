//! The forecast losses of models, and the advice made from them.
//!
//! - `losses/window-00001.json`: the losses of published models.
//! - `advice/`: the models that only the advice needs, with their losses and their AUC. These files are derived from the
//!   batch files, and are made again if they are damaged.
//! - `advice.json`: the advice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::RegistryError;
use crate::files::{Stamp, names, read_json, remove_window, stamp_of, window_file, write_json, write_text};
use crate::ladder::{LADDER_FORMAT, Ladder, LadderFolder, LadderModel};
use crate::model_aucs::{AUC_FORMAT, ModelAucs};
use crate::model_folder;
use windrow_evaluation::{ADVICE_FORMAT, Advice, LOSSES_FORMAT, RecalibratedModel, WindowLosses};
use windrow_learn::model::LinearModel;
use windrow_record::{ModelId, Scheme, WindowIndex};

/// The format version of [`Recalibrations`]. A reader refuses any other version.
const FORMAT: u32 = 4;
const ADVICE_FILE: &str = "advice.json";
const AUC_FILE: &str = "advice/auc.json";
/// The folder of the models that only the advice needs.
pub(super) const LADDERS: &str = "advice/models";

/// The sums by window, and then by the window that the model was recalibrated on: log-loss, squared error, false alarms
/// and misses. The sums of a model as it was fitted are those of window 0.
type SumsByWindow = BTreeMap<u32, BTreeMap<u32, [f64; 4]>>;

/// The loss sums of models that are recalibrated each window instead of refitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recalibrations {
    /// The format version of the file.
    pub format: u32,
    /// The label delay, in windows.
    pub label_delay: u32,
    /// The sums by the newest window of the model, and by its history.
    pub models: BTreeMap<u32, BTreeMap<Scheme, SumsByWindow>>,
}

impl Recalibrations {
    /// Creates an empty set of sums.
    pub fn new(label_delay: u32) -> Self {
        Self { format: FORMAT, label_delay, models: BTreeMap::new() }
    }

    /// Keeps the sums of these models on these windows, each given as its number: first the model's newest window.
    pub(super) fn retain(&mut self, is_kept: impl Fn(u32, u32) -> bool) {
        for (model, histories) in &mut self.models {
            histories.values_mut().for_each(|sums| sums.retain(|window, _| is_kept(*model, *window)));
            histories.retain(|_, sums| !sums.is_empty());
        }
        self.models.retain(|_, histories| !histories.is_empty());
    }

    /// Returns the sums of a model, if they are known.
    pub fn sums(&self, model: RecalibratedModel) -> Option<[f64; 4]> {
        let by_window = self.models.get(&model.model)?.get(&model.history)?;
        by_window.get(&model.window)?.get(&model.on.unwrap_or_default()).copied()
    }

    /// Adds the sums of a model.
    pub fn insert(&mut self, model: RecalibratedModel, sums: [f64; 4]) {
        let RecalibratedModel { history, model, on, window } = model;
        let by_window = self.models.entry(model).or_default().entry(history).or_default();
        by_window.entry(window).or_default().insert(on.unwrap_or_default(), sums);
    }
}

/// The purpose of a model.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// The model is published.
    Serving,
    /// The model is used for the advice only.
    Advice,
}

impl Purpose {
    fn folder(self) -> &'static str {
        match self {
            Self::Serving => "losses",
            Self::Advice => "advice/losses",
        }
    }
}

/// The store of the losses and the advice of one work directory.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    workdir: PathBuf,
}

impl EvidenceStore {
    /// Creates a store in a work directory, which need not exist yet.
    pub fn new(workdir: &Path) -> Self {
        Self { workdir: workdir.to_owned() }
    }

    /// Returns the losses on a window whose batch file has this SHA-256, or `None` if there are none.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or has another format version. A damaged file of [`Purpose::Advice`]
    /// counts as missing: it can be made again.
    pub fn losses(&self, of: Purpose, window: WindowIndex, sha: &str) -> Result<Option<WindowLosses>, RegistryError> {
        let path = self.path(of.folder(), window);
        let losses: Option<WindowLosses> = match of {
            Purpose::Serving => read(&path, LOSSES_FORMAT)?,
            Purpose::Advice => read_derived(&path, LOSSES_FORMAT)?,
        };
        Ok(losses.filter(|losses| losses.sha256 == sha && losses.window == window))
    }

    /// Writes the losses on a window.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn put_losses(&self, of: Purpose, losses: &WindowLosses) -> Result<(), RegistryError> {
        write(&self.path(of.folder(), losses.window), losses)
    }

    /// Removes the file with the losses on a window, if it exists.
    ///
    /// # Errors
    /// Returns an error if the file cannot be removed.
    pub fn remove_losses(&self, of: Purpose, window: WindowIndex) -> Result<(), RegistryError> {
        remove_window(&self.workdir.join(of.folder()), window)
    }

    /// Returns `true` if a file with the losses of published models on this window exists.
    pub fn has_losses(&self, window: WindowIndex) -> bool {
        self.path(Purpose::Serving.folder(), window).exists()
    }

    /// Returns the models of a window that only the advice needs. The ladder is empty if none are stored for this batch
    /// file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or has another format version. A damaged file counts as missing.
    pub fn ladder(&self, window: WindowIndex, sha256: &str) -> Result<Ladder, RegistryError> {
        let ladder: Option<Ladder> = read_derived(&self.path(LADDERS, window), LADDER_FORMAT)?;
        let is_valid = |model: &LadderModel| model.logistic().is_none_or(LinearModel::is_valid);
        let is_ours = |ladder: &Ladder| {
            ladder.sha256 == sha256 && ladder.window == window && ladder.models.values().flatten().all(is_valid)
        };
        let mut ladder = ladder.filter(is_ours).unwrap_or_else(|| Ladder::new(window, sha256));
        // A model whose files are missing is fitted again.
        ladder.models.retain(|history, model| match model {
            Some(LadderModel::Foreign(found)) => self.has_folder(ModelId::new(window, *history), found),
            Some(LadderModel::Logistic(_)) | None => true,
        });
        Ok(ladder)
    }

    /// Returns the folder of a model that only the advice needs, of a learner outside of this program.
    pub fn ladder_folder(&self, id: ModelId, digest: &str) -> PathBuf {
        model_folder::path(&self.workdir.join(LADDERS).join(id.to_string()), digest)
    }

    /// Moves a complete folder with such a model to its place. An earlier version of the model is removed.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be moved.
    pub fn put_ladder_folder(&self, id: ModelId, from: &Path, digest: &str) -> Result<(), RegistryError> {
        let folder = self.ladder_folder(id, digest);
        // The advisor makes one of these models at a time at its place, and no other stage uses them.
        model_folder::put(from, &folder, digest, || ())?;
        model_folder::remove_others(&folder)
    }

    fn has_folder(&self, id: ModelId, found: &LadderFolder) -> bool {
        let LadderFolder { digest, files, bytes, .. } = found;
        model_folder::is_digest(digest) && model_folder::is_whole(&self.ladder_folder(id, digest), *files, *bytes)
    }

    /// Writes the ladder of a window.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn put_ladder(&self, ladder: &Ladder) -> Result<(), RegistryError> {
        write(&self.path(LADDERS, ladder.window), ladder)
    }

    /// Returns the loss sums of recalibrated models for a label delay in windows. They are empty if none are stored.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or has another format version. A damaged file counts as missing.
    pub fn recalibrations(&self, label_delay: u32) -> Result<Recalibrations, RegistryError> {
        let found: Option<Recalibrations> = read_derived(&self.recalibrated(label_delay), FORMAT)?;
        let is_ours = |found: &Recalibrations| found.label_delay == label_delay;
        Ok(found.filter(is_ours).unwrap_or_else(|| Recalibrations::new(label_delay)))
    }

    /// Writes the loss sums of recalibrated models.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn put_recalibrations(&self, found: &Recalibrations) -> Result<(), RegistryError> {
        write(&self.recalibrated(found.label_delay), found)
    }

    /// Returns the label delays, in windows, for which loss sums of recalibrated models are stored.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be listed.
    pub(super) fn recalibrated_delays(&self) -> Result<Vec<u32>, RegistryError> {
        let delay = |name: &str| name.strip_prefix("recalibrated-")?.strip_suffix(".json")?.parse().ok();
        Ok(names(&self.workdir.join("advice"))?.iter().filter_map(|name| delay(name)).collect())
    }

    /// Returns the AUC of models that only the advice needs. It is empty if none is stored.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or has another format version. A damaged file counts as missing.
    pub fn model_aucs(&self) -> Result<ModelAucs, RegistryError> {
        Ok(read_derived(&self.workdir.join(AUC_FILE), AUC_FORMAT)?.unwrap_or_default())
    }

    /// Writes the AUC of models that only the advice needs.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn put_model_aucs(&self, aucs: &ModelAucs) -> Result<(), RegistryError> {
        write(&self.workdir.join(AUC_FILE), aucs)
    }

    /// Returns the advice, or `None` if there is none yet.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn advice(&self) -> Result<Option<Advice>, RegistryError> {
        read(&self.workdir.join(ADVICE_FILE), ADVICE_FORMAT)
    }

    pub(crate) fn put_advice(&self, advice: &Advice) -> Result<(), RegistryError> {
        write_json(&self.workdir.join(ADVICE_FILE), advice).map(drop)
    }

    /// Returns the stamp of the advice file, or `None` if it does not exist.
    pub(super) fn advice_stamp(&self) -> Option<Stamp> {
        stamp_of(&self.workdir.join(ADVICE_FILE))
    }

    fn recalibrated(&self, label_delay: u32) -> PathBuf {
        self.workdir.join(format!("advice/recalibrated-{label_delay}.json"))
    }

    fn path(&self, folder: &str, window: WindowIndex) -> PathBuf {
        self.workdir.join(folder).join(window_file(window))
    }
}

/// Reads a file. Returns `None` if it does not exist.
fn read<T: DeserializeOwned>(path: &Path, format: u32) -> Result<Option<T>, RegistryError> {
    match read_json(path, format) {
        Err(RegistryError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Reads a file that can be made again. Returns `None` if it does not exist or is damaged.
fn read_derived<T: DeserializeOwned>(path: &Path, format: u32) -> Result<Option<T>, RegistryError> {
    match read(path, format) {
        Err(error @ RegistryError::Damaged { .. }) => {
            tracing::warn!(%error, "the damaged file is created again");
            Ok(None)
        }
        read => read,
    }
}

/// Writes a value as JSON on one line, atomically. The values are mostly numbers.
fn write(path: &Path, value: &impl Serialize) -> Result<(), RegistryError> {
    write_text(path, serde_json::to_vec(value)).map(drop)
}
