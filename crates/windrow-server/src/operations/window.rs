//! Summaries and scores of a window in answers.

use poem_openapi::Object;

use crate::operations::mirror::{Mirror, mirror};
use crate::operations::score::Score;
use windrow_learn::model::{self, ModelScore, WindowReport};

mirror! {
    /// The summary of a window
    struct WindowSummary of report: WindowReport {
        /// The number of the window, from 1
        window: u32,
        /// The name of the period, as in `week of 2013-04-01` or `2013-04-01 to 2013-04-09`; left out without times
        period: Option<String>,
        /// The number of rows that have a target
        labelled: u64 = report.profile.rows,
        /// The number of positive rows among them
        positives: u64 = report.profile.positives,
        /// The SHA-256 of the batch file, in hexadecimal
        sha256: String,
        /// The changes since the window before; left out for the first window, and without labelled rows
        drift: Option<Drift>,
        /// The first full window, with which `drift_since_first` compares; left out for the windows up to it
        first_full: Option<u32>,
        /// The changes since the first full window; left out for the windows up to it, and without labelled rows
        drift_since_first: Option<Drift>,
    }

    /// The changes between two windows
    struct Drift of drift: model::Drift {
        /// The share of positive rows in the earlier window
        positive_share_before: Option<f64>,
        /// The share of positive rows in this window
        positive_share: Option<f64>,
        /// The change of the target
        target: FeatureDrift,
        /// The changes of the features, in the order of the pipeline file
        features: Vec<FeatureDrift>,
    }

    /// The change of one feature, or of the target
    struct FeatureDrift of drift: model::FeatureDrift {
        /// The name of the feature
        feature: String,
        /// `true` for a part of the time, as in `weekday`, which always changes with time
        is_calendar: bool,
        /// The population stability index of the change
        psi: f64,
        /// The index above which a change is a shift: 0.1, or what chance exceeds in 5% of the cases, if that is larger
        threshold: f64,
        /// The Kolmogorov-Smirnov statistic; left out for texts
        ks: Option<f64>,
    }
}

/// The scores of a model on the rows of a window
#[derive(Debug, Object)]
pub(crate) struct WindowScore {
    pub(crate) model: String,
    pub(crate) window: u32,
    /// The scores; `on` is `window` for all labelled rows, or `holdout` for those that the model's first fit left out
    pub(crate) score: Score,
}

impl WindowScore {
    /// Returns the scores of a model on a window: on all rows, and on the holdout.
    pub(crate) fn of(report: &WindowReport, found: &ModelScore) -> impl Iterator<Item = Self> {
        let scored = [("window", &found.window), ("holdout", &found.holdout)];
        scored.into_iter().filter_map(|(on, score)| {
            let score = Score { on: on.to_owned(), ..Score::of(score.as_ref()?) };
            Some(Self { model: found.model.to_string(), window: report.window.get(), score })
        })
    }
}
