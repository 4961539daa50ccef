//! Every error becomes an answer: a problem in the form of RFC 9457.

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, StatusCode, header};
use poem::middleware::{CatchPanic, CatchPanicEndpoint, PanicHandler};
use poem::{Endpoint, EndpointExt, Error, IntoResponse, Request, Response, Result};
use poem_openapi::OperationId;

use crate::api::error::{ApiError, Problem};
use crate::api::openapi::Methods;

/// Answers errors and panics.
pub(crate) struct Problems<E> {
    inner: CatchPanicEndpoint<E, Panicked>,
    methods: Methods,
}

impl<E: Endpoint> Problems<E> {
    pub(crate) fn new(inner: E, methods: Methods) -> Self {
        Self { inner: inner.with(CatchPanic::new().with_handler(Panicked)), methods }
    }
}

impl<E: Endpoint> Endpoint for Problems<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        // Kept for errors alone: the request is gone by then.
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let error = match self.inner.call(request).await {
            Ok(response) => return Ok(response.into_response()),
            Err(error) => error,
        };
        let operation = error.data::<OperationId>().cloned();
        let mut response = problem(error).at_path(uri.path()).into_response();
        if let Some(operation) = operation {
            response.set_data(operation);
        }
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Ok(allowed) = HeaderValue::from_str(&self.methods.of_path(uri.path(), &method))
        {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        Ok(response)
    }
}

/// A panic is a fault of ours: told in the log, and no more than that to the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panicked;

impl PanicHandler for Panicked {
    type Response = Response;

    fn get_response(&self, _: Box<dyn std::any::Any + Send + 'static>) -> Response {
        internal_error(StatusCode::INTERNAL_SERVER_ERROR).into_response()
    }
}

fn internal_error(status: StatusCode) -> Problem {
    Problem::new(status, "internal-error", "a fault of ours; the log says more")
}

fn problem(error: Error) -> Problem {
    let error = match error.downcast::<ApiError>() {
        Ok(ApiError(problem)) => return *problem,
        Err(error) => error,
    };
    if error.is::<NotFoundError>() {
        let detail = "there is nothing at this path; /docs shows what there is";
        return Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail);
    }
    if error.is::<MethodNotAllowedError>() {
        let detail = "this path does not take this method; the Allow header names those that it takes";
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail);
    }
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(%error, "a request failed");
        return internal_error(status);
    }
    Problem::new(status, "bad-request", error.to_string())
}
