//! The label delay that the times of the labels show.

use std::collections::BTreeMap;

/// The share of the labels that must be known.
const WANTED_SHARE: f64 = 0.95;

/// The numbers of labels by the windows until they are known.
#[derive(Debug, Clone, Default)]
pub(crate) struct LabelDelays {
    counts: BTreeMap<u32, u64>,
}

impl LabelDelays {
    pub(crate) fn add(&mut self, windows: u32) {
        *self.counts.entry(windows).or_default() += 1;
    }

    /// Returns the fewest windows by which 95% of the labels are known; `None` without labels.
    pub(crate) fn windows(&self) -> Option<u32> {
        let all: u64 = self.counts.values().sum();
        let mut known = 0;
        self.counts.iter().find_map(|(windows, count)| {
            known += count;
            (known as f64 >= WANTED_SHARE * all as f64).then_some(*windows)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_is_the_fewest_windows_by_which_95_percent_are_known() {
        let delay = |counts: &[(u32, u64)]| LabelDelays { counts: counts.iter().copied().collect() }.windows();
        assert_eq!(delay(&[(0, 95), (4, 5)]), Some(0));
        assert_eq!(delay(&[(0, 94), (2, 1), (4, 5)]), Some(2));
        assert_eq!(delay(&[(0, 50), (1, 44), (9, 6)]), Some(9));
        assert_eq!(delay(&[]), None);
    }
}
