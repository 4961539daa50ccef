//! What is known of the windows.

use poem_openapi::{Enum, Object};

use crate::api::answers::{Numbers, Offsets, Score};
use crate::model::{self, Drift as FoundDrift, ScoredOn, WindowReport};
use crate::registry::Snapshot;

/// All windows that have been scored
#[derive(Debug, Object)]
pub(crate) struct WindowList {
    /// Oldest first
    pub(crate) windows: Vec<WindowSummary>,
}

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

/// The model x window table
#[derive(Debug, Object)]
pub(crate) struct ScoreTable {
    /// By window and then by model
    pub(crate) scores: Vec<WindowScore>,
}

/// How a model met the rows of a window
#[derive(Debug, Object)]
pub(crate) struct WindowScore {
    pub(crate) model: String,
    pub(crate) window: u32,
    /// The scores; `on` is `window` for all its rows, or `holdout`
    pub(crate) score: Score,
}

/// The files and offsets behind a model
#[derive(Debug, Object)]
pub(crate) struct Lineage {
    /// Names them
    pub(crate) id: String,
    /// The models that were made from them
    pub(crate) models: Vec<String>,
    /// Oldest first
    pub(crate) windows: Vec<LineageWindow>,
}

/// A window behind a model
#[derive(Debug, Object)]
pub(crate) struct LineageWindow {
    pub(crate) window: u32,
    /// Its batch file, in the work directory
    pub(crate) file: String,
    /// Its manifest, in the work directory
    pub(crate) manifest: String,
    /// The sha256 of the file
    pub(crate) sha256: String,
    pub(crate) rows: u64,
    /// The numbers of its rows in the dataset, where they have any
    pub(crate) row_numbers: Vec<Numbers>,
    /// Where its rows stood in the topic
    pub(crate) offsets: Vec<Offsets>,
}

impl WindowList {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self { windows: snapshot.windows().map(|report| WindowSummary::of(report)).collect() }
    }
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

impl ScoreTable {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut scores = Vec::new();
        for report in snapshot.windows() {
            for found in &report.scores {
                let both = [("window", &found.window), ("holdout", &found.holdout)];
                scores.extend(both.into_iter().filter_map(|(on, score)| {
                    let score = Score::of(on, score.as_ref()?);
                    Some(WindowScore { model: found.model.to_string(), window: report.window.get(), score })
                }));
            }
        }
        Self { scores }
    }
}

impl Lineage {
    /// Of the models that have this lineage; `None` where none has.
    pub(crate) fn of(snapshot: &Snapshot, id: &str) -> Option<Self> {
        let of_id: Vec<_> = snapshot.models().filter(|model| model.artifact().lineage.id == id).collect();
        let windows = of_id.first()?.artifact().lineage.windows.iter().map(|window| LineageWindow {
            window: window.window.get(),
            file: format!("batches/{}.csv", window.window.file_stem()),
            manifest: format!("batches/{}.json", window.window.file_stem()),
            sha256: window.sha256.clone(),
            rows: window.rows,
            row_numbers: window.row_numbers.iter().map(Numbers::of).collect(),
            offsets: window.offsets.iter().map(Offsets::of).collect(),
        });
        Some(Self {
            id: id.to_owned(),
            windows: windows.collect(),
            models: of_id.iter().map(|model| model.name().to_owned()).collect(),
        })
    }
}
