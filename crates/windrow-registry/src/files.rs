//! The model files `models/ID/model.json` and the window reports `windows/window-00001.json`. They are written atomically
//! and validated when read.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::DeserializeOwned;

use crate::error::RegistryError;
use crate::model_folder;
use windrow_base::{files, versioned};
use windrow_learn::model::{Artifact, FORMAT, WINDOW_FORMAT, WindowReport};
use windrow_record::{ModelId, WindowIndex};

const MODEL_FILE: &str = "model.json";
/// The folder, next to the model file, with the versions of a model of a learner outside of this program.
const LEARNER_FOLDER: &str = "learner";

/// The modification time and length of a file, by which a changed file is detected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

/// Lists the entries of a folder. Returns an empty list if the folder does not exist.
fn entries(folder: &Path) -> Result<Vec<DirEntry>, RegistryError> {
    let failed = |source| RegistryError::Read { path: folder.to_owned(), source };
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<io::Result<_>>().map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
    }
}

/// Returns the names of the entries of a folder. Empty if the folder does not exist.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, RegistryError> {
    Ok(entries(folder)?.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// Reads a JSON file whose format version must be `format`.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path, format: u32) -> Result<T, RegistryError> {
    let text = fs::read(path).map_err(|source| RegistryError::Read { path: path.to_owned(), source })?;
    let damaged = |why: serde_json::Error| RegistryError::Damaged { path: path.to_owned(), reason: why.to_string() };
    versioned::parse(&text, format, path.display(), damaged)
}

pub(crate) fn list(folder: &Path) -> Result<Vec<(ModelId, Stamp)>, RegistryError> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<ModelId>() else { continue };
        // A folder without a model file is still being written.
        found.extend(stamp_of(&entry.path().join(MODEL_FILE)).map(|stamp| (id, stamp)));
    }
    Ok(found)
}

pub(crate) fn read(folder: &Path, id: ModelId) -> Result<Artifact, RegistryError> {
    let path = folder.join(id.to_string()).join(MODEL_FILE);
    let artifact: Artifact = read_json(&path, FORMAT)?;
    let damaged = |reason: String| RegistryError::Damaged { path: path.clone(), reason };
    if artifact.id != id {
        return Err(damaged(format!("it holds the model {}", artifact.id)));
    }
    if let Some(logistic) = artifact.logistic() {
        let (columns, weights) = (logistic.encoder.width(), logistic.coefficients.len());
        if columns != weights {
            return Err(damaged(format!("it has {weights} weights for {columns} columns")));
        }
    }
    if let Some(foreign) = artifact.foreign() {
        if !model_folder::is_digest(&foreign.digest) {
            return Err(damaged("its digest is not a sha256".to_owned()));
        }
        let at = learner_folder(folder, id, &foreign.digest);
        if !model_folder::is_whole(&at, foreign.files, foreign.bytes) {
            let (files, bytes) = (foreign.files, foreign.bytes);
            let what = format!("the folder {} does not have its {files} files of {bytes} bytes", at.display());
            return Err(damaged(what));
        }
    }
    Ok(artifact)
}

pub(crate) fn write(folder: &Path, artifact: &Artifact) -> Result<Stamp, RegistryError> {
    write_json(&folder.join(artifact.id.to_string()).join(MODEL_FILE), artifact)
}

pub(crate) fn exists(folder: &Path, id: ModelId) -> bool {
    folder.join(id.to_string()).join(MODEL_FILE).exists()
}

/// Returns `true` if a model has the files of a learner outside of this program, and certainly no model file.
pub(super) fn is_unpublished(folder: &Path, id: ModelId) -> bool {
    let folder = folder.join(id.to_string());
    folder.join(LEARNER_FOLDER).is_dir() && folder.join(MODEL_FILE).try_exists().is_ok_and(|exists| !exists)
}

/// Removes a model. A process that lists the folder at the same time may or may not find it.
pub(crate) fn remove(folder: &Path, id: ModelId) -> Result<(), RegistryError> {
    let folder = folder.join(id.to_string());
    // The model file first: if this process is killed, it must not name files of a learner that are gone.
    let path = folder.join(MODEL_FILE);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(RegistryError::Write { path, source }),
        _ => {}
    }
    remove_folder(&folder)
}

/// Removes a folder with all that is in it, if it exists.
pub(super) fn remove_folder(path: &Path) -> Result<(), RegistryError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(RegistryError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Returns the folder of a model of a learner outside of this program. A recalibrated model has that of its fit.
pub(super) fn learner_folder(folder: &Path, id: ModelId, digest: &str) -> PathBuf {
    model_folder::path(&folder.join(id.fit().to_string()).join(LEARNER_FOLDER), digest)
}

pub(super) fn list_windows(folder: &Path) -> Result<Vec<(WindowIndex, Stamp)>, RegistryError> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        let index = name.strip_prefix("window-").and_then(|name| name.strip_suffix(".json"));
        let window = index.and_then(|index| index.parse().ok()).and_then(WindowIndex::new);
        if let (Some(window), Ok(metadata)) = (window, entry.metadata()) {
            found.push((window, stamp(&metadata)));
        }
    }
    Ok(found)
}

/// Removes a file of a window, if it exists.
pub(super) fn remove_window(folder: &Path, window: WindowIndex) -> Result<(), RegistryError> {
    let path = folder.join(window_file(window));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(RegistryError::Write { path, source: error }),
        _ => Ok(()),
    }
}

/// Syncs a folder, if it exists, so that the removal of its files survives a power cut.
pub(super) fn sync(folder: &Path) -> Result<(), RegistryError> {
    match files::sync_folder(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(RegistryError::Write { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}

pub(super) fn read_window(folder: &Path, window: WindowIndex) -> Result<WindowReport, RegistryError> {
    let path = folder.join(window_file(window));
    let report: WindowReport = read_json(&path, WINDOW_FORMAT)?;
    if report.window == window {
        Ok(report)
    } else {
        Err(RegistryError::Damaged { path, reason: format!("it belongs to window {}", report.window) })
    }
}

pub(super) fn write_window(folder: &Path, report: &WindowReport) -> Result<Stamp, RegistryError> {
    write_json(&folder.join(window_file(report.window)), report)
}

pub(super) fn window_file(window: WindowIndex) -> String {
    format!("{}.json", window.file_stem())
}

/// Writes a value as indented JSON, atomically.
pub(super) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<Stamp, RegistryError> {
    write_text(path, serde_json::to_vec_pretty(value))
}

/// Writes a text with a final line break, atomically.
pub(super) fn write_text(path: &Path, text: serde_json::Result<Vec<u8>>) -> Result<Stamp, RegistryError> {
    let failed = |source| RegistryError::Write { path: path.to_owned(), source };
    let mut text = text.map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    let file = files::write_durable(path, &text).map_err(failed)?;
    file.metadata().map(|metadata| stamp(&metadata)).map_err(failed)
}

pub(super) fn stamp(metadata: &fs::Metadata) -> Stamp {
    Stamp { modified: metadata.modified().ok(), length: metadata.len() }
}

/// Returns the stamp of a file, or `None` if it does not exist.
pub(super) fn stamp_of(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|metadata| stamp(&metadata))
}
