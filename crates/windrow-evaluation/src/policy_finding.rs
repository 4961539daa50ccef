//! The finding on one policy: its errors, its share of the best gain, and its effort. Pure data.

use serde::{Deserialize, Serialize};

use crate::contrast::Interval;
use crate::policy::Policy;
use windrow_record::display::percent;

/// What can be told of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The lower end of the bound on the share kept is at least [`Basis::keep`](crate::Basis::keep).
    GoodEnough,
    /// Not that, and the interval excludes the best.
    Worse,
    /// Neither.
    CannotTell,
    /// Too few windows, or too few refits, for an interval.
    TooFew,
    /// A line to compare with, which is never named.
    Reference,
}

impl Verdict {
    /// As in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::GoodEnough => "good enough",
            Self::Worse => "worse",
            Self::CannotTell => "cannot tell",
            Self::TooFew => "too few",
            Self::Reference => "reference",
        }
    }
}

/// What is known of one policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyFinding {
    /// The policy.
    pub policy: Policy,
    /// Policies with the same losses, which cost more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same: Vec<Policy>,
    /// Since which window it is judged, if that is not the first judged.
    pub since: Option<u32>,
    /// What can be told.
    pub verdict: Verdict,
    /// Its errors.
    pub errors: Errors,
    /// Its share of the best policy's gain.
    pub kept: KeptGain,
    /// Its losses compared with those of other policies.
    pub compared: Compared,
    /// Its fits, and its cost.
    pub effort: Effort,
}

/// Means over the labelled rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// Mean -log p(truth), natural logarithm.
    pub log_loss: f64,
    /// Mean (p - truth)^2.
    pub brier: f64,
    /// False alarms at the threshold, a row.
    pub false_alarms: f64,
    /// Misses at the threshold, a row.
    pub misses: f64,
}

/// The share of the best policy's gain over the share of positives so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeptGain {
    /// The share; `None` if there is no gain.
    pub share: Option<f64>,
    /// The 95% interval of the share.
    pub interval: Option<Interval>,
    /// The lower end of the simultaneous one-sided 95% bound on the share.
    pub at_least: Option<f64>,
}

/// Losses compared with those of other policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The log-loss less the best policy's.
    pub difference: f64,
    /// The 95% interval of that difference.
    pub interval: Option<Interval>,
    /// The p-value in the model confidence set.
    pub confidence_set_p: Option<f64>,
    /// The loss a row in the eight windows behind a break, less that of refitting every window on a short history.
    pub lost_at_break: Option<f64>,
}

/// Fits, and what they cost together with the errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effort {
    /// Fits a window.
    pub fits_per_window: f64,
    /// Fits a year, if windows have times.
    pub fits_per_year: Option<f64>,
    /// Refits within the windows judged, a mean over phases.
    pub refits: f64,
    /// The cost a window, in the unit of `advise.cost`.
    pub cost: Option<f64>,
}

impl PolicyFinding {
    /// Whether it is about this policy, or about one with the same losses.
    pub fn is_of(&self, policy: Policy) -> bool {
        self.policy == policy || self.same.contains(&policy)
    }
}

impl KeptGain {
    /// The share, as in `98%`; `-` if there is none.
    pub fn percent(&self) -> String {
        self.share.map_or_else(|| "-".to_owned(), |share| percent(share, 0))
    }

    /// The share with its interval, as in `98% (92 to 104)`.
    pub fn with_interval(&self) -> String {
        let interval = self.interval.map(|interval| format!(" ({})", interval.percent()));
        self.percent() + &interval.unwrap_or_default()
    }
}

impl Effort {
    /// Fits a year; if windows have no times, fits in 100 windows.
    pub fn fits(&self) -> f64 {
        self.fits_per_year.unwrap_or(100.0 * self.fits_per_window)
    }
}
