//! Small trials with given losses, for the tests of several files.

use crate::policy::{Policy, Refit};
use crate::trial::{Conditions, Series, Trial, sliding};

/// The rows of each window of [`trial`].
const ROWS: f64 = 100.0;

/// Returns a trial of policies with these losses per row by window. Predicting the share of positives loses 0.6.
pub(crate) fn trial(losses: Vec<Vec<f64>>) -> Trial {
    let windows = losses[0].len() as u32;
    let histories = (0..).map(|power| sliding(1 << power));
    let series = histories.zip(losses).map(|(history, losses)| {
        let sums = losses.iter().map(|loss| loss * ROWS).collect();
        series(Policy { history, refit: Refit::Every(1) }, sums, f64::from(windows))
    });
    Trial {
        windows: (1..=windows).collect(),
        rows: vec![ROWS; windows as usize],
        delay: 0,
        oldest: 1,
        share_loss: vec![0.6 * ROWS; windows as usize],
        series: series.collect(),
        conditions: Conditions::default(),
    }
}

/// Returns the log-losses of a policy by window. Its other losses and its fits by window are empty.
pub(crate) fn series(policy: Policy, log_loss: Vec<f64>, refits: f64) -> Series {
    Series {
        policy,
        same: Vec::new(),
        log_loss,
        squared_error: Vec::new(),
        false_alarms: Vec::new(),
        misses: Vec::new(),
        fits: Vec::new(),
        refits,
        runs: Vec::new(),
    }
}
