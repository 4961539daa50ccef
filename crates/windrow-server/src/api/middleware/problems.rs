//! Every error becomes an answer: a problem in the form of RFC 9457.

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::middleware::{CatchPanic, CatchPanicEndpoint, PanicHandler};
use poem::{Endpoint, EndpointExt, Error, IntoResponse, Request, Response, Result};
use poem_openapi::OperationId;

use crate::api::error::{PROBLEM, Problem};
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
        let response = match self.inner.call(request).await {
            Ok(response) => return Ok(response.into_response()),
            Err(error) => {
                let operation = error.data::<OperationId>().cloned();
                let mut response = response_to(error, uri.path(), &method, &self.methods);
                if let Some(operation) = operation {
                    response.set_data(operation);
                }
                response
            }
        };
        Ok(response)
    }
}

/// A panic is a fault of ours: told in the log, and no more than that to the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panicked;

impl PanicHandler for Panicked {
    type Response = Response;

    fn get_response(&self, _: Box<dyn std::any::Any + Send + 'static>) -> Response {
        internal_error(StatusCode::INTERNAL_SERVER_ERROR).into_plain_response()
    }
}

fn internal_error(status: StatusCode) -> Problem {
    Problem::new(status, "internal-error", "a fault of ours; the log says more")
}

fn response_to(error: Error, path: &str, method: &Method, methods: &Methods) -> Response {
    if error.is_from_response() {
        let mut response = error.into_response();
        let status = response.status();
        let headers = response.headers_mut();
        // poem-openapi writes problems as JSON; their media type says more.
        if status.is_client_error() || status.is_server_error() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        return response;
    }
    let problem = |problem: Problem| problem.at_path(path).into_plain_response();
    if error.is::<NotFoundError>() {
        let detail = "there is nothing at this path; /docs shows what there is";
        return problem(Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail));
    }
    if error.is::<MethodNotAllowedError>() {
        let detail = "this path does not take this method; the Allow header names those that it takes";
        let mut response = problem(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail));
        if let Ok(allowed) = HeaderValue::from_str(&methods.of_path(path, method)) {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        return response;
    }
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(%error, "a request failed");
        return problem(internal_error(status));
    }
    problem(Problem::new(status, "bad-request", error.to_string()))
}
