//! Losses and scores of models whose probabilities are given: those of a learner outside of this program.
//!
//! Log-odds follow from probabilities, so these models are ranked, scored and recalibrated by the same rules as others.
//! Labels follow from the probabilities as they were given.

use std::io;

use rayon::prelude::*;

use crate::model::frame::Frame;
use crate::model::measures::Score;
use crate::model::objective::row_loss;
use crate::model::probability::{log_odds_of, probability};
use crate::model::score::score_given;
use crate::model::scorer::{loss_sums, of_window, recalibrate, truth};
use windrow_evaluation::{BLOCKS, ModelLosses, RowRanking, WindowLosses, block_rows, rounded_sum};
use windrow_record::{ModelId, WindowIndex};

/// A model with its probabilities for the labelled rows of a window, or for the last of them.
#[derive(Debug, Clone, Copy)]
pub struct GivenModel<'a> {
    /// The id of the model.
    pub id: ModelId,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
    /// The probability of each row that it is positive, in the order of the rows.
    pub probabilities: &'a [f64],
}

/// Returns the losses of a window: its labelled and positive rows by block, and the losses of the models on them.
///
/// # Errors
/// The rows cannot be read again, or a model does not have one probability for each labelled row.
pub fn given_losses(
    frame: &Frame,
    window: WindowIndex,
    sha256: &str,
    models: &[GivenModel<'_>],
) -> io::Result<WindowLosses> {
    let truth = truth(frame, 0..frame.labelled())?;
    check(models, truth.len())?;
    let losses = models.par_iter().map(|model| losses(model, &truth)).collect();
    Ok(of_window(frame, window, sha256, &truth, losses))
}

/// Scores models on the last labelled rows of a window, one for each probability. `shares` are the models' shares of
/// positives among the rows that they learned from. A score is `None` without rows.
///
/// # Errors
/// The rows cannot be read again, or a model has more probabilities than the window has labelled rows.
pub fn given_scores(frame: &Frame, models: &[GivenModel<'_>], shares: &[f64]) -> io::Result<Vec<Option<Score>>> {
    let all = truth(frame, 0..frame.labelled())?;
    let scored = models.par_iter().zip(shares).map(|(model, share)| {
        let rows = model.probabilities.len();
        let first = all.len().checked_sub(rows).ok_or_else(|| wrong_count(model, all.len()))?;
        Ok(score_given(&log_odds(model), model.probabilities, &all[first..], model.threshold, *share))
    });
    scored.collect()
}

/// Returns the AUC of models on the labelled rows of a window. It is `None` if the rows are of one class.
///
/// # Errors
/// The rows cannot be read again, or a model does not have one probability for each labelled row.
pub fn given_aucs(frame: &Frame, models: &[GivenModel<'_>]) -> io::Result<Vec<Option<f64>>> {
    let truth = truth(frame, 0..frame.labelled())?;
    check(models, truth.len())?;
    let auc = |model: &GivenModel<'_>| {
        RowRanking::new(log_odds(model).into_iter().zip(truth.iter().copied()).collect()).auc()
    };
    Ok(models.par_iter().map(auc).collect())
}

/// Returns the intercept and the slope of a model's log-odds that suit the labelled rows of a window best. They are 0 and
/// 1 if the rows have no finite optimum.
///
/// # Errors
/// The rows cannot be read again, or the model does not have one probability for each labelled row.
pub fn given_calibration(frame: &Frame, model: &GivenModel<'_>) -> io::Result<(f64, f64)> {
    let truth = truth(frame, 0..frame.labelled())?;
    check(std::slice::from_ref(model), truth.len())?;
    Ok(recalibrate(&log_odds(model), &truth, 0.0).unwrap_or((0.0, 1.0)))
}

/// Returns a model's sums on the labelled rows of a window, after a recalibration to an intercept and a slope: log-loss,
/// squared error, false alarms and misses.
///
/// # Errors
/// The rows cannot be read again, or the model does not have one probability for each labelled row.
pub fn given_recalibrated(
    frame: &Frame,
    model: &GivenModel<'_>,
    (intercept, slope): (f64, f64),
) -> io::Result<[f64; 4]> {
    let truth = truth(frame, 0..frame.labelled())?;
    check(std::slice::from_ref(model), truth.len())?;
    // Labels follow from the probabilities as they were given. Log-odds and back may differ in the last digit.
    let is_changed = (intercept, slope) != (0.0, 1.0);
    let rows = model.probabilities.iter().zip(log_odds(model)).map(|(given, z)| {
        let z = intercept + slope * z;
        (z, if is_changed { probability(z) } else { *given })
    });
    Ok(loss_sums(rows, &truth, model.threshold))
}

fn log_odds(model: &GivenModel<'_>) -> Vec<f64> {
    model.probabilities.iter().map(|p| log_odds_of(*p)).collect()
}

fn losses(model: &GivenModel<'_>, truth: &[bool]) -> ModelLosses {
    let mut losses = ModelLosses {
        model: model.id,
        log_loss: [0.0; BLOCKS],
        squared_error: [0.0; BLOCKS],
        false_alarms: [0; BLOCKS],
        misses: [0; BLOCKS],
    };
    for block in 0..BLOCKS {
        let rows = block_rows(truth.len(), block);
        let (mut log_loss, mut squared_error) = (0.0, 0.0);
        for (p, truth) in model.probabilities[rows.clone()].iter().zip(&truth[rows]) {
            let is_alarm = *p >= model.threshold;
            log_loss += row_loss(log_odds_of(*p), *truth);
            squared_error += (p - f64::from(*truth)).powi(2);
            losses.false_alarms[block] += u64::from(is_alarm && !truth);
            losses.misses[block] += u64::from(!is_alarm && *truth);
        }
        losses.log_loss[block] = rounded_sum(log_loss);
        losses.squared_error[block] = rounded_sum(squared_error);
    }
    losses
}

/// Checks that each model has one probability for each row.
fn check(models: &[GivenModel<'_>], rows: usize) -> io::Result<()> {
    let wrong = models.iter().find(|model| model.probabilities.len() != rows);
    wrong.map_or(Ok(()), |model| Err(wrong_count(model, rows)))
}

fn wrong_count(model: &GivenModel<'_>, rows: usize) -> io::Error {
    let reason = format!("{} has {} probabilities for {rows} rows", model.id, model.probabilities.len());
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::fit::fit;
    use crate::model::samples::mixed;
    use crate::model::scorer::{ScoredModel, aucs, losses_and_scores, recalibrated, scores};

    /// A window, and the log-odds of a logistic regression for its rows.
    fn scored(check: impl Fn(&[Arc<Frame>], &ScoredModel<'_>, &GivenModel<'_>)) {
        let (schema, frames, settings) = mixed(4_000);
        let learned = fit(&frames[..1], &schema, &settings, None).expect("a model");
        let id = "window-1".parse().expect("an id");
        let model = ScoredModel { threshold: 0.3, ..ScoredModel::of(id, &learned).expect("a logistic regression") };
        let rows = 0..frames[1].labelled();
        let (_, log_odds) =
            crate::model::scorer::log_odds(&frames[1], std::slice::from_ref(&model), rows).expect("memory");
        let probabilities: Vec<f64> = log_odds[0].iter().map(|z| probability(*z)).collect();
        check(&frames, &model, &GivenModel { id, threshold: 0.3, probabilities: &probabilities });
    }

    fn is_near(a: f64, b: f64) -> bool {
        (a - b).abs() < 2e-6
    }

    #[test]
    fn given_probabilities_have_the_losses_and_scores_of_the_model_that_made_them() {
        scored(|frames, model, given| {
            let (frame, one) = (&frames[1], std::slice::from_ref(model));
            let (losses, by_model) = losses_and_scores(frame, WindowIndex::FIRST, "00", one, &[0.25]).expect("memory");
            let found = given_losses(frame, WindowIndex::FIRST, "00", &[*given]).expect("memory");
            assert_eq!((found.rows, found.positives), (losses.rows, losses.positives));
            let (own, expected) = (&found.models[0], &losses.models[0]);
            for block in 0..BLOCKS {
                assert!(is_near(own.log_loss[block], expected.log_loss[block]), "{own:?} {expected:?}");
                assert!(is_near(own.squared_error[block], expected.squared_error[block]), "{own:?} {expected:?}");
            }
            assert_eq!((own.false_alarms, own.misses), (expected.false_alarms, expected.misses));
            let score = given_scores(frame, &[*given], &[0.25]).expect("memory").remove(0).expect("rows");
            let expected = by_model[0].as_ref().expect("rows");
            assert!(is_near(score.log_loss, expected.log_loss) && is_near(score.brier, expected.brier));
            assert_eq!(score.confusion, expected.confusion);
            let auc = |found: Vec<Option<f64>>| found[0].expect("two classes");
            let (own, expected) =
                (auc(given_aucs(frame, &[*given]).expect("memory")), auc(aucs(frame, one).expect("memory")));
            assert!(is_near(own, expected) && is_near(own, score.auc.expect("two classes")), "{own} {expected}");
            // The last rows only.
            let last = GivenModel { probabilities: &given.probabilities[1_500..], ..*given };
            let score = given_scores(frame, &[last], &[0.25]).expect("memory").remove(0).expect("rows");
            let expected = scores(frame, one, &[0.25], Some(500)).expect("memory").remove(0).expect("rows");
            assert_eq!((score.rows, score.confusion), (500, expected.confusion));
        });
    }

    #[test]
    fn a_recalibration_follows_the_rule_for_other_models() {
        scored(|frames, model, given| {
            let (frame, one) = (&frames[1], std::slice::from_ref(model));
            let calibration = given_calibration(frame, given).expect("memory");
            let sums = given_recalibrated(frame, given, calibration).expect("memory");
            let expected = recalibrated(Some(frame), frame, one).expect("memory").remove(0);
            for (own, expected) in sums.iter().zip(expected) {
                assert!((own - expected).abs() < 1e-3, "{own} {expected}");
            }
        });
    }

    #[test]
    fn without_a_change_a_probability_at_the_threshold_counts_as_it_was_given() {
        scored(|frames, _, given| {
            let frame = &frames[1];
            // Some of these thresholds are not the same after log-odds and back.
            for threshold in (1..100).map(|percent| f64::from(percent) / 100.0) {
                let probabilities = vec![threshold; given.probabilities.len()];
                let model = GivenModel { threshold, probabilities: &probabilities, ..*given };
                let losses = given_losses(frame, WindowIndex::FIRST, "00", &[model]).expect("memory").models.remove(0);
                let sums = given_recalibrated(frame, &model, (0.0, 1.0)).expect("memory");
                let [alarms, misses] =
                    [losses.false_alarms, losses.misses].map(|blocks| blocks.iter().sum::<u64>() as f64);
                assert_eq!((sums[2], sums[3]), (alarms, misses), "{threshold}");
                assert_eq!(misses, 0.0, "each row is an alarm");
            }
        });
    }

    #[test]
    fn a_wrong_number_of_probabilities_is_an_error() {
        scored(|frames, _, given| {
            let short = GivenModel { probabilities: &given.probabilities[1..], ..*given };
            let error = given_losses(&frames[1], WindowIndex::FIRST, "00", &[short]).expect_err("a row is missing");
            assert_eq!(error.to_string(), "window-1 has 1999 probabilities for 2000 rows");
            assert!(given_aucs(&frames[1], &[short]).is_err() && given_calibration(&frames[1], &short).is_err());
            assert!(given_scores(&frames[0], &[*given], &[0.25]).is_ok(), "both windows have 2,000 rows");
        });
    }
}
