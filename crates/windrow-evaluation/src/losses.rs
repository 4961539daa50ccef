//! The stored losses of models on one window (`losses/window-00001.json`): sums by block, from which all findings are
//! computed.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use windrow_record::{ModelId, WindowIndex};

/// The format version of the file. A reader refuses any other version.
pub const LOSSES_FORMAT: u32 = 2;
/// The number of blocks in a window: equal runs of rows, in the order of the stream.
pub const BLOCKS: usize = 8;
/// Probabilities are held at this distance from 0 and 1, so that no loss is infinite.
pub const MIN_PROBABILITY: f64 = 1e-15;
/// The age in windows up to which the losses of every model are kept.
pub(crate) const MAX_AGE: u32 = 64;
/// The number of starts of a policy that refits on an alarm: with models of 0 to 3 windows of age.
pub(crate) const STARTS: u32 = 4;

/// The costs of a false alarm, a miss and a fit, in any one unit.
pub(crate) type Costs = [f64; 3];

/// The losses of every earlier model on the labelled rows of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowLosses {
    /// The format version of the file: [`LOSSES_FORMAT`].
    pub format: u32,
    /// The number of the window.
    pub window: WindowIndex,
    /// The SHA-256 of the window's batch file, in hexadecimal.
    pub sha256: String,
    /// The number of rows without a target. They are not part of any loss.
    pub unlabelled: u64,
    /// The number of labelled rows of each block.
    pub rows: [u64; BLOCKS],
    /// The number of these rows that are positive.
    pub positives: [u64; BLOCKS],
    /// The losses of models that learned only from earlier windows.
    pub models: Vec<ModelLosses>,
}

/// One model's losses on one window, summed over the rows of each block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelLosses {
    /// The id of the model.
    pub model: ModelId,
    /// The sums of -log p(truth), natural logarithm, to six decimal places.
    pub log_loss: [f64; BLOCKS],
    /// The sums of (p - truth)^2, to six decimal places.
    pub squared_error: [f64; BLOCKS],
    /// The number of negative rows with a probability at or above the threshold.
    pub false_alarms: [u64; BLOCKS],
    /// The number of positive rows with a probability below the threshold.
    pub misses: [u64; BLOCKS],
}

impl ModelLosses {
    /// Returns the cost of the errors.
    pub(crate) fn cost_of_errors(&self, [false_alarm, miss, _]: Costs) -> f64 {
        let count = |errors: &[u64]| errors.iter().sum::<u64>() as f64;
        false_alarm * count(&self.false_alarms) + miss * count(&self.misses)
    }
}

impl WindowLosses {
    /// Returns the number of labelled rows of all blocks.
    pub fn labelled(&self) -> u64 {
        self.rows.iter().sum()
    }

    /// Returns the number of positive rows of all blocks.
    pub fn positive(&self) -> u64 {
        self.positives.iter().sum()
    }

    /// Adds the models of `other`, losses on the same window, that are missing here. Models are sorted by id, so that
    /// their order does not depend on which were scored first.
    pub fn merge(&mut self, other: Self) {
        let known: std::collections::HashSet<ModelId> = self.models.iter().map(|losses| losses.model).collect();
        self.models.extend(other.models.into_iter().filter(|losses| !known.contains(&losses.model)));
        self.models.sort_by_key(|losses| losses.model);
    }
}

/// Returns the rows of one of the blocks of a window with this number of labelled rows.
pub fn block_rows(rows: usize, block: usize) -> Range<usize> {
    block * rows / BLOCKS..(block + 1) * rows / BLOCKS
}

/// Rounds a sum of losses to six decimal places. That is a millionth of a nat for a whole block, and needs only a third
/// of the digits.
pub fn rounded_sum(sum: f64) -> f64 {
    (sum * 1e6).round() / 1e6
}

/// Returns `true` if the losses on `window` of a model whose newest window is `model` may be kept.
///
/// They are kept of models that are at most 64 windows old, and of the models of windows 1, 2, 4, 8, ... and of the three
/// windows before each of these. The latter serve for the policy that never refits, and for those that refit on an
/// alarm: they may keep one of their first models for long. Published models are scored on all of these windows, because
/// the pages show them. Models that only the advice needs are scored only where it reads their losses:
/// [`NeededPairs`](crate::NeededPairs).
pub fn is_kept(model: WindowIndex, window: WindowIndex) -> bool {
    let may_be_first = (0..STARTS).any(|age| (model.get() + age).is_power_of_two());
    model < window && (window.get() - model.get() <= MAX_AGE || may_be_first)
}
