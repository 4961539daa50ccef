//! Models that lost much, and the losses of the policies if such a model is replaced.
//!
//! In each window, a policy that refits every m windows has the mean losses of m phases. A model is replaced by the mean
//! of the other phases. If no other phase is left, the model before it takes its place, as if it had not been fitted.

use std::collections::BTreeMap;

use crate::evidence::Evidence;
use crate::losses::ModelLosses;
use crate::trial::{Series, Trial};
use windrow_record::ModelId;

/// The log-loss per row, above that of the average rate, from which a model is replaced.
const MIN_EXCESS: f64 = 1.0;

/// A model that lost much in some window.
pub(crate) struct LostModel {
    pub(crate) model: ModelId,
    /// The largest log-loss per row that it has in a window.
    pub(crate) log_loss: f64,
    /// The indices of the series and windows that use it, in ascending order.
    uses: Vec<(usize, usize)>,
}

/// The models that each policy of a schedule uses in each window.
pub(crate) struct ModelsInUse<'a> {
    evidence: &'a Evidence,
    trial: &'a Trial,
    /// The losses of each phase, by series and window. They are missing of recalibrated models.
    phases: Vec<Vec<Vec<&'a ModelLosses>>>,
}

/// Returns the log-loss of a model on a window, summed over its rows.
pub(crate) fn log_loss(losses: &ModelLosses) -> f64 {
    losses.log_loss.iter().sum()
}

impl<'a> ModelsInUse<'a> {
    /// Finds the models that the policies of a trial use.
    pub(crate) fn new(evidence: &'a Evidence, trial: &'a Trial) -> Self {
        // A policy on alarm has one model for each of its runs.
        let of_runs = |series: &Series, index: usize| -> Vec<&'a ModelLosses> {
            let models = series.runs.iter().filter_map(|run| run.get(index));
            models.filter_map(|id| evidence.losses(id.scheme, id.window.get(), trial.windows[index])).collect()
        };
        let at = |series: &Series, index: usize| {
            let planned = trial.in_use(evidence, series.policy, trial.windows[index]);
            planned.unwrap_or_else(|| of_runs(series, index))
        };
        let of = |series: &Series| (0..trial.len()).map(|index| at(series, index)).collect();
        let phases = trial.series.iter().map(of).collect();
        Self { evidence, trial, phases }
    }

    /// Returns the models that lose more than 1 nat per row against the average rate in some window, by their ids.
    pub(crate) fn lost(&self) -> Vec<LostModel> {
        let Trial { rows, share_loss, .. } = self.trial;
        let mut found: BTreeMap<ModelId, LostModel> = BTreeMap::new();
        for (window, losses) in self.each().flat_map(|(_, window, phases)| phases.iter().map(move |one| (window, one)))
        {
            let lost = log_loss(losses);
            if lost > share_loss[window] + MIN_EXCESS * rows[window] {
                let new = LostModel { model: losses.model, log_loss: 0.0, uses: Vec::new() };
                let model = found.entry(losses.model).or_insert(new);
                model.log_loss = model.log_loss.max(lost / rows[window]);
            }
        }
        if !found.is_empty() {
            for (series, window, phases) in self.each() {
                for losses in phases {
                    if let Some(model) = found.get_mut(&losses.model)
                        && model.uses.last() != Some(&(series, window))
                    {
                        model.uses.push((series, window));
                    }
                }
            }
        }
        found.into_values().collect()
    }

    /// Returns the phases of each series in each window, in ascending order.
    fn each(&self) -> impl Iterator<Item = (usize, usize, &[&'a ModelLosses])> {
        self.phases.iter().enumerate().flat_map(|(series, windows)| {
            windows.iter().enumerate().map(move |(window, phases)| (series, window, phases.as_slice()))
        })
    }

    /// Returns by how much the losses of each series that uses a model change in each window, if the model is replaced.
    /// `loss` is the loss of a model on a window.
    pub(crate) fn changes(&self, lost: &LostModel, loss: impl Fn(&ModelLosses) -> f64) -> Vec<(usize, Vec<f64>)> {
        let mut changes: Vec<(usize, Vec<f64>)> = Vec::new();
        let mean =
            |models: &[&ModelLosses]| models.iter().map(|losses| loss(losses)).sum::<f64>() / models.len() as f64;
        for (series, window) in &lost.uses {
            let phases = &self.phases[*series][*window];
            let others: Vec<&ModelLosses> =
                phases.iter().copied().filter(|losses| losses.model != lost.model).collect();
            let replaced = if others.is_empty() { self.before(lost, *series, *window) } else { others };
            if replaced.is_empty() {
                continue;
            }
            if changes.last().is_none_or(|(last, _)| last != series) {
                changes.push((*series, vec![0.0; self.trial.len()]));
            }
            if let Some((_, sums)) = changes.last_mut() {
                sums[*window] = mean(&replaced) - mean(phases);
            }
        }
        changes
    }

    /// Returns the losses of the model before a model; none if it is the first.
    fn before(&self, lost: &LostModel, series: usize, window: usize) -> Vec<&'a ModelLosses> {
        let (history, window) = (self.trial.series[series].policy.history, self.trial.windows[window]);
        let newest = self.evidence.newest(history, lost.model.window.get() - 1, self.trial.oldest, window);
        newest.map(|(_, losses)| losses).into_iter().collect()
    }
}
