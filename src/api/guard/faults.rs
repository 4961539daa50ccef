//! What an error without an answer of its own becomes.

use poem::Response;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, StatusCode, header};

use crate::api::guard::plain;
use crate::api::problem::{PROBLEM, Problem};

pub(super) fn problem_of(error: poem::Error, path: &str) -> Response {
    if error.is_from_response() {
        let mut response = error.into_response();
        // poem-openapi writes problems as JSON; their media type says more.
        if response.status().is_client_error() || response.status().is_server_error() {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        }
        return response;
    }
    if error.is::<NotFoundError>() {
        let detail = "there is nothing at this path; /docs shows what there is";
        return plain(path, Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail));
    }
    if error.is::<MethodNotAllowedError>() {
        let detail = "this path does not take this method; the Allow header names those that it takes";
        return plain(path, Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail));
    }
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(%error, "a request failed");
        return plain(path, Problem::new(status, "internal-error", "a fault of ours; the log says more"));
    }
    plain(path, Problem::new(status, "bad-request", error.to_string()))
}
