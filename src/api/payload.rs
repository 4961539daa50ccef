//! Bodies: what a request brings, as it came, and answers that are written once.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::http::HeaderValue;
use poem::http::header::CONTENT_TYPE;
use poem::{IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry as SchemaRegistry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::context::Limits;
use crate::api::problem::Refusal;
use crate::registry::Model;

/// A prediction takes fewer bytes.
const USUAL_ANSWER: usize = 256;
/// No row is as large.
pub(crate) const LARGEST_ROW: usize = 64 * 1024;

/// An answer in JSON of the shape `T`, written straight into its bytes.
pub(crate) struct Answer<T> {
    body: Vec<u8>,
    by: Option<AnsweredBy>,
    shape: PhantomData<fn() -> T>,
}

/// Which model gave an answer, and which probability where that is one alone: for metrics and the log.
#[derive(Clone)]
pub(crate) struct AnsweredBy(pub(crate) Arc<Model>, pub(crate) Option<f64>);

impl<T: Type + Serialize> Answer<T> {
    pub(crate) fn of(value: &T, by: Option<AnsweredBy>) -> Self {
        // Writing into memory a value whose keys are texts cannot fail.
        let mut body = Vec::with_capacity(USUAL_ANSWER);
        let _ = serde_json::to_writer(&mut body, value);
        Self { body, by, shape: PhantomData }
    }
}

impl<T: Type> Payload for Answer<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut SchemaRegistry) {
        T::register(registry);
    }
}

impl<T: Type> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Self::CONTENT_TYPE));
        if let Some(by) = self.by {
            response.set_data(by);
        }
        response
    }
}

impl<T: Type> ApiResponse for Answer<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: T::schema_ref() }];
        let response =
            MetaResponse { description: "", status: Some(200), status_range: None, content, headers: Vec::new() };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut SchemaRegistry) {
        T::register(registry);
    }
}

/// One row as it came; what it holds is judged by the model that is asked.
pub(crate) struct RowBody(pub(crate) Vec<u8>);

impl<'a> ApiExtractor<'a> for RowBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut SchemaRegistry) {}

    fn request_meta() -> Option<MetaRequest> {
        Some(meta("One row: the columns of the model's features, each there, null where it is missing", &[JSON]))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let kind = request.content_type();
        if !kind.is_some_and(Json::<bool>::check_content_type) {
            return Err(Refusal::other_kind(kind, JSON).into());
        }
        Ok(Self(read(body, LARGEST_ROW).await?))
    }
}

/// A few facts of the shape `T`, as a JSON object.
pub(crate) struct Facts<T>(pub(crate) T);

impl<'a, T: Type + DeserializeOwned> ApiExtractor<'a> for Facts<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut SchemaRegistry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let kind = request.content_type();
        if !kind.is_some_and(Json::<bool>::check_content_type) {
            return Err(Refusal::other_kind(kind, JSON).into());
        }
        let bytes = read(body, LARGEST_ROW).await?;
        let facts = serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("the body is not what it should be: {error}");
            if error.is_data() { Refusal::invalid("invalid-body", detail) } else { Refusal::malformed(&detail) }
        });
        Ok(Self(facts?))
    }
}

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowsKind {
    /// One array of objects.
    Json,
    /// An object a line.
    Ndjson,
    /// A header line and a record a row.
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

    /// The media type of answers of this kind.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Ndjson => NDJSON,
            Self::Csv => CSV,
        }
    }
}

/// Many rows as they came.
pub(crate) struct RowsBody {
    pub(crate) kind: RowsKind,
    /// How the answer is to be written.
    pub(crate) wanted: RowsKind,
    pub(crate) bytes: Vec<u8>,
}

impl<'a> ApiExtractor<'a> for RowsBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut SchemaRegistry) {}

    fn request_meta() -> Option<MetaRequest> {
        let about = "Many rows: a JSON array of rows, a row a line (NDJSON), or CSV with a header line";
        Some(meta(about, &[JSON, NDJSON, CSV]))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let given = request.content_type();
        let Some(kind) = given.and_then(RowsKind::of) else {
            let taken = "application/json, application/x-ndjson or text/csv";
            return Err(Refusal::other_kind(given, taken).into());
        };
        let wanted = request.header("accept").and_then(RowsKind::of).unwrap_or(kind);
        Ok(Self { kind, wanted, bytes: read(body, limits(request).max_body).await? })
    }
}

/// The body of an inference request, with the tensors that may stand in binary form behind its JSON.
pub(crate) struct TensorBody {
    pub(crate) bytes: Vec<u8>,
    /// How many of the bytes are JSON; all where the client does not say.
    pub(crate) json: Option<usize>,
}

impl<'a> ApiExtractor<'a> for TensorBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut SchemaRegistry) {}

    fn request_meta() -> Option<MetaRequest> {
        let about = "An inference request of the Open Inference Protocol: one tensor a field, all of the same length";
        Some(meta(about, &[JSON]))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let json = request.header("inference-header-content-length").map(str::parse);
        let json = json.transpose().map_err(|_| {
            Refusal::malformed("the header Inference-Header-Content-Length is not a number of bytes").for_inference()
        })?;
        let kind = request.content_type();
        // Triton's client names no kind.
        let is_binary = json.is_some() && kind == Some("application/octet-stream");
        if !is_binary && !kind.is_none_or(Json::<bool>::check_content_type) {
            return Err(Refusal::other_kind(kind, JSON).for_inference().into());
        }
        Ok(Self { bytes: read_or(body, limits(request).max_body, Refusal::for_inference).await?, json })
    }
}

fn limits(request: &Request) -> Limits {
    request.data::<Limits>().copied().unwrap_or_default()
}

async fn read(body: &mut RequestBody, limit: usize) -> Result<Vec<u8>> {
    read_or(body, limit, |refusal| refusal).await
}

/// The body, or a refusal told in another way.
async fn read_or(body: &mut RequestBody, limit: usize, told: fn(Refusal) -> Refusal) -> Result<Vec<u8>> {
    match body.take()?.into_bytes_limit(limit).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(poem::error::ReadBodyError::PayloadTooLarge) => Err(told(Refusal::too_large(limit)).into()),
        Err(error) => Err(error.into()),
    }
}

fn meta(about: &'static str, kinds: &[&'static str]) -> MetaRequest {
    let schema = |kind: &str| {
        let shape = if kind == JSON { "object" } else { "string" };
        let schema = MetaSchema { description: Some(about), ..MetaSchema::new(shape) };
        MetaSchemaRef::Inline(Box::new(schema))
    };
    let content = kinds.iter().map(|kind| MetaMediaType { content_type: kind, schema: schema(kind) });
    MetaRequest { description: None, content: content.collect(), required: true }
}
