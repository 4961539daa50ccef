//! The losses and the scores of models on a window. One pass over the rows feeds both.
//!
//! Losses are kept for the advice, scores for the report of the window. Both are of the models that `is_kept` names.

use std::collections::BTreeSet;
use std::io;

use windrow_evaluation::{WindowLosses, is_kept};
use windrow_learn::model::{Frame, ModelScore, Score, ScoredModel, losses_and_scores, scores};
use windrow_record::ModelId;
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

/// Adds the losses and the scores of the models of earlier windows that `known` does not have, and the held-out scores
/// of the window's own models. Without evidence, no losses are added. Models that only the advice needs are left out:
/// the scores must not depend on when the advisor makes them, and the advisor stores their losses.
pub(super) fn complete(
    known: WindowScores,
    manifest: &Manifest,
    is_evidence: bool,
    frame: &Frame,
    snapshot: &Snapshot,
) -> io::Result<WindowScores> {
    let (window, sha256) = (manifest.window, manifest.rows.file.sha256.as_str());
    let WindowScores { losses: known_losses, scores: mut all_scores } = known;
    let with_losses = known_losses.iter().flat_map(|known| &known.models);
    let with_losses: BTreeSet<ModelId> = with_losses.map(|losses| losses.model).collect();
    let with_score: BTreeSet<ModelId> = all_scores.iter().map(|score| score.model).collect();
    let is_missing = |id: ModelId| !with_score.contains(&id) || (is_evidence && !with_losses.contains(&id));
    let of_schemes = snapshot.models().filter(|model| !model.artifact().is_for_advice);
    let missing: Vec<&Model> = of_schemes.map(|model| &**model).filter(|model| is_missing(model.id())).collect();
    let earlier = missing.iter().filter(|model| is_kept(model.id().window, window));
    let earlier = earlier.filter_map(|model| Some((ScoredModel::of(model.id(), model.learned()?)?, share(model))));
    let (models, shares): (Vec<ScoredModel<'_>>, Vec<f64>) = earlier.unzip();
    let (losses, found) = if is_evidence {
        let (mut losses, found) = losses_and_scores(frame, window, sha256, &models, &shares)?;
        losses.models.retain(|losses| !with_losses.contains(&losses.model));
        if let Some(known) = known_losses {
            losses.merge(known);
        }
        (Some(losses), found)
    } else {
        (known_losses, scores(frame, &models, &shares, None)?)
    };
    let found = models.iter().zip(found).filter(|(model, _)| !with_score.contains(&model.id));
    all_scores.extend(
        found.filter_map(|(model, score)| Some(ModelScore { model: model.id, window: Some(score?), holdout: None })),
    );
    let own = missing.iter().filter(|model| model.id().window == window && !with_score.contains(&model.id()));
    all_scores.extend(own.filter_map(|model| {
        let holdout = model.learned()?.scores.get("holdout").cloned();
        Some(ModelScore { model: model.id(), window: None, holdout })
    }));
    all_scores.sort_by_key(|score| score.model);
    Ok(WindowScores { losses, scores: all_scores })
}

/// Scores a model on the last rows of a window.
pub(super) fn score_on_last(model: &Model, frame: &Frame, rows: usize) -> io::Result<Option<Score>> {
    let scored = model.learned().and_then(|learned| ScoredModel::of(model.id(), learned));
    let Some(scored) = scored else { return Ok(None) };
    Ok(scores(frame, &[scored], &[share(model)], Some(rows))?.pop().flatten())
}

/// Returns the share of positives among the rows that a model learned from.
fn share(model: &Model) -> f64 {
    let lineage = &model.artifact().lineage;
    lineage.fit_positives as f64 / lineage.fit_rows as f64
}
