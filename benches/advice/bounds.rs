//! The bounds of a rule compared with the truth: bounds that are missed, false names, and truly good policies that are
//! found.

use std::collections::BTreeMap;

use windrow_evaluation::Policy;

use crate::shares::{share, share_over_seeds};

/// The share of the gain to keep.
pub(crate) const KEPT_SHARE: f64 = 0.9;

/// The heading of the table with a line for each world and rule.
pub(crate) const HEADING: &str = "\
| world | rule | windows judged | a bound missed | false names, of all seeds | of the names shown | truly good schedules found | truly good policies with a bound found | false names, of the clear ones |
|---|---|---|---|---|---|---|---|---|";

/// The bound on the share that a policy keeps.
pub(crate) struct Bound {
    pub(crate) policy: Policy,
    pub(crate) at_least: f64,
    /// `true` if the policy is shown good enough.
    pub(crate) is_shown: bool,
}

/// The findings of a rule in one history of a world.
pub(crate) struct RuleFindings {
    pub(crate) bounds: Vec<Bound>,
    /// The named policy, if it is shown good enough.
    pub(crate) shown: Option<Policy>,
    /// `true` if the evidence is clear.
    pub(crate) is_clear: bool,
}

/// The findings of a rule in all histories of a world.
#[derive(Default)]
pub(crate) struct RuleCounts {
    seeds: usize,
    missed: usize,
    pub(crate) shown: usize,
    /// The number of seeds in which a policy was named falsely.
    pub(crate) false_names: BTreeMap<Policy, usize>,
    clear: usize,
    false_clear: usize,
    /// The number of truly good schedules that the rule finds, and of those that are compared, in each seed.
    schedules: Vec<(usize, usize)>,
    /// The number of truly good policies that the rule finds, and of those that have a bound, in each seed.
    policies: Vec<(usize, usize)>,
}

impl RuleCounts {
    /// Adds the findings in one history. `compared` holds the schedules with enough refits, and `kept` returns the true
    /// share that a policy keeps.
    pub(crate) fn add(&mut self, found: &RuleFindings, compared: &[Policy], kept: impl Fn(&Policy) -> f64) {
        self.seeds += 1;
        // The bounds hold for all policies together, so one that is too high counts.
        self.missed += usize::from(found.bounds.iter().any(|bound| bound.at_least > kept(&bound.policy)));
        let is_good = |policy: &Policy| kept(policy) >= KEPT_SHARE;
        let is_found = |policy: &Policy| found.bounds.iter().any(|bound| bound.is_shown && bound.policy == *policy);
        let schedules: Vec<&Policy> = compared.iter().filter(|policy| is_good(policy)).collect();
        self.schedules.push((schedules.iter().filter(|policy| is_found(policy)).count(), schedules.len()));
        let policies: Vec<&Bound> = found.bounds.iter().filter(|bound| is_good(&bound.policy)).collect();
        self.policies.push((policies.iter().filter(|bound| bound.is_shown).count(), policies.len()));
        let Some(named) = found.shown else { return };
        let is_false = !is_good(&named);
        self.shown += 1;
        if is_false {
            *self.false_names.entry(named).or_default() += 1;
        }
        self.clear += usize::from(found.is_clear);
        self.false_clear += usize::from(found.is_clear && is_false);
    }

    /// Returns the number of seeds in which a policy was named falsely.
    pub(crate) fn falsely_named(&self) -> usize {
        self.false_names.values().sum()
    }

    /// Returns the line of the table.
    pub(crate) fn line(&self, world: &str, rule: &str, judged: usize) -> String {
        format!(
            "| {world} | {rule} | {judged} | {} | {} | {} | {} | {} | {} |",
            share(self.missed, self.seeds),
            share(self.falsely_named(), self.seeds),
            share(self.falsely_named(), self.shown),
            share_over_seeds(&self.schedules),
            share_over_seeds(&self.policies),
            share(self.false_clear, self.clear),
        )
    }
}
