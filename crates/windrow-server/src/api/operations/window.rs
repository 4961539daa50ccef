//! What answers say of a window: its drift, its scores.

use poem_openapi::Object;

use crate::api::operations::score::Score;
use windrow_learn::model::{self, Drift as FoundDrift, WindowReport};

/// A window in a line
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct WindowSummary {
    /// Which one, from 1
    pub(crate) window: u32,
    /// What it is called beside its number, as in `week of 2013-04-01`; left out where windows have no times
    pub(crate) period: Option<String>,
    /// Its rows that have a target
    pub(crate) labelled: u64,
    /// Of these, positive ones
    pub(crate) positives: u64,
    /// The sha256 of its batch file
    pub(crate) sha256: String,
    /// What changed since the window before
    pub(crate) drift: Option<Drift>,
    /// What changed since the first window
    pub(crate) drift_since_first: Option<Drift>,
}

/// What changed between two windows
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Drift {
    /// The share of positive rows in the earlier window
    pub(crate) positive_share_before: Option<f64>,
    /// The same in this one
    pub(crate) positive_share: Option<f64>,
    /// What changed in the target
    pub(crate) target: Option<FeatureDrift>,
    /// By feature
    pub(crate) features: Vec<FeatureDrift>,
}

/// What changed in one feature
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct FeatureDrift {
    pub(crate) feature: String,
    /// Population stability index
    pub(crate) psi: f64,
    /// Above it is a shift: the larger of 0.1, by the custom of the field, and what sampling alone exceeds
    pub(crate) threshold: f64,
    /// The statistic of Kolmogorov and Smirnov; left out for texts
    pub(crate) ks: Option<f64>,
}

/// How a model met the rows of a window
#[derive(Debug, Object)]
pub(crate) struct WindowScore {
    pub(crate) model: String,
    pub(crate) window: u32,
    /// The scores; `on` is `window` for all its rows, or `holdout` for the last ones, by a first fit of the model
    pub(crate) score: Score,
}

impl WindowSummary {
    pub(crate) fn of(report: &WindowReport) -> Self {
        Self {
            window: report.window.get(),
            period: report.period.clone(),
            labelled: report.profile.rows,
            positives: report.profile.positives,
            sha256: report.sha256.clone(),
            drift: report.drift.as_ref().map(Drift::of),
            drift_since_first: report.drift_since_first.as_ref().map(Drift::of),
        }
    }
}

impl Drift {
    fn of(found: &FoundDrift) -> Self {
        let of = |one: &model::FeatureDrift| FeatureDrift {
            feature: one.feature.clone(),
            psi: one.psi,
            threshold: one.threshold,
            ks: one.ks,
        };
        Self {
            positive_share_before: found.positive_share_before,
            positive_share: found.positive_share,
            target: found.target.as_ref().map(of),
            features: found.features.iter().map(of).collect(),
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
