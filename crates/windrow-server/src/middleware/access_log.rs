//! The access log, and a span for each request if requests are traced.

use std::time::Instant;

use poem::{Endpoint, Request, Response, Result};
use poem_openapi::OperationId;
use tracing::Instrument;
use tracing::field::Empty;

use crate::answer::AnsweredBy;
use crate::keys::Caller;
use crate::middleware::count::operation_of;
use crate::middleware::request_id::REQUEST_ID;

pub(crate) struct AccessLog<E> {
    pub(crate) inner: E,
    pub(crate) is_logged: bool,
}

impl<E: Endpoint<Output = Response>> Endpoint for AccessLog<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let span = tracing::info_span!(
            "request", method = %request.method(), path = request.uri().path(), id = Empty, operation = Empty,
            model = Empty, lineage = Empty, status = Empty
        );
        if span.is_disabled() && !self.is_logged {
            return self.inner.call(request).await;
        }
        let began = Instant::now();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let remote = request.remote_addr().to_string();
        // Boxed, so that requests that are neither logged nor traced have a smaller future.
        let response = Box::pin(self.inner.call(request).instrument(span.clone())).await?;
        let operation = response.data::<OperationId>().map_or_else(|| operation_of(uri.path()), |id| id.0);
        let by = response.data::<AnsweredBy>();
        let status = response.status().as_u16();
        let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
        // The span names the lineage, which leads to the files that the model was made from.
        span.record("id", id).record("operation", operation).record("status", status);
        if let Some(AnsweredBy(model)) = by {
            span.record("model", model.name()).record("lineage", model.artifact().lineage.id.as_str());
        }
        if self.is_logged {
            let model = by.map_or("", |by| by.0.name());
            let caller = response.data::<Caller>().map_or("", |caller| &caller.name);
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::info!(
                target: "access", %method, path = uri.path(), status, micros, operation, model, by = caller, remote, id,
                "request"
            );
        }
        Ok(response)
    }
}
