//! What answers say of a window: its comparisons, its drift, its scores.

use poem_openapi::{Enum, Object};

use crate::api::operations::score::Score;
use crate::model::{self, Drift as FoundDrift, ScoredOn, WindowReport};

/// A window in a line
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct WindowSummary {
    /// Which one, from 1
    pub(crate) window: u32,
    /// Its rows that have a target
    pub(crate) labelled: u64,
    /// Of these, positive ones
    pub(crate) positives: u64,
    /// The sha256 of its batch file
    pub(crate) sha256: String,
    /// Ways of training side by side on its rows
    pub(crate) comparisons: Vec<Comparison>,
    /// What changed since the window before
    pub(crate) drift: Option<Drift>,
    /// What changed since the first window
    pub(crate) drift_since_first: Option<Drift>,
}

/// Two models on the same rows
#[derive(Debug, Object)]
pub(crate) struct Comparison {
    pub(crate) first: String,
    pub(crate) second: String,
    /// Which rows
    pub(crate) on: Rows,
    pub(crate) rows: u64,
    /// The mean over rows of the first's log-loss less the second's: below 0 the first is better
    pub(crate) difference: f64,
    /// The lower end of its 95% interval (paired and normal)
    pub(crate) low: f64,
    /// The upper end
    pub(crate) high: f64,
}

/// Which rows of a window
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum Rows {
    /// All labelled rows, which neither model has seen
    Window,
    /// The held-out rows
    Holdout,
}

/// What changed between two windows
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Drift {
    /// The share of positive rows in the earlier window
    pub(crate) positive_share_before: Option<f64>,
    /// The same in this one
    pub(crate) positive_share: Option<f64>,
    /// By feature
    pub(crate) features: Vec<FeatureDrift>,
}

/// What changed in one feature
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct FeatureDrift {
    pub(crate) feature: String,
    /// Population stability index; above 0.1 is a shift, above 0.25 a large one, by the custom of the field
    pub(crate) psi: f64,
    /// The statistic of Kolmogorov and Smirnov; left out for texts
    pub(crate) ks: Option<f64>,
}

/// How a model met the rows of a window
#[derive(Debug, Object)]
pub(crate) struct WindowScore {
    pub(crate) model: String,
    pub(crate) window: u32,
    /// The scores; `on` is `window` for all its rows, or `holdout`
    pub(crate) score: Score,
}

impl WindowSummary {
    pub(crate) fn of(report: &WindowReport) -> Self {
        Self {
            window: report.window.get(),
            labelled: report.profile.rows,
            positives: report.profile.positives,
            sha256: report.sha256.clone(),
            comparisons: report.comparisons.iter().map(Comparison::of).collect(),
            drift: report.drift.as_ref().map(Drift::of),
            drift_since_first: report.drift_since_first.as_ref().map(Drift::of),
        }
    }
}

impl Comparison {
    fn of(found: &model::Comparison) -> Self {
        Self {
            first: found.first.to_string(),
            second: found.second.to_string(),
            on: match found.on {
                ScoredOn::Window => Rows::Window,
                ScoredOn::Holdout => Rows::Holdout,
            },
            rows: found.rows,
            difference: found.difference,
            low: found.low,
            high: found.high,
        }
    }
}

impl Drift {
    fn of(found: &FoundDrift) -> Self {
        let features =
            found.features.iter().map(|one| FeatureDrift { feature: one.feature.clone(), psi: one.psi, ks: one.ks });
        Self {
            positive_share_before: found.positive_share_before,
            positive_share: found.positive_share,
            features: features.collect(),
        }
    }
}

impl WindowScore {
    /// The scores of a model on the rows of a window, by which rows they are.
    pub(crate) fn of(report: &WindowReport, found: &model::ModelScore) -> impl Iterator<Item = Self> {
        let scored = [("window", &found.window), ("holdout", &found.holdout)];
        scored.into_iter().filter_map(|(on, score)| {
            let score = Score::of(on, score.as_ref()?);
            Some(Self { model: found.model.to_string(), window: report.window.get(), score })
        })
    }
}
