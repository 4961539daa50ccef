//! The acceptance rules for fitted models, and the report of each window.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::scoring::{self, LastScore};
use crate::{Learning, TrainError};
use windrow_learn::model::{Acceptance, Frame, Learned, WINDOW_FORMAT, WindowExtent, WindowReport, first_full_window};
use windrow_record::WindowIndex;
use windrow_registry::{Model, Snapshot};
use windrow_windows::Manifest;

/// Decides whether a model may be `latest` or `champion`. It must have reached its optimum, and its first fit must pass
/// the rules. One rule compares it with the champion. `newest` are the rows of its newest window. Returns `None` if the
/// run was stopped.
pub(super) fn verdict(
    learning: &Learning,
    learned: &Learned,
    champion: Option<&Model>,
    window: WindowIndex,
    newest: &Arc<Frame>,
) -> Result<Option<Acceptance>, TrainError> {
    let rules = &learning.pipeline.train.accept;
    let rejected = |reason: String| Ok(Some(Acceptance::Rejected { reason }));
    if !learned.is_converged() {
        return rejected("its solver stopped before the optimum".to_owned());
    }
    if !rules.has_rules() {
        return Ok(Some(Acceptance::Accepted));
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
    let (Some(most), Some(champion)) = (rules.max_log_loss_increase, champion) else {
        return Ok(Some(Acceptance::Accepted));
    };
    // The same rows for both models: the last ones, which neither has seen.
    let rows = usize::try_from(score.rows).unwrap_or(usize::MAX);
    let before = match scoring::score_on_last(learning, champion, window, newest, rows)? {
        LastScore::Known(before) => before,
        LastScore::None => return Ok(Some(Acceptance::Accepted)),
        LastScore::Stopped => return Ok(None),
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
    Ok(Some(Acceptance::Accepted))
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
