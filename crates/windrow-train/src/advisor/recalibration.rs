//! The losses of a model that is fitted once and then recalibrated in each window. Its intercept and slope are renewed
//! on the newest labelled window that it has not learned from. If the model holds numbers in more than a tenth of that
//! window's rows, only the intercept is renewed.

use std::collections::BTreeMap;

use crate::advisor::ladder::LadderWork;
use crate::{Learning, TrainError};
use windrow_evaluation::{Series, Trial};
use windrow_learn::model::{ScoredModel, recalibrated};
use windrow_record::{ModelId, Scheme, WindowIndex};
use windrow_windows::Manifest;

/// Returns the window on which the model of window `model` is recalibrated for `window`. It is the newest window with
/// labels that are known then, after the model's own. Without such a window, the model stays as it is.
fn recalibrating(
    trial: &Trial,
    model: WindowIndex,
    window: u32,
    is_labelled: impl Fn(u32) -> bool,
) -> Option<WindowIndex> {
    let mut known = (model.get() + 1..=trial.known(window)).rev();
    known.find(|window| is_labelled(*window)).and_then(WindowIndex::new)
}

/// Returns the series of every history on the windows of a trial. Their models are the newest ones when the trial's
/// first window arrives.
pub(super) fn series(
    learning: &Learning,
    work: &mut LadderWork,
    manifests: &[Manifest],
    trial: &Trial,
) -> Result<Vec<Series>, TrainError> {
    let Some(newest) = trial.windows.first().and_then(|first| WindowIndex::new(trial.known(*first))) else {
        return Ok(Vec::new());
    };
    let store = learning.registry.evidence();
    let mut found = store.recalibrations(trial.delay, newest.get())?;
    let snapshot = learning.registry.snapshot();
    let histories: Vec<Scheme> = trial.series.iter().map(|series| series.policy.history).collect();
    let mut models = Vec::new();
    for history in histories {
        let id = ModelId { window: newest, scheme: history };
        let is_new = models.iter().all(|(known, _): &(ModelId, _)| *known != id);
        // A model of the ladder may be published for the alias `advised`. The advice must not depend on when.
        let published = snapshot.get(id).filter(|model| !model.artifact().is_for_advice);
        let published = published.and_then(|model| model.learned()).map(|learned| learned.linear_model());
        if let Some(model) = published.or_else(|| work.model(id).cloned()).filter(|_| is_new) {
            models.push((id, model));
        }
    }
    let threshold = learning.pipeline.train.threshold;
    let mut is_new = false;
    for window in &trial.windows {
        let is_missing = |id: &ModelId| found.sums.get(&id.scheme).is_none_or(|sums| !sums.contains_key(window));
        let missing: Vec<&(ModelId, _)> = models.iter().filter(|(id, _)| is_missing(id)).collect();
        let Some(manifest) = manifests.get(*window as usize - 1).filter(|_| !missing.is_empty()) else { continue };
        let scored: Vec<_> = missing.iter().map(|(id, one)| ScoredModel::from_linear(*id, one, threshold)).collect();
        let is_labelled = |one: u32| manifests.get(one as usize - 1).is_some_and(|manifest| manifest.rows.labelled > 0);
        let earlier = recalibrating(trial, newest, *window, is_labelled);
        let frame = work.frame(manifest.window)?;
        let earlier = earlier.map(|earlier| work.frame(earlier)).transpose()?;
        let sums = recalibrated(earlier.as_deref(), &frame, &scored)
            .map_err(|source| TrainError::ReadRows { window: manifest.window, source })?;
        for ((id, _), sums) in missing.iter().zip(sums) {
            found.sums.entry(id.scheme).or_default().insert(*window, sums);
        }
        is_new = true;
    }
    if is_new {
        store.put_recalibrations(&found)?;
    }
    let empty = BTreeMap::new();
    let series = models.iter().filter_map(|(id, _)| {
        let sums = found.sums.get(&id.scheme).unwrap_or(&empty);
        trial.recalibrated(id.scheme, |window| sums.get(&window).copied())
    });
    Ok(series.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_evaluation::Evidence;

    #[test]
    fn a_model_is_recalibrated_on_the_newest_window_whose_labels_are_known() {
        let model = WindowIndex::new(10).expect("not 0");
        let cases = [(0, 29), (1, 28), (3, 26), (18, 11)];
        for (delay, expected) in cases {
            let trial = Trial::over(&Evidence::default(), 1, 0, &[], delay, 1);
            let found =
                |is_labelled: &dyn Fn(u32) -> bool| recalibrating(&trial, model, 30, is_labelled).map(WindowIndex::get);
            assert_eq!(found(&|_| true), Some(expected), "delay {delay}");
            let before = Some(expected - 1).filter(|before| *before > model.get());
            assert_eq!(found(&|window| window < expected), before, "a window without labels, delay {delay}");
        }
        let late = Trial::over(&Evidence::default(), 1, 0, &[], 19, 1);
        assert_eq!(recalibrating(&late, model, 30, |_| true), None, "only the model's own window is known");
    }
}
