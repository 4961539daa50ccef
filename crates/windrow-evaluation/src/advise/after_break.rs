//! The findings on the windows after a break.

use crate::advice::PolicyAfterBreak;
use crate::advise::findings::Findings;
use crate::breaks::short_history;
use crate::cost::CostRanking;
use crate::policy::{Policy, Refit, length};
use crate::ranking::{NamedSeries, Ranking};
use crate::trial::{Trial, histories};

/// The number of windows after a break for which its cost is reported.
const BREAK_COST_WINDOWS: u32 = 8;

impl Findings<'_> {
    /// Returns the loss per row of each planned policy after a break, less that of refitting every window on a short
    /// history.
    pub(super) fn losses_after_break(&self, window: u32) -> Vec<(Policy, f64)> {
        let evidence = self.evidence;
        let last = (window + BREAK_COST_WINDOWS).min(evidence.last());
        let behind = Trial { series: Vec::new(), ..Trial::over(evidence, window + 1, last, &[], self.trial.delay, 1) };
        let rows: f64 = behind.rows.iter().sum();
        let quickest = Policy { history: short_history(), refit: Refit::Every(1) };
        let Some(quickest) = behind.planned(evidence, quickest) else { return Vec::new() };
        let policies = self.trial.series.iter().map(|series| series.policy);
        let lost = policies.filter_map(|policy| {
            let series = behind.planned(evidence, policy)?;
            let lost = series.log_loss.iter().zip(&quickest.log_loss).map(|(a, b)| a - b).sum::<f64>();
            Some((policy, lost / rows))
        });
        lost.collect()
    }

    /// Judges the policies on the windows for which no history reaches back before the break.
    pub(super) fn policy_after_break(&self, window: u32) -> Option<PolicyAfterBreak> {
        let Self { evidence, question, trial, .. } = self;
        let behind = evidence.last() - window;
        let histories = histories(behind, question.histories);
        let longest = histories.iter().filter_map(|history| length(*history)).max()?;
        let first = window + longest + trial.delay;
        let oldest = first - 1 - trial.delay;
        let calm = Trial::over(evidence, first, evidence.last(), &histories, trial.delay, oldest);
        let ranking = Ranking::new(&calm, question.keep)?;
        let costs = question.observed.cost.and_then(|cost| CostRanking::new(evidence, &calm, cost, question.keep));
        let has_gain = ranking.has_gain || costs.as_ref().is_some_and(|costs| costs.ranking.has_gain);
        let named = costs.map_or(ranking.named, |costs| Some(costs.cheapest()));
        let NamedSeries { index, provisional } = named.filter(|_| has_gain)?;
        let windows = u32::try_from(calm.len()).unwrap_or(u32::MAX);
        let (policy, kept) = (calm.series[index].policy, ranking.ranked[index].kept);
        Some(PolicyAfterBreak { first, windows, policy, provisional, kept })
    }
}
