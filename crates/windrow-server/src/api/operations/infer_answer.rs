//! Answers to inference requests, in JSON and in binary form.

use bytes::Bytes;
use poem::http::HeaderValue;
use poem::http::header::CONTENT_TYPE;
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, Object as ApiObject};
use serde::Serialize;

use crate::api::answer::{AnsweredBy, success};
use crate::api::operations::tensors::NUMBER;

/// The outputs of a model: name and datatype.
pub(crate) const OUTPUTS: [(&str, &str); 2] = [("probability", NUMBER), ("label", "BOOL")];
/// The header with the length of the JSON in bytes, for answers with tensors in binary form.
const JSON_LENGTH: &str = "inference-header-content-length";
const BINARY: &str = "application/octet-stream";

/// The answer of a model to an inference request.
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
    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns the JSON of the answer, and the tensors in binary form that follow it.
    fn written(&self) -> (Vec<u8>, Vec<u8>) {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Data<'a> {
            Numbers(&'a [f64]),
            Labels(&'a [bool]),
        }

        #[derive(Serialize)]
        struct Output<'a> {
            name: &'static str,
            datatype: &'static str,
            shape: [usize; 1],
            #[serde(skip_serializing_if = "Option::is_none")]
            parameters: Option<OutputTensorParameters>,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<Data<'a>>,
        }

        #[derive(Serialize)]
        struct Whole<'a> {
            model_name: &'a str,
            model_version: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'a str>,
            outputs: Vec<Output<'a>>,
        }

        let mut binary = Vec::new();
        let output = |(place, is_binary): &(usize, bool)| {
            let (name, datatype) = OUTPUTS[*place];
            let before = binary.len();
            let data = match (*place, is_binary) {
                (0, false) => Some(Data::Numbers(&self.probabilities)),
                (_, false) => Some(Data::Labels(&self.labels)),
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
            Output { name, datatype, shape: [self.len()], parameters, data }
        };
        let outputs = self.outputs.iter().map(output).collect();
        let (model_name, model_version) = (self.by.0.name(), self.by.0.artifact().lineage.id.as_str());
        let whole = Whole { model_name, model_version, id: self.id.as_deref(), outputs };
        // Writing a value with string keys to memory cannot fail.
        (serde_json::to_vec(&whole).unwrap_or_default(), binary)
    }
}

impl ApiResponse for InferAnswer {
    fn meta() -> MetaResponses {
        let about = "If outputs are requested in binary form: the JSON, then their bytes; \
                     Inference-Header-Content-Length is the length of the JSON";
        let bytes = MetaSchema { description: Some(about), format: Some("binary"), ..MetaSchema::new("string") };
        success(vec![
            MetaMediaType {
                content_type: Json::<InferResponse>::CONTENT_TYPE,
                schema: <Json<InferResponse> as Payload>::schema_ref(),
            },
            MetaMediaType { content_type: BINARY, schema: MetaSchemaRef::Inline(Box::new(bytes)) },
        ])
    }

    fn register(registry: &mut Registry) {
        <Json<InferResponse> as ApiResponse>::register(registry);
    }
}

/// The answer of a model to an inference request
#[derive(Debug, ApiObject)]
#[oai(skip_serializing_if_is_none)]
struct InferResponse {
    /// The id of the model
    model_name: String,
    /// The id of the model's lineage
    model_version: String,
    /// The id of the request, if it has one
    id: Option<String>,
    /// The requested outputs, or all if the request names none
    outputs: Vec<OutputTensor>,
}

/// A tensor of an answer
#[derive(Debug, ApiObject)]
#[oai(skip_serializing_if_is_none)]
struct OutputTensor {
    name: String,
    datatype: String,
    shape: Vec<u64>,
    /// The size of the data, if it follows in binary form
    parameters: Option<OutputTensorParameters>,
    /// Numbers or truth values, one per row; left out in binary form
    data: Option<Vec<serde_json::Value>>,
}

/// The parameters of a tensor in binary form
#[derive(Debug, ApiObject, Serialize)]
struct OutputTensorParameters {
    /// The size of the data in bytes; it follows the JSON and the data of earlier tensors
    binary_data_size: u64,
}
