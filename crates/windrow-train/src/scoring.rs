//! The losses and the scores of models on a window. One pass over the rows feeds both.
//!
//! Losses are kept for the advice, scores for the report of the window. Both are of the models that `is_kept` names: the
//! pages show them all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use crate::foreign::{FolderModel, ForeignLearner};
use crate::{Learning, TrainError};
use windrow_evaluation::{WindowLosses, is_kept};
use windrow_learn::learner::measure_folder;
use windrow_learn::model::{
    Artifact, Foreign, Frame, FramePart, GivenModel, ModelScore, Score, ScoredModel, given_aucs, given_calibration,
    given_losses, given_recalibrated, given_scores, losses_and_scores, scores,
};
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::{Model, Snapshot};
use windrow_windows::Manifest;

/// The losses and the scores of models on one window.
#[derive(Debug)]
pub(super) struct WindowScores {
    /// The losses. `None` before the window is scored, and for a window that repeats earlier rows.
    pub(super) losses: Option<WindowLosses>,
    /// The scores, ordered by model.
    pub(super) scores: Vec<ModelScore>,
}

/// The losses of some models on a window, if they are evidence, and their scores.
type Found = (Option<WindowLosses>, Vec<(ModelId, Option<Score>)>);

/// The score of a model on the last rows of a window.
#[derive(Debug)]
pub(super) enum LastScore {
    /// The score on these rows.
    Known(Score),
    /// There is no model, or no row.
    None,
    /// The run was stopped.
    Stopped,
}

/// Adds the losses and the scores of the models of earlier windows that `known` does not have, and the held-out scores
/// of the window's own models. Without evidence, no losses are added. Models that only the advice needs are left out:
/// the scores must not depend on when the advisor makes them, and the advisor stores their losses. Returns `None` if the
/// run was stopped.
pub(super) fn complete(
    known: WindowScores,
    learning: &Learning,
    manifest: &Manifest,
    is_evidence: bool,
    frame: &Frame,
    snapshot: &Snapshot,
) -> Result<Option<WindowScores>, TrainError> {
    let window = manifest.window;
    let WindowScores { losses: known_losses, scores: mut all_scores } = known;
    let with_losses = known_losses.iter().flat_map(|known| &known.models);
    let with_losses: BTreeSet<ModelId> = with_losses.map(|losses| losses.model).collect();
    let with_score: BTreeSet<ModelId> = all_scores.iter().map(|score| score.model).collect();
    let is_missing = |id: ModelId| !with_score.contains(&id) || (is_evidence && !with_losses.contains(&id));
    let of_schemes = snapshot.models().filter(|model| !model.artifact().is_for_advice);
    let missing: Vec<&Model> = of_schemes.map(|model| &**model).filter(|model| is_missing(model.id())).collect();
    let earlier: Vec<&Model> = missing.iter().copied().filter(|model| is_kept(model.id().window, window)).collect();
    let (new, found) = match learning.learner.as_deref() {
        Some(foreign) => match by_learner(learning, foreign, manifest, is_evidence, frame, &earlier)? {
            Some(found) => found,
            None => return Ok(None),
        },
        None => {
            let found = by_coefficients(manifest, is_evidence, frame, &earlier);
            found.map_err(|source| TrainError::ReadRows { window, source })?
        }
    };
    let losses = match new {
        Some(mut losses) => {
            losses.models.retain(|losses| !with_losses.contains(&losses.model));
            if let Some(known) = known_losses {
                losses.merge(known);
            }
            Some(losses)
        }
        None => known_losses,
    };
    let found = found.into_iter().filter(|(model, _)| !with_score.contains(model));
    all_scores
        .extend(found.filter_map(|(model, score)| Some(ModelScore { model, window: Some(score?), holdout: None })));
    let own = missing.iter().filter(|model| model.id().window == window && !with_score.contains(&model.id()));
    all_scores.extend(own.filter_map(|model| {
        let holdout = model.learned()?.scores.get("holdout").cloned();
        Some(ModelScore { model: model.id(), window: None, holdout })
    }));
    all_scores.sort_by_key(|score| score.model);
    Ok(Some(WindowScores { losses, scores: all_scores }))
}

/// Computes the losses and the scores of logistic regressions.
fn by_coefficients(manifest: &Manifest, is_evidence: bool, frame: &Frame, models: &[&Model]) -> io::Result<Found> {
    let scored = models.iter().filter_map(|model| Some((ScoredModel::of(model.id(), model.learned()?)?, share(model))));
    let (models, shares): (Vec<ScoredModel<'_>>, Vec<f64>) = scored.unzip();
    let (losses, found) = if is_evidence {
        let sha256 = manifest.rows.file.sha256.as_str();
        let (losses, found) = losses_and_scores(frame, manifest.window, sha256, &models, &shares)?;
        (Some(losses), found)
    } else {
        (None, scores(frame, &models, &shares, None)?)
    };
    Ok((losses, models.iter().map(|model| model.id).zip(found).collect()))
}

/// Computes the losses and the scores of models of a learner outside of this program, from its probabilities. Returns
/// `None` if the run was stopped.
fn by_learner(
    learning: &Learning,
    foreign: &ForeignLearner,
    manifest: &Manifest,
    is_evidence: bool,
    frame: &Frame,
    models: &[&Model],
) -> Result<Option<Found>, TrainError> {
    let (window, sha256) = (manifest.window, manifest.rows.file.sha256.as_str());
    let unreadable = |source| TrainError::ReadRows { window, source };
    let shares: BTreeMap<ModelId, f64> = models.iter().map(|model| (model.id(), share(model))).collect();
    let folders = models.iter().map(|model| folder_model(learning, foreign, model.artifact()));
    let folders: Vec<FolderModel> = folders.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let none = || given_losses(frame, window, sha256, &[]).map_err(unreadable);
    let mut losses = is_evidence.then(none).transpose()?;
    let mut found = Vec::with_capacity(folders.len());
    let is_through = foreign.each_batch(&folders, window, FramePart::Whole, frame, &mut |batch, probabilities| {
        let given = given(batch, probabilities, learning.pipeline.train.threshold);
        if let Some(losses) = &mut losses {
            losses.models.extend(given_losses(frame, window, sha256, &given).map_err(unreadable)?.models);
        }
        let shares: Vec<f64> = batch.iter().map(|model| shares.get(&model.id).copied().unwrap_or(0.5)).collect();
        let scores = given_scores(frame, &given, &shares).map_err(unreadable)?;
        found.extend(batch.iter().map(|model| model.id).zip(scores));
        Ok(())
    })?;
    Ok(is_through.then_some((losses, found)))
}

/// Computes the losses of models of a learner outside of this program. Returns `None` if the run was stopped.
pub(super) fn losses_by_learner(
    learning: &Learning,
    foreign: &ForeignLearner,
    manifest: &Manifest,
    frame: &Frame,
    models: &[FolderModel],
) -> Result<Option<WindowLosses>, TrainError> {
    let (window, sha256) = (manifest.window, manifest.rows.file.sha256.as_str());
    let unreadable = |source| TrainError::ReadRows { window, source };
    let mut losses = given_losses(frame, window, sha256, &[]).map_err(unreadable)?;
    let is_through = foreign.each_batch(models, window, FramePart::Whole, frame, &mut |batch, probabilities| {
        let given = given(batch, probabilities, learning.pipeline.train.threshold);
        losses.models.extend(given_losses(frame, window, sha256, &given).map_err(unreadable)?.models);
        Ok(())
    })?;
    Ok(is_through.then_some(losses))
}

/// Computes the AUC of models of a learner outside of this program. If the run was stopped, some are missing.
pub(super) fn aucs_by_learner(
    learning: &Learning,
    foreign: &ForeignLearner,
    window: WindowIndex,
    frame: &Frame,
    models: &[FolderModel],
) -> Result<Vec<(ModelId, Option<f64>)>, TrainError> {
    let mut found = Vec::with_capacity(models.len());
    foreign.each_batch(models, window, FramePart::Whole, frame, &mut |batch, probabilities| {
        let given = given(batch, probabilities, learning.pipeline.train.threshold);
        let aucs = given_aucs(frame, &given).map_err(|source| TrainError::ReadRows { window, source })?;
        found.extend(batch.iter().map(|model| model.id).zip(aucs));
        Ok(())
    })?;
    Ok(found)
}

/// A model with its sums on a window: log-loss, squared error, false alarms and misses.
pub(super) type ModelSums = (ModelId, [f64; 4]);

/// Recalibrates models of a learner outside of this program on an earlier window, if there is one. Returns each model's
/// sums on a later window: log-loss, squared error, false alarms and misses. Returns `None` if the run was stopped.
pub(super) fn recalibrated_by_learner(
    learning: &Learning,
    foreign: &ForeignLearner,
    earlier: Option<(WindowIndex, &Frame)>,
    (window, frame): (WindowIndex, &Frame),
    models: &[FolderModel],
) -> Result<Option<Vec<ModelSums>>, TrainError> {
    let threshold = learning.pipeline.train.threshold;
    let mut calibrations: BTreeMap<ModelId, (f64, f64)> = BTreeMap::new();
    if let Some((on, earlier)) = earlier {
        let is_through = foreign.each_batch(models, on, FramePart::Whole, earlier, &mut |batch, probabilities| {
            for model in given(batch, probabilities, threshold) {
                let found = given_calibration(earlier, &model);
                calibrations.insert(model.id, found.map_err(|source| TrainError::ReadRows { window: on, source })?);
            }
            Ok(())
        })?;
        if !is_through {
            return Ok(None);
        }
    }
    let mut found = Vec::with_capacity(models.len());
    let is_through = foreign.each_batch(models, window, FramePart::Whole, frame, &mut |batch, probabilities| {
        for model in given(batch, probabilities, threshold) {
            let calibration = calibrations.get(&model.id).copied().unwrap_or((0.0, 1.0));
            let sums = given_recalibrated(frame, &model, calibration);
            found.push((model.id, sums.map_err(|source| TrainError::ReadRows { window, source })?));
        }
        Ok(())
    })?;
    Ok(is_through.then_some(found))
}

/// Scores the champion on the last rows of a window: those that are held out, of which there are `rows`.
///
/// # Errors
/// The learner fails, or another process has removed the files of the champion.
pub(super) fn score_on_last(
    learning: &Learning,
    model: &Model,
    window: WindowIndex,
    frame: &Frame,
    rows: usize,
) -> Result<LastScore, TrainError> {
    let unreadable = |source| TrainError::ReadRows { window, source };
    let shares = [share(model)];
    let folder = match learning.learner.as_deref() {
        Some(foreign) => folder_model(learning, foreign, model.artifact())?.map(|folder| (foreign, folder)),
        None => None,
    };
    let score = match folder {
        Some((foreign, folder)) => {
            let found = foreign.probabilities(&folder, window, FramePart::HeldOut, frame)?;
            let Some(probabilities) = found else { return Ok(LastScore::Stopped) };
            let probabilities = [probabilities];
            let given = given(&[folder], &probabilities, learning.pipeline.train.threshold);
            given_scores(frame, &given, &shares).map_err(unreadable)?.pop().flatten()
        }
        // A model is not accepted without the comparison.
        None if learning.learner.is_some() && model.artifact().foreign().is_some() => {
            return Err(TrainError::NoChampion { champion: model.id(), window });
        }
        None => {
            let scored = model.learned().and_then(|learned| ScoredModel::of(model.id(), learned));
            let Some(scored) = scored else { return Ok(LastScore::None) };
            scores(frame, &[scored], &shares, Some(rows)).map_err(unreadable)?.pop().flatten()
        }
    };
    Ok(score.map_or(LastScore::None, LastScore::Known))
}

/// Returns a model of a learner outside of this program whose folder is at its place; `None` for any other model. If
/// `train.keep` removes models, it is held as long as the value exists, and the result is `None` if it was removed.
pub(super) fn folder_model(
    learning: &Learning,
    foreign: &ForeignLearner,
    artifact: &Artifact,
) -> Result<Option<FolderModel>, TrainError> {
    let both = artifact.foreign().zip(learning.registry.learner_folder(artifact));
    let Some((found, folder)) = both else { return Ok(None) };
    if learning.pipeline.train.keep.is_some() {
        return foreign.hold(artifact, &folder);
    }
    Ok(Some(FolderModel::new(artifact.id, folder).with_calibration(found.calibration)))
}

/// Returns `true` if a model of a learner outside of this program does not have its files any more.
pub(super) fn has_lost_files(learning: &Learning, artifact: &Artifact) -> bool {
    let both = artifact.foreign().zip(learning.registry.learner_folder(artifact));
    let is_whole = |found: &Foreign, folder: &Path| {
        measure_folder(folder).is_ok_and(|measured| measured == (found.files, found.bytes))
    };
    both.is_some_and(|(found, folder)| !is_whole(found, &folder))
}

/// Returns models with their probabilities.
pub(super) fn given<'a>(models: &[FolderModel], probabilities: &'a [Vec<f64>], threshold: f64) -> Vec<GivenModel<'a>> {
    let both = models.iter().zip(probabilities);
    both.map(|(model, probabilities)| GivenModel { id: model.id, threshold, probabilities }).collect()
}

/// Returns the share of positives among the rows that a model learned from.
fn share(model: &Model) -> f64 {
    let lineage = &model.artifact().lineage;
    lineage.fit_positives as f64 / lineage.fit_rows as f64
}
