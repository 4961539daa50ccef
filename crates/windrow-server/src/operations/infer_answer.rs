//! Answers to inference requests, in JSON and in binary form.

use bytes::Bytes;
use poem::http::HeaderValue;
use poem::http::header::CONTENT_TYPE;
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, Object as ApiObject};
use serde::{Deserialize, Serialize};

use crate::answer::{AnsweredBy, success};
use crate::operations::tensors::NUMBER;

/// The outputs of a model: name and datatype.
pub(crate) const OUTPUTS: [(&str, &str); 2] = [("probability", NUMBER), ("label", "BOOL")];
/// The header with the length of the JSON in bytes, for answers with tensors in binary form.
const JSON_LENGTH: &str = "inference-header-content-length";
const BINARY: &str = "application/octet-stream";

pub(crate) struct InferAnswer {
    pub(crate) by: AnsweredBy,
    pub(crate) id: Option<String>,
    pub(crate) probabilities: Vec<f64>,
    pub(crate) labels: Vec<bool>,
    /// The requested outputs by their index in [`OUTPUTS`], each with true for binary form.
    pub(crate) outputs: Vec<(usize, bool)>,
}

impl IntoResponse for InferAnswer {
    fn into_response(self) -> Response {
        let (json, binary) = self.written();
        let length = (!binary.is_empty() || self.outputs.iter().any(|(_, is_binary)| *is_binary)).then_some(json.len());
        let mut body = json;
        body.extend_from_slice(&binary);
        let mut response = Response::builder().body(Bytes::from(body));
        let headers = response.headers_mut();
        let kind = if length.is_some() { BINARY } else { Json::<InferResponse>::CONTENT_TYPE };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(length) = length {
            headers.insert(JSON_LENGTH, HeaderValue::from(length));
        }
        response.set_data(self.by);
        response
    }
}

impl InferAnswer {
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns the JSON of the answer, and the tensors in binary form that follow it.
    fn written(&self) -> (Vec<u8>, Vec<u8>) {
        let mut binary = Vec::new();
        let output = |(index, is_binary): &(usize, bool)| {
            let (name, datatype) = OUTPUTS[*index];
            let (name, datatype, shape) = (name.to_owned(), datatype.to_owned(), vec![self.len() as u64]);
            let before = binary.len();
            let data = match (*index, is_binary) {
                (0, false) => Some(self.probabilities.iter().map(|number| Any(TensorValue::Number(*number))).collect()),
                (_, false) => Some(self.labels.iter().map(|label| Any(TensorValue::Label(*label))).collect()),
                (0, true) => {
                    binary.extend(self.probabilities.iter().flat_map(|number| number.to_le_bytes()));
                    None
                }
                (_, true) => {
                    binary.extend(self.labels.iter().map(|label| u8::from(*label)));
                    None
                }
            };
            let parameters =
                is_binary.then(|| OutputTensorParameters { binary_data_size: (binary.len() - before) as u64 });
            OutputTensor { name, datatype, shape, parameters, data }
        };
        let outputs = self.outputs.iter().map(output).collect();
        let (model_name, model_version) = (self.by.0.name().to_owned(), self.by.0.artifact().lineage.id.clone());
        let answer = InferResponse { model_name, model_version, id: self.id.clone(), outputs };
        // Writing a value with string keys to memory cannot fail.
        (serde_json::to_vec(&answer).unwrap_or_default(), binary)
    }
}

impl ApiResponse for InferAnswer {
    fn meta() -> MetaResponses {
        let about = "If outputs are requested in binary form: the JSON, then their bytes; \
                     Inference-Header-Content-Length is the length of the JSON";
        let bytes = MetaSchema { description: Some(about), format: Some("binary"), ..MetaSchema::new("string") };
        success([
            (Json::<InferResponse>::CONTENT_TYPE, <Json<InferResponse> as Payload>::schema_ref()),
            (BINARY, MetaSchemaRef::Inline(Box::new(bytes))),
        ])
    }

    fn register(registry: &mut Registry) {
        <Json<InferResponse> as ApiResponse>::register(registry);
    }
}

/// The answer of a model to an inference request
#[derive(Debug, ApiObject, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct InferResponse {
    /// The id of the model
    model_name: String,
    /// The id of the model's lineage
    model_version: String,
    /// The id of the request, if it has one
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The requested outputs, or all if the request names none
    outputs: Vec<OutputTensor>,
}

/// A tensor of an answer
#[derive(Debug, ApiObject, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct OutputTensor {
    name: String,
    datatype: String,
    shape: Vec<u64>,
    /// The size of the data, if it follows in binary form
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<OutputTensorParameters>,
    /// Numbers or truth values, one per row; left out in binary form
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<Any<TensorValue>>>,
}

/// A value of a tensor. It takes much less memory than a JSON value.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum TensorValue {
    Number(f64),
    Label(bool),
}

/// The parameters of a tensor in binary form
#[derive(Debug, ApiObject, Serialize)]
struct OutputTensorParameters {
    /// The size of the data in bytes; it follows the JSON and the data of earlier tensors
    binary_data_size: u64,
}
