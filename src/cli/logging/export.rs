//! The export of spans to an OpenTelemetry collector, by OTLP over HTTP.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::cli::environment::environment;
use crate::cli::logging::filter::of_each_event;
use crate::cli::progress::Display;

/// The filter that selects spans of our own crates.
const EXPORT_FILTER: &str = "off,windrow=info";

/// Starts the export. Returns `None` if no collector is named, or if it cannot be used, which is printed as an error.
pub(super) fn start<S>(display: &Display) -> Option<(SdkTracerProvider, impl Layer<S> + use<S>)>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    environment("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    let exporter = SpanExporter::builder().with_http().build();
    let exporter = exporter.map_err(|error| display.error(&format!("cannot export spans: {error}"))).ok()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name("windrow").build())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("windrow"));
    Some((provider, layer.with_filter(of_each_event(EXPORT_FILTER))))
}
