//! What is known of a window once it has been learned from: how its rows are distributed, what changed since the windows
//! before, and how well every model met its rows (`windows/window-00001.json`).

use serde::{Deserialize, Serialize};

use crate::model::artifact::Score;
use crate::model::drift::{Drift, Profile};
use windrow_record::display::window_name;
use windrow_record::{ModelId, WindowIndex};

/// The version of the file's form. A reader refuses another one.
pub const WINDOW_FORMAT: u32 = 3;

/// All that is known of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// The version of the form: [`WINDOW_FORMAT`].
    pub format: u32,
    /// Which window.
    pub window: WindowIndex,
    /// What it is called beside its number, as in `week of 2013-04-01`; `None` where windows have no times.
    pub period: Option<String>,
    /// Whether its rows are no repetition of earlier ones: only then it says how models meet what is new.
    pub is_evidence: bool,
    /// The sha256 of its batch file, in hexadecimal.
    pub sha256: String,
    /// How every model met its rows, by model.
    pub scores: Vec<ModelScore>,
    /// What changed since the window before; `None` for the first, and behind a window without labelled rows.
    pub drift: Option<Drift>,
    /// What changed since the first window; `None` for the first.
    pub drift_since_first: Option<Drift>,
    /// How its labelled rows are distributed: any two windows can be compared by these.
    pub profile: Profile,
}

/// How a model met the rows of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelScore {
    /// The model.
    pub model: ModelId,
    /// On all labelled rows of the window; `None` for a model that learned from some of them.
    pub window: Option<Score>,
    /// Of a model whose newest window this is: the first fit on the rows that it left out. `None` where nothing is held
    /// out.
    pub holdout: Option<Score>,
}

impl WindowReport {
    /// As in `window 14 (week of 2013-04-01)`.
    pub fn name(&self) -> String {
        window_name(self.window.get(), self.period.as_deref())
    }
}
