//! The probabilities of models on the rows of a window.

use std::path::PathBuf;

use crate::error::TrainError;
use crate::foreign::ForeignLearner;
use crate::foreign::queue::in_parallel;
use windrow_learn::learner::LearnerError;
use windrow_learn::model::{Frame, FramePart, calibrated};
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
    pub(crate) folder: PathBuf,
    /// The intercept and the slope of the log-odds, if the model is recalibrated.
    pub(crate) calibration: Option<(f64, f64)>,
}

/// Takes some models and their probabilities, in the order of the models.
type TakeBatch<'a> = &'a mut dyn FnMut(&[FolderModel], &[Vec<f64>]) -> Result<(), TrainError>;

impl ForeignLearner {
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
                let folders: Vec<PathBuf> = requests[request].iter().map(|model| model.folder.clone()).collect();
                self.learner.score(&folders, &file, rows)
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
