//! The loss by window of the models of a table, next to that of predicting the average rate.

use serde::{Deserialize, Serialize};

use crate::alarm::{block_losses, windows_of_rise};
use crate::evidence::Evidence;
use crate::trial::{Series, Trial};
use windrow_record::Scheme;

/// The loss of the models in use in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossAtWindow {
    /// The number of the window.
    pub window: u32,
    /// The name of the window, as in `window 28 (week of 2013-07-08)`.
    pub label: String,
    /// The number of labelled rows.
    pub rows: u64,
    /// The log-loss per row: of a schedule, the mean over its phases.
    pub log_loss: f64,
    /// The log-loss per row of always predicting the share of positives so far.
    pub share_log_loss: f64,
    /// `true` if the loss alarm rang: the loss of the newest models rose.
    pub rose: bool,
}

/// Returns the windows in which the loss of the newest model of a history rose.
pub fn loss_rises(evidence: &Evidence, history: Scheme, delay: u32) -> Vec<u32> {
    let newest = |window: u32| (window, block_losses(evidence, history, window.saturating_sub(1 + delay), window));
    windows_of_rise((1..=evidence.last()).map(newest))
}

/// Returns the loss of a policy in each window judged. `rises` are the windows in which the loss rose.
pub(crate) fn loss_by_window(
    trial: &Trial,
    series: &Series,
    rises: &[u32],
    label: &dyn Fn(u32) -> String,
) -> Vec<LossAtWindow> {
    let windows = trial.windows.iter().zip(&trial.rows).zip(series.log_loss.iter().zip(&trial.share_loss));
    let at = |((window, rows), (log_loss, share_loss)): ((&u32, &f64), (&f64, &f64))| LossAtWindow {
        window: *window,
        label: label(*window),
        rows: *rows as u64,
        log_loss: log_loss / rows,
        share_log_loss: share_loss / rows,
        rose: rises.contains(window),
    };
    windows.map(at).collect()
}
