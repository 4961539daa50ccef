//! Measures of how well a score ranks positive above negative rows.

/// Rows by descending score. Rows with equal scores form one group.
#[derive(Debug)]
pub struct RowRanking {
    /// Positive and negative rows of each group.
    groups: Vec<(u64, u64)>,
    positives: u64,
    negatives: u64,
}

impl RowRanking {
    /// Ranks rows, each given as its score (not NaN) and its label.
    pub fn new(mut rows: Vec<(f64, bool)>) -> Self {
        rows.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
        let groups = rows.chunk_by(|(a, _), (b, _)| a == b).map(|group| {
            let positives = group.iter().filter(|(_, truth)| *truth).count() as u64;
            (positives, group.len() as u64 - positives)
        });
        let groups: Vec<(u64, u64)> = groups.collect();
        let (positives, negatives) = groups.iter().fold((0, 0), |(p, n), group| (p + group.0, n + group.1));
        Self { groups, positives, negatives }
    }

    /// Returns the area under the ROC curve: the share of pairs in which the positive row ranks above the negative one.
    /// Ties count half (Mann and Whitney). The area is exact, because half pairs are counted in integers. `None` if a
    /// class has no rows.
    pub fn auc(&self) -> Option<f64> {
        let mut above = 0_u64;
        let mut half_pairs = 0_u128;
        for (positives, negatives) in &self.groups {
            half_pairs += u128::from(*negatives) * u128::from(2 * above + positives);
            above += positives;
        }
        let pairs = u128::from(self.positives) * u128::from(self.negatives);
        (pairs > 0).then(|| half_pairs as f64 / (2 * pairs) as f64)
    }

    /// Returns the mean over positive rows of the precision at their rank. Groups are not divided, as in scikit-learn's
    /// `average_precision_score`. `None` without positive rows.
    pub fn average_precision(&self) -> Option<f64> {
        let (mut found, mut taken, mut sum) = (0_u64, 0_u64, 0.0);
        for (positives, negatives) in &self.groups {
            found += positives;
            taken += positives + negatives;
            sum += *positives as f64 * (found as f64 / taken as f64);
        }
        (self.positives > 0).then(|| sum / self.positives as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rankings_by_hand() {
        for (scores, labels, auc, precision) in [
            (&[3.0, 2.0, 1.0][..], &[true, true, false][..], Some(1.0), Some(1.0)),
            (&[1.0, 2.0, 3.0], &[true, true, false], Some(0.0), Some((1.0 / 2.0 + 2.0 / 3.0) / 2.0)),
            (&[0.0, 0.0, 0.0, 0.0], &[true, false, false, false], Some(0.5), Some(0.25)),
            (&[0.0, -0.0], &[true, false], Some(0.5), Some(0.5)),
            (&[1.0, 2.0], &[true, true], None, Some(1.0)),
            (&[1.0, 2.0], &[false, false], None, None),
            (&[], &[], None, None),
        ] {
            let ranking = RowRanking::new(scores.iter().copied().zip(labels.iter().copied()).collect());
            assert_eq!((ranking.auc(), ranking.average_precision()), (auc, precision), "{scores:?} {labels:?}");
        }
    }

    #[test]
    fn the_area_is_the_share_of_pairs_counted_one_by_one() {
        // Scores of 0 to 6 have many ties.
        let rows = (0_u32..90).map(|row| (f64::from(row * row % 7), row % 5 < 2));
        let rows: Vec<(f64, bool)> = rows.collect();
        let of = |class: bool| rows.iter().filter(move |(_, truth)| *truth == class).map(|(score, _)| *score);
        let pairs = of(true).flat_map(|positive| of(false).map(move |negative| (positive, negative)));
        let won = pairs.clone().map(|(positive, negative)| match positive.total_cmp(&negative) {
            std::cmp::Ordering::Greater => 2_u32,
            std::cmp::Ordering::Equal => 1,
            std::cmp::Ordering::Less => 0,
        });
        let expected = f64::from(won.sum::<u32>()) / (2 * pairs.count()) as f64;
        assert_eq!(RowRanking::new(rows.clone()).auc(), Some(expected));
    }
}
