//! The acceptance rules for fitted models, and the report of each window.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use windrow_config::Accept;
use windrow_evaluation::is_kept;
use windrow_learn::model::{
    Acceptance, Frame, Learned, ModelScore, Score, ScoredModel, WINDOW_FORMAT, WindowExtent, WindowReport,
    first_full_window, scores,
};
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::{Model, Snapshot};
use windrow_windows::Manifest;

/// The number of models that are scored at once. It bounds the log-odds held in memory.
const MODELS_PER_BATCH: usize = 64;

/// Decides whether a model may be `latest` or `champion`. It must have reached its optimum, and its first fit must pass
/// the rules. One rule compares it with the champion.
pub(super) fn verdict(
    rules: &Accept,
    learned: &Learned,
    champion: Option<&Model>,
    newest: &Arc<Frame>,
) -> io::Result<Acceptance> {
    let rejected = |reason: String| Ok(Acceptance::Rejected { reason });
    if !learned.solver.converged {
        return rejected("its solver stopped before the optimum".to_owned());
    }
    if !rules.has_rules() {
        return Ok(Acceptance::Accepted);
    }
    let Some(score) = learned.scores.get("holdout") else {
        return rejected("its newest window has no held-out rows to evaluate it on".to_owned());
    };
    if let Some(least) = rules.min_auc {
        match score.auc {
            None => return rejected("its held-out rows have only one class, so its AUC cannot be computed".to_owned()),
            Some(auc) if auc < least => return rejected(format!("its AUC is {auc:.4}, below min_auc {least}")),
            Some(_) => {}
        }
    }
    let (Some(most), Some(champion)) = (rules.max_log_loss_increase, champion) else { return Ok(Acceptance::Accepted) };
    // The same rows for both models: the last ones, which neither has seen.
    let rows = usize::try_from(score.rows).unwrap_or(usize::MAX);
    let Some(before) = scored(newest, &[champion], Some(rows))?.pop().flatten() else {
        return Ok(Acceptance::Accepted);
    };
    let increase = score.log_loss - before.log_loss;
    if increase > most {
        return rejected(format!(
            "its log-loss is {:.4}, {increase:.4} above that of the champion {} on the same rows; max_log_loss_increase \
             is {most}",
            score.log_loss,
            champion.id()
        ));
    }
    Ok(Acceptance::Accepted)
}

/// Scores the models of earlier windows on a window, except those whose scores are `known`. Returns all scores, ordered
/// by model. Models that only the advice needs are left out: the scores must not depend on when the advisor makes them.
pub(super) fn model_scores(
    window: WindowIndex,
    known: &[ModelScore],
    frame: &Arc<Frame>,
    snapshot: &Snapshot,
) -> io::Result<Vec<ModelScore>> {
    let mut found = known.to_vec();
    let known: BTreeSet<ModelId> = known.iter().map(|score| score.model).collect();
    let of_schemes = snapshot.models().map(|model| &**model).filter(|model| !model.artifact().is_for_advice);
    let missing: Vec<&Model> = of_schemes.filter(|model| !known.contains(&model.id())).collect();
    let earlier: Vec<&Model> = missing.iter().copied().filter(|model| is_kept(model.id().window, window)).collect();
    for models in earlier.chunks(MODELS_PER_BATCH) {
        let scores = scored(frame, models, None)?;
        let of = |(model, window): (&&Model, Option<Score>)| {
            window.map(|window| ModelScore { model: model.id(), window: Some(window), holdout: None })
        };
        found.extend(models.iter().zip(scores).filter_map(of));
    }
    let own = missing.into_iter().filter(|model| model.id().window == window);
    found.extend(own.filter_map(|model| {
        let holdout = model.learned()?.scores.get("holdout").cloned();
        Some(ModelScore { model: model.id(), window: None, holdout })
    }));
    found.sort_by_key(|score| score.model);
    Ok(found)
}

/// Measures what changed since earlier windows. The report has no scores and no schemes yet.
pub(super) fn report(
    manifest: &Manifest,
    period: Option<String>,
    is_evidence: bool,
    frame: &Arc<Frame>,
    snapshot: &Snapshot,
) -> WindowReport {
    let window = manifest.window;
    let is_cut_off = window == WindowIndex::FIRST && manifest.times.begins_late();
    let earlier = snapshot.windows().filter(|report| report.window < window);
    let own = WindowExtent { window, labelled: frame.profile().rows, is_cut_off };
    let extents: Vec<WindowExtent> = earlier.map(|report| WindowExtent::from(&**report)).chain([own]).collect();
    let first_full = first_full_window(&extents).filter(|first| *first < window);
    let since = |index: Option<WindowIndex>| {
        let report = index.and_then(|index| snapshot.window(index))?;
        frame.profile().drift_since(&report.profile)
    };
    WindowReport {
        format: WINDOW_FORMAT,
        window,
        period,
        is_cut_off,
        is_evidence,
        sha256: manifest.rows.file.sha256.clone(),
        schemes: BTreeSet::new(),
        added: BTreeSet::new(),
        scores: Vec::new(),
        drift: since(WindowIndex::new(window.get() - 1)),
        first_full,
        drift_since_first: since(first_full),
        profile: frame.profile().clone(),
    }
}

/// Scores models on a window, or on its last rows.
fn scored(frame: &Frame, models: &[&Model], last: Option<usize>) -> io::Result<Vec<Option<Score>>> {
    let learned = models.iter().filter_map(|model| Some((model, model.learned()?)));
    let (mut all, mut shares) = (Vec::new(), Vec::new());
    for (model, learned) in learned {
        let lineage = &model.artifact().lineage;
        all.push(ScoredModel::of(model.id(), learned));
        shares.push(lineage.fit_positives as f64 / lineage.fit_rows as f64);
    }
    let mut found = scores(frame, &all, &shares, last)?.into_iter();
    Ok(models.iter().map(|model| model.learned().and_then(|_| found.next().flatten())).collect())
}
