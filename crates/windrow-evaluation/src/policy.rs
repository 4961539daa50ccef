//! The definition of a policy of retraining.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::window_unit::WindowUnit;
use windrow_record::Scheme;
use windrow_record::display::ordinal;

/// A policy of retraining: on how much history to refit, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Policy {
    /// The windows that each fit learns from.
    pub history: Scheme,
    /// The schedule or trigger of refits.
    pub refit: Refit,
}

/// The schedule or trigger of refits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "windows", rename_all = "snake_case")]
pub enum Refit {
    /// Refits after each refit period, which is this number of windows.
    Every(u32),
    /// The first model is never refitted.
    Never,
    /// The first model is never refitted. Its predictions are recalibrated with a new intercept and slope each window.
    Recalibrated,
    /// Refits when the population stability index of a feature shows drift.
    PsiAlarm,
    /// Refits when the test of Page and Hinkley shows rising losses.
    LossAlarm,
    /// Refits as soon as the errors of the model in use have cost as much more than those of newer models as a fit costs.
    WhenItPays,
    /// Follows the advice that was given at the time.
    Advice,
    /// The models that were in service, by a log of their predictions.
    Served,
}

impl Policy {
    /// Returns the number of windows that each fit learns from; `None` for all.
    pub fn length(self) -> Option<u32> {
        length(self.history)
    }

    /// Returns `true` if the policy refits on a schedule.
    pub fn is_schedule(self) -> bool {
        matches!(self.refit, Refit::Every(_))
    }

    /// Returns the number of fits per window; `None` if refits are not planned ahead.
    pub fn fits(self) -> Option<f64> {
        match self.refit {
            Refit::Every(windows) => Some(1.0 / f64::from(windows.max(1))),
            Refit::Never | Refit::Recalibrated => Some(0.0),
            Refit::PsiAlarm | Refit::LossAlarm | Refit::WhenItPays | Refit::Advice | Refit::Served => None,
        }
    }

    /// Returns the name of the policy, as in `last 4 months, every 2nd month`. The advice and a log have no history of their
    /// own.
    pub fn name(self, unit: WindowUnit) -> String {
        self.with_history(unit, self.refit.name(unit))
    }

    fn with_history(self, unit: WindowUnit, refit: String) -> String {
        match self.refit {
            Refit::Advice | Refit::Served => refit,
            _ => format!("{}, {refit}", history_name(self.history, unit)),
        }
    }
}

impl Refit {
    /// Returns the name of the schedule or trigger, as in `every 2nd month` or `never`.
    pub fn name(self, unit: WindowUnit) -> String {
        match self {
            Self::Every(_) => format!("{self} {}", unit.one()),
            _ => self.to_string(),
        }
    }
}

/// Returns the number of windows of a history; `None` for all.
pub(super) fn length(history: Scheme) -> Option<u32> {
    match history {
        Scheme::Window => Some(1),
        Scheme::Sliding(length) => Some(length.get()),
        Scheme::Cumulative => None,
    }
}

/// Returns the name of a history, as in `last 4 months` or `all`.
pub fn history_name(history: Scheme, unit: WindowUnit) -> String {
    match length(history) {
        Some(1) => format!("last {}", unit.one()),
        Some(length) => format!("last {length} {}", unit.many()),
        None => "all".to_owned(),
    }
}

impl fmt::Display for Refit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(1) => f.pad("every"),
            Self::Every(windows) => f.pad(&format!("every {}", ordinal(*windows))),
            Self::Never => f.pad("never"),
            Self::Recalibrated => f.pad("recalibrate"),
            Self::PsiAlarm => f.pad("on PSI alarm"),
            Self::LossAlarm => f.pad("on loss alarm"),
            Self::WhenItPays => f.pad("when it pays"),
            Self::Advice => f.pad("as advised"),
            Self::Served => f.pad("as served"),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.with_history(WindowUnit::Window, self.refit.to_string()))
    }
}
