//! All windows together: which losses there are.

use std::collections::HashMap;

use crate::losses::{BLOCKS, ModelLosses, WindowLosses};
use windrow_record::{ModelId, Scheme};

/// The losses of the windows from the first on, without a gap.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    windows: Vec<WindowRows>,
    /// By model and window.
    losses: HashMap<(ModelId, u32), ModelLosses>,
}

#[derive(Debug, Clone, Copy)]
struct WindowRows {
    rows: f64,
    positives: f64,
    unlabelled: u64,
    blocks: [u64; BLOCKS],
}

impl Evidence {
    /// From accounts of windows 1, 2, 3, ...; what comes behind a gap is left out.
    pub fn new(windows: impl IntoIterator<Item = WindowLosses>) -> Self {
        let mut evidence = Self::default();
        for window in windows {
            if !evidence.insert(window) {
                break;
            }
        }
        evidence
    }

    /// Takes the next window, or more models of one that is there; `false` where it is another one.
    pub fn insert(&mut self, window: WindowLosses) -> bool {
        let next = self.last() + 1;
        if window.window.get() > next {
            return false;
        }
        if window.window.get() == next {
            self.windows.push(WindowRows {
                rows: window.labelled() as f64,
                positives: window.positive() as f64,
                unlabelled: window.unlabelled,
                blocks: window.rows,
            });
        }
        for losses in window.models {
            self.losses.insert((losses.model, window.window.get()), losses);
        }
        true
    }

    /// The newest window; 0 where there is none.
    pub fn last(&self) -> u32 {
        u32::try_from(self.windows.len()).unwrap_or(u32::MAX)
    }

    /// Labelled rows of a window, counted from 1; 0 for one that is not there.
    pub fn rows(&self, window: u32) -> f64 {
        self.counts(window).map_or(0.0, |counts| counts.rows)
    }

    /// Labelled rows of each block of a window.
    pub(crate) fn block_rows(&self, window: u32) -> [u64; BLOCKS] {
        self.counts(window).map_or([0; BLOCKS], |counts| counts.blocks)
    }

    /// Rows without a target, of windows `first` to `last`.
    pub fn unlabelled(&self, first: u32, last: u32) -> u64 {
        (first..=last).filter_map(|window| self.counts(window)).map(|counts| counts.unlabelled).sum()
    }

    /// The log-loss sum, and the sum of squared errors, of always saying the share of positives in the windows up to
    /// `known`, on `window`. Half a row of each class is added, so that no answer is certain.
    pub fn share_loss(&self, known: u32, window: u32) -> (f64, f64) {
        let (rows, positives) = self
            .windows
            .iter()
            .take(known as usize)
            .fold((1.0, 0.5), |(rows, positives), counts| (rows + counts.rows, positives + counts.positives));
        let share: f64 = positives / rows;
        let Some(counts) = self.counts(window) else { return (0.0, 0.0) };
        let negatives = counts.rows - counts.positives;
        let log_loss = -(counts.positives * share.ln() + negatives * (-share).ln_1p());
        (log_loss, counts.positives * (1.0 - share).powi(2) + negatives * share.powi(2))
    }

    /// The losses of the model of `history` whose newest window is `model`, on `window`. A history that is longer than what
    /// there was sees the same rows as all of it.
    pub fn losses(&self, history: Scheme, model: u32, window: u32) -> Option<&ModelLosses> {
        let newest = windrow_record::WindowIndex::new(model)?;
        let of = |scheme| self.losses.get(&(ModelId { window: newest, scheme }, window));
        of(history).or_else(|| match history {
            Scheme::Sliding(length) if length.get() >= model => of(Scheme::Cumulative),
            Scheme::Window if model == 1 => of(Scheme::Cumulative),
            Scheme::Cumulative if model == 1 => of(Scheme::Window),
            _ => None,
        })
    }

    /// The same of the newest model up to `model` that there is: a window that cannot be learned from gives none.
    pub fn newest(&self, history: Scheme, model: u32, oldest: u32, window: u32) -> Option<(u32, &ModelLosses)> {
        (oldest.max(1)..=model).rev().find_map(|model| Some((model, self.losses(history, model, window)?)))
    }

    fn counts(&self, window: u32) -> Option<&WindowRows> {
        self.windows.get(window.checked_sub(1)? as usize)
    }
}
