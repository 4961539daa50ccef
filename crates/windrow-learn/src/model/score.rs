//! Scores of log-odds against labels.
//!
//! Ranking measures use the log-odds, which still differ between rows that are nearly certain. The other measures use
//! probabilities.

use crate::model::measures::{ConfusionMatrix, ReliabilityBin, Score};
use crate::model::objective::row_loss;
use crate::model::probability::probability;
use windrow_evaluation::RowRanking;

const BINS: usize = 10;

/// Scores rows. `training_share` is the share of positives among the rows that the model was trained on, above 0 and
/// below 1. Returns `None` without rows.
pub(super) fn score(log_odds: &[f64], truth: &[bool], threshold: f64, training_share: f64) -> Option<Score> {
    let probabilities: Vec<f64> = log_odds.iter().map(|z| probability(*z)).collect();
    score_given(log_odds, &probabilities, truth, threshold, training_share)
}

/// Scores rows like [`score`], with the probabilities that the log-odds follow from.
pub(super) fn score_given(
    log_odds: &[f64],
    probabilities: &[f64],
    truth: &[bool],
    threshold: f64,
    training_share: f64,
) -> Option<Score> {
    if truth.is_empty() {
        return None;
    }
    let rows = truth.len() as f64;
    let positives = truth.iter().filter(|truth| **truth).count() as u64;
    let negatives = truth.len() as u64 - positives;
    let ranking = RowRanking::new(log_odds.iter().copied().zip(truth.iter().copied()).collect());
    let losses = log_odds.iter().zip(truth).map(|(z, truth)| row_loss(*z, *truth));
    let squares = probabilities.iter().zip(truth).map(|(p, truth)| (p - f64::from(*truth)).powi(2));
    let baseline_loss = -(positives as f64 * training_share.ln() + negatives as f64 * (-training_share).ln_1p());
    let confusion = confusion(probabilities, truth, threshold);
    let majority = if training_share >= 0.5 { positives } else { negatives };
    let reliability = reliability(probabilities, truth);
    Some(Score {
        rows: truth.len() as u64,
        positives,
        auc: ranking.auc(),
        average_precision: ranking.average_precision(),
        log_loss: losses.sum::<f64>() / rows,
        baseline_log_loss: baseline_loss / rows,
        brier: squares.sum::<f64>() / rows,
        accuracy: (confusion.true_positives + confusion.true_negatives) as f64 / rows,
        baseline_accuracy: majority as f64 / rows,
        confusion,
        calibration_error: calibration_error(&reliability),
        reliability,
    })
}

fn confusion(probabilities: &[f64], truth: &[bool], threshold: f64) -> ConfusionMatrix {
    let mut counts = ConfusionMatrix { true_positives: 0, false_positives: 0, true_negatives: 0, false_negatives: 0 };
    for (p, truth) in probabilities.iter().zip(truth) {
        let count = match (*p >= threshold, truth) {
            (true, true) => &mut counts.true_positives,
            (true, false) => &mut counts.false_positives,
            (false, false) => &mut counts.true_negatives,
            (false, true) => &mut counts.false_negatives,
        };
        *count += 1;
    }
    counts
}

fn reliability(probabilities: &[f64], truth: &[bool]) -> Vec<ReliabilityBin> {
    let mut sums = [(0_u64, 0.0, 0_u64); BINS];
    for (p, truth) in probabilities.iter().zip(truth) {
        let (rows, sum, positives) = &mut sums[((p * BINS as f64) as usize).min(BINS - 1)];
        *rows += 1;
        *sum += p;
        *positives += u64::from(*truth);
    }
    let bins = sums.iter().enumerate().map(|(bin, (rows, sum, positives))| ReliabilityBin {
        from: bin as f64 / BINS as f64,
        to: (bin + 1) as f64 / BINS as f64,
        rows: *rows,
        mean_probability: (*rows > 0).then(|| sum / *rows as f64),
        positive_share: (*rows > 0).then(|| *positives as f64 / *rows as f64),
    });
    bins.collect()
}

/// Returns the expected calibration error (Naeini, Cooper and Hauskrecht 2015): the mean over rows of the distance
/// between the mean probability and the share of positives in the row's bin.
fn calibration_error(bins: &[ReliabilityBin]) -> f64 {
    let rows: u64 = bins.iter().map(|bin| bin.rows).sum();
    let errors = bins.iter().filter_map(|bin| {
        let apart = bin.mean_probability? - bin.positive_share?;
        Some(bin.rows as f64 / rows as f64 * apart.abs())
    });
    errors.sum()
}

#[cfg(test)]
mod tests;
