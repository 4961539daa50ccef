//! Request bodies: reads them within the limits, and describes them in the API document.

use std::marker::PhantomData;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;
use hyper::body::Body as _;
use poem::{Request, RequestBody, Result};
use poem_openapi::payload::{Json, Payload as _};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry as SchemaRegistry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use crate::activity::Phase;
use crate::answer::described;
use crate::error::ApiError;
use crate::request::{RequestScope, SMALL_BODY, WorkPermit, pace};
use crate::schema::MAX_ROW_BYTES;

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";

/// A kind of body, with the information about it in the request head.
pub(crate) trait Content: Sized + Send {
    fn meta() -> MetaRequest;

    fn register(_: &mut SchemaRegistry) {}

    /// Reads the request head. Returns the content and the maximum size of the body in bytes.
    fn of(request: &Request) -> Result<(Self, usize), ApiError>;
}

#[derive(Debug)]
pub(crate) struct Body<C> {
    pub(crate) content: C,
    pub(crate) bytes: Bytes,
    pub(crate) permit: WorkPermit,
    /// The memory reserved for a large body.
    _memory: Option<OwnedSemaphorePermit>,
}

impl<'a, C: Content> ApiExtractor<'a> for Body<C> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut SchemaRegistry) {
        C::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(C::meta())
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let (content, limit) = C::of(request)?;
        Ok(read(request, body, content, limit).await?)
    }
}

/// One row that is not parsed yet. The schema of the requested model checks it.
#[derive(Debug)]
pub(crate) struct OneRow;

impl Content for OneRow {
    fn meta() -> MetaRequest {
        meta("One row: every column of the model's features, with null for a missing value", &[JSON])
    }

    fn of(request: &Request) -> Result<(Self, usize), ApiError> {
        check_json(request)?;
        Ok((Self, MAX_ROW_BYTES))
    }
}

/// A JSON object of the shape `T`.
#[derive(Debug)]
pub(crate) struct Fields<T>(PhantomData<fn() -> T>);

impl<T: Type> Content for Fields<T> {
    fn meta() -> MetaRequest {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        MetaRequest { description: None, content, required: true }
    }

    fn register(registry: &mut SchemaRegistry) {
        T::register(registry);
    }

    fn of(request: &Request) -> Result<(Self, usize), ApiError> {
        check_json(request)?;
        Ok((Self(PhantomData), MAX_ROW_BYTES))
    }
}

impl<T: DeserializeOwned> Body<Fields<T>> {
    pub(crate) fn parse(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.bytes).map_err(|error| {
            let detail = format!("the body is not as expected: {error}");
            if error.is_data() { ApiError::invalid("invalid-body", detail) } else { ApiError::malformed(detail) }
        })
    }
}

/// The format of the rows in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowsKind {
    /// A JSON array of objects.
    Json,
    /// NDJSON: one object per line.
    Ndjson,
    /// CSV: a header line and one record per row.
    Csv,
}

impl RowsKind {
    fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            CSV => Some(Self::Csv),
            NDJSON | "application/ndjson" | "application/jsonl" => Some(Self::Ndjson),
            _ => Json::<bool>::check_content_type(content_type).then_some(Self::Json),
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Ndjson => NDJSON,
            Self::Csv => CSV,
        }
    }
}

/// Rows that are not parsed yet.
#[derive(Debug)]
pub(crate) struct ManyRows {
    /// The format of the rows.
    pub(crate) sent: RowsKind,
    /// The format of the answer.
    pub(crate) wanted: RowsKind,
}

impl Content for ManyRows {
    fn meta() -> MetaRequest {
        let about = "Many rows: a JSON array of rows, NDJSON with one row per line, or CSV with a header line";
        meta(about, &[JSON, NDJSON, CSV])
    }

    fn of(request: &Request) -> Result<(Self, usize), ApiError> {
        let (given, taken) = (request.content_type(), "application/json, application/x-ndjson or text/csv");
        let sent = given.and_then(RowsKind::of).ok_or_else(|| ApiError::unsupported_media_type(given, taken))?;
        let wanted = request.header("accept").and_then(RowsKind::of).unwrap_or(sent);
        Ok((Self { sent, wanted }, RequestScope::of(request)?.limits.max_body))
    }
}

/// An inference request: JSON, followed by the tensors in binary form.
#[derive(Debug)]
pub(crate) struct Tensors {
    /// Length of the JSON in bytes. `None` means that the whole body is JSON.
    pub(crate) json: Option<usize>,
}

impl Content for Tensors {
    fn meta() -> MetaRequest {
        let about = "An inference request of the Open Inference Protocol: one tensor per field, all of the same length";
        meta(about, &[JSON])
    }

    fn of(request: &Request) -> Result<(Self, usize), ApiError> {
        let json = request.header("inference-header-content-length").map(str::parse);
        let detail = "the header Inference-Header-Content-Length is not a number of bytes";
        let json = json.transpose().map_err(|_| ApiError::malformed(detail))?;
        // Triton's client sends no media type.
        let is_binary = json.is_some() && request.content_type() == Some("application/octet-stream");
        if !is_binary && request.content_type().is_some() {
            check_json(request)?;
        }
        Ok((Self { json }, RequestScope::of(request)?.limits.max_body))
    }
}

fn check_json(request: &Request) -> Result<(), ApiError> {
    let kind = request.content_type();
    match kind.is_some_and(Json::<bool>::check_content_type) {
        true => Ok(()),
        false => Err(ApiError::unsupported_media_type(kind, JSON)),
    }
}

/// Reads the body and then acquires a work permit. In this order, a client that sends slowly holds no permit.
async fn read<C>(request: &Request, body: &mut RequestBody, content: C, limit: usize) -> Result<Body<C>, ApiError> {
    let scope = RequestScope::of(request)?;
    let gone = |reason: &dyn std::fmt::Display| {
        scope.cut_short();
        ApiError::malformed(format!("the body did not arrive completely: {reason}"))
    };
    let mut body: BoxBody<Bytes, std::io::Error> = body.take().map_err(|error| gone(&error))?.into();
    if body.size_hint().lower() > limit as u64 {
        return Err(ApiError::too_large(limit));
    }
    scope.phase.set(Phase::Receiving);
    let mut memory: Option<OwnedSemaphorePermit> = None;
    let (mut first, mut bytes, mut reserved) = (Bytes::new(), Vec::new(), SMALL_BODY);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| gone(&error))?.into_data() else { continue };
        scope.phase.record_progress();
        let length = first.len() + bytes.len() + data.len();
        if length > limit {
            return Err(ApiError::too_large(limit));
        }
        // A body that arrives in one piece is not copied.
        if length == data.len() {
            first = data;
            continue;
        }
        if length > reserved {
            let more = length.max(reserved).min(limit.max(length) - reserved);
            let permit = scope.limits.reserve(more)?;
            match &mut memory {
                Some(memory) => memory.merge(permit),
                None => memory = Some(permit),
            }
            reserved += more;
            bytes.reserve_exact(reserved.saturating_sub(bytes.len()));
        }
        if bytes.is_empty() {
            bytes.extend_from_slice(&std::mem::take(&mut first));
        }
        bytes.extend_from_slice(&data);
        pace(length - data.len(), length).await;
    }
    scope.phase.set(Phase::Working);
    let bytes = if bytes.is_empty() { first } else { bytes.into() };
    Ok(Body { content, bytes, permit: scope.begin_work()?, _memory: memory })
}

fn meta(about: &'static str, kinds: &[&'static str]) -> MetaRequest {
    let schema = |kind: &str| described(if kind == JSON { "object" } else { "string" }, about);
    let content = kinds.iter().map(|kind| MetaMediaType { content_type: kind, schema: schema(kind) });
    MetaRequest { description: None, content: content.collect(), required: true }
}
