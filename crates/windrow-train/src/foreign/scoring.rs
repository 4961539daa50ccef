//! The probabilities of models on the rows of a window.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::TrainError;
use crate::foreign::ForeignLearner;
use crate::foreign::held::HeldFolder;
use crate::foreign::queue::in_parallel;
use windrow_learn::learner::LearnerError;
use windrow_learn::model::{Artifact, Frame, FramePart, calibrated};
use windrow_record::{ModelId, WindowIndex};

/// The most probabilities in memory at once, 128 MiB.
const MAX_PROBABILITIES: usize = 16 << 20;
/// The most models in a request. A path has at most 4,096 bytes, and a request 1 MiB.
const MAX_MODELS: usize = 250;

/// A model to be scored.
#[derive(Debug, Clone)]
pub(crate) struct FolderModel {
    pub(crate) id: ModelId,
    /// The folder of the model, or of the fit of a recalibrated one.
    folder: Folder,
    /// The intercept and the slope of the log-odds, if the model is recalibrated.
    pub(crate) calibration: Option<(f64, f64)>,
}

#[derive(Debug, Clone)]
enum Folder {
    /// No other stage removes the folder.
    Own(PathBuf),
    /// The folder is held until the last clone is dropped.
    Held(Arc<HeldFolder>),
}

impl FolderModel {
    /// Returns a model, as it was fitted, in a folder that no other stage removes.
    pub(crate) fn new(id: ModelId, folder: PathBuf) -> Self {
        Self { id, folder: Folder::Own(folder), calibration: None }
    }

    /// Returns the same model with another intercept and slope.
    pub(crate) fn with_calibration(self, calibration: Option<(f64, f64)>) -> Self {
        Self { calibration, ..self }
    }

    /// Returns the folder that the learner reads.
    pub(crate) fn path(&self) -> &Path {
        match &self.folder {
            Folder::Own(path) => path,
            Folder::Held(held) => held.path(),
        }
    }
}

/// Takes some models and their probabilities, in the order of the models.
type TakeBatch<'a> = &'a mut dyn FnMut(&[FolderModel], &[Vec<f64>]) -> Result<(), TrainError>;

impl ForeignLearner {
    /// Holds a published model, so that no other stage can remove it until the value and its clones are dropped. `folder`
    /// is its place. Returns `None` if it was removed, or if it is not a model of a learner.
    pub(crate) fn hold(&self, artifact: &Artifact, folder: &Path) -> Result<Option<FolderModel>, TrainError> {
        let (Some(found), Some(version)) = (artifact.foreign(), folder.file_name()) else { return Ok(None) };
        let name = format!("held-{}-{}", artifact.id.fit(), version.to_string_lossy());
        let held = self.files.hold(&name, folder, (found.files, found.bytes));
        let held = held.map_err(|source| TrainError::LearnerFile { window: artifact.id.window, source })?;
        let calibration = found.calibration;
        Ok(held.map(|held| FolderModel { id: artifact.id, folder: Folder::Held(held), calibration }))
    }

    /// Returns the probabilities of one model for a part of a window's rows. Returns `None` if the run was stopped.
    pub(crate) fn probabilities(
        &self,
        model: &FolderModel,
        window: WindowIndex,
        part: FramePart,
        frame: &Frame,
    ) -> Result<Option<Vec<f64>>, TrainError> {
        let mut found = None;
        let models = std::slice::from_ref(model);
        let is_through = self.each_batch(models, window, part, frame, &mut |_, probabilities| {
            found = probabilities.first().cloned();
            Ok(())
        })?;
        Ok(found.filter(|_| is_through))
    }

    /// Calls `take` with some models at a time and their probabilities for a part of a window's rows, in the order of
    /// the models. All processes of the learner work at once. Returns `false` if the run was stopped.
    pub(crate) fn each_batch(
        &self,
        models: &[FolderModel],
        window: WindowIndex,
        part: FramePart,
        frame: &Frame,
        take: TakeBatch<'_>,
    ) -> Result<bool, TrainError> {
        let rows = frame.part_len(part);
        if rows == 0 {
            take(models, &vec![Vec::new(); models.len()])?;
            return Ok(true);
        }
        let file = self.files.write(window, part, frame)?;
        let at_once = (MAX_PROBABILITIES / rows).max(1);
        for batch in models.chunks(at_once) {
            // A process reads the file once for all models of a request.
            let in_request = batch.len().div_ceil(self.workers).min(MAX_MODELS);
            let requests: Vec<&[FolderModel]> = batch.chunks(in_request).collect();
            let scored = in_parallel(self.workers, requests.len(), |request| {
                let folders: Vec<PathBuf> = requests[request].iter().map(|model| model.path().to_owned()).collect();
                self.learner.score(&folders, file.path(), rows)
            });
            let mut probabilities: Vec<Vec<f64>> = match scored {
                Ok(scored) => scored.into_iter().flatten().collect(),
                Err(LearnerError::Stopped) => return Ok(false),
                Err(source) => {
                    return Err(TrainError::Learner { work: format!("score models on window {window}"), source });
                }
            };
            for (model, probabilities) in batch.iter().zip(&mut probabilities) {
                if let Some(calibration) = model.calibration {
                    probabilities.iter_mut().for_each(|p| *p = calibrated(*p, calibration));
                }
            }
            take(batch, &probabilities)?;
        }
        Ok(true)
    }
}
