//! What a policy of retraining is.

use std::fmt;

use serde::{Deserialize, Serialize};

use windrow_record::Scheme;
use windrow_record::display::ordinal;

/// On how much history to refit, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Policy {
    /// Which windows each fit learns from.
    pub history: Scheme,
    /// When it is fitted again.
    pub refit: Refit,
}

/// When a model is fitted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "windows", rename_all = "snake_case")]
pub enum Refit {
    /// Every so many windows.
    Every(u32),
    /// Never again.
    Never,
    /// Never again, but with an intercept and a slope that are renewed each window.
    Recalibrated,
    /// When the population stability index of a feature tells drift.
    PsiAlarm,
    /// When the test of Page and Hinkley tells that losses rise.
    LossAlarm,
    /// As the advice said at the time.
    Advice,
}

impl Policy {
    /// How many windows each fit learns from; `None` for all.
    pub fn length(self) -> Option<u32> {
        length(self.history)
    }

    /// Fits a window, for policies whose refits are planned.
    pub fn fits(self) -> Option<f64> {
        match self.refit {
            Refit::Every(windows) => Some(1.0 / f64::from(windows.max(1))),
            Refit::Never | Refit::Recalibrated => Some(0.0),
            Refit::PsiAlarm | Refit::LossAlarm | Refit::Advice => None,
        }
    }
}

/// How many windows a history has; `None` for all.
pub(super) fn length(history: Scheme) -> Option<u32> {
    match history {
        Scheme::Window => Some(1),
        Scheme::Sliding(length) => Some(length.get()),
        Scheme::Cumulative => None,
    }
}

/// Returns the name of a history, as in `last 4 windows` or `all`.
pub fn history_name(history: Scheme) -> String {
    match length(history) {
        Some(1) => "last window".to_owned(),
        Some(length) => format!("last {length} windows"),
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
            Self::Advice => f.pad("as advised"),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}, {}", history_name(self.history), self.refit))
    }
}
