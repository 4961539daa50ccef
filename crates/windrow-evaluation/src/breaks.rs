//! Detects one break: a window after which all earlier history harms the models.
//!
//! The test compares a model of all history with a model of a short history, both one window old. It looks at the
//! difference of their log-losses. If the data do not change, the difference is near zero. If they drift, it rises
//! slowly; seasons move it up and down. An abrupt change makes it jump: after two windows the short history holds only
//! new data, while all history still holds the old. A break is a window B that meets two conditions:
//!
//! 1. The difference jumps. Its mean in the four windows after B, less that in the four windows up to B, is the largest
//!    such jump. It exceeds the median jump by more than [`MIN_JUMP`] usual deviations (1.4826 times the median absolute
//!    deviation).
//! 2. Models from before B stay worse. In every run of four later windows, the short history before B loses more than
//!    the newest short history. The excess is at least half of that in the four windows after B. In a season that
//!    returns, it is smaller.

use crate::evidence::Evidence;
use crate::trial::sliding;
use windrow_record::Scheme;

/// The number of windows on each side of a break that are compared.
const WINDOWS_PER_SIDE: u32 = 4;
/// The size of a jump, in usual deviations, that counts as a break.
const MIN_JUMP: f64 = 6.0;
/// The minimum number of differences for a usual deviation.
const MIN_DIFFERENCES: usize = 12;
/// The number of windows after a break that are needed to distinguish it from a season.
const MIN_WINDOWS_AFTER: u32 = 8;
/// The share of the loss in the first windows that must remain in later ones.
const MIN_REMAINING_SHARE: f64 = 0.5;
/// The factor between the median absolute deviation and the standard deviation of normal values.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// A break: an abrupt change of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Break {
    /// The window in which the data changed.
    pub window: u32,
    /// The jump of the difference, in nats per row.
    pub jump: f64,
    /// The jump less the median of all jumps, in usual deviations.
    pub(crate) deviations: f64,
}

/// Returns the short history of the module's documentation.
pub(super) fn short_history() -> Scheme {
    sliding(2)
}

/// Returns the break in the windows up to `last`, or `None` if there is no break or there are too few windows.
pub fn find_break(evidence: &Evidence, last: u32) -> Option<Break> {
    // Before window 3, there are not two windows to learn from.
    let difference = |window: u32| {
        let rows = evidence.rows(window);
        let loss = |history| Some(mean_loss(evidence, history, window - 1, window)? / rows);
        if window >= 3 && rows > 0.0 { Some(loss(Scheme::Cumulative)? - loss(short_history())?) } else { None }
    };
    let series: Vec<Option<f64>> = (0..=last).map(difference).collect();
    let mean = |first: u32, last: u32| {
        let values: Vec<f64> = (first..=last).filter_map(|window| *series.get(window as usize)?).collect();
        (values.len() as u32 * 2 >= last + 1 - first).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let jumps: Vec<(u32, f64)> = (3 + WINDOWS_PER_SIDE..=last.saturating_sub(WINDOWS_PER_SIDE))
        .filter_map(|window| {
            Some((window, mean(window + 1, window + WINDOWS_PER_SIDE)? - mean(window + 1 - WINDOWS_PER_SIDE, window)?))
        })
        .collect();
    if jumps.len() < MIN_DIFFERENCES {
        return None;
    }
    let centre = median(jumps.iter().map(|(_, jump)| *jump).collect());
    let usual = MAD_TO_DEVIATION * median(jumps.iter().map(|(_, jump)| (jump - centre).abs()).collect());
    let (window, jump) = jumps.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let deviations = (jump - centre) / usual;
    // If all jumps are equal, `deviations` is NaN and the comparison is false.
    let is_jump = deviations > MIN_JUMP && jump > 0.0;
    (is_jump && is_permanent(evidence, window, last)).then_some(Break { window, jump, deviations })
}

/// Returns `true` if models from before a window stay worse in all windows after it.
fn is_permanent(evidence: &Evidence, window: u32, last: u32) -> bool {
    if last < window + MIN_WINDOWS_AFTER {
        return false;
    }
    let loss = |at: u32| {
        let old = mean_loss(evidence, short_history(), window - 1, at)?;
        let new = mean_loss(evidence, short_history(), at - 1, at)?;
        Some((old - new) / evidence.rows(at).max(1.0))
    };
    let mean = |first: u32, last: u32| {
        let values: Vec<f64> = (first..=last).filter_map(loss).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    };
    // The run of windows with the smallest loss decides: it would be the one in which a season returns.
    let first = mean(window + 1, window + WINDOWS_PER_SIDE);
    let runs = (window + 1..=last + 1 - WINDOWS_PER_SIDE).map(|at| mean(at, at + WINDOWS_PER_SIDE - 1));
    let weakest = runs.fold(f64::INFINITY, f64::min);
    first > 0.0 && weakest >= MIN_REMAINING_SHARE * first
}

fn mean_loss(evidence: &Evidence, history: Scheme, model: u32, window: u32) -> Option<f64> {
    Some(evidence.losses(history, model, window)?.log_loss.iter().sum())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
