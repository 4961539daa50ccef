//! Refusals: what is wrong with a request, and how that is told (RFC 9457, `application/problem+json`).
//!
//! The one place where faults of our own domain meet HTTP.

use poem::http::StatusCode;
use poem::http::header::CONTENT_TYPE;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};

use crate::api::row::RowError;
use crate::registry::UnknownModel;

/// The media type of a problem.
pub(crate) const PROBLEM: &str = "application/problem+json";

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
}

/// One fault of a request.
#[derive(Debug, Clone, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct FieldFault {
    /// The field
    pub(crate) field: String,
    /// What is wrong with it
    pub(crate) reason: String,
    /// What was given
    pub(crate) given: Option<String>,
    /// What is expected
    pub(crate) expected: Option<String>,
    /// The nearest name that there is
    pub(crate) did_you_mean: Option<String>,
}

/// Every way to be refused.
#[derive(Debug, ApiResponse)]
pub(crate) enum Refusal {
    /// The body is not JSON
    #[oai(status = 400, content_type = "application/problem+json")]
    Malformed(Json<Problem>),
    /// There is no such model
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// There is a record of the model, but its window could not be learned from
    #[oai(status = 409, content_type = "application/problem+json")]
    NotLearned(Json<Problem>),
    /// The body is too large
    #[oai(status = 413, content_type = "application/problem+json")]
    TooLarge(Json<Problem>),
    /// The body is not declared as JSON
    #[oai(status = 415, content_type = "application/problem+json")]
    NotJson(Json<Problem>),
    /// The body is JSON, but not a row
    #[oai(status = 422, content_type = "application/problem+json")]
    NotARow(Json<Problem>),
    /// Nothing to answer with yet
    #[oai(status = 503, content_type = "application/problem+json")]
    NotReady(Json<Problem>),
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
        }
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

impl From<UnknownModel> for Refusal {
    fn from(error: UnknownModel) -> Self {
        let detail = format!("{error}; GET /v1/models lists those that there are");
        let mut problem = Problem::new(StatusCode::NOT_FOUND, "unknown-model", detail);
        problem.known = Some(error.known);
        Self::NotFound(Json(problem))
    }
}

impl From<RowError> for Refusal {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Syntax { reason } => {
                let detail = format!("the body is not JSON: {reason}");
                Self::Malformed(Json(Problem::new(StatusCode::BAD_REQUEST, "malformed-json", detail)))
            }
            RowError::Fields { faults } => {
                let detail = match faults.len() {
                    1 => "the row has a fault".to_owned(),
                    count => format!("the row has {count} faults"),
                };
                let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-row", detail);
                problem.errors = Some(faults);
                Self::NotARow(Json(problem))
            }
        }
    }
}

impl Refusal {
    pub(crate) fn not_learned(id: &str, reason: &str) -> Self {
        let detail = format!("there is no model {id}: {reason}");
        Self::NotLearned(Json(Problem::new(StatusCode::CONFLICT, "not-learned", detail)))
    }

    pub(crate) fn not_ready(detail: String) -> Self {
        Self::NotReady(Json(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail)))
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes, which no row is");
        Self::TooLarge(Json(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)))
    }

    pub(crate) fn not_json(given: Option<&str>) -> Self {
        let given = given.map_or("none".to_owned(), |given| format!("`{given}`"));
        let detail = format!("the content-type is {given}; send application/json");
        Self::NotJson(Json(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", detail)))
    }
}
