//! The losses of all models on all windows.

use std::collections::HashMap;

use crate::losses::{BLOCKS, ModelLosses, WindowLosses};
use windrow_record::{ModelId, Scheme};

/// The losses of the windows from the first on, without a gap.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The windows, without their models.
    windows: Vec<WindowLosses>,
    /// The losses by model and window.
    losses: HashMap<(ModelId, u32), ModelLosses>,
}

impl Evidence {
    /// Collects the losses of windows 1, 2, 3, ... Windows after a gap are left out.
    pub fn new(windows: impl IntoIterator<Item = WindowLosses>) -> Self {
        let mut evidence = Self::default();
        for window in windows {
            if !evidence.insert(window) {
                break;
            }
        }
        evidence
    }

    /// Adds the next window, or further models of a known window. Returns `false` if a window before it is missing.
    pub fn insert(&mut self, mut window: WindowLosses) -> bool {
        let next = self.last() + 1;
        if window.window.get() > next {
            return false;
        }
        for losses in std::mem::take(&mut window.models) {
            self.losses.insert((losses.model, window.window.get()), losses);
        }
        if window.window.get() == next {
            self.windows.push(window);
        }
        true
    }

    /// Returns the newest window; 0 if there are no windows.
    pub fn last(&self) -> u32 {
        u32::try_from(self.windows.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of labelled rows of a window, counted from 1; 0 if the window is missing.
    pub fn rows(&self, window: u32) -> f64 {
        self.counts(window).map_or(0.0, |counts| counts.labelled() as f64)
    }

    /// Returns the number of labelled rows of each block of a window.
    pub(crate) fn block_rows(&self, window: u32) -> [u64; BLOCKS] {
        self.counts(window).map_or([0; BLOCKS], |counts| counts.rows)
    }

    /// Returns the number of rows without a target in windows `first` to `last`.
    pub fn unlabelled(&self, first: u32, last: u32) -> u64 {
        (first..=last).filter_map(|window| self.counts(window)).map(|counts| counts.unlabelled).sum()
    }

    /// Returns the sum of log-loss on `window` of always predicting the share of positives in the windows up to `known`.
    /// Half a row of each class is added, so that no prediction is certain.
    pub fn share_loss(&self, known: u32, window: u32) -> f64 {
        let share = self.positive_share(known);
        let Some(counts) = self.counts(window) else { return 0.0 };
        let (rows, positives) = (counts.labelled() as f64, counts.positive() as f64);
        -(positives * share.ln() + (rows - positives) * (-share).ln_1p())
    }

    /// Returns the false alarms and the misses on `window` of always predicting the commoner class of the windows up to
    /// `known`.
    pub(crate) fn commoner_class_errors(&self, known: u32, window: u32) -> [f64; 2] {
        let Some(counts) = self.counts(window) else { return [0.0; 2] };
        let (rows, positives) = (counts.labelled() as f64, counts.positive() as f64);
        if self.positive_share(known) > 0.5 { [rows - positives, 0.0] } else { [0.0, positives] }
    }

    /// Returns the share of positives in the windows up to `known`, with half a row of each class added.
    fn positive_share(&self, known: u32) -> f64 {
        let seen = self.windows.iter().take(known as usize);
        let (rows, positives) = seen.fold((1.0, 0.5), |(rows, positives), seen| {
            (rows + seen.labelled() as f64, positives + seen.positive() as f64)
        });
        positives / rows
    }

    /// Returns the losses on `window` of the model of `history` whose newest window is `model`. A history longer than
    /// the available windows sees the same rows as all history.
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

    /// Returns the losses on `window` of the newest model of `history` from window `oldest` to `model`, with that
    /// model's window. Windows that could not be learned from have no model and are skipped.
    pub fn newest(&self, history: Scheme, model: u32, oldest: u32, window: u32) -> Option<(u32, &ModelLosses)> {
        (oldest.max(1)..=model).rev().find_map(|model| Some((model, self.losses(history, model, window)?)))
    }

    /// Returns the losses on `window` of the first model of `history` after window `after`, up to window `last`.
    pub(crate) fn oldest(&self, history: Scheme, after: u32, last: u32, window: u32) -> Option<&ModelLosses> {
        (after + 1..=last).find_map(|model| self.losses(history, model, window))
    }

    fn counts(&self, window: u32) -> Option<&WindowLosses> {
        self.windows.get(window.checked_sub(1)? as usize)
    }
}
