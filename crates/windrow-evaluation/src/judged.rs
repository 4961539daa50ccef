//! The windows that were judged, in numbers: their rows, the baseline and the best policy.

use crate::advice::JudgedWindows;
use crate::contrast::Contrast;
use crate::evidence::Evidence;
use crate::trial::{MIN_WINDOWS, Series, Trial};

impl JudgedWindows {
    /// Summarises the windows of a trial. `best` is the best policy, and `gain` is its gain per row over always
    /// predicting the share of positives.
    pub(crate) fn new(trial: &Trial, evidence: &Evidence, best: &Series, gain: Contrast) -> Self {
        let rows: f64 = trial.rows.iter().sum();
        let (first, last) = (trial.windows.first().copied(), trial.windows.last().copied());
        let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
        let unlabelled = evidence.unlabelled(first, last) as f64;
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / rows;
        Self {
            first,
            last,
            windows: u32::try_from(trial.len()).unwrap_or(u32::MAX),
            rows: rows as u64,
            unlabelled_share: unlabelled / (rows + unlabelled),
            share_log_loss: mean(&trial.share_loss),
            best_log_loss: mean(&best.log_loss),
            gain: gain.mean,
            gain_interval: (trial.len() >= MIN_WINDOWS).then(|| gain.interval()),
        }
    }
}
