//! The report of a window, made after its models were fitted (`windows/window-00001.json`). It holds the distribution
//! of the rows, the changes since earlier windows, and the scores of all models.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::drift::{Drift, Profile};
use crate::model::measures::Score;
use windrow_record::display::window_name;
use windrow_record::{ModelId, Scheme, WindowIndex};

/// The version of the file format. A reader rejects any other version.
pub const WINDOW_FORMAT: u32 = 6;

/// The report of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// The version of the format: [`WINDOW_FORMAT`].
    pub format: u32,
    /// The number of the window.
    pub window: WindowIndex,
    /// The name of the window's period, such as `week of 2013-04-01` or `2013-04-01 to 2013-04-09`; `None` without
    /// times.
    pub period: Option<String>,
    /// `true` if the data begin within the window, so that a part of its rows is missing.
    pub is_cut_off: bool,
    /// `true` if no row repeats an earlier one. Only then do the scores show how models predict new rows.
    pub is_evidence: bool,
    /// The sha256 of the batch file, in hexadecimal. Empty if labels have arrived since: the report is then outdated.
    pub sha256: String,
    /// The schemes whose models were trained when the window was new. The champion after the window is a model of one of
    /// them.
    pub schemes: BTreeSet<Scheme>,
    /// The schemes that were added to the pipeline later. Their models of this window were made then.
    pub added: BTreeSet<Scheme>,
    /// The scores of the models, ordered by model.
    pub scores: Vec<ModelScore>,
    /// The changes since the window before. `None` for the first window, or if one of the two has no labelled rows.
    pub drift: Option<Drift>,
    /// The first full window, which is the reference of the drift. `None` for the windows up to it.
    pub first_full: Option<WindowIndex>,
    /// The changes since the first full window. `None` for the windows up to it, and without labelled rows.
    pub drift_since_first: Option<Drift>,
    /// The distribution of the labelled rows. With these, any two windows can be compared.
    pub profile: Profile,
}

/// The score of a model on one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelScore {
    /// The id of the model.
    pub model: ModelId,
    /// The score on all labelled rows of the window. `None` for a model that learned from some of them.
    pub window: Option<Score>,
    /// The score of the first fit on the rows that it left out, for a model whose newest window this is. `None` if no
    /// rows are held out.
    pub holdout: Option<Score>,
}

impl WindowReport {
    /// Returns the scores of the models whose newest window is the one before: their forward scores at an age of one
    /// window.
    pub fn age_one_scores(&self) -> impl Iterator<Item = (ModelId, &Score)> {
        self.scores_at_age(1)
    }

    /// Returns the scores of the models whose newest window is `age` windows before this one.
    pub fn scores_at_age(&self, age: u32) -> impl Iterator<Item = (ModelId, &Score)> {
        let newest = self.window.get().checked_sub(age);
        let of_age = self.scores.iter().filter(move |found| Some(found.model.window.get()) == newest);
        of_age.filter_map(|found| Some((found.model, found.window.as_ref()?)))
    }

    /// Returns `true` if the models of this window were made for a scheme. Models that were retired count.
    pub fn has_models_of(&self, scheme: Scheme) -> bool {
        self.schemes.contains(&scheme) || self.added.contains(&scheme)
    }

    /// Returns the report with the scores of schemes that were added to the pipeline later. `scores` are all scores.
    #[must_use]
    pub fn with_added(&self, trained: &BTreeSet<Scheme>, scores: Vec<ModelScore>) -> Self {
        let new = trained.difference(&self.schemes).copied();
        let added = self.added.iter().copied().chain(new).collect();
        Self { added, scores, ..self.clone() }
    }

    /// Returns the name of the window, such as `window 14 (week of 2013-04-01)`.
    pub fn name(&self) -> String {
        window_name(self.window.get(), self.period.as_deref())
    }
}
