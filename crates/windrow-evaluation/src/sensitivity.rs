//! The largest influence of one window or one model on the advice.
//!
//! Each window judged is left out once. Each model that loses more than 1 nat per row against the average rate in some
//! window is replaced once by the mean of the other phases. An influence counts in two cases: another policy would be
//! named, and the share that the named one keeps moves by at least a point. Or a printed share moves by more than half
//! its interval and by more than two points. Shares are those of the ranking that names the policy; the printed ones are
//! those of log-loss.

use crate::contrast::Interval;
use crate::cost::{CostRanking, lowest_total};
use crate::deletion::{Again, Deletion};
use crate::evidence::Evidence;
use crate::follow::{self, PolicyAtWindow};
use crate::policy::Policy;
use crate::policy_finding::PolicyVerdict;
use crate::ranking::Ranking;
use crate::replacement::{LostModel, ModelsInUse, log_loss};
use crate::steadiness::Influence;
use crate::trial::Trial;

/// The smallest change of the named policy's share that counts.
const MIN_MOVE: f64 = 0.01;
/// The smallest change of another printed share that counts.
const MIN_PRINTED_MOVE: f64 = 0.02;

/// The advice whose sensitivity is asked for.
pub(crate) struct Naming<'a> {
    pub(crate) evidence: &'a Evidence,
    pub(crate) trial: &'a Trial,
    /// The ranking by log-loss.
    pub(crate) ranking: &'a Ranking,
    /// The ranking by cost, if costs decide.
    pub(crate) costs: Option<&'a CostRanking>,
    /// The policy named after the newest window.
    pub(crate) named: Option<PolicyAtWindow>,
    /// Returns the name of a window.
    pub(crate) label: &'a dyn Fn(u32) -> String,
}

/// The effect of leaving something out.
struct Effect {
    /// `true` if another policy would be named, or none.
    changes_name: bool,
    named_without: Option<Policy>,
    policy: Policy,
    share: Option<f64>,
    share_without: Option<f64>,
    /// The difference by which the share moves.
    size: f64,
}

/// Returns by how much a share moves. A negative share is printed as none, however small it is.
fn apart(one: Option<f64>, other: Option<f64>) -> f64 {
    match (one, other) {
        (Some(one), Some(other)) => (one.max(0.0) - other.max(0.0)).abs(),
        (None, None) => 0.0,
        _ => 1.0,
    }
}

impl Naming<'_> {
    /// Returns the largest influence that counts. Those that change the name come first.
    pub(crate) fn largest_influence(&self) -> Option<Influence> {
        let by_loss = Deletion::new(self.trial, self.ranking);
        let by_cost = self.costs.map(|costs| Deletion::new(&costs.trial, &costs.ranking));
        let naming = by_cost.as_ref().unwrap_or(&by_loss);
        let Some(named) = self.named else { return self.hidden_gain(naming) };
        let held = naming.index_of(named.policy)?;
        let is_fresh = match self.costs {
            Some(costs) => costs.cheapest().index == held,
            None => naming.ranking.named.is_some_and(|fresh| fresh.index == held),
        };
        let cases = Cases { by_loss: &by_loss, naming, is_by_cost: by_cost.is_some(), named, held, is_fresh };
        let mut largest: Option<(f64, Influence)> = None;
        let mut keep = |advantage: f64, effect: Effect, window: u32, model: Option<&LostModel>| {
            // A change of the name counts more than any share.
            let size = effect.size + advantage + if effect.changes_name { 10.0 } else { 0.0 };
            if largest.as_ref().is_none_or(|(before, _)| size > *before) {
                largest = Some((size, self.influence(effect, window, model)));
            }
        };
        for (index, window) in self.trial.windows.iter().enumerate() {
            if let Some(effect) = cases.without_window(index) {
                keep(0.0, effect, *window, None);
            }
        }
        let models = ModelsInUse::new(self.evidence, self.trial);
        for lost in models.lost() {
            let by_loss = models.changes(&lost, log_loss);
            let own = self.costs.map(|costs| models.changes(&lost, |losses| costs.of_errors(losses)));
            if let Some(effect) = cases.with_changes(&by_loss, own.as_ref().unwrap_or(&by_loss)) {
                // If a model and a window move a share by nearly the same, the model is the better reason.
                keep(MIN_MOVE, effect, lost.model.window.get(), Some(&lost));
            }
        }
        largest.map(|(_, influence)| influence)
    }

    /// Returns the window without which a policy would be shown good enough, if none is named because no gain is shown.
    fn hidden_gain(&self, naming: &Deletion<'_>) -> Option<Influence> {
        if naming.ranking.has_gain || self.ranking.has_gain {
            return None;
        }
        let lower_bound = |index: usize| naming.without_window(index).ranking.gain.lower_bound();
        let bounds = (0..self.trial.len()).map(|index| (index, lower_bound(index)));
        let (index, _) = bounds.filter(|(_, bound)| *bound > 0.0).max_by(|a, b| a.1.total_cmp(&b.1))?;
        let again = naming.rank_anew(index)?;
        let named = if self.costs.is_some() { lowest_total(naming.trial, &again) } else { again.named?.index };
        let found = again.ranked[named];
        let policy = naming.trial.series[named].policy;
        let effect = Effect {
            changes_name: true,
            named_without: Some(policy),
            policy,
            share: None,
            share_without: found.kept.share,
            size: 1.0,
        };
        let is_shown = found.verdict == PolicyVerdict::GoodEnough;
        is_shown.then(|| self.influence(effect, self.trial.windows[index], None))
    }

    fn influence(&self, effect: Effect, window: u32, model: Option<&LostModel>) -> Influence {
        let Effect { changes_name, named_without, policy, share, share_without, .. } = effect;
        let label = (self.label)(window);
        let (model, log_loss) = model.map(|lost| (lost.model, lost.log_loss)).unzip();
        Influence { window, label, model, log_loss, changes_name, named_without, policy, share, share_without }
    }
}

/// The cases that are compared with the full ranking.
struct Cases<'a> {
    by_loss: &'a Deletion<'a>,
    /// The ranking that names the policy.
    naming: &'a Deletion<'a>,
    is_by_cost: bool,
    named: PolicyAtWindow,
    /// The index of the named policy's series.
    held: usize,
    /// `true` if the policy would be named afresh. Otherwise it stays because it was named before.
    is_fresh: bool,
}

impl Cases<'_> {
    /// Returns the effect of a window that is left out, given by its index.
    fn without_window(&self, window: usize) -> Option<Effect> {
        let renamed = self.of_name(&self.naming.without_window(window));
        renamed.or_else(|| self.of_share(&self.by_loss.shares(|index| self.by_loss.gains(index)[window])))
    }

    /// Returns the effect of losses that change. `by_loss` has the changes of the log-losses, `own` those by which the
    /// policy is named.
    fn with_changes(&self, by_loss: &[(usize, Vec<f64>)], own: &[(usize, Vec<f64>)]) -> Option<Effect> {
        let lost = |changes: &[(usize, Vec<f64>)], index: usize| -> f64 {
            let of = changes.iter().find(|(series, _)| *series == index);
            of.map_or(0.0, |(_, changes)| changes.iter().sum::<f64>())
        };
        let share = self.naming.shares(|index| lost(own, index))[self.held];
        // A ranking takes longer than the shares, and a smaller move does not count.
        let renamed = if apart(self.share(), share) >= MIN_MOVE {
            let changed = |series: usize, changes: &[f64]| -> Vec<f64> {
                self.naming.gains(series).iter().zip(changes).map(|(gain, change)| gain - change).collect()
            };
            let gains: Vec<(usize, Vec<f64>)> =
                own.iter().map(|(series, changes)| (*series, changed(*series, changes))).collect();
            self.of_name(&self.naming.with_gains(&gains))
        } else {
            None
        };
        renamed.or_else(|| self.of_share(&self.by_loss.shares(|index| lost(by_loss, index))))
    }

    /// Returns the share that the named policy keeps.
    fn share(&self) -> Option<f64> {
        self.naming.ranking.ranked[self.held].kept.share
    }

    /// Returns the effect on the name, if another ranking changes it and moves the share enough.
    fn of_name(&self, again: &Again<'_>) -> Option<Effect> {
        let new = self.name(again);
        if new == Some(self.held) {
            return None;
        }
        let (share, share_without) = (self.share(), again.ranking.ranked[self.held].kept.share);
        let named_without = new.map(|new| self.naming.trial.series[new].policy);
        let size = match new {
            Some(_) => apart(share, share_without),
            // No gain would be shown. If the name is provisional, the advice says already how little is shown.
            None if self.named.provisional => 0.0,
            None => 1.0,
        };
        let policy = self.named.policy;
        let effect = Effect { changes_name: true, named_without, policy, share, share_without, size };
        (size >= MIN_MOVE).then_some(effect)
    }

    /// Returns the index of the series that another ranking names, by the rules of the advice. A policy that stayed
    /// because it was named before may stay again.
    fn name(&self, again: &Again<'_>) -> Option<usize> {
        let before = (!self.is_fresh).then_some(self.named);
        if !self.is_by_cost {
            let named = follow::named(self.naming.trial, &again.ranking, self.named.window, before)?;
            return self.naming.index_of(named.policy);
        }
        if !again.ranking.has_gain && !self.by_loss.ranking.has_gain {
            return None;
        }
        let new = lowest_total(self.naming.trial, &again.ranking);
        let stays = before.is_some() && again.difference(self.held, new).lower_bound() <= 0.0;
        Some(if stays { self.held } else { new })
    }

    /// Returns the effect on the printed share that moves most, if it moves enough. The best policy has no interval.
    fn of_share(&self, shares: &[Option<f64>]) -> Option<Effect> {
        let Ranking { ranked, best, .. } = self.by_loss.ranking;
        let moves = ranked.iter().zip(shares).enumerate().filter(|(index, _)| index != best);
        let moves = moves.filter_map(|(index, (full, share_without))| {
            let Interval { low, high } = full.kept.interval?;
            let size = apart(full.kept.share, *share_without);
            (size > MIN_PRINTED_MOVE.max((high - low) / 2.0)).then_some((index, size))
        });
        let (index, size) = moves.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Effect {
            changes_name: false,
            named_without: None,
            policy: self.by_loss.trial.series[index].policy,
            share: ranked[index].kept.share,
            share_without: shares[index],
            size,
        })
    }
}
