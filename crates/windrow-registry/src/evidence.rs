//! What is known of how models forecast: `losses/window-00001.json` of the published ones, `advice/` of the models that only
//! the advice needs, and `advice.json`. What is under `advice/` can be made again from the batch files, and is where it is
//! damaged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::RegistryError;
use crate::files::{Stamp, read_json, stamp_of, write_json, write_text};
use windrow_evaluation::{ADVICE_FORMAT, Advice, LOSSES_FORMAT, WindowLosses};
use windrow_learn::model::BareModel;
use windrow_record::{Scheme, WindowIndex};

/// The version of the form of [`Ladder`] and [`Recalibrations`]. A reader refuses another one.
const FORMAT: u32 = 1;
const ADVICE: &str = "advice.json";

/// The models of one window that only the advice needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ladder {
    /// The version of the form.
    pub format: u32,
    /// Their newest window.
    pub window: WindowIndex,
    /// The sha256 of that window's batch file.
    pub sha256: String,
    /// By history; `None` where its windows cannot be learned from, or the optimum was not reached.
    pub models: BTreeMap<Scheme, Option<BareModel>>,
}

impl Ladder {
    /// None yet.
    pub fn new(window: WindowIndex, sha256: &str) -> Self {
        Self { format: FORMAT, window, sha256: sha256.to_owned(), models: BTreeMap::new() }
    }
}

/// Sums of models that are recalibrated each window and not refitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recalibrations {
    /// The version of the form.
    pub format: u32,
    /// How many windows labels come late.
    pub label_delay: u32,
    /// The models' newest window.
    pub model: u32,
    /// By history and window: log-loss, squared error, false alarms and misses.
    pub sums: BTreeMap<Scheme, BTreeMap<u32, [f64; 4]>>,
}

impl Recalibrations {
    /// None yet.
    pub fn new(label_delay: u32, model: u32) -> Self {
        Self { format: FORMAT, label_delay, model, sums: BTreeMap::new() }
    }
}

/// What models are made for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// To be published.
    Serving,
    /// For the advice only.
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

/// The files of one work directory.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    workdir: PathBuf,
}

impl EvidenceStore {
    /// A store in a work directory, which need not be there yet.
    pub fn new(workdir: &Path) -> Self {
        Self { workdir: workdir.to_owned() }
    }

    /// The losses on a window whose batch file has this sha256; `None` if there are none.
    ///
    /// # Errors
    /// They cannot be read. Those of models that only the advice needs are made again if they are damaged.
    pub fn losses(
        &self,
        of: Purpose,
        window: WindowIndex,
        sha256: &str,
    ) -> Result<Option<WindowLosses>, RegistryError> {
        let path = self.path(of.folder(), window);
        let losses: Option<WindowLosses> = match of {
            Purpose::Serving => read(&path, LOSSES_FORMAT)?,
            Purpose::Advice => read_derived(&path, LOSSES_FORMAT)?,
        };
        Ok(losses.filter(|losses| losses.sha256 == sha256 && losses.window == window))
    }

    /// Writes them.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn put_losses(&self, of: Purpose, losses: &WindowLosses) -> Result<(), RegistryError> {
        write(&self.path(of.folder(), losses.window), losses)
    }

    /// Whether there is a file of the losses of published models.
    pub fn has_losses(&self, window: WindowIndex) -> bool {
        self.path(Purpose::Serving.folder(), window).exists()
    }

    /// The models of a window that only the advice needs; empty where there are none.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn ladder(&self, window: WindowIndex, sha256: &str) -> Result<Ladder, RegistryError> {
        let ladder: Option<Ladder> = read_derived(&self.path("advice/models", window), FORMAT)?;
        let is_whole = |model: &Option<BareModel>| model.as_ref().is_none_or(BareModel::is_whole);
        let is_ours = |ladder: &Ladder| {
            ladder.sha256 == sha256 && ladder.window == window && ladder.models.values().all(is_whole)
        };
        Ok(ladder.filter(is_ours).unwrap_or_else(|| Ladder::new(window, sha256)))
    }

    /// Writes them.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn put_ladder(&self, ladder: &Ladder) -> Result<(), RegistryError> {
        write(&self.path("advice/models", ladder.window), ladder)
    }

    /// What recalibration alone brings, of these models and this delay.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn recalibrations(&self, label_delay: u32, model: u32) -> Result<Recalibrations, RegistryError> {
        let found: Option<Recalibrations> = read_derived(&self.recalibrated(label_delay), FORMAT)?;
        let is_ours = |found: &Recalibrations| found.label_delay == label_delay && found.model == model;
        Ok(found.filter(is_ours).unwrap_or_else(|| Recalibrations::new(label_delay, model)))
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_recalibrations(&self, found: &Recalibrations) -> Result<(), RegistryError> {
        write(&self.recalibrated(found.label_delay), found)
    }

    /// The advice; `None` where there is none yet.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn advice(&self) -> Result<Option<Advice>, RegistryError> {
        read(&self.workdir.join(ADVICE), ADVICE_FORMAT)
    }

    pub(crate) fn put_advice(&self, advice: &Advice) -> Result<(), RegistryError> {
        write_json(&self.workdir.join(ADVICE), advice).map(drop)
    }

    /// Tells whether the advice is the one that was read before.
    pub(super) fn advice_stamp(&self) -> Option<Stamp> {
        stamp_of(&self.workdir.join(ADVICE))
    }

    fn recalibrated(&self, label_delay: u32) -> PathBuf {
        self.workdir.join(format!("advice/recalibrated-{label_delay}.json"))
    }

    fn path(&self, folder: &str, window: WindowIndex) -> PathBuf {
        self.workdir.join(folder).join(format!("{}.json", window.file_stem()))
    }
}

/// `None` where there is no such file.
fn read<T: DeserializeOwned>(path: &Path, format: u32) -> Result<Option<T>, RegistryError> {
    match read_json(path, format) {
        Err(RegistryError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// The same of a file that is made again where it is damaged.
fn read_derived<T: DeserializeOwned>(path: &Path, format: u32) -> Result<Option<T>, RegistryError> {
    match read(path, format) {
        Err(error @ RegistryError::Damaged { .. }) => {
            tracing::warn!(%error, "it is made again");
            Ok(None)
        }
        read => read,
    }
}

/// Writes a file whole, on one line: it is many numbers.
fn write(path: &Path, value: &impl Serialize) -> Result<(), RegistryError> {
    write_text(path, serde_json::to_vec(value)).map(drop)
}
