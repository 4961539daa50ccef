//! The AUC by window of the policies that the advice shows.
//!
//! The trainer has ranked the rows of a window by each published model, for the report of the window. Only models of the
//! ladder remain, and of these only the few that the policies have in use. Their AUC is stored, so a run that repeats the
//! question ranks no row again.

use std::collections::{BTreeMap, BTreeSet};

use crate::advisor::ladder::{LadderWork, folder_models};
use crate::{Learning, TrainError, scoring};
use windrow_evaluation::{ModelsInUse, Policy, PolicyAuc, Trial};
use windrow_learn::model::{ScoredModel, aucs};
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::{LadderModel, Snapshot};
use windrow_windows::Manifest;

/// A question about the AUC by window.
pub(super) struct Question<'a> {
    pub(super) trial: &'a Trial,
    /// The policy that the advice names.
    pub(super) named: Option<Policy>,
    /// `true` for the question of the pipeline file. Only then is what it does not need removed from the stored AUC.
    pub(super) is_own: bool,
    /// Returns the name of a window.
    pub(super) label: &'a dyn Fn(u32) -> String,
}

/// Returns the AUC of the named policy, of fit once, and of all history, on the windows of the trial.
pub(super) fn by_window(
    learning: &Learning,
    work: &mut LadderWork,
    manifests: &[Manifest],
    question: &Question<'_>,
) -> Result<Vec<PolicyAuc>, TrainError> {
    let in_use = ModelsInUse::new(question.trial, &work.evidence, question.named);
    let needed: BTreeMap<u32, BTreeSet<ModelId>> = in_use.by_window().collect();
    let (store, snapshot) = (learning.registry.evidence(), learning.registry.snapshot());
    let manifest = |window: u32| manifests.get((window as usize).checked_sub(1)?);
    let stored = store.model_aucs()?;
    let mut known = stored.clone();
    for (window, models) in &needed {
        let Some(manifest) = manifest(*window) else { continue };
        let (window, sha256) = (manifest.window, manifest.rows.file.sha256.as_str());
        let is_missing =
            |id: &ModelId| reported(&snapshot, window, *id).is_none() && known.get(window, sha256, *id).is_none();
        let missing = models.iter().copied().filter(is_missing);
        let missing = missing.filter_map(|id| Some((id, work.model(id)?.clone())));
        let missing: Vec<(ModelId, LadderModel)> = missing.collect();
        if missing.is_empty() {
            continue;
        }
        let frame = work.frame(window)?;
        let found: Vec<(ModelId, Option<f64>)> = match learning.learner.as_deref() {
            Some(foreign) => {
                let folders: Vec<_> = folder_models(store, &missing).collect();
                scoring::aucs_by_learner(learning, foreign, window, &frame, &folders)?
            }
            None => {
                let threshold = learning.pipeline.train.threshold;
                let logistic = missing.iter().filter_map(|(id, model)| Some((*id, model.logistic()?)));
                let scored: Vec<_> = logistic.map(|(id, one)| ScoredModel::from_linear(id, one, threshold)).collect();
                let found = aucs(&frame, &scored).map_err(|source| TrainError::ReadRows { window, source })?;
                scored.iter().map(|model| model.id).zip(found).collect()
            }
        };
        for (id, auc) in found {
            known.insert(window, sha256, id, auc);
        }
    }
    if question.is_own {
        known.retain(|window, model| needed.get(&window).is_some_and(|models| models.contains(&model)));
    }
    if known != stored {
        store.put_model_aucs(&known)?;
    }
    let auc = |id: ModelId, window: u32| {
        let manifest = manifest(window)?;
        let reported = reported(&snapshot, manifest.window, id);
        reported.or_else(|| known.get(manifest.window, &manifest.rows.file.sha256, id)).flatten()
    };
    Ok(in_use.auc(auc, question.label))
}

/// Returns the AUC of a model in the report of a window. The outer `None` means that the report does not have it.
fn reported(snapshot: &Snapshot, window: WindowIndex, model: ModelId) -> Option<Option<f64>> {
    let scores = &snapshot.window(window)?.scores;
    let score = scores.iter().find(|score| score.model == model)?.window.as_ref()?;
    Some(score.auc)
}
