//! What is known of a window once it has been learned from: how its rows are distributed, what changed since the windows
//! before, how well every model met its rows, and which way of training did better (`windows/window-00001.json`).

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::artifact::{Learned, Score};
use crate::model::design::Design;
use crate::model::drift::{Drift, Profile};
use crate::model::frame::Frame;
use crate::model::objective::row_loss;
use crate::model::score::score;
use crate::model::table::Subset;
use crate::record::{ModelId, WindowIndex};

/// The version of the file's form. A reader refuses a higher one.
pub const WINDOW_FORMAT: u32 = 1;
/// Normal deviates below which 97.5% lie.
const TWO_SIDED_95: f64 = 1.959_963_984_540_054;

/// All that is known of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// The version of the form: [`WINDOW_FORMAT`].
    pub format: u32,
    /// Which window.
    pub window: WindowIndex,
    /// The sha256 of its batch file, in hexadecimal.
    pub sha256: String,
    /// How every model met its rows, by model.
    pub scores: Vec<ModelScore>,
    /// Ways of training side by side, on the same rows.
    pub comparisons: Vec<Comparison>,
    /// What changed since the window before; `None` for the first.
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
    /// On the window's held-out rows, which no model learned from: here all models can be compared. `None` where
    /// nothing is held out.
    pub holdout: Option<Score>,
}

/// Which rows were scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoredOn {
    /// All labelled rows of a window that neither model has seen.
    Window,
    /// The held-out rows of the newest window of both.
    Holdout,
}

/// Two models on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The one.
    pub first: ModelId,
    /// The other.
    pub second: ModelId,
    /// Which rows.
    pub on: ScoredOn,
    /// How many.
    pub rows: u64,
    /// The mean over rows of the first's log-loss less the second's: below 0 the first is better.
    pub difference: f64,
    /// The lower end of the 95% interval of the difference: paired and normal, d -+ 1.96 s / sqrt(n) with s the standard
    /// deviation of the rows' differences, which are taken as independent.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// A model's scores on a window, with each row's loss.
#[derive(Debug, Clone)]
pub struct Scored {
    /// The scores.
    pub score: ModelScore,
    /// The log-loss of each labelled row that was scored: all of the window, or the held-out ones.
    pub losses: Vec<f64>,
}

/// Scores a model on a window: on all its rows, unless the model learned from them, and on those held out.
///
/// # Errors
/// The rows cannot be read again.
pub fn score_on(frame: &Arc<Frame>, id: ModelId, learned: &Learned, share: f64, is_new: bool) -> io::Result<Scored> {
    let part = if is_new { Subset::HeldOut } else { Subset::Whole };
    let design = Design::new(&learned.encoder, std::slice::from_ref(frame), part);
    let weights: Vec<f64> = learned.weights().collect();
    let (log_odds, truth) = design.log_odds(&design.in_design_order(learned.intercept.weight, &weights))?;
    let held_out = truth.len() - frame.range(Subset::HeldOut).len();
    let score = |first: usize| score(&log_odds[first..], &truth[first..], learned.threshold, share);
    let window = if is_new { None } else { score(0) };
    let score = ModelScore { model: id, window, holdout: score(held_out) };
    let losses = log_odds.iter().zip(&truth).map(|(z, truth)| row_loss(*z, *truth)).collect();
    Ok(Scored { score, losses })
}

/// Two models scored on the same rows; `None` where they were not, or on fewer than two.
#[must_use]
pub fn compare(first: &Scored, second: &Scored) -> Option<Comparison> {
    let rows = first.losses.len();
    if rows != second.losses.len() || rows < 2 || first.score.window.is_some() != second.score.window.is_some() {
        return None;
    }
    let differences = || first.losses.iter().zip(&second.losses).map(|(a, b)| a - b);
    let mean = differences().sum::<f64>() / rows as f64;
    let variance = differences().map(|difference| (difference - mean).powi(2)).sum::<f64>() / (rows - 1) as f64;
    let half = TWO_SIDED_95 * (variance / rows as f64).sqrt();
    Some(Comparison {
        first: first.score.model,
        second: second.score.model,
        on: if first.score.window.is_some() { ScoredOn::Window } else { ScoredOn::Holdout },
        rows: rows as u64,
        difference: mean,
        low: mean - half,
        high: mean + half,
    })
}

#[cfg(test)]
mod tests;
