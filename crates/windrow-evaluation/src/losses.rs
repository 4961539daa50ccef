//! What is stored of how models met a window: sums by block of time, from which everything else follows
//! (`losses/window-00001.json`).

use serde::{Deserialize, Serialize};

use windrow_record::{ModelId, WindowIndex};

/// The version of the file's form. A reader refuses another one.
pub const LOSSES_FORMAT: u32 = 1;
/// Equal runs of rows that a window is cut into, in the order of the stream.
pub const BLOCKS: usize = 8;
/// Losses of models that are older than so many windows are not kept.
pub(crate) const OLDEST_AGE: u32 = 64;

/// How every model that came before a window met its labelled rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowLosses {
    /// The version of the form: [`LOSSES_FORMAT`].
    pub format: u32,
    /// Which window.
    pub window: WindowIndex,
    /// The sha256 of its batch file, in hexadecimal.
    pub sha256: String,
    /// Rows without a target, which no loss is of.
    pub unlabelled: u64,
    /// Labelled rows of each block.
    pub rows: [u64; BLOCKS],
    /// Of these, positive ones.
    pub positives: [u64; BLOCKS],
    /// Models that learned from earlier windows alone.
    pub models: Vec<ModelLosses>,
}

/// One model's losses on one window, summed over the rows of each block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelLosses {
    /// The model.
    pub model: ModelId,
    /// -log p(truth), natural logarithm, to six decimal places.
    pub log_loss: [f64; BLOCKS],
    /// (p - truth)^2, to six decimal places.
    pub squared_error: [f64; BLOCKS],
    /// Negative rows whose probability reaches the threshold.
    pub false_alarms: [u64; BLOCKS],
    /// Positive rows whose probability does not.
    pub misses: [u64; BLOCKS],
}

impl WindowLosses {
    /// Labelled rows of all blocks.
    pub fn labelled(&self) -> u64 {
        self.rows.iter().sum()
    }

    /// Positive rows of all blocks.
    pub fn positive(&self) -> u64 {
        self.positives.iter().sum()
    }

    /// Takes the models of another account of the same window that are not here yet. Their order is that of the models, whichever
    /// were scored first.
    pub fn merge(&mut self, other: Self) {
        let known: std::collections::HashSet<ModelId> = self.models.iter().map(|losses| losses.model).collect();
        self.models.extend(other.models.into_iter().filter(|losses| !known.contains(&losses.model)));
        self.models.sort_by_key(|losses| losses.model);
    }
}

/// Whether the losses of a model whose newest window is `model` are kept on `window`: of the last 64 windows'
/// models, and of those of windows 1, 2, 4, 8, ..., of which one is what comes of never refitting.
pub fn is_kept(model: WindowIndex, window: WindowIndex) -> bool {
    model < window && (window.get() - model.get() <= OLDEST_AGE || model.get().is_power_of_two())
}
