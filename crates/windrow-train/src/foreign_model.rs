//! Makes a model of a learner outside of this program: fits or recalibrates it, and moves its folder to its place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::foreign::{FitResult, FolderModel, ForeignLearner, ReadyModel, RowsFile, remove};
use crate::{Learning, TrainError, scoring};
use windrow_learn::frames::Frames;
use windrow_learn::learner::FolderDigest;
use windrow_learn::model::{
    Artifact, Example, Fitted, Foreign, Frame, FramePart, GivenModel, Inputs, Learned, Recalibration, Score,
    check_rows, given_scores, recalibrate_foreign, row_counts, versions,
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

/// Fits one model, as `windrow_learn::model::fit` does for a logistic regression. A first fit without the held-out rows
/// gives the score, if there are such rows. If the model was fitted before, its files are copied.
pub(super) fn fit(
    learning: &Learning,
    foreign: &ForeignLearner,
    id: ModelId,
    frames: &mut Frames,
    ready: Option<&ReadyModel>,
) -> Result<Made, TrainError> {
    let (first, last) = id.scheme.windows(id.window);
    let windows: Vec<WindowIndex> = frames.manifests(first, last).map(|manifest| manifest.window).collect();
    let files = foreign.window_files(frames, &windows)?;
    let used = frames.range(first, last)?;
    if let Err(why) = check_rows(&used, &learning.schema, false) {
        return Ok(Made::Refused(why.to_string()));
    }
    // A window without labelled rows adds nothing, and not every learner reads an empty file.
    let has_rows = |frame: &&Arc<Frame>| frame.labelled() > 0;
    let files: Vec<Arc<RowsFile>> =
        files.into_iter().zip(&used).filter(|(_, frame)| has_rows(frame)).map(|(file, _)| file).collect();
    let newest_rows = used.iter().rev().find(has_rows).map_or(0, |frame| frame.labelled());
    let began = Instant::now();
    let FirstScore::Known(score) = first_score(learning, foreign, id, &files, frames, &used)? else {
        return Ok(Made::Stopped);
    };
    let inputs = Inputs::of_frames(&learning.schema.features, &used, false);
    let levels = foreign.levels(&inputs);
    // A model that was fitted before has not learned from labels that arrived since.
    let labels_are_same = {
        let mut labelled = frames.manifests(first, last).map(|manifest| manifest.rows.labelled).zip(&used);
        labelled.all(|(before, frame)| before == frame.labelled() as u64)
    };
    let ready = ready.filter(|_| labels_are_same);
    let copied = ready.and_then(|ready| Some((foreign.copy(ready)?, ready.seconds)));
    let (result, before) = match copied {
        Some(copied) => copied,
        None => (foreign.fit(id, &files, &levels)?, 0.0),
    };
    let (folder, found) = match result {
        FitResult::Fitted(folder, found) => (folder, found),
        FitResult::Refused(reason) => return Ok(Made::Refused(reason)),
        FitResult::Stopped => return Ok(Made::Stopped),
    };
    let seconds = before + began.elapsed().as_secs_f64();
    foreign.repeat(id, &files, &levels, &folder, newest_rows)?;
    // The newest window that has examples.
    let with_examples = windows.iter().zip(&used).rev().find(|(_, frame)| !frame.examples().is_empty());
    let shown = FolderModel::new(id, folder.clone());
    let examples = match with_examples.map(|(window, _)| *window) {
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

/// The score of a first fit.
enum FirstScore {
    /// The score. `None` without held-out rows, or with too few others.
    Known(Option<Score>),
    /// The run was stopped.
    Stopped,
}

/// Fits a model without the held-out rows of the newest window, and scores it on them.
fn first_score(
    learning: &Learning,
    foreign: &ForeignLearner,
    id: ModelId,
    files: &[Arc<RowsFile>],
    frames: &mut Frames,
    used: &[Arc<Frame>],
) -> Result<FirstScore, TrainError> {
    let held_out = used.last().map_or(0, |frame| frame.held_out());
    let Some((_, earlier)) = files.split_last().filter(|_| held_out > 0) else {
        return Ok(FirstScore::Known(None));
    };
    if check_rows(used, &learning.schema, true).is_err() {
        return Ok(FirstScore::Known(None));
    }
    let newest = frames.frame(id.window)?;
    // Not every learner reads an empty file.
    let has_training = newest.part_len(FramePart::Training) > 0;
    let training = has_training.then(|| foreign.part_file(id.window, FramePart::Training, &newest)).transpose()?;
    let files: Vec<Arc<RowsFile>> = earlier.iter().cloned().chain(training).collect();
    let inputs = Inputs::of_frames(&learning.schema.features, used, true);
    let folder = match foreign.fit(id, &files, &foreign.levels(&inputs))? {
        FitResult::Fitted(folder, _) => folder,
        FitResult::Refused(_) => return Ok(FirstScore::Known(None)),
        FitResult::Stopped => return Ok(FirstScore::Stopped),
    };
    let model = FolderModel::new(id, folder);
    let found = foreign.probabilities(&model, id.window, FramePart::HeldOut, &newest)?;
    remove(model.path());
    let Some(probabilities) = found else { return Ok(FirstScore::Stopped) };
    let threshold = learning.pipeline.train.threshold;
    let given = GivenModel { id, threshold, probabilities: &probabilities };
    let (rows, positives) = row_counts(used, true);
    let scores = given_scores(&newest, &[given], &[positives as f64 / rows as f64]);
    let scores = scores.map_err(|source| TrainError::ReadRows { window: id.window, source })?;
    Ok(FirstScore::Known(scores.into_iter().next().flatten()))
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
