//! Answers that are written once, straight into their bytes, and which model gave them.

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

/// A prediction takes fewer bytes.
const USUAL_ANSWER: usize = 256;

/// What `middleware` adds has room in the map of headers from the start.
const USUAL_HEADERS: usize = 10;

/// An answer in JSON of the shape `T`.
pub(crate) struct Answer<T> {
    body: Vec<u8>,
    by: Option<AnsweredBy>,
    shape: PhantomData<fn() -> T>,
}

/// Which model gave an answer, for the log.
#[derive(Clone)]
pub(crate) struct AnsweredBy(pub(crate) Arc<Model>);

/// A body that many answers share: it takes no memory of its own.
#[derive(Clone)]
pub(crate) struct SharedBody;

impl<T: Type + Serialize> Answer<T> {
    pub(crate) fn new(value: &T, by: Option<AnsweredBy>) -> Self {
        // Writing into memory a value whose keys are texts cannot fail.
        let mut body = Vec::with_capacity(USUAL_ANSWER);
        let _ = serde_json::to_writer(&mut body, value);
        Self { body, by, shape: PhantomData }
    }
}

impl<T: Type> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        response.headers_mut().reserve(USUAL_HEADERS);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Json::<T>::CONTENT_TYPE));
        if let Some(by) = self.by {
            response.set_data(by);
        }
        response
    }
}

impl<T: ToJSON> ApiResponse for Answer<T> {
    fn meta() -> MetaResponses {
        Json::<T>::meta()
    }

    fn register(registry: &mut Registry) {
        <Json<T> as ApiResponse>::register(registry);
    }
}

/// The schema of a body that the document describes by a sentence.
pub(crate) fn described(shape: &'static str, about: &'static str) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema { description: Some(about), ..MetaSchema::new(shape) }))
}

/// The description of an answer of status 200.
pub(crate) fn success(content: Vec<MetaMediaType>) -> MetaResponses {
    let response =
        MetaResponse { description: "", status: Some(200), status_range: None, content, headers: Vec::new() };
    MetaResponses { responses: vec![response] }
}
