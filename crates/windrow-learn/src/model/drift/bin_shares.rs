//! The distribution of a feature in two windows, in bins that both share. It is for a small picture, and decides nothing.

use std::collections::BTreeMap;

use crate::model::drift::{Distribution, FeatureProfile, Histogram};

/// The maximum number of bins.
const BINS: usize = 12;
/// The share of the cells at each end of a window that the outer bins may take. A few far cells would leave all others
/// in one bin.
const TAIL: f64 = 0.01;

/// The shares of a feature's present cells in bins, in an earlier and in a later window.
#[derive(Debug, Clone, PartialEq)]
pub struct BinShares {
    /// The values of the bins. The last one is `None` if other values share it. Empty for numbers, whose bins have
    /// equal widths, in ascending order.
    pub values: Vec<Option<String>>,
    /// The shares in the earlier window.
    pub before: Vec<f64>,
    /// The shares in the later window.
    pub now: Vec<f64>,
}

impl BinShares {
    /// Returns the shares of a feature in an earlier and in a later window. Returns `None` if a window has no present
    /// cells, or if all cells are in one bin.
    pub fn of(before: &FeatureProfile, now: &FeatureProfile) -> Option<Self> {
        let found = match (&before.distribution, &now.distribution) {
            (Distribution::Numbers(before), Distribution::Numbers(now)) => Self::of_numbers(before, now)?,
            (
                Distribution::Texts { values, counts },
                Distribution::Texts { values: values_now, counts: counts_now },
            ) => Self::of_texts((values, counts), (values_now, counts_now)),
            _ => return None,
        };
        let (before, now) = (shares(found.before)?, shares(found.now)?);
        (before.len() > 1).then_some(Self { values: found.values, before, now })
    }

    /// Counts the cells in bins of equal width.
    fn of_numbers(before: &Histogram, now: &Histogram) -> Option<Self> {
        let low = before.quantile(TAIL)?.min(now.quantile(TAIL)?);
        let high = before.quantile(1.0 - TAIL)?.max(now.quantile(1.0 - TAIL)?);
        let width = (high - low) / BINS as f64;
        let cuts: Vec<f64> = (1..BINS).map(|cut| low + width * cut as f64).filter(|_| width > 0.0).collect();
        Some(Self { values: Vec::new(), before: before.binned(&cuts), now: now.binned(&cuts) })
    }

    /// Counts the cells by value, the most frequent of the earlier window first. Values that are rare in both windows
    /// share the last bin.
    fn of_texts(before: (&[String], &[u64]), now: (&[String], &[u64])) -> Self {
        let mut counts: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        for (window, (values, cells)) in [before, now].into_iter().enumerate() {
            for (value, count) in values.iter().zip(cells) {
                counts.entry(value).or_default()[window] += count;
            }
        }
        let sum = |window: usize| counts.values().map(|both| both[window]).sum::<u64>().max(1) as f64;
        let sums = [sum(0), sum(1)];
        let share = |both: &[u64; 2]| (both[0] as f64 / sums[0]).max(both[1] as f64 / sums[1]);
        let mut bins: Vec<(&str, [u64; 2])> = counts.into_iter().collect();
        bins.sort_by(|(_, one), (_, other)| share(other).total_cmp(&share(one)));
        let rest = if bins.len() > BINS { bins.split_off(BINS - 1) } else { Vec::new() };
        bins.sort_by_key(|(_, both)| std::cmp::Reverse(both[0]));
        let mut values: Vec<Option<String>> = bins.iter().map(|(value, _)| Some((*value).to_owned())).collect();
        let mut both: Vec<[u64; 2]> = bins.into_iter().map(|(_, both)| both).collect();
        if !rest.is_empty() {
            values.push(None);
            both.push(rest.iter().fold([0; 2], |sum, (_, both)| [sum[0] + both[0], sum[1] + both[1]]));
        }
        let of = |window: usize| both.iter().map(|both| both[window] as f64).collect();
        Self { before: of(0), now: of(1), values }
    }
}

/// Returns counts as shares of their sum; `None` if that is 0.
fn shares(counts: Vec<f64>) -> Option<Vec<f64>> {
    let sum: f64 = counts.iter().sum();
    (sum > 0.0).then(|| counts.into_iter().map(|count| count / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(distribution: Distribution) -> FeatureProfile {
        FeatureProfile { feature: "x".to_owned(), is_calendar: false, missing: 0, distribution }
    }

    fn numbers(values: &[f64]) -> FeatureProfile {
        let values = values.to_vec();
        let below = (0..values.len() as u64).collect();
        let at_most = (1..=values.len() as u64).collect();
        feature(Distribution::Numbers(Histogram { values, below, at_most }))
    }

    fn texts(cells: &[(&str, u64)]) -> FeatureProfile {
        let values = cells.iter().map(|(value, _)| (*value).to_owned()).collect();
        let counts = cells.iter().map(|(_, count)| *count).collect();
        feature(Distribution::Texts { values, counts })
    }

    #[test]
    fn numbers_are_counted_in_bins_of_equal_width() {
        let ascending: Vec<f64> = (0..120).map(f64::from).collect();
        let found = BinShares::of(&numbers(&ascending), &numbers(&ascending[60..])).expect("cells");
        assert_eq!((found.before.len(), found.now.len(), found.values.len()), (BINS, BINS, 0));
        assert!(found.before.iter().all(|share| (share - 1.0 / 12.0).abs() < 0.02), "{found:?}");
        assert!(found.now[..5].iter().all(|share| *share == 0.0), "{found:?}");
        assert!((found.now.iter().sum::<f64>() - 1.0).abs() < 1e-9, "the outer bins have no end");
        // A far cell is in the last bin, and does not stretch the others.
        let mut far = ascending.clone();
        far[119] = 1e9;
        let found = BinShares::of(&numbers(&far), &numbers(&far)).expect("cells");
        assert!(found.before.iter().all(|share| *share < 0.2), "{found:?}");
        assert_eq!(BinShares::of(&numbers(&[3.0]), &numbers(&[3.0])), None, "one bin shows nothing");
        assert_eq!(BinShares::of(&numbers(&[]), &numbers(&ascending)), None);
    }

    #[test]
    fn texts_are_counted_by_value_and_rare_ones_together() {
        let found = BinShares::of(&texts(&[("a", 10), ("b", 30)]), &texts(&[("b", 5), ("c", 15)])).expect("cells");
        let values: Vec<Option<&str>> = found.values.iter().map(Option::as_deref).collect();
        assert_eq!(values, [Some("b"), Some("a"), Some("c")]);
        assert_eq!((found.before, found.now), (vec![0.75, 0.25, 0.0], vec![0.25, 0.0, 0.75]));
        let names: Vec<String> = (10..40).map(|number| format!("v{number}")).collect();
        let many: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 2)).collect();
        let found = BinShares::of(&texts(&many), &texts(&many[..1])).expect("cells");
        assert_eq!((found.values.len(), found.values[BINS - 1].as_deref()), (BINS, None));
        assert!((found.before[BINS - 1] - 19.0 / 30.0).abs() < 1e-12 && found.now[BINS - 1] == 0.0, "{found:?}");
        assert_eq!(BinShares::of(&texts(&many), &texts(&[])), None);
        assert_eq!(BinShares::of(&texts(&many), &numbers(&[1.0, 2.0])), None);
    }
}
