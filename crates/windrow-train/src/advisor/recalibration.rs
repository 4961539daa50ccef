//! The losses of models that are fitted once and then recalibrated in each window. Their intercept and slope are renewed
//! on the newest labelled window that they have not learned from. If a model holds numbers in more than a tenth of that
//! window's rows, only the intercept is renewed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::advisor::ladder::LadderWork;
use crate::{Learning, TrainError};
use windrow_evaluation::{Evidence, judged_histories, judged_windows};
use windrow_learn::model::{LinearModel, ScoredModel, recalibrated};
use windrow_record::{ModelId, Scheme, WindowIndex};
use windrow_registry::Recalibrations;
use windrow_windows::Manifest;

/// The sums that the advice needs of the models with one newest window.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    histories: BTreeSet<Scheme>,
    windows: BTreeSet<u32>,
}

/// Returns what the advice after each of some windows needs, by the newest window of the models. These are the newest
/// models when the first window judged arrives. It changes only when a longer history is judged, so there are few.
///
/// `wanted` limits the histories, `delay` is the label delay in windows.
pub(super) fn needs(
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

/// Returns the window on which the model of window `model` is recalibrated for `window`. It is the newest window with
/// labels that are known then, after the model's own. Without such a window, the model stays as it is.
fn recalibrating(
    delay: u32,
    model: WindowIndex,
    window: u32,
    is_labelled: impl Fn(u32) -> bool,
) -> Option<WindowIndex> {
    let mut known = (model.get() + 1..=known(window, delay)).rev();
    known.find(|window| is_labelled(*window)).and_then(WindowIndex::new)
}

/// A model with windows on which its sums are not known yet.
struct Missing {
    id: ModelId,
    model: LinearModel,
    windows: Vec<u32>,
}

/// Returns the stored sums, after computing and storing those that are needed and missing.
pub(super) fn complete(
    learning: &Learning,
    work: &mut LadderWork,
    manifests: &[Manifest],
    delay: u32,
    needs: &BTreeMap<u32, Need>,
) -> Result<Recalibrations, TrainError> {
    let store = learning.registry.evidence();
    let mut found = store.recalibrations(delay)?;
    let missing = missing(learning, work, &found, needs)?;
    let has_label =
        |manifest: &Manifest| manifest.rows.labelled > 0 || learning.store.labels_path(manifest.window).exists();
    let labelled: Vec<bool> = manifests.iter().map(has_label).collect();
    let is_labelled = |one: u32| labelled.get(one as usize - 1).copied().unwrap_or(false);
    // Models that are recalibrated on the same window for the same window share the rows of both.
    let mut shared: BTreeMap<(u32, Option<WindowIndex>), Vec<&Missing>> = BTreeMap::new();
    for missing in &missing {
        for window in &missing.windows {
            let earlier = recalibrating(delay, missing.id.window, *window, is_labelled);
            shared.entry((*window, earlier)).or_default().push(missing);
        }
    }
    let threshold = learning.pipeline.train.threshold;
    for ((window, earlier), missing) in &shared {
        let Some(manifest) = manifests.get(*window as usize - 1) else { continue };
        let scored: Vec<_> =
            missing.iter().map(|missing| ScoredModel::from_linear(missing.id, &missing.model, threshold)).collect();
        let frame = work.frame(manifest.window)?;
        let earlier = earlier.map(|earlier| work.frame(earlier)).transpose()?;
        let sums = recalibrated(earlier.as_deref(), &frame, &scored)
            .map_err(|source| TrainError::ReadRows { window: manifest.window, source })?;
        for (missing, sums) in missing.iter().zip(sums) {
            let ModelId { window: model, scheme } = missing.id;
            let of_model = found.models.entry(model.get()).or_default();
            of_model.entry(scheme).or_default().insert(*window, sums);
        }
    }
    if !shared.is_empty() {
        store.put_recalibrations(&found)?;
    }
    Ok(found)
}

/// Returns the models with missing sums.
fn missing(
    learning: &Learning,
    work: &mut LadderWork,
    found: &Recalibrations,
    needs: &BTreeMap<u32, Need>,
) -> Result<Vec<Missing>, TrainError> {
    let mut all = Vec::new();
    for (newest, Need { histories, windows }) in needs {
        let Some(window) = WindowIndex::new(*newest) else { continue };
        for scheme in histories {
            let is_missing = |window: &&u32| found.sums(*scheme, *newest, **window).is_none();
            let windows: Vec<u32> = windows.iter().filter(is_missing).copied().collect();
            let id = ModelId { window, scheme: *scheme };
            if !windows.is_empty()
                && let Some(model) = model(learning, work, id)?
            {
                all.push(Missing { id, model, windows });
            }
        }
    }
    Ok(all)
}

/// Returns a model, whichever stage makes it: the advice must not depend on which models are kept in the registry. One
/// that `train.keep` has removed is made again.
fn model(learning: &Learning, work: &mut LadderWork, id: ModelId) -> Result<Option<LinearModel>, TrainError> {
    if !learning.pipeline.train.schemes.contains(&id.scheme) {
        return Ok(work.model(id).cloned());
    }
    if let Some(model) = learning.registry.snapshot().get(id) {
        return Ok(model.learned().map(|learned| learned.linear_model()));
    }
    let made = work.make(learning, id)?;
    Ok(made.and_then(|artifact| artifact.learned().map(|learned| learned.linear_model())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_evaluation::{LOSSES_FORMAT, WindowLosses};

    #[test]
    fn a_model_is_recalibrated_on_the_newest_window_whose_labels_are_known() {
        let model = WindowIndex::new(10).expect("not 0");
        let cases = [(0, 29), (1, 28), (3, 26), (18, 11)];
        for (delay, expected) in cases {
            let found =
                |is_labelled: &dyn Fn(u32) -> bool| recalibrating(delay, model, 30, is_labelled).map(WindowIndex::get);
            assert_eq!(found(&|_| true), Some(expected), "delay {delay}");
            let before = Some(expected - 1).filter(|before| *before > model.get());
            assert_eq!(found(&|window| window < expected), before, "a window without labels, delay {delay}");
        }
        assert_eq!(recalibrating(19, model, 30, |_| true), None, "only the model's own window is known");
    }

    #[test]
    fn few_models_are_recalibrated_whatever_the_number_of_windows() {
        // Without histories to ask for, every window with a labelled row is judged.
        let losses = |window: u32| WindowLosses {
            format: LOSSES_FORMAT,
            window: WindowIndex::new(window).expect("not 0"),
            sha256: String::new(),
            unlabelled: 0,
            rows: [1; 8],
            positives: [0; 8],
            models: Vec::new(),
        };
        let evidence = Evidence::new((1..=40).map(losses));
        let found = needs(&evidence, 1..=40, Some(&[]), 2);
        let expected = Need { histories: BTreeSet::new(), windows: (4..=40).collect() };
        assert_eq!(found, BTreeMap::from([(1, expected)]));
    }
}
