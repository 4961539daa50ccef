//! Converts every error and panic to a problem response (RFC 9457).

use std::any::Any;

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, StatusCode, header};
use poem::middleware::{CatchPanic, CatchPanicEndpoint};
use poem::{Endpoint, EndpointExt, Error, IntoResponse, Request, Response, Result};
use poem_openapi::OperationId;

use crate::error::{ApiError, Problem};
use crate::openapi::Methods;

type OnPanic = fn(Box<dyn Any + Send>) -> Problem;

pub(crate) struct Problems<E> {
    inner: CatchPanicEndpoint<E, OnPanic>,
    methods: Methods,
}

impl<E: Endpoint> Problems<E> {
    pub(crate) fn new(inner: E, methods: Methods) -> Self {
        // A panic is a fault of the server: the log has the details, and the client gets none.
        let answered: OnPanic = |_| internal_error(StatusCode::INTERNAL_SERVER_ERROR);
        Self { inner: inner.with(CatchPanic::new().with_handler(answered)), methods }
    }
}

impl<E: Endpoint> Endpoint for Problems<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        // Only errors need these, and the call consumes the request.
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

fn internal_error(status: StatusCode) -> Problem {
    Problem::new(status, "internal-error", "an internal error; the log of the server has the details")
}

fn problem(error: Error) -> Problem {
    let error = match error.downcast::<ApiError>() {
        Ok(ApiError(problem)) => return *problem,
        Err(error) => error,
    };
    if error.is::<NotFoundError>() {
        let detail = "nothing is served at this path; /docs lists the paths";
        return Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail);
    }
    if error.is::<MethodNotAllowedError>() {
        let detail = "this path does not accept this method; the Allow header lists the methods that it accepts";
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail);
    }
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(%error, "a request failed");
        return internal_error(status);
    }
    Problem::new(status, "bad-request", error.to_string())
}
