//! Metrics for Prometheus: how requests and connections are counted, and at each scrape the state of the pipeline and its
//! models. How many series there are is bounded: by the operations, and by the models that are newest or have a name.

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

use crate::api::state::State;

use self::models::Models;
use self::rows::Rows;

/// The media type of OpenMetrics text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Upper ends of the bins of latencies, in seconds.
const LATENCIES: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    /// Its id in the document.
    operation: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOperation {
    operation: &'static str,
}

/// Why a connection was closed before its client closed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Closed {
    pub(crate) reason: CloseReason,
}

/// Why a connection was closed before its client closed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "as the label's values are written")]
pub(crate) enum CloseReason {
    /// Its request's head did not arrive in time.
    slow_head,
    /// It said nothing for long.
    idle,
    /// It did not read its answer.
    slow_reader,
    /// All connections were taken, and it waited longest.
    crowded,
}

/// All that is counted about requests and connections, and the registry that it is read from.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    latencies: Family<OfOperation, Histogram, fn() -> Histogram>,
    /// Requests that are being answered.
    pub(crate) under_way: Gauge,
    /// Requests whose clients went away before they had their answers.
    pub(crate) disconnects: Counter,
    /// Open connections.
    pub(crate) connections: Gauge,
    pub(crate) closed: Family<Closed, Counter>,
}

impl Metrics {
    pub(crate) fn new(state: &Arc<State>, revision: &'static str) -> Self {
        let mut registry = Registry::with_prefix("windrow");
        let latency: fn() -> Histogram = || Histogram::new(LATENCIES);
        let (requests, latencies) = (Family::default(), Family::new_with_constructor(latency));
        let (under_way, connections) = (Gauge::default(), Gauge::default());
        let (disconnects, closed) = (Counter::default(), Family::default());
        registry.register("http_requests", "Requests answered, by operation and status", requests.clone());
        let about = "Time from a request's head to its answer's, by operation";
        registry.register_with_unit("http_request_duration", about, Unit::Seconds, latencies.clone());
        registry.register("http_requests_under_way", "Requests being answered now", under_way.clone());
        let about = "Requests whose clients went away before they had their answers";
        registry.register("http_disconnects", about, disconnects.clone());
        registry.register("http_connections", "Open connections", connections.clone());
        let about = "Connections that the server closed before their clients did, by reason";
        registry.register("http_connections_closed", about, closed.clone());
        registry.register_collector(Box::new(Rows { state: Arc::downgrade(state), revision }));
        registry.register_collector(Box::new(Models(Arc::downgrade(state))));
        Self { registry, requests, latencies, under_way, disconnects, connections, closed }
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, operation: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&OfRequest { operation, status }).inc();
        self.latencies.get_or_create(&OfOperation { operation }).observe(took.as_secs_f64());
    }

    /// All metrics as OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into memory cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
