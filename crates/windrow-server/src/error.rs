//! API errors as problem responses (RFC 9457, `application/problem+json`).
//!
//! Only this file maps domain errors to HTTP statuses.

use poem::error::ResponseError;
use poem::http::header::{CONTENT_TYPE, RETRY_AFTER};
use poem::http::{HeaderValue, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};

use crate::schema::{FieldFault, FieldFaults, MAX_FAULTS};
use windrow_learn::learner::LearnerError;
use windrow_pages::nearest::{did_you_mean, nearest_known};
use windrow_registry::{AliasError, BadAliasName, UnknownModel};

/// The media type of a problem.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// The path prefix of the Open Inference Protocol.
const INFERENCE: &str = "/v2";

/// The error statuses of every operation, with their descriptions in the API document.
const STATUSES: [(StatusCode, &str); 8] = [
    (StatusCode::BAD_REQUEST, "The body is not JSON"),
    (StatusCode::NOT_FOUND, "There is no such model, alias, window or lineage"),
    (StatusCode::CONFLICT, "No model could be learned from the window, or the alias cannot be changed in this way"),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large, or holds too many rows"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The media type of the body is not accepted here"),
    (StatusCode::UNPROCESSABLE_ENTITY, "The body can be read, but its content is not valid"),
    (StatusCode::INTERNAL_SERVER_ERROR, "The server cannot write a file"),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "The server is overloaded, or has no model yet; Retry-After says when to try again",
    ),
];

/// A problem in the format of RFC 9457.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Problem {
    /// The kind of problem as a URN, which does not change between versions
    #[oai(rename = "type")]
    pub(crate) kind: String,
    /// The kind of problem in words
    pub(crate) title: String,
    /// The HTTP status code
    pub(crate) status: u16,
    /// The fault in this request, and how to correct it
    pub(crate) detail: String,
    /// The faults of the request, at most 100
    pub(crate) errors: Option<Vec<FieldFault>>,
    /// The existing names that are nearest, at most 3
    pub(crate) known: Option<Vec<String>>,
    /// The same text as `detail`, for clients of the Open Inference Protocol
    pub(crate) error: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("{}", .0.detail)]
pub(crate) struct ApiError(pub(crate) Box<Problem>);

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        let (kind, title) = (format!("urn:windrow:{kind}"), kind.replace('-', " "));
        Self { kind, title, status: status.as_u16(), detail: detail.into(), errors: None, known: None, error: None }
    }

    /// Adapts the problem to the clients of `path`. Clients of the Open Inference Protocol read the field `error`.
    pub(crate) fn at_path(self, path: &str) -> Self {
        if path.starts_with(INFERENCE) { Self { error: Some(self.detail.clone()), ..self } } else { self }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = Json(self).into_response();
        response.set_status(status);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        self.0.status()
    }

    fn as_response(&self) -> Response {
        Problem::clone(&self.0).into_response()
    }
}

impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        let response = |(status, description): (StatusCode, &'static str)| MetaResponse {
            description,
            status: Some(status.as_u16()),
            status_range: None,
            content: vec![MetaMediaType { content_type: PROBLEM, schema: Problem::schema_ref() }],
            headers: Vec::new(),
        };
        MetaResponses { responses: STATUSES.into_iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<UnknownModel> for ApiError {
    fn from(error: UnknownModel) -> Self {
        let nearest = nearest_known(&error.given, &error.known);
        let suggestion = did_you_mean(&nearest).map_or_else(String::new, |question| format!(" {question}"));
        Self::not_found("unknown-model", format!("{error};{suggestion} GET /v1/models lists the models"), nearest)
    }
}

impl From<BadAliasName> for ApiError {
    fn from(error: BadAliasName) -> Self {
        Self::invalid("invalid-alias", error.to_string())
    }
}

impl From<AliasError> for ApiError {
    fn from(error: AliasError) -> Self {
        match error {
            AliasError::Unknown { .. } => Self::new(StatusCode::NOT_FOUND, "unknown-alias", error.to_string()),
            AliasError::NoModel { .. } | AliasError::Rejected { .. } | AliasError::NothingBefore { .. } => {
                Self::new(StatusCode::CONFLICT, "alias-conflict", error.to_string())
            }
            AliasError::Abandoned => Self::abandoned(),
            AliasError::Read { .. }
            | AliasError::Damaged { .. }
            | AliasError::OtherFormat(_)
            | AliasError::Write { .. } => {
                tracing::error!(%error, "the aliases cannot be changed");
                let detail = "the aliases cannot be read or written; the log of the server has the reason";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", detail)
            }
        }
    }
}

impl ApiError {
    fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Problem::new(status, kind, detail).into()
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-body", detail)
    }

    pub(crate) fn invalid(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail)
    }

    pub(crate) fn faulty(kind: &str, what: &str, faults: FieldFaults) -> Self {
        let detail = match faults.len() {
            1 => format!("{what} has a fault"),
            MAX_FAULTS.. => format!("{what} has {MAX_FAULTS} faults or more; these are the first"),
            count => format!("{what} has {count} faults"),
        };
        Self::with_faults(kind, detail, faults)
    }

    /// Repeats the first fault in the detail, because clients of the Open Inference Protocol show only that text.
    pub(crate) fn invalid_tensor(faults: FieldFaults) -> Self {
        let detail = faults.found.first().map_or(String::new(), |first| match first.row {
            Some(row) => format!("row {row}: {} {}", first.field, first.reason),
            None => format!("the tensor `{}` {}", first.field, first.reason),
        });
        Self::with_faults("invalid-tensor", detail, faults)
    }

    pub(crate) fn with_faults(kind: &str, detail: impl Into<String>, faults: FieldFaults) -> Self {
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail);
        Problem { errors: Some(faults.found), ..problem }.into()
    }

    /// Creates a 404 problem with the names that the client could have meant.
    pub(crate) fn not_found(kind: &str, detail: impl Into<String>, known: Vec<String>) -> Self {
        Problem { known: Some(known), ..Problem::new(StatusCode::NOT_FOUND, kind, detail) }.into()
    }

    pub(crate) fn not_learned(id: &str, reason: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "not-learned", format!("there is no model {id}: {reason}"))
    }

    pub(crate) fn not_ready(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail)
    }

    pub(crate) fn overloaded(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
    }

    /// Creates the error of work that stopped after its request had ended. No client receives it.
    pub(crate) fn abandoned() -> Self {
        Self::overloaded("the request ended before its work was finished")
    }

    /// Creates the error of a prediction by a learner outside of this program. Its own messages and its log are for the
    /// operator, so they are only logged.
    pub(crate) fn of_learner(model: &str, error: &LearnerError) -> Self {
        let log = "the log of the server has the reason";
        let unstartable = || {
            Self::not_ready(format!(
                "the learner that predicts with {model} cannot be started, and is started again after a wait; {log}"
            ))
        };
        let internal = |detail: String| Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", detail);
        let problem = match error {
            LearnerError::Busy => {
                return Self::overloaded(
                    "as many requests wait for the learner as its queue takes, or this one waited for too long; try again \
                     in a moment",
                );
            }
            // The start that failed is in the log.
            LearnerError::Unstartable => return unstartable(),
            LearnerError::Unwanted => return Self::abandoned(),
            LearnerError::Stopped => return Self::not_ready("the server is ending"),
            LearnerError::Died { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "learner-died",
                format!(
                    "the learner ended, or gave no valid answer, twice in a row while it predicted with {model}; {log}"
                ),
            ),
            LearnerError::Failed { .. } | LearnerError::Unsent { .. } | LearnerError::Unlearnable(_) => {
                internal(format!("the learner reports an error instead of a prediction with {model}; {log}"))
            }
            LearnerError::Start { .. } | LearnerError::Hello { .. } => unstartable(),
        };
        tracing::error!(model, %error, "a learner gave no prediction");
        problem
    }

    /// Creates the error of a row that is too long for a learner outside of this program.
    pub(crate) fn too_long_for_learner(bytes: usize, limit: usize) -> Self {
        let detail = format!("a row takes {bytes} bytes of JSON, and the learner of this model gets at most {limit}");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than the limit of {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    pub(crate) fn too_many_rows(limit: usize) -> Self {
        let detail = format!("the body has more than {limit} rows (serve.max_rows): send it in parts");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many-rows", detail)
    }

    pub(crate) fn unsupported_media_type(given: Option<&str>, taken: &str) -> Self {
        let given = given.map_or("none".to_owned(), |given| format!("`{given}`"));
        let detail = format!("the content-type is {given}; send {taken}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    }
}
