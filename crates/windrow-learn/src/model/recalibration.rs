//! A fitted model with another intercept and slope of its log-odds, as a model of its own.
//!
//! a + b (w.x + c) is (b w).x + (a + b c), so the recalibrated model is a logistic model with the same encoder.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::model::artifact::{Artifact, Fitted, Learned, Recalibration};
use crate::model::fit::examples;
use crate::model::foreign::Foreign;
use crate::model::frame::Frame;
use crate::model::given::{GivenModel, given_calibration};
use crate::model::logistic::{Coefficient, Logistic};
use crate::model::predictor::Predictor;
use crate::model::scorer::{Calibration, ScoredModel, calibrations};
use windrow_config::Schema;
use windrow_record::WindowIndex;

/// Recalibrates a logistic regression on the labelled rows of a later window. Returns `None` if there is none.
///
/// The result depends only on the model and on the rows of the window, which is `frame`. If they have no finite optimum,
/// the intercept is 0 and the slope is 1.
///
/// # Errors
/// The rows cannot be read again, or the model was made for other features.
pub fn recalibrate_model(
    fitted: &Artifact,
    window: WindowIndex,
    frame: &Arc<Frame>,
    schema: &Schema,
) -> io::Result<Option<(Learned, Recalibration)>> {
    let Some(learned) = fitted.learned() else { return Ok(None) };
    let Some((logistic, scored)) = learned.logistic().zip(ScoredModel::of(fitted.id, learned)) else { return Ok(None) };
    // The last digits of log-odds depend on the models that are scored together, so no other model is scored with it.
    let Some(found) = calibrations(frame, &[scored])?.pop() else { return Ok(None) };
    let adjusted = adjusted(logistic, found.intercept, found.slope);
    let threshold = learned.threshold;
    let examples = examples(std::slice::from_ref(frame), schema, &Predictor::new(&adjusted, threshold));
    let recalibrated = Learned { fitted: Fitted::Logistic(adjusted), threshold, scores: BTreeMap::new(), examples };
    Ok(Some((recalibrated, facts(fitted, window, frame, found))))
}

/// Recalibrates a model of a learner outside of this program on the labelled rows of a later window. `probabilities` are
/// the learner's for these rows. Returns `None` if the model is not of a learner. The caller adds the examples.
///
/// # Errors
/// The rows cannot be read again.
pub fn recalibrate_foreign(
    fitted: &Artifact,
    window: WindowIndex,
    frame: &Frame,
    probabilities: &[f64],
) -> io::Result<Option<(Learned, Recalibration)>> {
    let Some((learned, foreign)) = fitted.learned().zip(fitted.foreign()) else { return Ok(None) };
    let model = GivenModel { id: fitted.id, threshold: learned.threshold, probabilities };
    let (intercept, slope) = given_calibration(frame, &model)?;
    // The learner gets each number unchanged: none is held within a range.
    let found = Calibration { intercept, slope, held_share: 0.0 };
    let foreign = Foreign { calibration: Some((intercept, slope)), ..foreign.clone() };
    let (threshold, examples) = (learned.threshold, Vec::new());
    let recalibrated = Learned { fitted: Fitted::Foreign(foreign), threshold, scores: BTreeMap::new(), examples };
    Ok(Some((recalibrated, facts(fitted, window, frame, found))))
}

fn facts(fitted: &Artifact, window: WindowIndex, frame: &Frame, found: Calibration) -> Recalibration {
    let Calibration { intercept, slope, held_share } = found;
    Recalibration {
        model: fitted.id,
        lineage: fitted.lineage.id.clone(),
        window,
        rows: frame.labelled() as u64,
        positives: frame.positives() as u64,
        held_share,
        intercept,
        slope,
    }
}

/// Returns the model whose log-odds are `intercept` plus `slope` times those of a fit.
fn adjusted(fit: &Logistic, intercept: f64, slope: f64) -> Logistic {
    let scaled = |one: &Coefficient| {
        let error = one.standard_error.map(|error| slope.abs() * error);
        Coefficient::new(one.name.clone(), slope * one.weight, error)
    };
    Logistic {
        encoder: fit.encoder.clone(),
        intercept: Coefficient::new(fit.intercept.name.clone(), intercept + slope * fit.intercept.weight, None),
        coefficients: fit.coefficients.iter().map(scaled).collect(),
        solver: fit.solver.clone(),
        penalties: fit.penalties.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::artifact::{Acceptance, FORMAT, Lineage, Outcome, WindowLineage};
    use crate::model::fit::{FitSettings, fit};
    use crate::model::predictor::Cell;
    use crate::model::probability::probability;
    use crate::model::samples::{logistic, mixed, pipeline, predictor, read_holding_out};
    use crate::model::scorer::{log_odds, recalibrate};

    fn window(number: u32) -> WindowIndex {
        WindowIndex::new(number).expect("not 0")
    }

    /// Returns a fitted model as it is stored, or the record of a window that gave none.
    fn stored(learned: Option<Learned>) -> Artifact {
        let lineage = Lineage {
            id: "00".to_owned(),
            windows: Vec::new(),
            recalibration: None,
            fit_rows: 2,
            fit_positives: 1,
            holdout_rows: 0,
        };
        let refused = || Outcome::Refused { reason: "one class".to_owned() };
        Artifact {
            format: FORMAT,
            id: "window-1".parse().expect("an id"),
            pipeline: "p".to_owned(),
            created: String::new(),
            versions: BTreeMap::new(),
            is_for_advice: false,
            lineage,
            verdict: Acceptance::Accepted,
            outcome: learned.map_or_else(refused, |learned| Outcome::Learned(Box::new(learned))),
        }
    }

    #[test]
    fn the_log_odds_are_those_of_the_fit_with_another_intercept_and_slope() {
        let (schema, frames, settings) = mixed(4_000);
        let learned = fit(&frames[..1], &schema, &settings, None).expect("a model");
        let artifact = stored(Some(learned.clone()));
        let found = recalibrate_model(&artifact, window(2), &frames[1], &schema).expect("memory can be read");
        let (recalibrated, facts) = found.expect("a fitted model");
        let rows = 0..frames[1].labelled();
        let id = artifact.id;
        let of = |learned: &Learned| {
            let scored = [ScoredModel::of(id, learned).expect("a logistic regression")];
            let (truth, mut odds) = log_odds(&frames[1], &scored, rows.clone()).expect("memory can be read");
            (truth, odds.remove(0))
        };
        let ((truth, fitted), (_, moved)) = (of(&learned), of(&recalibrated));
        let Recalibration { intercept, slope, held_share, .. } = facts;
        assert_eq!(recalibrate(&fitted, &truth, held_share), Some((intercept, slope)), "the rule of the advice");
        assert!(intercept != 0.0 && slope != 1.0, "{intercept} {slope}");
        for (fitted, moved) in fitted.iter().zip(&moved) {
            assert!((moved - (intercept + slope * fitted)).abs() < 1e-10, "{moved} {fitted}");
        }
        // At the optimum, the probabilities add up to the positives.
        let positives = truth.iter().filter(|truth| **truth).count();
        let expected: f64 = moved.iter().map(|z| probability(*z)).sum();
        assert!((expected - positives as f64).abs() < 1e-3, "{expected} {positives}");
        assert_eq!((facts.model, facts.window, facts.lineage.as_str()), (id, window(2), "00"));
        assert_eq!((facts.rows, facts.positives), (truth.len() as u64, positives as u64));

        let (own, fit_itself) = (logistic(&recalibrated), logistic(&learned));
        assert_eq!((&own.encoder, recalibrated.threshold), (&fit_itself.encoder, learned.threshold));
        assert!(recalibrated.scores.is_empty() && !learned.scores.is_empty(), "scores of the fit do not hold");
        assert_eq!(own.intercept.standard_error, None);
        let mut errors = 0;
        for (one, fit) in own.coefficients.iter().zip(&fit_itself.coefficients) {
            assert_eq!((&one.name, one.weight), (&fit.name, slope * fit.weight));
            assert_eq!(one.standard_error, fit.standard_error.map(|error| slope.abs() * error), "{}", one.name);
            assert_eq!(one.odds_ratio, Some(one.weight.exp()));
            errors += u32::from(one.standard_error.is_some());
        }
        assert_eq!(errors, 2, "numbers have standard errors");
        assert_eq!(recalibrated.examples.len(), frames[1].examples().len());
        assert!(!recalibrated.examples.is_empty());

        let again = recalibrate_model(&artifact, window(2), &frames[1], &schema).expect("memory can be read");
        assert_eq!(again, Some((recalibrated, facts)), "the same each time");
        let none = recalibrate_model(&stored(None), window(2), &frames[1], &schema).expect("memory can be read");
        assert_eq!(none, None);
    }

    #[test]
    fn a_window_without_an_optimum_leaves_the_predictions_of_the_fit() {
        // All rows of the second window are negative.
        let pipeline = pipeline("[target]\ncolumn = \"y\"\nequals = \"1\"\n[features]\nnumeric = [\"x\"]");
        let rows = (0..80).map(|row| format!("{},{}\n", u8::from(row < 40 && row % 3 == 0), row % 10));
        let csv: String = std::iter::once("y,x\n".to_owned()).chain(rows).collect();
        let (schema, frames) = read_holding_out(&pipeline, csv.as_bytes(), 40, 0.0);
        let settings = FitSettings::from(&pipeline);
        let learned = fit(&frames[..1], &schema, &settings, None).expect("a model");
        let artifact = stored(Some(learned.clone()));
        let found = recalibrate_model(&artifact, window(2), &frames[1], &schema).expect("memory can be read");
        let (recalibrated, facts) = found.expect("a fitted model");
        assert_eq!((facts.intercept, facts.slope, facts.positives), (0.0, 1.0, 0));
        let predictors = [&learned, &recalibrated].map(predictor);
        let [fit, moved] = predictors.map(|one| one.predict(&[Cell::Number(3.0)]));
        assert_eq!(fit, moved);
    }

    #[test]
    fn the_span_of_a_recalibrated_model_has_both_parts() {
        let windows = |numbers: &[u32]| {
            let of = |number: &u32| WindowLineage {
                window: window(*number),
                rows: 1,
                labelled: 1,
                late_labels: 0,
                sha256: String::new(),
                row_numbers: Vec::new(),
                offsets: Vec::new(),
            };
            numbers.iter().map(of).collect::<Vec<_>>()
        };
        let recalibration = Recalibration {
            model: "cumulative-3".parse().expect("an id"),
            lineage: "00".to_owned(),
            window: window(7),
            rows: 1,
            positives: 0,
            held_share: 0.0,
            intercept: 0.0,
            slope: 1.0,
        };
        let fitted = stored(None).lineage;
        let span = |numbers: &[u32], recalibration: Option<Recalibration>| {
            Lineage { windows: windows(numbers), recalibration, ..fitted.clone() }.span()
        };
        assert_eq!(span(&[1, 2, 3], None), "windows 1 to 3");
        assert_eq!(span(&[1, 2, 3, 7], Some(recalibration.clone())), "windows 1 to 3, recalibrated on window 7");
        assert_eq!(span(&[3, 7], Some(recalibration)), "window 3, recalibrated on window 7");
    }
}
