//! Summaries and scores of a window in answers.

use poem_openapi::Object;

use crate::api::operations::mirror::{Mirror, mirror};
use crate::api::operations::score::Score;
use windrow_learn::model::{self, ModelScore, WindowReport};

mirror! {
    /// A window in a line
    struct WindowSummary of report: WindowReport {
        /// Which one, from 1
        window: u32,
        /// What it is called beside its number, as in `week of 2013-04-01`; left out where windows have no times
        period: Option<String>,
        /// Its rows that have a target
        labelled: u64 = report.profile.rows,
        /// Of these, positive ones
        positives: u64 = report.profile.positives,
        /// The sha256 of its batch file
        sha256: String,
        /// What changed since the window before
        drift: Option<Drift>,
        /// What changed since the first window
        drift_since_first: Option<Drift>,
    }

    /// What changed between two windows
    struct Drift of drift: model::Drift {
        /// The share of positive rows in the earlier window
        positive_share_before: Option<f64>,
        /// The same in this one
        positive_share: Option<f64>,
        /// What changed in the target
        target: FeatureDrift,
        /// By feature
        features: Vec<FeatureDrift>,
    }

    /// What changed in one feature
    struct FeatureDrift of drift: model::FeatureDrift {
        feature: String,
        /// Population stability index
        psi: f64,
        /// Above it is a shift: the larger of 0.1, by the custom of the field, and what sampling alone exceeds
        threshold: f64,
        /// The statistic of Kolmogorov and Smirnov; left out for texts
        ks: Option<f64>,
    }
}

/// How a model met the rows of a window
#[derive(Debug, Object)]
pub(crate) struct WindowScore {
    pub(crate) model: String,
    pub(crate) window: u32,
    /// The scores; `on` is `window` for all its rows, or `holdout` for the last ones, by a first fit of the model
    pub(crate) score: Score,
}

impl WindowScore {
    /// Returns the scores of a model on a window: on all rows, and on the holdout.
    pub(crate) fn of(report: &WindowReport, found: &ModelScore) -> impl Iterator<Item = Self> {
        let scored = [("window", &found.window), ("holdout", &found.holdout)];
        scored.into_iter().filter_map(|(on, score)| {
            let score = Score::of(score.as_ref()?, on);
            Some(Self { model: found.model.to_string(), window: report.window.get(), score })
        })
    }
}
