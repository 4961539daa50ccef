//! Model files of earlier forms, read as if they had been written today.

use serde_json::{Value, json};

use crate::model::artifact::{Artifact, FORMAT};
use crate::model::encoder::Encoder;

impl Artifact {
    /// Reads a model file's text, of this form or of an earlier one.
    ///
    /// # Errors
    /// It is no model file.
    pub fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut value: Value = serde_json::from_slice(text)?;
        if value["format"] == json!(1) {
            value = from_1(value)?;
        }
        if value["format"].as_u64().is_some_and(|format| format < 4) {
            from_3(&mut value);
        }
        // What form 2 has beside this one is passed over; form 4 knew no model without a gradient.
        if let Some(format) = value.get_mut("format") {
            *format = json!(FORMAT);
        }
        serde_json::from_value(value)
    }
}

/// Up to form 3 a model was fitted without the last rows of each window, and `newest_holdout` was what `holdout` is now.
fn from_3(value: &mut Value) {
    if let Some(scores) = value["outcome"]["scores"].as_object_mut()
        && let Some(newest) = scores.remove("newest_holdout")
    {
        scores.insert("holdout".to_owned(), newest);
    }
}

/// Form 2 also named the model whose coefficients a fit started from; form 1 had weights without names and errors, no verdict, no passes, and one reliability table without its error.
fn from_1(mut value: Value) -> Result<Value, serde_json::Error> {
    value["versions"] = json!({});
    value["verdict"] = json!({ "status": "accepted" });
    for window in value["lineage"]["windows"].as_array_mut().into_iter().flatten() {
        window["row_numbers"] = json!([]);
    }
    let outcome = &mut value["outcome"];
    if outcome["status"] != json!("learned") {
        return Ok(value);
    }
    let names = serde_json::from_value::<Encoder>(outcome["encoder"].clone())?.names();
    let weights = outcome["weights"].as_array().cloned().unwrap_or_default();
    let coefficient = |name: &str, weight: &Value| {
        let ratio = weight.as_f64().map(f64::exp).filter(|ratio| ratio.is_finite());
        json!({ "name": name, "weight": weight, "standard_error": null, "odds_ratio": ratio })
    };
    // More weights than names, or fewer: the reader of the file reports that.
    let named = weights
        .iter()
        .enumerate()
        .map(|(place, weight)| coefficient(names.get(place).map_or("", String::as_str), weight));
    outcome["coefficients"] = named.collect();
    outcome["intercept"] = coefficient("(intercept)", &outcome["intercept"].clone());
    let solver = &mut outcome["solver"];
    solver["method"] = solver["name"].clone();
    solver["passes"] = json!(0);
    for score in outcome["scores"].as_object_mut().into_iter().flat_map(|scores| scores.values_mut()) {
        let rows = score["rows"].as_f64().unwrap_or_default();
        let bins = score["reliability"].as_array().cloned().unwrap_or_default();
        let error = bins.iter().filter_map(|bin| {
            let apart = bin["mean_probability"].as_f64()? - bin["positive_share"].as_f64()?;
            Some(bin["rows"].as_f64()? / rows * apart.abs())
        });
        score["calibration_error"] = json!(error.sum::<f64>());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use crate::model::artifact::{Artifact, FORMAT, Method, Verdict};

    /// As version 1 wrote it.
    const VERSION_1: &str = r#"{
        "format": 1, "id": "cumulative-1", "pipeline": "p", "created": "2026-01-01T00:00:00Z",
        "lineage": {
            "id": "00", "fit_rows": 90, "fit_positives": 30, "holdout_rows": 10,
            "windows": [{"window": 1, "rows": 100, "labelled": 100, "sha256": "00ff",
                "offsets": [{"partition": 0, "first": 0, "last": 99}]}]
        },
        "outcome": {
            "status": "learned",
            "encoder": {"features": [
                {"column": "x", "encoding": {"kind": "number", "log": false, "median": 1.0, "mean": 1.0,
                    "deviation": 2.0, "min": 0.0, "max": 3.0}},
                {"column": "c", "encoding": {"kind": "category", "levels": [{"value": "a"}, "missing", "other"]}}
            ]},
            "intercept": -0.5, "weights": [0.25, 1.0, 800.0, 0.0], "threshold": 0.5,
            "solver": {"name": "newton", "l2": 1.0, "iterations": 4, "objective": 50.0, "gradient_norm": 1e-10,
                "converged": true, "seconds": 0.1},
            "scores": {"holdout": {
                "rows": 10, "positives": 5, "auc": 0.5, "average_precision": 0.5, "log_loss": 0.7,
                "baseline_log_loss": 0.7, "brier": 0.2, "accuracy": 0.5, "baseline_accuracy": 0.5,
                "confusion": {"true_positives": 5, "false_positives": 5, "true_negatives": 0, "false_negatives": 0},
                "reliability": [
                    {"from": 0.0, "to": 0.5, "rows": 5, "mean_probability": 0.25, "positive_share": 0.45},
                    {"from": 0.5, "to": 1.0, "rows": 5, "mean_probability": 0.6, "positive_share": 0.5},
                    {"from": 1.0, "to": 1.0, "rows": 0, "mean_probability": null, "positive_share": null}
                ]
            }},
            "examples": []
        }
    }"#;

    #[test]
    fn a_model_of_version_1_is_read() {
        let artifact = Artifact::read(VERSION_1.as_bytes()).expect("version 1");
        assert_eq!((artifact.format, &artifact.verdict), (FORMAT, &Verdict::Accepted));
        let learned = artifact.learned().expect("a model");
        let named: Vec<_> = learned.coefficients.iter().map(|c| (c.name.as_str(), c.weight)).collect();
        assert_eq!(named, [("x", 0.25), ("c=a", 1.0), ("c=(missing)", 800.0), ("c=(other)", 0.0)]);
        assert_eq!(learned.coefficients[1].odds_ratio, Some(1.0_f64.exp()));
        assert_eq!(learned.coefficients[2].odds_ratio, None, "beyond the range of f64");
        assert_eq!((learned.intercept.weight, learned.solver.method), (-0.5, Method::Newton));
        assert!((learned.scores["holdout"].calibration_error - 0.15).abs() < 1e-12);
        let written = serde_json::to_vec(&artifact).expect("JSON");
        assert_eq!(Artifact::read(&written).expect("this version"), artifact);
        // Form 4 had a gradient always, as this one has but for Spark's models.
        let four = serde_json::to_string(&artifact).expect("JSON").replace("\"format\":5", "\"format\":4");
        assert!(four.contains("\"gradient_norm\":1e-10") && four.contains("\"format\":4"), "{four}");
        assert_eq!(Artifact::read(four.as_bytes()).expect("version 4"), artifact);
        let none = serde_json::to_string(&artifact)
            .expect("JSON")
            .replace("\"gradient_norm\":1e-10", "\"gradient_norm\":null");
        let none = Artifact::read(none.as_bytes()).expect("this version");
        assert_eq!(none.learned().expect("a model").solver.gradient_norm, None);
    }

    #[test]
    fn a_refusal_of_version_1_is_read_and_what_is_no_model_refused() {
        let refusal = r#"{"format": 1, "id": "window-1", "pipeline": "p", "created": "", "lineage": {"id": "00",
            "windows": [], "fit_rows": 0, "fit_positives": 0, "holdout_rows": 0},
            "outcome": {"status": "refused", "reason": "all rows are negative"}}"#;
        assert!(Artifact::read(refusal.as_bytes()).expect("version 1").learned().is_none());
        for text in ["{", "[]", "{}", r#"{"format": 1}"#, r#"{"format": 1, "outcome": {"status": "learned"}}"#] {
            assert!(Artifact::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
