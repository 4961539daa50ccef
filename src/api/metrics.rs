//! Metrics for Prometheus: what requests are counted by, and at each scrape what the pipeline and its models are like.

mod pipeline;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::pipeline::Pipeline;
use crate::api::context::Context;

/// The media type of OpenMetrics text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Upper ends of the bins of latencies, in seconds.
const LATENCIES: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];
/// Upper ends of the bins of probabilities.
const TENTHS: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// What a request was.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    operation: Operation,
    /// The model that answered; empty where none did.
    model: Name,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOperation {
    operation: Operation,
    model: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfModel {
    model: Name,
}

/// A model's name, shared with the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name(Arc<str>);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        std::fmt::Write::write_str(encoder, &self.0)
    }
}

/// An operation by its id in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Operation(&'static str);

impl EncodeLabelValue for Operation {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        std::fmt::Write::write_str(encoder, self.0)
    }
}

/// Histograms with these bins.
#[derive(Debug, Clone, Copy)]
struct Bins(&'static [f64]);

impl MetricConstructor<Histogram> for Bins {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// All that is counted about requests, and where it is told.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    latencies: Family<OfOperation, Histogram, Bins>,
    probabilities: Family<OfModel, Histogram, Bins>,
    under_way: Gauge,
    nobody: Arc<str>,
}

impl Metrics {
    pub(crate) fn new(context: &Arc<Context>) -> Self {
        let mut registry = Registry::with_prefix("windrow");
        let requests = Family::default();
        let latencies = Family::new_with_constructor(Bins(&LATENCIES));
        let probabilities = Family::new_with_constructor(Bins(&TENTHS));
        let under_way = Gauge::<i64, std::sync::atomic::AtomicI64>::default();
        registry.register("http_requests", "Requests answered, by operation, model and status", requests.clone());
        let about = "Time from a request's head to its answer's, by operation and model";
        registry.register_with_unit("http_request_duration", about, Unit::Seconds, latencies.clone());
        registry.register("http_requests_under_way", "Requests being answered now", under_way.clone());
        let about = "Probabilities that single predictions answered, by model";
        registry.register("prediction_probability", about, probabilities.clone());
        registry.register_collector(Box::new(Pipeline(Arc::downgrade(context))));
        Self { registry, requests, latencies, probabilities, under_way, nobody: Arc::from("") }
    }

    /// Counts a request as under way until what is returned is dropped.
    pub(crate) fn begin(&self) -> UnderWay {
        self.under_way.inc();
        UnderWay(self.under_way.clone())
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, operation: &'static str, model: Option<&Arc<str>>, status: u16, took: Duration) {
        let (operation, model) = (Operation(operation), Name(Arc::clone(model.unwrap_or(&self.nobody))));
        self.requests.get_or_create(&OfRequest { operation, model: model.clone(), status }).inc();
        self.latencies.get_or_create(&OfOperation { operation, model }).observe(took.as_secs_f64());
    }

    /// Counts the probability of a prediction.
    pub(crate) fn predicted(&self, model: &Arc<str>, probability: f64) {
        self.probabilities.get_or_create(&OfModel { model: Name(Arc::clone(model)) }).observe(probability);
    }

    /// All metrics as OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into memory cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A request that is being answered.
pub(crate) struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}
