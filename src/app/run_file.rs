//! The file `run.json`: the inputs that the files in a work directory were made from.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::workdir_error::WorkdirError;
use windrow_base::{files, versioned};
use windrow_config::Pipeline;
use windrow_learn::learner::LearnerIdentity;
use windrow_record::RunId;
use windrow_stream::growth::Extract;
use windrow_stream::producer::Replay;

pub(super) const RUN_FILE: &str = "run.json";
/// The lock of `run.json`. A process holds it only while it reads and writes the file. The lock of the batch files cannot
/// take its place: a consumer holds that one until it ends, and a trainer may record settings at the same time.
/// It stays when the directory is emptied: a process that waits for it would otherwise get a lock that no other one
/// sees.
pub(super) const RUN_LOCK: &str = "run.lock";
/// The version of `run.json`. Files with another version are refused.
const FORMAT: u32 = 4;
/// The number of digits of the dataset's sha256 that identify its replay.
const RUN_ID_LENGTH: usize = 16;

/// The origin of a run's rows, in addition to the pipeline file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The sha256 of the dataset; `None` if the dataset is missing.
    pub(crate) dataset: Option<&'a str>,
    /// The rows that are replayed; `None` if a producer in another process decides.
    pub(crate) replay: Option<&'a Replay>,
}

impl Origin<'_> {
    /// Returns the same origin, whatever the content of the dataset.
    pub(super) fn without_dataset(self) -> Self {
        Self { dataset: None, ..self }
    }
}

/// The content of `run.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunFile {
    format: u32,
    /// The version of Windrow that began the run.
    pub(super) windrow: String,
    /// The time at which the run began, in RFC 3339 format and UTC.
    pub(super) created: String,
    /// The resolved pipeline. Its tables `advise` and `train` are those of the last process that learned.
    pub(super) pipeline: Value,
    /// The changes of these two tables, oldest first.
    pub(super) changes: Vec<SettingsChange>,
    /// The files that the rows came from, oldest first. Empty if the dataset is missing.
    pub(super) extracts: Vec<Extract>,
    pub(super) replay: Option<Value>,
    /// The learner outside of this program that the models are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) learner: Option<RunLearner>,
}

/// The learner outside of this program that the models of a run are of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunLearner {
    /// The learner, as it reported itself.
    #[serde(flatten)]
    pub(super) identity: LearnerIdentity,
    /// The largest difference between the probabilities of two equal fits; `None` before they were compared.
    pub(super) varies_by: Option<f64>,
}

/// Settings that have changed between two processes of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SettingsChange {
    /// The time of the change, in RFC 3339 format and UTC.
    pub(super) at: String,
    /// The number of windows that were reported before the change.
    pub(super) windows: usize,
    pub(super) keys: Vec<KeyChange>,
}

impl SettingsChange {
    /// Returns the change in words, as in `after window 12, at 2026-03-02T06:00:00Z: train.keep: not set before, now 8`.
    pub(super) fn sentence(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        let moment = match self.windows {
            0 => "before the first window".to_owned(),
            windows => format!("after window {windows}"),
        };
        format!("{moment}, at {}: {}", self.at, keys.join("; "))
    }
}

/// A key of the pipeline file with another value.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyChange {
    pub(super) key: String,
    /// The value before; `None` if it was not set.
    pub(super) before: Option<Value>,
    /// The value now; `None` if it is not set.
    pub(super) after: Option<Value>,
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "not set".to_owned(), ToString::to_string);
        write!(f, "{}: {} before, now {}", self.key, text(&self.before), text(&self.after))
    }
}

impl RunFile {
    /// Describes a run that begins.
    pub(super) fn new(pipeline: &Pipeline, origin: &Origin<'_>, created: &str) -> Result<Self, serde_json::Error> {
        Ok(Self {
            format: FORMAT,
            windrow: env!("CARGO_PKG_VERSION").to_owned(),
            created: created.to_owned(),
            pipeline: serde_json::to_value(pipeline)?,
            changes: Vec::new(),
            extracts: origin.dataset.map(|sha256| Extract::first(sha256, created)).into_iter().collect(),
            replay: origin.replay.and_then(|replay| serde_json::to_value(replay).ok()),
            learner: None,
        })
    }

    /// Reads the file; `None` if the directory holds no run.
    pub(super) fn read(workdir: &Path) -> Result<Option<Self>, WorkdirError> {
        let path = workdir.join(RUN_FILE);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&path)(error)),
            Ok(text) => Self::parse(&text, &path).map(Some),
        }
    }

    pub(super) fn parse(text: &[u8], path: &Path) -> Result<Self, WorkdirError> {
        versioned::parse(text, FORMAT, path.display(), |error| unreadable(path)(error))
    }

    /// Changes the file, if there is one. No other process changes it at the same time. If `change` returns `None`, the
    /// file stays as it is.
    pub(super) fn update<T>(
        workdir: &Path,
        change: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Result<Option<T>, WorkdirError> {
        if !workdir.join(RUN_FILE).exists() {
            return Ok(None);
        }
        let _lock = lock_run_file(workdir)?;
        let Some(mut run) = Self::read(workdir)? else { return Ok(None) };
        let changed = change(&mut run);
        if changed.is_some() {
            run.write(workdir)?;
        }
        Ok(changed)
    }

    /// Writes the file, unless it exists. If two processes begin a run, the first one describes it.
    pub(super) fn create(
        workdir: &Path,
        describe: impl FnOnce() -> Result<Self, serde_json::Error>,
    ) -> Result<(), WorkdirError> {
        let path = workdir.join(RUN_FILE);
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(workdir).map_err(unwritten(workdir))?;
        let _lock = lock_run_file(workdir)?;
        if path.exists() {
            return Ok(());
        }
        describe().map_err(|error| unwritten(&path)(error.into()))?.write(workdir)
    }

    /// Writes the file. The caller holds the lock.
    fn write(&self, workdir: &Path) -> Result<(), WorkdirError> {
        let path = workdir.join(RUN_FILE);
        let text = serde_json::to_vec_pretty(self).map_err(|error| unwritten(&path)(error.into()))?;
        files::write_durable(&path, &text).map(drop).map_err(unwritten(&path))
    }

    /// The newest of the files that the rows came from.
    pub(super) fn newest(&self) -> Option<&Extract> {
        self.extracts.last()
    }

    /// The name of the replay: that of the first extract. `None` if the dataset is missing.
    pub(super) fn name(&self) -> Option<RunId> {
        self.extracts.first().and_then(|first| run_name(&first.sha256))
    }
}

/// Returns the name of the replay of a dataset: the first digits of its sha256. The same dataset always gives the same
/// name, so rows that are sent again after a broker was lost are recognized.
pub(super) fn run_name(sha256: &str) -> Option<RunId> {
    sha256.get(..RUN_ID_LENGTH).map(RunId::new)
}

/// Waits until no other process changes `run.json`. The lock ends when the file is closed.
pub(super) fn lock_run_file(workdir: &Path) -> Result<File, WorkdirError> {
    let path = workdir.join(RUN_LOCK);
    let file = File::create(&path).map_err(unwritten(&path))?;
    file.lock().map_err(unwritten(&path))?;
    Ok(file)
}

pub(super) fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> WorkdirError {
    move |source| WorkdirError::Write { path: path.to_owned(), source }
}

pub(super) fn unreadable<E: ToString>(path: &Path) -> impl FnOnce(E) -> WorkdirError {
    move |error| WorkdirError::Read { path: path.to_owned(), reason: error.to_string() }
}
