//! The conditions of the advice as data: what following it kept, and what one window or one model decides. Pure data.

use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::policy_finding::{KeptGain, PolicyVerdict};
use windrow_record::ModelId;
use windrow_record::display::percent;

/// The share that following the advice kept, on the windows since the first advice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Followed {
    /// The first window judged.
    pub since: u32,
    /// The number of windows judged.
    pub windows: u32,
    /// The share of the best policy's gain on these windows or, if costs decide, of the largest saving.
    pub kept: KeptGain,
    /// `true` if the share is one of the saving in costs.
    pub by_cost: bool,
    /// The verdict on following the advice, in the same unit.
    pub verdict: PolicyVerdict,
    /// The number of changes of the named policy.
    pub changes: u32,
}

/// The window or the model with the largest influence on the advice, if it decides the name or moves a share much. It
/// is reported, and nothing is removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Influence {
    /// The window that is left out or, of a model, the newest window that it learned from.
    pub window: u32,
    /// The name of that window, as in `window 28 (week of 2013-07-08)`.
    pub label: String,
    /// The model that is replaced by the mean of the other phases; `None` if the window is left out.
    pub model: Option<ModelId>,
    /// The largest log-loss per row of this model in a window; `None` if the window is left out.
    pub log_loss: Option<f64>,
    /// `true` if another policy would be named, or none.
    pub changes_name: bool,
    /// The policy that would be named. `None` if none would be, or if the name does not change.
    pub named_without: Option<Policy>,
    /// The policy whose share moves: the named one if the name changes.
    pub policy: Policy,
    /// The share that this policy keeps; `None` if there is no gain.
    pub share: Option<f64>,
    /// The share that it would keep; `None` if there would be no gain.
    pub share_without: Option<f64>,
}

impl Followed {
    /// Returns `true` if the data show that following the advice is good enough.
    pub fn is_good_enough(&self) -> bool {
        self.verdict == PolicyVerdict::GoodEnough
    }

    /// Returns what following kept, as in `kept 97% (at least 93%) so far, and the advice changed 3 times`.
    pub fn in_words(&self) -> String {
        let of = if self.by_cost { " of the largest saving" } else { "" };
        let bound = self.kept.at_least.filter(|_| self.is_good_enough());
        let kept = match (self.kept.share, bound) {
            _ if self.kept.is_negative() && self.by_cost => "cost more than the commoner class".to_owned(),
            _ if self.kept.is_negative() => "was worse than the average rate".to_owned(),
            (None, _) => format!("kept an unknown share{of}"),
            (Some(_), Some(bound)) => format!("kept {} (at least {}){of}", self.kept.percent(), percent(bound, 0)),
            (Some(_), None) if self.kept.interval.is_some() => format!("kept {}{of}", self.kept.with_interval()),
            (Some(_), None) => format!("kept {}{of} ({})", self.kept.percent(), self.verdict.without_interval()),
        };
        let changes = match self.changes {
            0 => "never changed".to_owned(),
            1 => "changed once".to_owned(),
            times => format!("changed {times} times"),
        };
        format!("{kept} so far, and the advice {changes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contrast::Interval;

    #[test]
    fn following_is_said_with_the_bound_or_the_interval() {
        let interval = Some(Interval { low: 0.91, high: 1.02 });
        let kept = KeptGain { share: Some(0.97), interval, at_least: Some(0.93) };
        let verdict = PolicyVerdict::GoodEnough;
        let shown = Followed { since: 18, windows: 40, kept, by_cost: false, verdict, changes: 3 };
        let open = Followed { verdict: PolicyVerdict::CannotTell, changes: 1, ..shown.clone() };
        let few = KeptGain { interval: None, at_least: None, ..kept };
        let few = Followed { verdict: PolicyVerdict::TooFew, kept: few, changes: 0, by_cost: true, ..shown.clone() };
        let no_gain = Followed { verdict: PolicyVerdict::CannotTell, by_cost: false, ..few.clone() };
        let none = KeptGain { share: Some(-0.2), ..kept };
        let none = Followed { verdict: PolicyVerdict::Worse, kept: none, ..shown.clone() };
        let cases = [
            (shown, "kept 97% (at least 93%) so far, and the advice changed 3 times"),
            (open, "kept 97% (91 to 102) so far, and the advice changed once"),
            (
                few,
                "kept 97% of the largest saving (no interval: too few windows or refits) so far, and the advice never \
                 changed",
            ),
            (no_gain, "kept 97% (no interval: no gain is shown) so far, and the advice never changed"),
            (none, "was worse than the average rate so far, and the advice changed 3 times"),
        ];
        for (followed, expected) in cases {
            assert_eq!(followed.in_words(), expected);
        }
    }
}
