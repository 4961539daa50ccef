//! Requests counted by operation and status, and those whose clients went away.

use std::sync::Arc;
use std::time::Instant;

use poem::{Endpoint, Request, Response, Result};
use poem_openapi::OperationId;

use crate::api::metrics::Metrics;

/// Counts requests.
pub(crate) struct Count<E> {
    pub(crate) inner: E,
    pub(crate) metrics: Arc<Metrics>,
}

impl<E: Endpoint<Output = Response>> Endpoint for Count<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let began = Instant::now();
        let plain = operation_of(request.uri().path());
        let mut under_way = UnderWay::new(&self.metrics);
        let response = self.inner.call(request).await?;
        under_way.is_answered = true;
        let operation = response.data::<OperationId>().map_or(plain, |id| id.0);
        self.metrics.answered(operation, response.status().as_u16(), began.elapsed());
        Ok(response)
    }
}

/// What requests are counted as that reach no typed operation.
pub(crate) fn operation_of(path: &str) -> &'static str {
    match path {
        "/" | "/docs" => "docs",
        "/openapi.json" => "openapi",
        "/metrics" => "metrics",
        _ => "none",
    }
}

/// A request that is being answered.
struct UnderWay<'m> {
    metrics: &'m Metrics,
    is_answered: bool,
}

impl<'m> UnderWay<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.under_way.inc();
        Self { metrics, is_answered: false }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.metrics.under_way.dec();
        // The future of a request is dropped when its connection ends.
        if !self.is_answered {
            self.metrics.disconnects.inc();
        }
    }
}
