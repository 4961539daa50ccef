//! JSON answers that are serialized once, and the model that gave them.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::http::HeaderValue;
use poem::http::header::CONTENT_TYPE;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;

use windrow_registry::Model;

/// Initial capacity of an answer, in bytes. A typical prediction fits.
const ANSWER_CAPACITY: usize = 256;

/// Initial capacity for headers. It includes the headers that `middleware` adds.
const HEADER_CAPACITY: usize = 10;

/// A JSON answer of the shape `T`.
pub(crate) struct JsonAnswer<T> {
    body: Vec<u8>,
    by: Option<AnsweredBy>,
    shape: PhantomData<fn() -> T>,
}

/// The model that gave an answer, for the log.
#[derive(Clone)]
pub(crate) struct AnsweredBy(pub(crate) Arc<Model>);

/// Marks a body that many answers share. Such a body does not count against the memory limit.
#[derive(Clone)]
pub(crate) struct SharedBody;

impl<T: Type + Serialize> JsonAnswer<T> {
    pub(crate) fn new(value: &T, by: Option<AnsweredBy>) -> Self {
        // Writing a value with string keys to memory cannot fail.
        let mut body = Vec::with_capacity(ANSWER_CAPACITY);
        let _ = serde_json::to_writer(&mut body, value);
        Self { body, by, shape: PhantomData }
    }
}

impl<T: Type> IntoResponse for JsonAnswer<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        response.headers_mut().reserve(HEADER_CAPACITY);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Json::<T>::CONTENT_TYPE));
        if let Some(by) = self.by {
            response.set_data(by);
        }
        response
    }
}

impl<T: ToJSON> ApiResponse for JsonAnswer<T> {
    fn meta() -> MetaResponses {
        Json::<T>::meta()
    }

    fn register(registry: &mut Registry) {
        <Json<T> as ApiResponse>::register(registry);
    }
}

pub(crate) fn described(shape: &'static str, about: &'static str) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema { description: Some(about), ..MetaSchema::new(shape) }))
}

/// Returns the description of an answer with status 200. `content` lists its media types and their schemas.
pub(crate) fn success(content: impl IntoIterator<Item = (&'static str, MetaSchemaRef)>) -> MetaResponses {
    let media = |(content_type, schema)| MetaMediaType { content_type, schema };
    let content = content.into_iter().map(media).collect();
    let answer = MetaResponse { description: "", status: Some(200), status_range: None, content, headers: Vec::new() };
    MetaResponses { responses: vec![answer] }
}
