//! Counts requests by operation and status.

use std::sync::Arc;
use std::time::Instant;

use poem::{Endpoint, Request, Response, Result};
use poem_openapi::OperationId;

use crate::metrics::Metrics;
use windrow_pages::is_page;

pub(crate) struct CountRequests<E> {
    pub(crate) inner: E,
    pub(crate) metrics: Arc<Metrics>,
}

impl<E: Endpoint<Output = Response>> Endpoint for CountRequests<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let began = Instant::now();
        let plain = operation_of(request.uri().path());
        let _in_flight = InFlight::new(&self.metrics);
        let response = self.inner.call(request).await?;
        let operation = response.data::<OperationId>().map_or(plain, |id| id.0);
        self.metrics.answered(operation, response.status().as_u16(), began.elapsed());
        Ok(response)
    }
}

/// Returns the name under which requests without a typed operation are counted.
pub(crate) fn operation_of(path: &str) -> &'static str {
    match path {
        "/docs" => "docs",
        "/openapi.json" => "openapi",
        "/metrics" => "metrics",
        path if is_page(path) => "page",
        _ => "none",
    }
}

/// A request in progress, counted until it is dropped.
struct InFlight<'m>(&'m Metrics);

impl<'m> InFlight<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.in_flight.inc();
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}
