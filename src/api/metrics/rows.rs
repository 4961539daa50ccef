//! Where the pipeline's rows are, read at each scrape.

use std::fmt;
use std::sync::Weak;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::api::state::State;
use crate::telemetry::Counters;

/// The rows of a server that may end before its metrics do.
#[derive(Debug)]
pub(super) struct Rows(pub(super) Weak<State>);

impl Collector for Rows {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(state) = self.0.upgrade() else { return Ok(()) };
        rows(&mut encoder, state.progress.counters())?;
        let mut family =
            encoder.encode_descriptor("build", "Of which version this server is", None, MetricType::Info)?;
        prometheus_client::metrics::info::Info::new([("version", env!("CARGO_PKG_VERSION"))])
            .encode(family.encode_family(&[("pipeline", state.pipeline.name.as_str())])?)
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

pub(super) fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, about: &str, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)
}
