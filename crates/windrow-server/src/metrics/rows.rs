//! The progress of the pipeline's rows, read at each scrape.

use std::fmt;
use std::sync::Weak;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;

use crate::state::ApiState;
use windrow_base::telemetry::{Counts, Metric};
use windrow_registry::monitor::Observed;

/// Collects the progress of the rows. The reference is weak, because a server may end before its metrics.
#[derive(Debug)]
pub(super) struct RowMetrics {
    pub(super) state: Weak<ApiState>,
    pub(super) revision: &'static str,
}

impl Collector for RowMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(state) = self.state.upgrade() else { return Ok(()) };
        // The stages run in this process or in others. Other processes write their status once a second.
        let own = state.progress.counters().counts();
        let is_here = own.sent > 0 || own.received > 0;
        rows(&mut encoder, &if is_here { own } else { state.monitor.observed().counts })?;
        stages(&mut encoder, &state.monitor.observed())?;
        let mut family = encoder.encode_descriptor("build", "The version of this server", None, MetricType::Info)?;
        let info = Info::new([("version", env!("CARGO_PKG_VERSION")), ("revision", self.revision)]);
        info.encode(family.encode_family(&[("pipeline", state.pipeline.name.as_str())])?)
    }
}

fn rows(encoder: &mut DescriptorEncoder<'_>, counts: &Counts) -> fmt::Result {
    let metrics = counts.metrics();
    let about = "Rows by state, since the process of their stage began";
    let mut family = encoder.encode_descriptor("rows", about, None, MetricType::Counter)?;
    for (metric, _, count) in &metrics {
        if let Metric::State(state) = metric {
            ConstCounter::new(count.unwrap_or(0)).encode(family.encode_family(&[("state", *state)])?)?;
        }
    }
    for (metric, about, count) in &metrics {
        if let Metric::Named(name) = metric {
            gauge(encoder, name, about, count.map_or(f64::NAN, |count| count as f64))?;
        }
    }
    Ok(())
}

/// The name of each stage, and the step of the flow that shows its rows.
const STAGES: [(&str, &str); 3] = [("producer", "sent"), ("consumer", "sealed"), ("trainer", "trained")];

fn stages(encoder: &mut DescriptorEncoder<'_>, observed: &Observed) -> fmt::Result {
    let about = "1 for a stage that was running and no longer reports its status";
    let mut family = encoder.encode_descriptor("stage_silent", about, None, MetricType::Gauge)?;
    for (stage, step) in STAGES {
        let is_silent = observed.flow.steps.iter().any(|found| found.name == step && found.is_silent);
        ConstGauge::new(i64::from(is_silent)).encode(family.encode_family(&[("stage", stage)])?)?;
    }
    Ok(())
}

pub(super) fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, about: &str, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)
}
