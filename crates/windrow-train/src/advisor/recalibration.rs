//! The losses of models that are fitted once and then recalibrated in each window. Their intercept and slope are renewed
//! on the newest labelled window that they have not learned from. If a model holds numbers in more than a tenth of that
//! window's rows, only the intercept is renewed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::advisor::ladder::LadderWork;
use crate::foreign::{FolderModel, ForeignLearner};
use crate::{Learning, TrainError, scoring};
use windrow_evaluation::{Evidence, RecalibratedModel, judged_histories, judged_windows, recalibrated_on};
use windrow_learn::model::{LinearModel, Logistic, ScoredModel, recalibrated};
use windrow_record::{ModelId, Scheme, WindowIndex};
use windrow_registry::{LadderModel, Recalibrations};
use windrow_windows::Manifest;

/// The histories and the windows that the advice needs of the models with one newest window.
#[derive(Debug, Default, PartialEq, Eq)]
struct Need {
    histories: BTreeSet<Scheme>,
    windows: BTreeSet<u32>,
}

/// Returns the recalibrated models that the advice after each of some windows compares.
///
/// `wanted` limits the histories, `delay` is the label delay in windows.
pub(super) fn compared(
    evidence: &Evidence,
    asked: RangeInclusive<u32>,
    wanted: Option<&[Scheme]>,
    delay: u32,
) -> Vec<RecalibratedModel> {
    let mut all = Vec::new();
    for (model, Need { histories, windows }) in needs(evidence, asked, wanted, delay) {
        for window in windows {
            let on = recalibrated_on(evidence, model, known(window, delay));
            all.extend(histories.iter().map(|history| RecalibratedModel { history: *history, model, on, window }));
        }
    }
    all
}

/// Returns what the advice after each of some windows needs, by the newest window of the models. These are the newest
/// models when the first window judged arrives. It changes only when a longer history is judged, so there are few.
fn needs(
    evidence: &Evidence,
    asked: RangeInclusive<u32>,
    wanted: Option<&[Scheme]>,
    delay: u32,
) -> BTreeMap<u32, Need> {
    let mut needs: BTreeMap<u32, Need> = BTreeMap::new();
    for last in asked {
        let histories = judged_histories(last, wanted, delay);
        let windows = judged_windows(evidence, last, &histories, delay);
        let Some(first) = windows.first() else { continue };
        let need = needs.entry(known(*first, delay)).or_default();
        need.histories.extend(histories);
        need.windows.extend(windows);
    }
    needs
}

/// Returns the newest window whose labels are known when `window` arrives.
fn known(window: u32, delay: u32) -> u32 {
    window.saturating_sub(1 + delay)
}

/// Computes the sums of `wanted` models that `found` does not have. Stores them, if there are any.
pub(super) fn complete(
    learning: &Learning,
    work: &mut LadderWork,
    manifests: &[Manifest],
    found: &mut Recalibrations,
    wanted: &[RecalibratedModel],
) -> Result<(), TrainError> {
    if let Some(foreign) = learning.learner.as_deref() {
        return complete_by_learner(learning, foreign, work, manifests, found, wanted);
    }
    let mut models: BTreeMap<ModelId, Option<LinearModel>> = BTreeMap::new();
    // Models that are recalibrated on the same window for the same window share the rows of both.
    let shared = missing(found, wanted);
    for id in shared.values().flatten() {
        if let Entry::Vacant(entry) = models.entry(*id) {
            entry.insert(model(learning, work, *id)?);
        }
    }
    let (threshold, mut is_new) = (learning.pipeline.train.threshold, false);
    for ((window, on), ids) in shared {
        let known: Vec<(ModelId, &LinearModel)> =
            ids.into_iter().filter_map(|id| Some((id, models.get(&id)?.as_ref()?))).collect();
        let Some(manifest) = manifests.get(window as usize - 1).filter(|_| !known.is_empty()) else { continue };
        let scored: Vec<_> = known.iter().map(|(id, model)| ScoredModel::from_linear(*id, model, threshold)).collect();
        let frame = work.frame(manifest.window)?;
        let earlier = on.and_then(WindowIndex::new).map(|on| work.frame(on)).transpose()?;
        let sums = recalibrated(earlier.as_deref(), &frame, &scored)
            .map_err(|source| TrainError::ReadRows { window: manifest.window, source })?;
        for ((id, _), sums) in known.iter().zip(sums) {
            let (history, model) = (id.scheme, id.window.get());
            found.insert(RecalibratedModel { history, model, on, window }, sums);
            is_new = true;
        }
    }
    if is_new {
        learning.registry.evidence().put_recalibrations(found)?;
    }
    Ok(())
}

/// Returns the models whose sums are not known, by the window that they predict and the one that they are recalibrated
/// on.
fn missing(found: &Recalibrations, wanted: &[RecalibratedModel]) -> BTreeMap<(u32, Option<u32>), BTreeSet<ModelId>> {
    let mut shared: BTreeMap<(u32, Option<u32>), BTreeSet<ModelId>> = BTreeMap::new();
    for one in wanted.iter().filter(|one| found.sums(**one).is_none()) {
        let Some(newest) = WindowIndex::new(one.model) else { continue };
        shared.entry((one.window, one.on)).or_default().insert(ModelId::new(newest, one.history));
    }
    shared
}

/// Does the same as [`complete`] for the models of a learner outside of this program.
fn complete_by_learner(
    learning: &Learning,
    foreign: &ForeignLearner,
    work: &mut LadderWork,
    manifests: &[Manifest],
    found: &mut Recalibrations,
    wanted: &[RecalibratedModel],
) -> Result<(), TrainError> {
    let shared = missing(found, wanted);
    let mut models: BTreeMap<ModelId, Option<FolderModel>> = BTreeMap::new();
    for id in shared.values().flatten() {
        if let Entry::Vacant(entry) = models.entry(*id) {
            entry.insert(folder_model(learning, foreign, work, *id)?);
        }
    }
    let mut is_new = false;
    for ((window, on), ids) in shared {
        let known: Vec<FolderModel> = ids.iter().filter_map(|id| models.get(id)?.clone()).collect();
        let Some(manifest) = manifests.get(window as usize - 1).filter(|_| !known.is_empty()) else { continue };
        let frame = work.frame(manifest.window)?;
        let earlier = match on.and_then(WindowIndex::new) {
            Some(on) => Some((on, work.frame(on)?)),
            None => None,
        };
        let earlier = earlier.as_ref().map(|(on, frame)| (*on, &**frame));
        let here = (manifest.window, &*frame);
        let Some(sums) = scoring::recalibrated_by_learner(learning, foreign, earlier, here, &known)? else { break };
        for (id, sums) in sums {
            let (history, model) = (id.scheme, id.window.get());
            found.insert(RecalibratedModel { history, model, on, window }, sums);
            is_new = true;
        }
    }
    // A model that was made again for these sums only is not published.
    for model in models.into_values().flatten() {
        learning.registry.discard_unpublished(model.id)?;
    }
    if is_new {
        learning.registry.evidence().put_recalibrations(found)?;
    }
    Ok(())
}

/// Returns a model of a learner outside of this program, as [`model`] does. No other stage can remove it while it is used.
fn folder_model(
    learning: &Learning,
    foreign: &ForeignLearner,
    work: &mut LadderWork,
    id: ModelId,
) -> Result<Option<FolderModel>, TrainError> {
    let registry = &learning.registry;
    if !learning.pipeline.train.schemes.contains(&id.scheme) {
        let Some(LadderModel::Foreign(found)) = work.model(id) else { return Ok(None) };
        let folder = registry.evidence().ladder_folder(id, &found.digest);
        return Ok(Some(FolderModel::new(id, folder)));
    }
    if let Some(model) = registry.snapshot().get(id) {
        let found = scoring::folder_model(learning, foreign, model.artifact())?;
        if found.is_some() || !scoring::has_lost_files(learning, model.artifact()) {
            return Ok(found);
        }
    }
    let Some(made) = work.make(learning, id)? else { return Ok(None) };
    scoring::folder_model(learning, foreign, &made)
}

/// Returns a model, whichever stage makes it: the advice must not depend on which models are kept in the registry. One
/// that `train.keep` has removed is made again.
fn model(learning: &Learning, work: &mut LadderWork, id: ModelId) -> Result<Option<LinearModel>, TrainError> {
    if !learning.pipeline.train.schemes.contains(&id.scheme) {
        return Ok(work.model(id).and_then(LadderModel::logistic).cloned());
    }
    if let Some(model) = learning.registry.snapshot().get(id) {
        return Ok(model.artifact().logistic().map(Logistic::linear_model));
    }
    let made = work.make(learning, id)?;
    Ok(made.and_then(|artifact| artifact.logistic().map(Logistic::linear_model)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_evaluation::{LOSSES_FORMAT, WindowLosses};

    /// Returns 40 windows with labelled rows, except for window 20.
    fn evidence() -> Evidence {
        let losses = |window: u32| WindowLosses {
            format: LOSSES_FORMAT,
            window: WindowIndex::new(window).expect("not 0"),
            sha256: String::new(),
            unlabelled: 0,
            rows: [u64::from(window != 20); 8],
            positives: [0; 8],
            models: Vec::new(),
        };
        Evidence::new((1..=40).map(losses))
    }

    #[test]
    fn few_models_are_recalibrated_whatever_the_number_of_windows() {
        // Without histories to ask for, every window with a labelled row is judged.
        let found = needs(&evidence(), 1..=40, Some(&[]), 2);
        let windows = (4..=40).filter(|window| *window != 20).collect();
        let expected = Need { histories: BTreeSet::new(), windows };
        assert_eq!(found, BTreeMap::from([(1, expected)]));
        assert!(compared(&evidence(), 1..=40, Some(&[]), 2).is_empty());
    }
}
