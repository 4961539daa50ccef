//! The processes of a learner outside of this program, read at each scrape.

use std::fmt;
use std::sync::Weak;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::metrics::rows::gauge;
use crate::state::ApiState;

/// Collects the state of the processes that answer requests. The reference is weak, because a server may end before its
/// metrics.
#[derive(Debug)]
pub(super) struct LearnerMetrics(pub(super) Weak<ApiState>);

impl Collector for LearnerMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(state) = self.0.upgrade() else { return Ok(()) };
        let Some(served) = &state.learner else { return Ok(()) };
        let status = served.learner.status();
        let about = "Processes of the learner that answer requests, by state";
        let mut family = encoder.encode_descriptor("learner_workers", about, None, MetricType::Gauge)?;
        for (state, count) in [("busy", status.busy), ("idle", status.idle)] {
            ConstGauge::new(count as f64).encode(family.encode_family(&[("state", state)])?)?;
        }
        let encoder = &mut encoder;
        gauge(encoder, "learner_workers_limit", "Most processes of the learner for requests", status.workers as f64)?;
        gauge(encoder, "learner_waiting", "Requests that wait for a process of the learner", status.waiting as f64)?;
        let about = "Processes of the learner that were started for requests";
        counter(encoder, "learner_starts", about, status.starts)?;
        let about = "Processes of the learner that ended, were silent or gave a wrong answer after their start";
        counter(encoder, "learner_deaths", about, status.deaths)
    }
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, about: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, about, None, MetricType::Counter)?)
}
