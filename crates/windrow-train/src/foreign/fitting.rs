//! One fit by a learner outside of this program: from files of rows to a checked folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::foreign::ForeignLearner;
use crate::foreign::files::RowsFile;
use crate::foreign::reason::plain_reason;
use windrow_learn::learner::{FitTask, FolderDigest, LearnerError, inspect_folder};
use windrow_record::ModelId;

/// The result of a fit.
#[derive(Debug)]
pub(crate) enum FitResult {
    /// The learner left a model in a folder, which the caller moves to its place.
    Fitted(PathBuf, FolderDigest),
    /// The learner says that nothing can be learned from the rows. Holds its reason as a line of plain text.
    Refused(String),
    /// The run was stopped.
    Stopped,
}

/// A model that was fitted before, to the same rows and with the same seed.
#[derive(Debug)]
pub(crate) struct ReadyModel {
    pub(crate) folder: PathBuf,
    pub(crate) digest: String,
    /// The wall-clock time of the fit, in seconds.
    pub(crate) seconds: f64,
}

impl ForeignLearner {
    /// Fits a model to files, oldest window first.
    pub(crate) fn fit(
        &self,
        id: ModelId,
        files: &[Arc<RowsFile>],
        levels: &BTreeMap<String, Vec<String>>,
    ) -> Result<FitResult, TrainError> {
        let model = id.to_string();
        let folder = self.files.model_folder();
        let folder = folder.map_err(|source| TrainError::LearnerFile { window: id.window, source })?;
        let files: Vec<PathBuf> = files.iter().map(|file| file.path().to_owned()).collect();
        let task = FitTask { files: &files, levels, folder: &folder, seed: self.seed(id), model: &model };
        match self.learner.fit(&task) {
            Ok(()) => {}
            Err(LearnerError::Unlearnable(reason)) => {
                remove(&folder);
                // The API shows the reason. The whole text is for the operator.
                tracing::debug!(%model, %reason, "the learner says that nothing can be learned");
                return Ok(FitResult::Refused(plain_reason(&reason)));
            }
            Err(LearnerError::Stopped) => return Ok(FitResult::Stopped),
            Err(source) => return Err(TrainError::Learner { work: format!("fit {model}"), source }),
        }
        let found = inspect_folder(&folder).map_err(|source| TrainError::ModelFolder { model, source })?;
        Ok(FitResult::Fitted(folder, found))
    }

    /// Returns a copy of a model that was fitted before. Returns `None` if its files are missing or were changed.
    pub(crate) fn copy(&self, ready: &ReadyModel) -> Option<FitResult> {
        let folder = self.files.copy(&ready.folder).ok()?;
        let found = inspect_folder(&folder).ok().filter(|found| found.digest == ready.digest);
        if found.is_none() {
            remove(&folder);
        }
        Some(FitResult::Fitted(folder, found?))
    }

    /// Returns the seed of a fit, of 31 bits. It follows from the names of pipeline, window and history.
    pub(crate) fn seed(&self, id: ModelId) -> u32 {
        let digest = Sha256::digest(format!("{}\n{}\n{}", self.pipeline, id.window, id.scheme));
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 1
    }

    /// Fits the first model of a study again, and reports how far the probabilities of `rows` rows differ. Does nothing
    /// for a later model, or if the difference is known from an earlier run.
    pub(crate) fn repeat(
        &self,
        id: ModelId,
        files: &[Arc<RowsFile>],
        levels: &BTreeMap<String, Vec<String>>,
        fitted: &Path,
        rows: usize,
    ) -> Result<(), TrainError> {
        let Some(report) = self.repeat.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        let Some(file) = files.last() else { return Ok(()) };
        match self.fit(id, files, levels)? {
            FitResult::Fitted(again, _) => {
                let models = [fitted.to_owned(), again.clone()];
                let found = match self.learner.score(&models, file.path(), rows) {
                    Err(LearnerError::Stopped) => return Ok(()),
                    found => found.map_err(|source| TrainError::Learner { work: format!("score {id}"), source })?,
                };
                report(apart(&found));
                remove(&again);
            }
            FitResult::Refused(_) => report(f64::INFINITY),
            FitResult::Stopped => {}
        }
        Ok(())
    }
}

/// Removes a folder that is of no further use. What stays is removed at the end.
pub(crate) fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}

/// Returns the largest difference between the probabilities of two models.
fn apart(found: &[Vec<f64>]) -> f64 {
    let [first, second] = found else { return f64::INFINITY };
    first.iter().zip(second).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
}
