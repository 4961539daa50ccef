//! The finding on one policy: its errors, its share of the best gain, and its effort. Pure data.

use serde::{Deserialize, Serialize};

use crate::contrast::Interval;
use crate::policy::Policy;
use crate::wrong_answers::WrongAnswers;
use windrow_record::display::percent;

/// The verdict on a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyVerdict {
    /// The lower bound on the share that it keeps is at least [`Basis::keep`](crate::Basis::keep). The policy may still
    /// be [below the best](PolicyFinding::is_below_best).
    GoodEnough,
    /// The policy is not shown good enough, and it is [below the best](PolicyFinding::is_below_best).
    Worse,
    /// The data show neither that it is good enough nor that it is worse.
    CannotTell,
    /// There are too few windows, or too few refits, for an interval.
    TooFew,
    /// A reference to compare with, which may not be named: a policy that never refits, with fewer than 36 windows judged,
    /// after a break, or without a silent alarm to watch. Or what served, by a log.
    Reference,
}

impl PolicyVerdict {
    /// Returns the verdict as it appears in narrow tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::GoodEnough => "good enough",
            Self::Worse => "not as good",
            Self::CannotTell => "cannot tell",
            Self::TooFew => "too few",
            Self::Reference => "reference",
        }
    }

    /// Returns the reason why the share that a policy with this verdict keeps has no interval, in words.
    pub fn without_interval(self) -> &'static str {
        if self == Self::TooFew { "no interval: too few windows or refits" } else { "no interval: no gain is shown" }
    }
}

/// The finding on one policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyFinding {
    /// The policy that was judged.
    pub policy: Policy,
    /// Policies with the same losses and a higher cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same: Vec<Policy>,
    /// The first window on which the policy was judged, if it differs from that of the other policies.
    pub since: Option<u32>,
    /// The verdict on the policy.
    pub verdict: PolicyVerdict,
    /// The mean errors of the policy.
    pub errors: Errors,
    /// The share of the best policy's gain that it keeps.
    pub kept: KeptGain,
    /// The wrong answers, compared with those of [`PolicyComparison::reference`](crate::PolicyComparison::reference).
    pub wrong_answers: WrongAnswers,
    /// The losses compared with those of other policies.
    pub compared: ComparedLosses,
    /// The number of fits, and the cost.
    pub effort: Effort,
    /// The windows in which the alarm of the policy rang, in the run that starts with the newest model. If the policy
    /// refits when it pays, these are the windows after which it refitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rang: Vec<AlarmWindow>,
}

/// A window in which an alarm rang, or after which a refit paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmWindow {
    /// The number of the window.
    pub window: u32,
    /// The name of the window, as in `window 14 (week of 2013-04-01)`.
    pub label: String,
}

/// Mean errors over the labelled rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// The mean of -log p(truth), natural logarithm.
    pub log_loss: f64,
    /// The mean of (p - truth)^2.
    pub brier: f64,
    /// False alarms per row, at the threshold.
    pub false_alarms: f64,
    /// Misses per row, at the threshold.
    pub misses: f64,
}

/// A policy's gain as a share of the best policy's gain. A gain is the log-loss saved compared with always predicting
/// the share of positives so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeptGain {
    /// The share; `None` if the best policy has no gain.
    pub share: Option<f64>,
    /// The 95% interval of the share.
    pub interval: Option<Interval>,
    /// The lower bound on the share: one-sided, 95%, simultaneous over all policies that may be named. That of following
    /// the advice is about this policy only.
    pub at_least: Option<f64>,
}

/// The losses compared with those of other policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedLosses {
    /// The log-loss per row less that of the best policy.
    pub difference: f64,
    /// The 95% interval of that difference.
    pub interval: Option<Interval>,
    /// The p-value in the model confidence set.
    pub confidence_set_p: Option<f64>,
    /// The log-loss per row in the eight windows after a break, less that of refitting every window on a short history.
    pub lost_at_break: Option<f64>,
}

/// The number of fits, and their cost together with that of the errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effort {
    /// The number of fits per window. That of an alarm is the observed one; the upper limit decides in the order.
    pub fits_per_window: f64,
    /// The number of fits per year; `None` if windows have no times.
    pub fits_per_year: Option<f64>,
    /// The number of refits within the windows judged, as a mean over phases.
    pub refits: f64,
    /// The cost per window, in the unit of `advise.cost`.
    pub cost: Option<f64>,
}

impl PolicyFinding {
    /// Returns `true` if the finding is about this policy or one with the same losses.
    pub fn is_of(&self, policy: Policy) -> bool {
        self.policy == policy || self.same.contains(&policy)
    }

    /// Returns `true` if the data show that the policy is not as good as the best one: the interval of its difference
    /// from the best excludes zero.
    pub fn is_below_best(&self) -> bool {
        self.compared.interval.is_some_and(|interval| interval.low > 0.0)
    }

    /// Returns the verdict with its yardsticks, as in `good enough (at least 96%), not as good as the best`.
    pub fn verdict_in_words(&self) -> String {
        let at_least = self.kept.at_least.filter(|bound| *bound >= 0.0);
        let at_least = at_least.map_or_else(String::new, |bound| format!(" (at least {})", percent(bound, 0)));
        let not_as_good = "not as good as the best";
        match self.verdict {
            PolicyVerdict::GoodEnough if self.is_below_best() => format!("good enough{at_least}, {not_as_good}"),
            PolicyVerdict::GoodEnough | PolicyVerdict::CannotTell => format!("{}{at_least}", self.verdict.name()),
            PolicyVerdict::Worse => not_as_good.to_owned(),
            PolicyVerdict::TooFew | PolicyVerdict::Reference => self.verdict.name().to_owned(),
        }
    }
}

impl KeptGain {
    /// Returns `true` if the policy is worse than always predicting the share of positives so far.
    pub fn is_negative(&self) -> bool {
        self.share.is_some_and(|share| share < 0.0)
    }

    /// Returns the share for a narrow column, as in `98%`; `none` for a negative share, and `-` without one.
    pub fn percent(&self) -> String {
        match self.share {
            None => "-".to_owned(),
            Some(_) if self.is_negative() => "none".to_owned(),
            Some(share) => percent(share, 0),
        }
    }

    /// Returns the share, as in `98%` or `worse than the average rate`; `-` without one.
    pub fn in_words(&self) -> String {
        self.share.map_or_else(|| "-".to_owned(), share_in_words)
    }

    /// Returns the share with its interval, as in `98% (92 to 104)`. The share of a policy that is compared with itself
    /// has none.
    pub fn with_interval(&self) -> String {
        let interval = self.interval.filter(|interval| !interval.is_point());
        let interval = interval.map(|interval| format!(" ({})", interval.percent()));
        self.percent() + &interval.unwrap_or_default()
    }
}

/// A negative share in words: readers do not expect to keep less than nothing.
pub const WORSE_THAN_AVERAGE: &str = "worse than the average rate";

/// Returns a share in per cent or, if it is negative, in words.
pub(crate) fn share_in_words(share: f64) -> String {
    if share < 0.0 { WORSE_THAN_AVERAGE.to_owned() } else { percent(share, 0) }
}

impl Effort {
    /// Returns the fits per year or, if windows have no times, per 100 windows.
    pub fn fits(&self) -> f64 {
        self.fits_per_year.unwrap_or(100.0 * self.fits_per_window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_compared_with_itself_has_no_interval() {
        let kept = |low: f64, high: f64| {
            let interval = Some(Interval { low, high });
            KeptGain { share: Some(1.0), interval, at_least: None }
        };
        assert_eq!(kept(1.0, 1.0).with_interval(), "100%");
        assert_eq!(kept(0.998, 1.004).with_interval(), "100% (100 to 100)", "a narrow interval says something");
    }

    #[test]
    fn a_negative_share_is_not_printed_as_a_number() {
        let cases = [
            (None, "-", "-"),
            (Some(0.984), "98%", "98%"),
            (Some(0.0), "0%", "0%"),
            (Some(-1.85), "none", "worse than the average rate"),
        ];
        for (share, narrow, words) in cases {
            let kept = KeptGain { share, interval: None, at_least: None };
            assert_eq!([kept.percent(), kept.in_words()], [narrow, words], "{share:?}");
        }
    }
}
