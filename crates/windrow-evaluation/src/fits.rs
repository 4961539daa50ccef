//! The fits that a table of predictions has.
//!
//! A pipeline makes every fit that a policy asks for. A table has the fits that its author made: of some histories, after
//! every window or after every 4th one. A policy is judged only with these.

use std::collections::{BTreeMap, BTreeSet};

use windrow_record::Scheme;

/// The fits of each history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fits {
    histories: BTreeMap<Scheme, HistoryFits>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct HistoryFits {
    /// The newest window of each fit.
    windows: BTreeSet<u32>,
    /// The number of windows between two fits.
    step: u32,
}

impl Fits {
    /// Collects the fits, each given by its history and its newest window. The histories whose fits come at irregular
    /// windows are left out.
    pub fn new(fits: impl IntoIterator<Item = (Scheme, u32)>) -> Self {
        let mut histories: BTreeMap<Scheme, BTreeSet<u32>> = BTreeMap::new();
        for (history, window) in fits {
            histories.entry(history).or_default().insert(window);
        }
        let regular = histories.into_iter().filter_map(|(history, windows)| {
            let step = regular_step(&windows)?;
            Some((history, HistoryFits { windows, step }))
        });
        Self { histories: regular.collect() }
    }

    /// Returns the histories, each with the number of windows between two fits.
    pub fn histories(&self) -> impl Iterator<Item = (Scheme, u32)> {
        self.histories.iter().map(|(history, fits)| (*history, fits.step))
    }

    /// Returns the newest window of each fit of a history, in ascending order.
    pub fn windows(&self, history: Scheme) -> impl Iterator<Item = u32> {
        self.histories.get(&history).into_iter().flat_map(|fits| fits.windows.iter().copied())
    }

    /// Returns `true` if there is a fit of this history whose newest window is `window`.
    pub fn has(&self, history: Scheme, window: u32) -> bool {
        self.histories.get(&history).is_some_and(|fits| fits.windows.contains(&window))
    }

    /// Returns the newest window of the first fit of a history.
    pub(crate) fn first(&self, history: Scheme) -> Option<u32> {
        self.histories.get(&history).and_then(|fits| fits.windows.first()).copied()
    }

    /// Returns the number of windows between two fits of a history; 1 for a history without fits.
    pub(crate) fn step(&self, history: Scheme) -> u32 {
        self.histories.get(&history).map_or(1, |fits| fits.step)
    }

    /// Returns the newest window up to `known` after which a fit of this history is due.
    pub(crate) fn newest(&self, history: Scheme, known: u32) -> u32 {
        match (self.first(history), self.step(history)) {
            (Some(first), step) if first <= known => known - (known - first) % step,
            _ => known,
        }
    }
}

/// Returns the number of windows between two fits: the distance of at least half of them, if all others are multiples of
/// it. A longer distance is a fit that is missing. Returns `None` of a single fit.
fn regular_step(windows: &BTreeSet<u32>) -> Option<u32> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for (before, after) in windows.iter().zip(windows.iter().skip(1)) {
        *counts.entry(after - before).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    // If several distances are as common, the shortest one counts.
    let is_common = 2 * most >= counts.values().sum();
    let step = counts.iter().find(|(_, count)| **count == most).map(|(step, _)| *step)?;
    (is_common && counts.keys().all(|distance| distance.is_multiple_of(step))).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(windows: &[u32]) -> Fits {
        Fits::new(windows.iter().map(|window| (Scheme::Cumulative, *window)))
    }

    #[test]
    fn fits_are_regular_if_all_distances_are_multiples_of_that_of_half_of_them() {
        for (windows, step) in [
            (&[1, 2, 3, 4][..], Some(1)),
            (&[4, 8, 12, 20], Some(4)),
            (&[1, 2, 3, 5, 6, 7], Some(1)),
            (&[3, 7, 8, 15], None),
            (&[4, 8, 12, 13], None),
            (&[9], None),
        ] {
            let found = fits(windows);
            assert_eq!(found.histories().next(), step.map(|step| (Scheme::Cumulative, step)), "{windows:?}");
        }
    }

    #[test]
    fn a_fit_is_due_every_step_after_the_first_one() {
        let found = fits(&[4, 8, 12, 20]);
        let newest = [3, 4, 7, 8, 17, 19, 23].map(|known| found.newest(Scheme::Cumulative, known));
        assert_eq!(newest, [3, 4, 4, 8, 16, 16, 20], "the fit of window 16 is missing");
        assert_eq!(found.first(Scheme::Cumulative), Some(4));
        assert_eq!((found.step(Scheme::Window), found.first(Scheme::Window)), (1, None));
    }
}
