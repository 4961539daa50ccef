//! The distributions of each feature and of the target in a window. They are small enough to be stored with the window.
//! So any two windows can be compared later without reading a row again.

mod bin_shares;
mod compare;

use serde::{Deserialize, Serialize};

use crate::model::summary::{CdfPoint, Gathered};
use crate::model::table::is_number;
use windrow_config::{Feature, FeatureKind};

pub use bin_shares::BinShares;
pub use compare::{Drift, FeatureDrift};

/// The distribution of one window's labelled rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The number of labelled rows.
    pub rows: u64,
    /// The number of positive rows among them.
    pub positives: u64,
    /// The features, in the order of the pipeline file.
    pub features: Vec<FeatureProfile>,
}

/// The distribution of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureProfile {
    /// The feature's name: a column, or a part of the time.
    pub feature: String,
    /// `true` for a part of the time, as in `weekday`.
    pub is_calendar: bool,
    /// The number of rows in which the feature is missing.
    pub missing: u64,
    /// The distribution of the other rows.
    pub distribution: Distribution,
}

/// The distribution of a feature's present cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Distribution {
    /// The cells of a numeric feature.
    Numbers(Histogram),
    /// The counts of cells by value.
    Texts {
        /// The values in sorted order.
        values: Vec<String>,
        /// The count of each value.
        counts: Vec<u64>,
    },
}

/// A histogram of equal counts, cut at every 256th of the rows. The counts are exact, so a feature with few values is
/// described completely.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The cuts, ascending, including the smallest and the largest value. For a log feature, they are on the scale of
    /// the logarithm.
    pub values: Vec<f64>,
    /// The number of cells below each cut.
    pub below: Vec<u64>,
    /// The number of cells at most each cut.
    pub at_most: Vec<u64>,
}

impl Profile {
    pub(super) fn new(features: &[Feature], texts: &[Vec<String>], gathered: &Gathered, labels: &[bool]) -> Self {
        let mut numbers = gathered.whole.numbers.iter().zip(&gathered.cuts);
        let mut codes = gathered.whole.codes.iter().zip(texts);
        let profiles = features.iter().filter_map(|feature| {
            let (name, is_calendar) = match &feature.kind {
                FeatureKind::Calendar(part, _) => (part.name().to_owned(), true),
                _ => (feature.column.clone(), false),
            };
            let (missing, distribution) = if is_number(feature) {
                let (summary, cuts) = numbers.next()?;
                (summary.missing, Distribution::of_numbers(cuts))
            } else {
                let (counts, dictionary) = codes.next()?;
                Distribution::of_texts(dictionary, counts)
            };
            Some(FeatureProfile { feature: name, is_calendar, missing, distribution })
        });
        let positives = labels.iter().filter(|label| **label).count() as u64;
        Self { rows: labels.len() as u64, positives, features: profiles.collect() }
    }

    /// Returns the share of positive rows; `None` without rows.
    pub fn positive_share(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.positives as f64 / self.rows as f64)
    }
}

impl Distribution {
    fn of_numbers(cuts: &[CdfPoint]) -> Self {
        let (values, below, at_most) = cuts.iter().map(|cut| (cut.value, cut.below, cut.at_most)).collect();
        Self::Numbers(Histogram { values, below, at_most })
    }

    fn of_texts(dictionary: &[String], counts: &[u64]) -> (u64, Self) {
        let Some((missing, counts)) = counts.split_first() else {
            return (0, Self::Texts { values: Vec::new(), counts: Vec::new() });
        };
        let mut seen: Vec<_> = dictionary.iter().zip(counts.iter().copied()).filter(|(_, count)| *count > 0).collect();
        seen.sort_unstable();
        let (values, counts) = seen.into_iter().map(|(value, count)| (value.clone(), count)).unzip();
        (*missing, Self::Texts { values, counts })
    }
}

#[cfg(test)]
mod tests;
