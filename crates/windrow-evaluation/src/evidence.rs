//! The losses of all models on all windows.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::fits::Fits;
use crate::losses::{BLOCKS, ModelLosses, WindowLosses, is_kept};
use crate::on_demand::OnDemand;
use crate::pairs::NeededPairs;
use crate::policy::length;
use windrow_record::{ModelId, Scheme, WindowIndex};

/// The losses of the windows from the first on, without a gap.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The windows, without their models.
    windows: Vec<WindowLosses>,
    /// The labelled rows and the positive rows of all windows up to each, with half a row of each class added.
    seen: Vec<(f64, f64)>,
    /// The losses by model and window.
    losses: HashMap<(ModelId, u32), ModelLosses>,
    /// The fits of a table of predictions; `None` for a pipeline, which has every fit that a policy asks for.
    fits: Option<Fits>,
    /// The models of a pipeline that are scored on more windows only if their losses there are read.
    on_demand: OnDemand,
    /// The models of a table of losses, which may lack losses of them.
    listed: HashSet<ModelId>,
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

    /// Collects the losses like [`Self::new`], from a table of predictions. A policy is judged only on losses that the
    /// table has: a fit that was not scored on a window is not replaced by another one.
    pub fn of_table(windows: impl IntoIterator<Item = WindowLosses>, fits: Fits) -> Self {
        Self { fits: Some(fits), ..Self::new(windows) }
    }

    /// Collects the losses like [`Self::new`], from a table of losses. A policy is judged only on losses that the table has:
    /// a model that it lacks on a window is not replaced by another one.
    pub fn of_losses(windows: impl IntoIterator<Item = WindowLosses>) -> Self {
        let evidence = Self::new(windows);
        let listed = evidence.losses.keys().map(|(model, _)| *model).collect();
        Self { listed, ..evidence }
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
            let (rows, positives) = self.seen_up_to(next - 1);
            self.seen.push((rows + window.labelled() as f64, positives + window.positive() as f64));
            self.windows.push(window);
        }
        true
    }

    /// Sets the models whose losses are known on the pairs of `needed` only. All others can be read, too: see
    /// [`Self::take_read`].
    pub fn set_on_demand(&mut self, needed: NeededPairs, models: impl IntoIterator<Item = ModelId>) {
        self.on_demand = OnDemand::new(needed, models);
    }

    /// Returns the pairs of window and model of [`Self::set_on_demand`] that were read since the last call, except for
    /// known ones of `needed`. If the losses of one of them are not known ([`Self::has_losses`]), what was computed from
    /// the losses is not valid: compute the missing ones, [insert](Self::insert) them, and compute it again.
    pub fn take_read(&self) -> BTreeSet<(WindowIndex, ModelId)> {
        self.on_demand.take_read()
    }

    /// Returns `true` if the losses of a model on a window are known.
    pub fn has_losses(&self, model: ModelId, window: WindowIndex) -> bool {
        self.losses.contains_key(&(model, window.get()))
    }

    /// Returns the newest window; 0 if there are no windows.
    pub fn last(&self) -> u32 {
        u32::try_from(self.windows.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of labelled rows of a window, counted from 1; 0 if the window is missing.
    pub fn rows(&self, window: u32) -> f64 {
        self.counts(window).map_or(0.0, |counts| counts.labelled() as f64)
    }

    /// Returns the number of positive rows of a window.
    pub(crate) fn positives(&self, window: u32) -> u64 {
        self.counts(window).map_or(0, WindowLosses::positive)
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
        let (rows, positives) = self.seen_up_to(known);
        positives / rows
    }

    /// Returns the labelled rows and the positive rows of the windows up to `known`, with half a row of each class added.
    fn seen_up_to(&self, known: u32) -> (f64, f64) {
        let windows = self.seen.len().min(known as usize);
        windows.checked_sub(1).map_or((1.0, 0.5), |at| self.seen[at])
    }

    /// Returns the losses on `window` of the model of `history` whose newest window is `model`. A history longer than
    /// the available windows sees the same rows as all history.
    pub fn losses(&self, history: Scheme, model: u32, window: u32) -> Option<&ModelLosses> {
        let newest = WindowIndex::new(model)?;
        let of = |scheme| self.losses_of(ModelId::new(newest, scheme), window);
        of(history).or_else(|| match history {
            Scheme::Sliding(length) if length.get() >= model => of(Scheme::Cumulative),
            Scheme::Window if model == 1 => of(Scheme::Cumulative),
            // A table without fits on all history has no policy on it.
            Scheme::Cumulative if model == 1 && self.has_all_history() => of(Scheme::Window),
            _ => None,
        })
    }

    fn losses_of(&self, model: ModelId, window: u32) -> Option<&ModelLosses> {
        let known = self.losses.get(&(model, window));
        if window > self.last() { known } else { self.on_demand.read(model, window, known) }
    }

    /// Returns the losses on `window` of the newest model of `history` from window `oldest` to `model`, with that
    /// model's window. Windows that could not be learned from have no model and are skipped.
    pub fn newest(&self, history: Scheme, model: u32, oldest: u32, window: u32) -> Option<(u32, &ModelLosses)> {
        for model in (oldest.max(1)..=model).rev() {
            match self.losses(history, model, window) {
                Some(losses) => return Some((model, losses)),
                // The table has this fit, but not its losses on this window. An older fit was not in use.
                None if self.fits.as_ref().is_some_and(|fits| fits.has(history, model)) => return None,
                None if self.lacks(history, model, window) => return None,
                None => {}
            }
        }
        None
    }

    /// Returns the losses on `window` of the first model of `history` after window `after`, up to window `last`.
    pub(crate) fn oldest(&self, history: Scheme, after: u32, last: u32, window: u32) -> Option<&ModelLosses> {
        // This fit was not the first if the table has an earlier one.
        if self.fits.as_ref().is_some_and(|fits| fits.first(history).is_some_and(|first| first <= after)) {
            return None;
        }
        if (1..=after).any(|model| self.lacks(history, model, window)) {
            return None;
        }
        let found = |model: &u32| self.losses(history, *model, window).is_some() || self.lacks(history, *model, window);
        (after + 1..=last).find(found).and_then(|model| self.losses(history, model, window))
    }

    /// Returns `true` if a table of losses has this model, but not its losses on this window.
    fn lacks(&self, history: Scheme, model: u32, window: u32) -> bool {
        let both = WindowIndex::new(model).zip(WindowIndex::new(window)).filter(|_| !self.listed.is_empty());
        both.is_some_and(|(model, window)| {
            let id = ModelId::new(model, history);
            self.listed.contains(&id) && is_kept(model, window) && !self.has_losses(id, window)
        })
    }

    /// Returns the number of windows between two fits of `history` that can be in use: 1, except in a table with fits of
    /// every 2nd or every later window only.
    pub(crate) fn step(&self, history: Scheme) -> u32 {
        self.fits.as_ref().map_or(1, |fits| fits.step(history))
    }

    /// Returns the newest window up to `known` after which a fit of `history` can exist.
    pub(crate) fn newest_fit(&self, history: Scheme, known: u32) -> u32 {
        self.fits.as_ref().map_or(known, |fits| fits.newest(history, known))
    }

    /// Returns `true` if there is a fit of `history` whose newest window is `model`. In a pipeline, the losses on the next
    /// window are stored for every fit.
    pub(crate) fn has_fit(&self, history: Scheme, model: u32) -> bool {
        match &self.fits {
            Some(fits) => fits.has(history, model),
            None => self.losses(history, model, model + 1).is_some(),
        }
    }

    /// Returns `true` if policies on these histories can be compared on `window`, if the labels of the windows up to `known` are
    /// known. In a pipeline, one model is enough, because all histories have the same first window. A table needs a fit of
    /// each history, and a labelled row before, from which the average rate follows.
    pub(crate) fn is_comparable(&self, histories: &[Scheme], known: u32, oldest: u32, window: u32) -> bool {
        let has_model = |history: &Scheme| self.newest(*history, known, oldest, window).is_some();
        if self.fits.is_none() {
            return histories.iter().any(has_model);
        }
        (1..=known).any(|window| self.rows(window) > 0.0) && histories.iter().all(has_model)
    }

    /// Returns `true` if the losses are those of a table of predictions.
    pub(crate) fn is_table(&self) -> bool {
        self.fits.is_some()
    }

    /// Returns `true` if there can be fits on all history.
    fn has_all_history(&self) -> bool {
        self.fits.as_ref().is_none_or(|fits| fits.first(Scheme::Cumulative).is_some())
    }

    /// Returns the history of the model in service before the first policy takes office: all history or, in a table
    /// without it, the longest one.
    pub(crate) fn longest_history(&self) -> Scheme {
        let Some(fits) = self.fits.as_ref().filter(|_| !self.has_all_history()) else { return Scheme::Cumulative };
        let histories = fits.histories().map(|(history, _)| history);
        histories.max_by_key(|history| length(*history)).unwrap_or(Scheme::Cumulative)
    }

    /// Returns `true` if the fits of a history are only those of every 2nd, 4th, ... window. A policy is then judged in one
    /// phase.
    pub(crate) fn is_one_phase(&self) -> bool {
        self.fits.as_ref().is_some_and(|fits| fits.histories().any(|(_, step)| step > 1))
    }

    fn counts(&self, window: u32) -> Option<&WindowLosses> {
        self.windows.get(window.checked_sub(1)? as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::LOSSES_FORMAT;

    /// Returns windows 1 to 3. The models of only the first window, and of the second, are scored on the third.
    fn windows() -> Vec<WindowLosses> {
        let index = |number: u32| WindowIndex::new(number).unwrap_or(WindowIndex::FIRST);
        let losses = |window: u32| ModelLosses {
            model: ModelId::new(index(window), Scheme::Window),
            log_loss: [1.0; BLOCKS],
            squared_error: [1.0; BLOCKS],
            false_alarms: [0; BLOCKS],
            misses: [0; BLOCKS],
        };
        let window = |number: u32| WindowLosses {
            format: LOSSES_FORMAT,
            window: index(number),
            sha256: String::new(),
            unlabelled: 0,
            rows: [u64::from(number); BLOCKS],
            positives: [1; BLOCKS],
            models: if number == 3 { vec![losses(1), losses(2)] } else { Vec::new() },
        };
        [1, 2, 3].map(window).to_vec()
    }

    #[test]
    fn a_table_without_fits_on_all_history_has_none_of_the_first_window() {
        let pipeline = Evidence::new(windows());
        assert!(pipeline.losses(Scheme::Cumulative, 1, 3).is_some());
        assert_eq!(pipeline.longest_history(), Scheme::Cumulative);
        let table = Evidence::of_table(windows(), Fits::new([1, 2].map(|window| (Scheme::Window, window))));
        assert!(table.losses(Scheme::Cumulative, 1, 3).is_none());
        assert_eq!(table.longest_history(), Scheme::Window);
    }

    #[test]
    fn a_model_that_a_table_lacks_on_a_window_is_not_replaced() {
        let mut windows = windows();
        // The model of window 2 has no losses on window 4. That of window 3 does not exist.
        let models = windows[2].models.iter().filter(|losses| losses.model.window.get() == 1).cloned().collect();
        let fourth = WindowLosses { window: windows[2].window.next(), models, ..windows[2].clone() };
        windows.push(fourth);
        let newest = |evidence: &Evidence, window: u32| {
            evidence.newest(Scheme::Window, window - 1, 1, window).map(|(model, _)| model)
        };
        let pipeline = Evidence::new(windows.clone());
        assert_eq!([3, 4].map(|window| newest(&pipeline, window)), [Some(2), Some(1)]);
        let table = Evidence::of_losses(windows);
        assert_eq!([3, 4].map(|window| newest(&table, window)), [Some(2), None]);
        assert!(table.oldest(Scheme::Window, 0, 3, 4).is_some() && table.oldest(Scheme::Window, 2, 3, 4).is_none());
        assert!(table.oldest(Scheme::Window, 1, 3, 4).is_none());
    }

    #[test]
    fn the_average_rate_is_that_of_the_windows_so_far() {
        let evidence = Evidence::new(windows());
        for (known, rows, positives) in
            [(0, 0.0, 0.0), (1, 8.0, 8.0), (2, 24.0, 16.0), (3, 48.0, 24.0), (9, 48.0, 24.0)]
        {
            let share: f64 = (positives + 0.5) / (rows + 1.0);
            assert!((evidence.positive_share(known) - share).abs() < 1e-12, "{known}");
        }
    }
}
