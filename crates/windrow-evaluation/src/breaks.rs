//! Where the world changed: one window behind which all of history hurts.
//!
//! The series looked at is the log-loss of all history less that of a short history, both one window old. In a world that
//! stands still it is near zero, in one that drifts it rises slowly, and seasons move it up and down. Where the world
//! changes at once, it jumps: the short history has left the old world after two windows, all of it has not. So a break is a
//! window B for which
//!
//! 1. the mean of the four windows behind B less that of the four up to B is larger than [`JUMP`] of the usual
//!    deviations of such differences (1.4826 times the median absolute deviation), the largest of all;
//! 2. what was learned before stays wrong: over all later windows, the short history of before B loses at least half as much
//!    against the newest short history as in the four windows behind B. In a season that comes back it does not.

use crate::evidence::Evidence;
use crate::trial::sliding;
use windrow_record::Scheme;

/// Windows on each side of a break.
const SIDE: u32 = 4;
/// Usual deviations that a jump must have.
const JUMP: f64 = 6.0;
/// Fewer differences have no usual deviation.
const FEWEST_DIFFERENCES: usize = 12;
/// Windows behind a break before it can be told from a season.
const FEWEST_BEHIND: u32 = 8;
/// The share of the first windows' loss that must stay.
const STAYS: f64 = 0.5;
/// The scale factor that makes the median absolute deviation of normal values their standard deviation.
const NORMAL: f64 = 1.4826;

/// Where the world changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Break {
    /// The window in which it did.
    pub window: u32,
    /// The jump of the difference, nats a row.
    pub jump: f64,
    /// The jump in usual deviations.
    pub(crate) deviations: f64,
}

/// The short history of the module's documentation.
pub(super) fn short() -> Scheme {
    sliding(2)
}

/// Looks for one break in windows up to `last`.
pub fn find_break(evidence: &Evidence, last: u32) -> Option<Break> {
    // A short history is short from the third window on.
    let difference = |window: u32| {
        let rows = evidence.rows(window);
        let loss = |history| Some(mean_loss(evidence, history, window - 1, window)? / rows);
        if rows > 0.0 { Some(loss(Scheme::Cumulative)? - loss(short())?) } else { None }
    };
    let series: Vec<Option<f64>> =
        (0..=last).map(|window| if window < 3 { None } else { difference(window) }).collect();
    let mean = |first: u32, last: u32| {
        let values: Vec<f64> = (first..=last).filter_map(|window| *series.get(window as usize)?).collect();
        (values.len() as u32 * 2 >= last + 1 - first).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let jumps: Vec<(u32, f64)> = (3 + SIDE..=last.saturating_sub(SIDE))
        .filter_map(|window| Some((window, mean(window + 1, window + SIDE)? - mean(window + 1 - SIDE, window)?)))
        .collect();
    if jumps.len() < FEWEST_DIFFERENCES {
        return None;
    }
    let centre = median(jumps.iter().map(|(_, jump)| *jump).collect());
    let usual = NORMAL * median(jumps.iter().map(|(_, jump)| (jump - centre).abs()).collect());
    let (window, jump) = jumps.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let deviations = (jump - centre) / usual;
    // Not a number where nothing ever differs.
    let is_jump = deviations > JUMP && jump > 0.0;
    (is_jump && stays(evidence, window, last)).then_some(Break { window, jump, deviations })
}

/// Whether what was learned before a window stays wrong behind it.
fn stays(evidence: &Evidence, window: u32, last: u32) -> bool {
    if last < window + FEWEST_BEHIND {
        return false;
    }
    let loss = |at: u32| {
        let old = mean_loss(evidence, short(), window - 1, at)?;
        let new = mean_loss(evidence, short(), at - 1, at)?;
        Some((old - new) / evidence.rows(at).max(1.0))
    };
    let mean = |first: u32, last: u32| {
        let values: Vec<f64> = (first..=last).filter_map(loss).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    };
    // The weakest run of windows decides: a season comes back in one of them.
    let first = mean(window + 1, window + SIDE);
    let weakest = (window + 1..=last + 1 - SIDE).map(|at| mean(at, at + SIDE - 1)).fold(f64::INFINITY, f64::min);
    first > 0.0 && weakest >= STAYS * first
}

fn mean_loss(evidence: &Evidence, history: Scheme, model: u32, window: u32) -> Option<f64> {
    Some(evidence.losses(history, model, window)?.log_loss.iter().sum())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
