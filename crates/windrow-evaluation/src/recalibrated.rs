//! Models that are fitted once and then recalibrated: which one is in use, and on which window it was recalibrated.

use crate::evidence::Evidence;
use windrow_record::Scheme;

/// A model with the intercept and the slope that it got on one window, and another window that it predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecalibratedModel {
    /// The windows that the model is fitted to.
    pub history: Scheme,
    /// The newest window of the fit.
    pub model: u32,
    /// The window that the model was recalibrated on. Without one, the model is as it was fitted.
    pub on: Option<u32>,
    /// The window that the model predicts.
    pub window: u32,
}

/// Returns the window that a model with the newest window `model` is recalibrated on, if the labels of the windows up to
/// `known` are known. It is the newest of these with a labelled row, after the model's own. Without such a window, the
/// model stays as it was fitted.
pub fn recalibrated_on(evidence: &Evidence, model: u32, known: u32) -> Option<u32> {
    (model.saturating_add(1)..=known).rev().find(|window| evidence.rows(*window) > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::{BLOCKS, LOSSES_FORMAT, WindowLosses};
    use windrow_record::WindowIndex;

    /// Returns 30 windows. Those that `is_labelled` refuses have no labelled row.
    fn evidence(is_labelled: impl Fn(u32) -> bool) -> Evidence {
        let windows = (1..=30).filter_map(WindowIndex::new).map(|window| WindowLosses {
            format: LOSSES_FORMAT,
            window,
            sha256: String::new(),
            unlabelled: 10,
            rows: [u64::from(is_labelled(window.get())); BLOCKS],
            positives: [0; BLOCKS],
            models: Vec::new(),
        });
        Evidence::new(windows)
    }

    #[test]
    fn a_model_is_recalibrated_on_the_newest_window_whose_labels_are_known() {
        for known in [29, 28, 26, 11] {
            assert_eq!(recalibrated_on(&evidence(|_| true), 10, known), Some(known));
            let before = Some(known - 1).filter(|before| *before > 10);
            let found = recalibrated_on(&evidence(|window| window < known), 10, known);
            assert_eq!(found, before, "window {known} without labels");
        }
        assert_eq!(recalibrated_on(&evidence(|_| true), 10, 10), None, "only the model's own window is known");
    }
}
