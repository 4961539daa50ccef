//! Makes a model of a learner outside of this program: fits or recalibrates it, and moves its folder to its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::foreign::{FitResult, FolderModel, ForeignLearner};
use crate::foreign_fit::{Begun, Fits, Start, Task};
use crate::{Learning, TrainError, scoring};
use windrow_learn::frames::Frames;
use windrow_learn::learner::FolderDigest;
use windrow_learn::model::{
    Artifact, Example, Fitted, Foreign, Frame, FramePart, Learned, Recalibration, recalibrate_foreign, versions,
};
use windrow_record::{ModelId, WindowIndex};

/// The result of a fit.
#[derive(Debug)]
pub(super) enum Made {
    /// A model. Its folder is at its place.
    Learned(Box<Learned>),
    /// The reason why no model can be learned.
    Refused(String),
    /// The run was stopped.
    Stopped,
}

/// Makes one model, as `windrow_learn::model::fit` does for a logistic regression. A first fit without the held-out rows
/// gives the score, if there are such rows.
pub(super) fn fit(
    learning: &Learning,
    foreign: &ForeignLearner,
    id: ModelId,
    frames: &mut Frames,
    start: Start<'_>,
) -> Result<Made, TrainError> {
    let (task, fits) = match start.begun(learning, foreign, id, frames)? {
        Begun::Refused(reason) => return Ok(Made::Refused(reason)),
        Begun::Fitted(both) => *both,
    };
    let Fits { result, score, seconds } = fits?;
    let (folder, found) = match result {
        FitResult::Fitted(folder, found) => (folder, found),
        FitResult::Refused(reason) => return Ok(Made::Refused(reason)),
        FitResult::Stopped => return Ok(Made::Stopped),
    };
    let Task { files, inputs, levels, newest_rows, with_examples, .. } = task;
    foreign.repeat(id, &files, &levels, &folder, newest_rows)?;
    let shown = FolderModel::new(id, folder.clone());
    let examples = match with_examples {
        Some(window) => {
            let frame = frames.frame(window)?;
            examples(foreign, &shown, window, &frame)?
        }
        None => Some(Vec::new()),
    };
    let Some(examples) = examples else { return Ok(Made::Stopped) };
    let FolderDigest { digest, files, bytes } = found;
    learning.registry.put_learner_folder(id, &folder, &digest)?;
    let fitted = Fitted::Foreign(Foreign {
        learner: foreign.identity().clone(),
        schema: foreign.schema().clone(),
        inputs,
        digest,
        files,
        bytes,
        seed: foreign.seed(id),
        seconds,
        calibration: None,
    });
    let scores = score.map(|score| ("holdout".to_owned(), score)).into_iter().collect();
    let threshold = learning.pipeline.train.threshold;
    Ok(Made::Learned(Box::new(Learned { fitted, threshold, scores, examples })))
}

/// Recalibrates a fitted model on a later window. Returns `None` if the model is not of a learner, if it was removed, or
/// if the run was stopped.
pub(super) fn recalibrate(
    learning: &Learning,
    foreign: &ForeignLearner,
    fitted: &Artifact,
    on: WindowIndex,
    frame: &Arc<Frame>,
) -> Result<Option<(Learned, Recalibration)>, TrainError> {
    let Some(fit) = scoring::folder_model(learning, foreign, fitted)? else { return Ok(None) };
    let found = foreign.probabilities(&fit, on, FramePart::Whole, frame)?;
    let Some(probabilities) = found else { return Ok(None) };
    let found = recalibrate_foreign(fitted, on, frame, &probabilities)
        .map_err(|source| TrainError::ReadRows { window: on, source })?;
    let Some((mut learned, recalibration)) = found else { return Ok(None) };
    let calibration = Some((recalibration.intercept, recalibration.slope));
    let Some(examples) = examples(foreign, &fit.with_calibration(calibration), on, frame)? else { return Ok(None) };
    learned.examples = examples;
    Ok(Some((learned, recalibration)))
}

/// Returns the versions that the numbers of a model depend on: of this program, and of the learner's libraries.
pub(super) fn versions_of(foreign: &ForeignLearner) -> BTreeMap<String, String> {
    let own = versions().into_iter().filter(|(name, _)| name == "windrow");
    foreign.identity().versions.clone().into_iter().chain(own).collect()
}

/// Returns the example rows of a window, with the model's probabilities. Returns `None` if the run was stopped.
fn examples(
    foreign: &ForeignLearner,
    model: &FolderModel,
    window: WindowIndex,
    frame: &Frame,
) -> Result<Option<Vec<Example>>, TrainError> {
    let found = foreign.probabilities(model, window, FramePart::Examples, frame)?;
    let Some(probabilities) = found else { return Ok(None) };
    let rows = frame.examples().iter().zip(probabilities);
    Ok(Some(rows.map(|(row, probability)| Example { row: row.clone(), probability }).collect()))
}
