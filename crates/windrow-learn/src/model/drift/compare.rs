//! Compares the profiles of two windows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::drift::{Distribution, FeatureProfile, Histogram, Profile};
use windrow_evaluation::psi_threshold;

/// The number of bins of a numeric feature, cut at the earlier window's deciles.
const BINS: usize = 10;
/// The least share of a value in the earlier window for a bin of its own. Rarer values share one bin.
const RARE_SHARE: f64 = 0.01;
/// The smallest share that a bin counts as. With 0, the index would be infinite.
const MIN_SHARE: f64 = 1e-4;

/// The changes from one window to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The share of positive rows in the earlier window; `None` without labelled rows.
    pub positive_share_before: Option<f64>,
    /// The share of positive rows in the later window; `None` without labelled rows.
    pub positive_share: Option<f64>,
    /// The change of the target.
    pub target: FeatureDrift,
    /// The changes of the features, in the order of the pipeline file.
    pub features: Vec<FeatureDrift>,
}

/// The change of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureDrift {
    /// The name of the feature.
    pub feature: String,
    /// `true` for a part of the time, as in `weekday`.
    pub is_calendar: bool,
    /// The population stability index: the sum over bins of (q - p) ln(q / p), with p and q the shares before and now.
    ///
    /// The bins are the earlier window's deciles or its values. Values with a share below 1%, and values that it did
    /// not have, share one bin. Missing cells have a bin of their own. A share counts as at least 0.0001.
    pub psi: f64,
    /// The index above which a change is a shift. It is the larger of 0.1, which is customary, and the value that
    /// sampling exceeds by chance in 5% of the cases for any feature.
    pub threshold: f64,
    /// The Kolmogorov-Smirnov statistic of the present cells: the largest difference of the two distribution functions.
    /// It comes from histograms of 256 bins, so it is exact to within 1/128, or exact for a feature with few values.
    /// `None` if the feature is not numeric, or if a window has no present cells.
    pub ks: Option<f64>,
}

impl Drift {
    /// Returns the changes of all features but the parts of the calendar. Those always change with time, so their
    /// change says nothing about the data.
    pub fn without_calendar(&self) -> impl Iterator<Item = &FeatureDrift> {
        self.features.iter().filter(|feature| !feature.is_calendar)
    }
}

impl FeatureDrift {
    /// Returns whether the change is more than chance.
    pub fn is_shift(&self) -> bool {
        self.psi > self.threshold
    }
}

impl Profile {
    /// Returns the changes since an earlier window. Features that only one of the two has are left out. Returns `None`
    /// if one of them has no labelled rows.
    pub fn drift_since(&self, earlier: &Self) -> Option<Drift> {
        if self.rows == 0 || earlier.rows == 0 {
            return None;
        }
        let drift = |before: &FeatureProfile, now: &FeatureProfile| {
            let (psi, bins) = psi(before, now)?;
            let threshold = psi_threshold(self.rows, earlier.rows, bins, self.features.len());
            let (feature, is_calendar) = (now.feature.clone(), now.is_calendar);
            Some(FeatureDrift { feature, is_calendar, psi, threshold, ks: ks(before, now) })
        };
        let features = self.features.iter().filter_map(|now| {
            let before = earlier.features.iter().find(|before| before.feature == now.feature)?;
            drift(before, now)
        });
        Some(Drift {
            positive_share_before: earlier.positive_share(),
            positive_share: self.positive_share(),
            features: features.collect(),
            target: drift(&earlier.target(), &self.target())?,
        })
    }

    /// Returns the target as one more feature.
    fn target(&self) -> FeatureProfile {
        let values = ["negative", "positive"].map(str::to_owned).into();
        let counts = vec![self.rows - self.positives.min(self.rows), self.positives];
        let distribution = Distribution::Texts { values, counts };
        FeatureProfile { feature: "(target)".to_owned(), is_calendar: false, missing: 0, distribution }
    }
}

/// Returns the index, and the number of its bins.
fn psi(before: &FeatureProfile, now: &FeatureProfile) -> Option<(f64, usize)> {
    let (mut bins_before, mut bins_now) = match (&before.distribution, &now.distribution) {
        (Distribution::Numbers(before), Distribution::Numbers(now)) => {
            let cuts = before.deciles();
            (before.binned(&cuts), now.binned(&cuts))
        }
        (Distribution::Texts { values, counts }, Distribution::Texts { values: values_now, counts: counts_now }) => {
            let all = (counts.iter().sum::<u64>() + before.missing) as f64;
            let common = values.iter().zip(counts).filter(|(_, count)| **count as f64 >= RARE_SHARE * all);
            let common: BTreeMap<&str, usize> = common.map(|(value, _)| value.as_str()).zip(0..).collect();
            let bins = |values: &[String], counts: &[u64]| {
                let mut bins = vec![0.0; common.len() + 1];
                for (value, count) in values.iter().zip(counts) {
                    bins[common.get(value.as_str()).copied().unwrap_or(common.len())] += *count as f64;
                }
                bins
            };
            (bins(values, counts), bins(values_now, counts_now))
        }
        _ => return None,
    };
    bins_before.push(before.missing as f64);
    bins_now.push(now.missing as f64);
    let (all_before, all_now) = (bins_before.iter().sum::<f64>(), bins_now.iter().sum::<f64>());
    let terms = bins_before.iter().zip(&bins_now).filter(|(before, now)| **before > 0.0 || **now > 0.0);
    let terms = terms.map(|(before, now)| {
        let (p, q) = ((before / all_before).max(MIN_SHARE), (now / all_now).max(MIN_SHARE));
        (q - p) * (q / p).ln()
    });
    let terms: Vec<f64> = terms.collect();
    (all_before > 0.0 && all_now > 0.0).then(|| (terms.iter().sum(), terms.len()))
}

impl Histogram {
    /// Returns the deciles of the cells, each once.
    fn deciles(&self) -> Vec<f64> {
        let decile_index = |tenth: usize| {
            let wanted = self.cells() * tenth as f64 / BINS as f64;
            self.at_most.partition_point(|count| (*count as f64) < wanted)
        };
        let mut cuts: Vec<f64> = (1..BINS).filter_map(|tenth| self.values.get(decile_index(tenth)).copied()).collect();
        cuts.dedup();
        cuts
    }

    /// Returns the smallest value such that at least this share of the cells is not above it. `None` without cells.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = self.cells() * share;
        let index = self.at_most.partition_point(|count| (*count as f64) < wanted);
        self.values.get(index).or(self.values.last()).copied()
    }

    /// Counts the cells at most the first cut, between the cuts, and above the last cut.
    pub(super) fn binned(&self, cuts: &[f64]) -> Vec<f64> {
        let mut below = 0.0;
        let mut bins: Vec<f64> = Vec::with_capacity(cuts.len() + 1);
        for cut in cuts {
            let at_most = self.at_most(*cut);
            bins.push(at_most - below);
            below = at_most;
        }
        bins.push(self.cells() - below);
        bins
    }

    /// Returns the number of cells.
    fn cells(&self) -> f64 {
        self.at_most.last().copied().unwrap_or_default() as f64
    }

    /// Returns the number of cells at most `x`. Between two cuts, it interpolates their counts linearly.
    fn at_most(&self, x: f64) -> f64 {
        let above = self.values.partition_point(|value| *value <= x);
        match (above.checked_sub(1), self.values.get(above)) {
            (None, _) => 0.0,
            (Some(last), None) => self.at_most[last] as f64,
            (Some(value_index), Some(next)) => {
                let (value, count) = (self.values[value_index], self.at_most[value_index] as f64);
                let between = self.below[above] as f64 - count;
                // Halves, because the difference of two finite numbers can be infinite.
                let (x, value, next) = (x / 2.0, value / 2.0, next / 2.0);
                count + between * ((x - value) / (next - value)).clamp(0.0, 1.0)
            }
        }
    }
}

fn ks(before: &FeatureProfile, now: &FeatureProfile) -> Option<f64> {
    let (Distribution::Numbers(before), Distribution::Numbers(now)) = (&before.distribution, &now.distribution) else {
        return None;
    };
    let (all_before, all_now) = (before.cells(), now.cells());
    let values = before.values.iter().chain(&now.values);
    let apart = values.map(|x| (before.at_most(*x) / all_before - now.at_most(*x) / all_now).abs());
    (all_before > 0.0 && all_now > 0.0).then(|| apart.fold(0.0, f64::max))
}
