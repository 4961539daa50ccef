//! What the pipeline and its models are like, read at each scrape.

use std::fmt;
use std::sync::Weak;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::api::context::Context;
use crate::model::Score;
use crate::registry::Snapshot;
use crate::telemetry::Counters;

/// The pipeline of a context that may end before its metrics do.
#[derive(Debug)]
pub(super) struct Pipeline(pub(super) Weak<Context>);

impl Collector for Pipeline {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(context) = self.0.upgrade() else { return Ok(()) };
        rows(&mut encoder, context.progress.counters())?;
        models(&mut encoder, &context.served().snapshot)?;
        let mut family =
            encoder.encode_descriptor("build", "Of which version this server is", None, MetricType::Info)?;
        prometheus_client::metrics::info::Info::new([("version", env!("CARGO_PKG_VERSION"))])
            .encode(family.encode_family(&[("pipeline", context.pipeline.name.as_str())])?)
    }
}

fn rows(encoder: &mut DescriptorEncoder<'_>, counters: &Counters) -> fmt::Result {
    let states = [
        ("sent", counters.sent.get()),
        ("delivered", counters.delivered.get()),
        ("received", counters.received.get()),
        ("stored", counters.stored.get()),
        ("quarantined", counters.quarantined.get()),
        ("repeated", counters.repeated.get()),
    ];
    let about = "Rows by how far they have come, since this process began";
    let mut family = encoder.encode_descriptor("rows", about, None, MetricType::Counter)?;
    for (state, count) in states {
        ConstCounter::new(count).encode(family.encode_family(&[("state", state)])?)?;
    }
    let gauges = [
        ("dataset_rows", "Rows of the dataset; 0 while that is not known", counters.dataset.get()),
        ("window", "The window that is being filled; 0 while that is not known", counters.window.get()),
        ("window_rows", "Rows of the window that is being filled", counters.window_rows.get()),
        ("window_expected_rows", "Rows that this window will have; 0 where not known", counters.window_expected.get()),
    ];
    for (name, about, value) in gauges {
        gauge(encoder, name, about, value as f64)?;
    }
    let lag = counters.lag.get().map_or(f64::NAN, |lag| lag as f64);
    gauge(encoder, "lag_messages", "Messages in the topic that are not yet read; NaN while that is not known", lag)?;
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, about: &str, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)
}

fn models(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    gauge(
        encoder,
        "models",
        "Models that can be asked",
        snapshot.models().filter(|m| m.learned().is_some()).count() as f64,
    )?;
    let about = "1 for the model that a name stands for";
    let mut family = encoder.encode_descriptor("alias", about, None, MetricType::Gauge)?;
    for (alias, model) in snapshot.named() {
        let labels = [("alias", alias), ("model", model.name())];
        ConstGauge::new(1.0).encode(family.encode_family(&labels)?)?;
    }
    let learned: Vec<_> = snapshot.models().filter_map(|model| Some((model, model.learned()?))).collect();
    let about = "Time of the fit";
    let mut family = encoder.encode_descriptor("model_fit", about, Some(&Unit::Seconds), MetricType::Gauge)?;
    for (model, learned) in &learned {
        ConstGauge::new(learned.solver.seconds).encode(family.encode_family(&[("model", model.name())])?)?;
    }
    let about = "The penalised sum of the rows' losses at the optimum";
    let mut family = encoder.encode_descriptor("model_objective", about, None, MetricType::Gauge)?;
    for (model, learned) in &learned {
        ConstGauge::new(learned.solver.objective).encode(family.encode_family(&[("model", model.name())])?)?;
    }
    let about = "Rows that the model was fitted to";
    let mut family = encoder.encode_descriptor("model_fit_rows", about, None, MetricType::Gauge)?;
    for (model, _) in &learned {
        let rows = model.artifact().lineage.fit_rows as f64;
        ConstGauge::new(rows).encode(family.encode_family(&[("model", model.name())])?)?;
    }
    let kinds: [(&str, &str, Pick); 4] = [
        ("model_log_loss", "Log-loss of a model on a window", |score| Some(score.log_loss)),
        ("model_auc", "Area under the ROC curve of a model on a window", |score| score.auc),
        ("model_brier_score", "Brier score of a model on a window", |score| Some(score.brier)),
        ("model_calibration_error", "Expected calibration error of a model on a window", |score| {
            Some(score.calibration_error)
        }),
    ];
    for (name, about, pick) in kinds {
        scores(encoder, snapshot, name, about, pick)?;
    }
    Ok(())
}

/// A number of a score, where it has it.
type Pick = fn(&Score) -> Option<f64>;

/// One gauge a model, window and set of rows.
fn scores(
    encoder: &mut DescriptorEncoder<'_>,
    snapshot: &Snapshot,
    name: &str,
    about: &str,
    pick: Pick,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, about, None, MetricType::Gauge)?;
    for report in snapshot.windows() {
        let window = report.window.to_string();
        for found in &report.scores {
            let model = found.model.to_string();
            for (on, score) in [("window", &found.window), ("holdout", &found.holdout)] {
                let Some(value) = score.as_ref().and_then(pick) else { continue };
                let labels = [("model", model.as_str()), ("window", window.as_str()), ("rows", on)];
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}
