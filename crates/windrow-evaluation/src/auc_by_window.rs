//! The AUC by window of the models that three policies have in use: the named policy, fit once, and all history.
//!
//! The stored losses are sums, so they do not hold the order of the rows. [`ModelsInUse`] says which models are needed on
//! which window. The caller scores only these, and not every model whose losses are kept: an exact AUC sorts the rows
//! once for each model, which would cost more than the pass in which the losses of all models are summed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::policy::{Policy, Refit};
use crate::trial::Trial;
use windrow_record::{ModelId, Scheme};

/// The AUC of a policy by window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyAuc {
    /// The policy whose models are ranked.
    pub policy: Policy,
    /// The windows that were judged, in ascending order.
    pub windows: Vec<AucAtWindow>,
}

/// The AUC of the models in use in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AucAtWindow {
    /// The number of the window.
    pub window: u32,
    /// The name of the window, as in `window 28 (week of 2013-07-08)`.
    pub label: String,
    /// The AUC, as a mean over the models of all phases. `None` if the rows of the window have one class only.
    pub auc: Option<f64>,
}

/// The models that the policies have in use in each window judged.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelsInUse {
    /// The numbers of the windows judged.
    windows: Vec<u32>,
    /// The policies, each with its models by window.
    policies: Vec<(Policy, Vec<Vec<ModelId>>)>,
}

impl ModelsInUse {
    /// Returns the models of the named policy, of fit once with its history, and of all history refitted every window.
    /// Without a named policy, fit once has all history. A policy whose losses are not known is left out.
    pub fn new(trial: &Trial, evidence: &Evidence, named: Option<Policy>) -> Self {
        let all = Policy { history: Scheme::Cumulative, refit: Refit::Every(1) };
        let once = Policy { history: named.map_or(Scheme::Cumulative, |named| named.history), refit: Refit::Never };
        let mut policies: Vec<(Policy, Vec<Vec<ModelId>>)> = Vec::new();
        for policy in named.into_iter().chain([once, all]) {
            let is_new = policies.iter().all(|(known, _)| *known != policy);
            let models = models_by_window(trial, evidence, policy).filter(|models| is_new && !models.is_empty());
            policies.extend(models.map(|models| (policy, models)));
        }
        Self { windows: trial.windows.clone(), policies }
    }

    /// Returns each window with the models that are in use in it, of all policies.
    pub fn by_window(&self) -> impl Iterator<Item = (u32, BTreeSet<ModelId>)> {
        self.windows.iter().enumerate().map(|(index, window)| {
            let models = self.policies.iter().filter_map(move |(_, models)| models.get(index)).flatten().copied();
            (*window, models.collect())
        })
    }

    /// Returns the AUC of each policy. `auc` returns that of a model on a window, `label` the name of a window.
    pub fn auc(&self, auc: impl Fn(ModelId, u32) -> Option<f64>, label: &dyn Fn(u32) -> String) -> Vec<PolicyAuc> {
        let at = |window: u32, models: &[ModelId]| {
            let sum: Option<f64> = models.iter().map(|model| auc(*model, window)).sum();
            AucAtWindow { window, label: label(window), auc: sum.map(|sum| sum / models.len() as f64) }
        };
        let policies = self.policies.iter().map(|(policy, models)| PolicyAuc {
            policy: *policy,
            windows: self.windows.iter().zip(models).map(|(window, models)| at(*window, models)).collect(),
        });
        policies.collect()
    }
}

/// Returns the models of a policy in each window of a trial. Returns `None` if they are not known.
pub(crate) fn models_by_window(trial: &Trial, evidence: &Evidence, policy: Policy) -> Option<Vec<Vec<ModelId>>> {
    if let Some(series) = trial.series_of(policy).filter(|series| !series.runs.is_empty()) {
        let at = |index: usize| series.runs.iter().filter_map(|run| run.get(index)).copied().collect::<Vec<_>>();
        return Some((0..trial.len()).map(at).collect());
    }
    // Recalibration does not change the order of the rows.
    let refit = if policy.refit == Refit::Recalibrated { Refit::Never } else { policy.refit };
    let at = |window: &u32| {
        let losses = trial.in_use(evidence, Policy { refit, ..policy }, *window)?;
        Some(losses.iter().map(|losses| losses.model).collect::<Vec<_>>())
    };
    trial.windows.iter().map(at).collect()
}

#[cfg(test)]
mod tests;
