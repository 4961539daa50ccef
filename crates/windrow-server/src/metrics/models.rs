//! The models and their scores, read at each scrape.
//!
//! Only the newest models and those with an alias are exported, with their scores on the newest windows. The number of
//! series therefore does not grow while a server runs.

use std::fmt;
use std::sync::{Arc, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::metrics::rows::gauge;
use crate::served::{Served, ServedModel};
use crate::state::ApiState;
use windrow_learn::model::{Learned, Score, ScoreNumber};
use windrow_record::ModelId;

/// Number of the newest windows whose models and scores are exported.
const NEWEST_WINDOWS: u32 = 3;

/// Collects the models. The reference is weak, because a server may end before its metrics.
#[derive(Debug)]
pub(super) struct ModelMetrics(pub(super) Weak<ApiState>);

impl Collector for ModelMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.upgrade().map_or(Ok(()), |state| models(&mut encoder, &state.served_snapshot()))
    }
}

type ExportedModel<'a> = (&'a Arc<ServedModel>, &'a Learned);

fn models(encoder: &mut DescriptorEncoder<'_>, served: &Served) -> fmt::Result {
    let snapshot = &served.snapshot;
    gauge(encoder, "models", "Models that can predict", served.models().count() as f64)?;
    let about = "1 for the model that an alias points to";
    let mut family = encoder.encode_descriptor("alias", about, None, MetricType::Gauge)?;
    let mut named = Vec::new();
    for (alias, model) in snapshot.named() {
        let labels = [("alias", alias), ("model", model.name())];
        ConstGauge::new(1.0).encode(family.encode_family(&labels)?)?;
        named.push(model.id());
    }
    let newest = served.models().next_back().map_or(0, |served| served.model.id().window.get());
    let first = newest.saturating_sub(NEWEST_WINDOWS - 1);
    let is_exported = |id: ModelId| id.window.get() >= first || named.contains(&id);
    let exported = served.models().filter(|one| is_exported(one.model.id()));
    let exported: Vec<ExportedModel<'_>> = exported.filter_map(|one| Some((one, one.model.learned()?))).collect();
    let mut of_models = |name: &str, about: &str, unit: Option<&Unit>, value: fn(ExportedModel<'_>) -> Option<f64>| {
        let mut family = encoder.encode_descriptor(name, about, unit, MetricType::Gauge)?;
        for exported in &exported {
            let Some(value) = value(*exported) else { continue };
            ConstGauge::new(value).encode(family.encode_family(&[("model", exported.0.model.name())])?)?;
        }
        Ok(())
    };
    of_models("model_fit", "Time of the fit", Some(&Unit::Seconds), |(_, learned)| Some(learned.seconds()))?;
    let about = "The penalised sum of the rows' losses at the optimum";
    of_models("model_objective", about, None, |(_, learned)| Some(learned.logistic()?.solver.objective))?;
    let about = "Rows that the model was fitted to";
    of_models("model_fit_rows", about, None, |(served, _)| Some(served.model.artifact().lineage.fit_rows as f64))?;
    let about = "Probabilities of single predictions";
    let mut family = encoder.encode_descriptor("prediction_probability", about, None, MetricType::Histogram)?;
    for (served, _) in &exported {
        served.probabilities.encode(family.encode_family(&[("model", served.model.name())])?)?;
    }
    // One gauge per model, window and set of rows.
    for (measure, number) in Score::NUMBERS {
        let ScoreNumber::Measure(pick) = number else { continue };
        let (name, about) = match measure {
            "log_loss" => ("model_log_loss", "Log-loss of a model on a window"),
            "auc" => ("model_auc", "Area under the ROC curve of a model on a window"),
            "brier" => ("model_brier_score", "Brier score of a model on a window"),
            "calibration_error" => ("model_calibration_error", "Expected calibration error of a model on a window"),
            _ => continue,
        };
        let mut family = encoder.encode_descriptor(name, about, None, MetricType::Gauge)?;
        for report in snapshot.windows().rev().take(NEWEST_WINDOWS as usize) {
            let window = report.window.to_string();
            for found in report.scores.iter().filter(|found| is_exported(found.model)) {
                let model = found.model.to_string();
                for (on, score) in [("window", &found.window), ("holdout", &found.holdout)] {
                    let Some(value) = score.as_ref().and_then(pick) else { continue };
                    let labels = [("model", model.as_str()), ("window", window.as_str()), ("rows", on)];
                    ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
                }
            }
        }
    }
    Ok(())
}
