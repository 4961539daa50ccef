//! The policies compared by what their errors and fits cost (Mahadevan and Mathioudakis 2024).
//!
//! The total of a window is the cost of its false alarms, of its misses and of each refit whose model is used for the
//! first time in it. Costs are compared as losses are: a [`Ranking`] takes them in place of log-losses, and each window
//! counts as one row. The gain of a policy is what it saves compared with always predicting the commoner class so far.

use crate::advice::CostUnit;
use crate::conditions::is_schedule;
use crate::contrast::Contrast;
use crate::evidence::Evidence;
use crate::follow::PolicyAtWindow;
use crate::losses::{Costs, ModelLosses};
use crate::order::place;
use crate::policy::{Policy, Refit};
use crate::policy_finding::PolicyVerdict;
use crate::ranking::{NamedSeries, Ranked, Ranking};
use crate::trial::{Conditions, MIN_WINDOWS, Series, Trial};

/// The policies of a trial, compared by cost.
#[derive(Debug, Clone)]
pub struct CostRanking {
    costs: Costs,
    /// The trial with costs in place of the log-losses and of the loss of the share of positives.
    pub(crate) trial: Trial,
    /// The ranking of these costs. Its best schedule is the one with the lowest total.
    pub(crate) ranking: Ranking,
}

/// Returns the total cost of each window.
pub(crate) fn window_costs(series: &Series, [false_alarm, miss, fit]: Costs) -> Vec<f64> {
    let errors = series.false_alarms.iter().zip(&series.misses).zip(&series.fits);
    errors.map(|((false_alarms, misses), fits)| false_alarm * false_alarms + miss * misses + fit * fits).collect()
}

/// Returns a series with costs in place of the log-losses.
fn in_costs(series: &Series, costs: Costs) -> Series {
    Series { log_loss: window_costs(series, costs), ..series.clone() }
}

/// Returns the index of the policy with the lowest total, of those that may be named. At equal totals, the policy that
/// needs fewer fits comes first.
pub(crate) fn lowest_total(trial: &Trial, ranking: &Ranking) -> usize {
    let order = |a: &usize, b: &usize| {
        let difference = |index: usize| ranking.ranked[index].to_best.mean;
        let places = || place(&trial.series[*a], trial.len()).cmp(&place(&trial.series[*b], trial.len()));
        difference(*a).total_cmp(&difference(*b)).then_with(places)
    };
    ranking.candidates.iter().copied().min_by(order).unwrap_or(ranking.best)
}

/// Returns the mean cost of a window.
pub(crate) fn mean_cost(series: &Series, costs: Costs) -> f64 {
    mean(&window_costs(series, costs))
}

fn mean(costs: &[f64]) -> f64 {
    costs.iter().sum::<f64>() / costs.len().max(1) as f64
}

impl CostRanking {
    /// Ranks the policies of a trial by cost. `costs` are those of a false alarm, a miss and a fit; `keep` is the share
    /// of the largest saving that is good enough. Returns `None` if there are too few windows.
    pub fn new(evidence: &Evidence, trial: &Trial, costs: [f64; 3], keep: f64) -> Option<Self> {
        if trial.len() < MIN_WINDOWS {
            return None;
        }
        let [false_alarm, miss, _] = costs;
        let commoner_class = |window: &u32| {
            let [false_alarms, misses] = evidence.commoner_class_errors(trial.known(*window), *window);
            false_alarm * false_alarms + miss * misses
        };
        let trial = Trial {
            rows: vec![1.0; trial.len()],
            share_loss: trial.windows.iter().map(commoner_class).collect(),
            series: trial.series.iter().map(|series| in_costs(series, costs)).collect(),
            windows: trial.windows.clone(),
            conditions: Conditions {
                other_first_fits: trial
                    .conditions
                    .other_first_fits
                    .iter()
                    .map(|series| in_costs(series, costs))
                    .collect(),
                is_by_cost: true,
                ..trial.conditions.clone()
            },
            ..*trial
        };
        let ranking = Ranking::new(&trial, keep)?;
        Some(Self { costs, trial, ranking })
    }

    /// Compares a series with the best one by cost, on the windows of the same trial.
    pub(crate) fn rank(&self, series: &Series) -> Ranked {
        self.ranking.rank(&self.trial, &in_costs(series, self.costs))
    }

    /// Returns the cost of the errors of one model on one window.
    pub(crate) fn of_errors(&self, losses: &ModelLosses) -> f64 {
        losses.cost_of_errors(self.costs)
    }

    /// Returns the series with the lowest total, of all kinds of policies that may be named. It is provisional unless it
    /// is shown that it saves at least the share to keep of what the cheapest one saves.
    pub(crate) fn cheapest(&self) -> NamedSeries {
        let index = lowest_total(&self.trial, &self.ranking);
        NamedSeries { index, provisional: !self.is_shown(index) }
    }

    /// Returns the schedule with the lowest total.
    pub(crate) fn cheapest_schedule(&self) -> NamedSeries {
        let total = |index: usize| self.trial.series[index].log_loss.iter().sum::<f64>();
        let schedules = self.ranking.candidates.iter().copied().filter(|index| is_schedule(&self.trial.series[*index]));
        let index = schedules.min_by(|a, b| total(*a).total_cmp(&total(*b))).unwrap_or(self.ranking.best);
        NamedSeries { index, provisional: !self.is_shown(index) }
    }

    /// Returns the policy to name after window `last`, given the one named before. `by_loss` is the ranking of the same
    /// trial by log-loss. Returns `None` if no gain is shown, neither in costs nor in log-loss.
    ///
    /// The first policy is the one that refits when it pays, on the longest history: this rule needs no past. A simpler one
    /// with the same total comes before it. From then on, the policy with the lowest total replaces the one named before
    /// only if the one-sided 95% interval of the saving is above zero, if that one never refits and may not be named any
    /// more, or if it is not among the policies of the trial.
    pub fn named(&self, by_loss: &Ranking, last: u32, before: Option<PolicyAtWindow>) -> Option<PolicyAtWindow> {
        if !self.ranking.has_gain && !by_loss.has_gain {
            return None;
        }
        let NamedSeries { index: cheapest, provisional } = self.cheapest();
        let policy = self.trial.series[cheapest].policy;
        let new = PolicyAtWindow { window: last, policy, provisional, takes_office: true, was_shown: !provisional };
        let held = before.map_or_else(|| self.first(), |before| self.index_of(before.policy));
        let Some(held) = held else { return Some(new) };
        let may_stay = self.ranking.ranked[held].verdict != PolicyVerdict::Reference;
        let saving = self.difference(held, cheapest);
        let is_first_and_equal = before.is_none() && saving.mean == 0.0;
        if !may_stay || is_first_and_equal || saving.lower_bound() > 0.0 {
            return Some(new);
        }
        let is_shown = self.is_shown(held);
        let policy = before.map_or(self.trial.series[held].policy, |before| before.policy);
        let was_shown = is_shown || before.is_some_and(|before| before.was_shown);
        Some(PolicyAtWindow { window: last, policy, provisional: !is_shown, takes_office: true, was_shown })
    }

    /// Returns the index of the first policy in office: the one that refits when it pays, on the longest history.
    fn first(&self) -> Option<usize> {
        let pays = |index: &usize| self.trial.series[*index].policy.refit == Refit::WhenItPays;
        let length = |index: &usize| self.trial.series[*index].policy.length().unwrap_or(u32::MAX);
        (0..self.trial.series.len()).filter(pays).max_by_key(length)
    }

    /// Returns the costs for the advice. `named` is the policy that the advice names, `threshold` that of the models.
    pub(crate) fn unit(&self, named: Option<Policy>, threshold: f64) -> CostUnit {
        let [false_alarm, miss, refit] = self.costs;
        let Self { trial, ranking, .. } = self;
        let cheapest = self.cheapest().index;
        let held = named.and_then(|named| self.index_of(named)).unwrap_or(cheapest);
        let difference = self.difference(held, cheapest);
        let errors = false_alarm + miss;
        CostUnit {
            false_alarm,
            miss,
            refit,
            cheapest: trial.series[cheapest].policy,
            per_window: mean(&trial.series[cheapest].log_loss),
            difference: difference.mean,
            interval: Some(difference.interval()),
            commoner_class: mean(&trial.share_loss),
            is_saving_shown: ranking.has_gain,
            kept: ranking.ranked[held].kept,
            threshold,
            best_threshold: (errors > 0.0).then_some(false_alarm / errors),
        }
    }

    /// Returns the cost of one series less that of another one, as a mean over windows.
    fn difference(&self, held: usize, other: usize) -> Contrast {
        let Trial { series, rows, .. } = &self.trial;
        let costs = series[held].log_loss.iter().zip(&series[other].log_loss);
        Contrast::new(&costs.map(|(held, other)| held - other).collect::<Vec<f64>>(), rows)
    }

    fn is_shown(&self, index: usize) -> bool {
        self.ranking.ranked[index].verdict == PolicyVerdict::GoodEnough
    }

    fn index_of(&self, policy: Policy) -> Option<usize> {
        self.trial.series.iter().position(|series| series.is_of(policy))
    }
}
