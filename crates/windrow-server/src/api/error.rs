//! API errors: what is wrong with a request, and how an answer says so (RFC 9457, `application/problem+json`).
//!
//! The one place where errors of the domain become HTTP statuses.

use poem::http::StatusCode;
use poem::http::header::CONTENT_TYPE;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};

use crate::api::schema::{Faults, FieldFault, MOST_FAULTS, RowError};
use windrow_registry::{AliasError, BadAliasName, UnknownModel};

/// The media type of a problem.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// Where the paths of the Open Inference Protocol begin.
pub(crate) const INFERENCE: &str = "/v2";

/// So many of the names that could have been meant are listed.
const MOST_KNOWN: usize = 100;

/// A problem, as RFC 9457 shapes it.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Problem {
    /// A name for the kind of problem, stable between versions
    #[oai(rename = "type")]
    pub(crate) kind: String,
    /// The kind of problem, for people
    pub(crate) title: String,
    /// The HTTP status
    pub(crate) status: u16,
    /// What is wrong with this request, and what to do
    pub(crate) detail: String,
    /// Every fault of the request
    pub(crate) errors: Option<Vec<FieldFault>>,
    /// The names that could have been meant
    pub(crate) known: Option<Vec<String>>,
    /// The same as `detail`: what clients of the Open Inference Protocol look for
    pub(crate) error: Option<String>,
}

/// Every error that an operation answers with.
#[derive(Debug, ApiResponse)]
pub(crate) enum ApiError {
    /// The body is not JSON
    #[oai(status = 400, content_type = "application/problem+json")]
    Malformed(Json<Problem>),
    /// There is no such model, alias, window or lineage
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// There is a record of the model, but its window could not be learned from; or an alias cannot be changed so
    #[oai(status = 409, content_type = "application/problem+json")]
    Conflict(Json<Problem>),
    /// The body is too large, or holds too many rows
    #[oai(status = 413, content_type = "application/problem+json")]
    TooLarge(Json<Problem>),
    /// The body is of a media type that is not read here
    #[oai(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Json<Problem>),
    /// The body can be read, but does not say what it should
    #[oai(status = 422, content_type = "application/problem+json")]
    Invalid(Json<Problem>),
    /// A file of ours cannot be written
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// Too much to do at this moment, or nothing to answer with yet; Retry-After says when to try again
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(Json<Problem>),
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:windrow:{kind}"),
            title: kind.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            errors: None,
            known: None,
            error: None,
        }
    }

    pub(crate) fn overloaded(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
    }

    /// As clients of the Open Inference Protocol expect it: they look for `error`.
    pub(crate) fn for_inference(mut self) -> Self {
        self.error = Some(self.detail.clone());
        self
    }

    /// As the clients of a path expect it.
    pub(crate) fn at_path(self, path: &str) -> Self {
        if path.starts_with(INFERENCE) { self.for_inference() } else { self }
    }

    /// The problem as an answer of its own, where no operation is there to give it.
    pub(crate) fn into_plain_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Json(self).into_response();
        response.set_status(status);
        response.headers_mut().insert(CONTENT_TYPE, poem::http::HeaderValue::from_static(PROBLEM));
        response
    }
}

impl From<UnknownModel> for ApiError {
    fn from(error: UnknownModel) -> Self {
        let detail = format!("{error}; GET /v1/models lists those that there are");
        let mut problem = Problem::new(StatusCode::NOT_FOUND, "unknown-model", detail);
        problem.known = Some(some_of(error.known));
        Self::NotFound(Json(problem))
    }
}

impl From<RowError> for ApiError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Syntax { reason } => Self::malformed(&format!("the body is not JSON: {reason}")),
            RowError::Fields { faults } => Self::invalid_row(faults),
        }
    }
}

impl From<BadAliasName> for ApiError {
    fn from(error: BadAliasName) -> Self {
        Self::invalid("invalid-alias", error.to_string())
    }
}

impl From<AliasError> for ApiError {
    fn from(error: AliasError) -> Self {
        let detail = error.to_string();
        let problem = |status, kind| Json(Problem::new(status, kind, detail.clone()));
        match error {
            AliasError::Unknown { .. } => Self::NotFound(problem(StatusCode::NOT_FOUND, "unknown-alias")),
            AliasError::NoModel { .. } | AliasError::Rejected { .. } | AliasError::NothingBefore { .. } => {
                Self::Conflict(problem(StatusCode::CONFLICT, "alias-conflict"))
            }
            AliasError::Abandoned => Self::abandoned(),
            AliasError::Read { .. }
            | AliasError::Damaged { .. }
            | AliasError::OtherFormat(_)
            | AliasError::Write { .. } => {
                tracing::error!(%error, "the aliases cannot be changed");
                let detail = "the aliases cannot be read or written; the log of the server says why";
                Self::Internal(Json(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", detail)))
            }
        }
    }
}

impl ApiError {
    pub(crate) fn malformed(detail: &str) -> Self {
        Self::Malformed(Json(Problem::new(StatusCode::BAD_REQUEST, "malformed-body", detail)))
    }

    pub(crate) fn invalid(kind: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(Json(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail)))
    }

    pub(crate) fn invalid_row(faults: Vec<FieldFault>) -> Self {
        Self::with_faults("invalid-row", many("the row", faults.len()), faults)
    }

    pub(crate) fn invalid_batch(faults: Faults) -> Self {
        Self::with_faults("invalid-batch", many("the batch", faults.len()), faults.into_vec())
    }

    /// The first fault stands in the detail: clients of the Open Inference Protocol show nothing else.
    pub(crate) fn invalid_tensor(faults: Faults) -> Self {
        let detail = faults.first().map_or(String::new(), |first| match first.row {
            Some(row) => format!("row {row}: {} {}", first.field, first.reason),
            None => format!("the tensor `{}` {}", first.field, first.reason),
        });
        Self::with_faults("invalid-tensor", detail, faults.into_vec())
    }

    pub(crate) fn with_faults(kind: &str, detail: String, faults: Vec<FieldFault>) -> Self {
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail);
        problem.errors = Some(faults);
        Self::Invalid(Json(problem))
    }

    pub(crate) fn not_found(kind: &str, detail: String, known: Vec<String>) -> Self {
        let mut problem = Problem::new(StatusCode::NOT_FOUND, kind, detail);
        problem.known = Some(some_of(known));
        Self::NotFound(Json(problem))
    }

    pub(crate) fn not_learned(id: &str, reason: &str) -> Self {
        let detail = format!("there is no model {id}: {reason}");
        Self::Conflict(Json(Problem::new(StatusCode::CONFLICT, "not-learned", detail)))
    }

    pub(crate) fn not_ready(detail: String) -> Self {
        Self::Unavailable(Json(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail)))
    }

    pub(crate) fn overloaded(detail: String) -> Self {
        Self::Unavailable(Json(Problem::overloaded(detail)))
    }

    /// Work that stopped because its request had ended: nobody reads this.
    pub(crate) fn abandoned() -> Self {
        Self::overloaded("the request ended before its work did".to_owned())
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than the {limit} bytes that are taken here");
        Self::TooLarge(Json(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)))
    }

    pub(crate) fn too_many_rows(limit: usize) -> Self {
        let detail = format!("the body has more than {limit} rows (serve.max_rows): send it in parts");
        Self::TooLarge(Json(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many-rows", detail)))
    }

    pub(crate) fn unsupported_media_type(given: Option<&str>, taken: &str) -> Self {
        let given = given.map_or("none".to_owned(), |given| format!("`{given}`"));
        let detail = format!("the content-type is {given}; send {taken}");
        Self::UnsupportedMediaType(Json(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            detail,
        )))
    }

    /// The problem, whatever the status.
    pub(crate) fn problem_mut(&mut self) -> &mut Problem {
        let (Self::Malformed(Json(problem))
        | Self::NotFound(Json(problem))
        | Self::Conflict(Json(problem))
        | Self::TooLarge(Json(problem))
        | Self::UnsupportedMediaType(Json(problem))
        | Self::Invalid(Json(problem))
        | Self::Internal(Json(problem))
        | Self::Unavailable(Json(problem))) = self;
        problem
    }

    /// As clients of the Open Inference Protocol expect it.
    pub(crate) fn for_inference(mut self) -> Self {
        let problem = self.problem_mut();
        problem.error = Some(problem.detail.clone());
        self
    }
}

fn many(what: &str, faults: usize) -> String {
    match faults {
        1 => format!("{what} has a fault"),
        MOST_FAULTS.. => format!("{what} has {MOST_FAULTS} faults or more; these are the first"),
        count => format!("{what} has {count} faults"),
    }
}

/// The newest of the names that could have been meant.
fn some_of(mut known: Vec<String>) -> Vec<String> {
    known.drain(..known.len().saturating_sub(MOST_KNOWN));
    known
}
