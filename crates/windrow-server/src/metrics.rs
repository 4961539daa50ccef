//! Metrics for Prometheus: counters of requests and connections, and at each scrape the state of the pipeline, its models
//! and the processes of its learner.
//!
//! The number of series is bounded: by the operations, and by the newest models and those with an alias.

mod learner;
mod models;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::state::ApiState;

use self::learner::LearnerMetrics;
use self::models::ModelMetrics;
use self::rows::RowMetrics;

/// The media type of OpenMetrics text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Upper bounds of the latency buckets, in seconds.
const LATENCIES: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    /// The operation id, or the name from `operation_of` for other paths.
    operation: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct CloseLabels {
    pub(crate) reason: CloseReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "as the label's values are written")]
pub(crate) enum CloseReason {
    /// A request head did not arrive in time.
    slow_head,
    /// The connection was idle for too long between two requests.
    idle,
    /// The client did not read its answer in time.
    slow_reader,
    /// Connections or file handles ran out, and this connection had waited longest for its client.
    crowded,
}

/// The counters of requests and connections, and the registry that exports all metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latencies: Family<OperationLabels, Histogram, fn() -> Histogram>,
    pub(crate) in_flight: Gauge,
    /// Requests whose clients disconnected before they received their answers.
    pub(crate) disconnects: Counter,
    pub(crate) connections: Gauge,
    pub(crate) closed: Family<CloseLabels, Counter>,
}

impl Metrics {
    pub(crate) fn new(state: &Arc<ApiState>, revision: &'static str) -> Self {
        let mut registry = Registry::with_prefix("windrow");
        let latency: fn() -> Histogram = || Histogram::new(LATENCIES);
        let (requests, latencies) = (Family::default(), Family::new_with_constructor(latency));
        let (in_flight, connections) = (Gauge::default(), Gauge::default());
        let (disconnects, closed) = (Counter::default(), Family::default());
        registry.register("http_requests", "Requests answered, by operation and status", requests.clone());
        let about = "Time from the head of a request to the head of its answer, by operation";
        registry.register_with_unit("http_request_duration", about, Unit::Seconds, latencies.clone());
        registry.register("http_requests_under_way", "Requests being answered now", in_flight.clone());
        let about = "Requests whose clients disconnected before they received the answer";
        registry.register("http_disconnects", about, disconnects.clone());
        registry.register("http_connections", "Open connections", connections.clone());
        let about = "Connections that the server closed before their clients did, by reason";
        registry.register("http_connections_closed", about, closed.clone());
        registry.register_collector(Box::new(RowMetrics { state: Arc::downgrade(state), revision }));
        registry.register_collector(Box::new(ModelMetrics(Arc::downgrade(state))));
        registry.register_collector(Box::new(LearnerMetrics(Arc::downgrade(state))));
        Self { registry, requests, latencies, in_flight, disconnects, connections, closed }
    }

    pub(crate) fn answered(&self, operation: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { operation, status }).inc();
        self.latencies.get_or_create(&OperationLabels { operation }).observe(took.as_secs_f64());
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to memory cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
