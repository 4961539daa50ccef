//! The API document: the typed operations, and paths for every fitted model with the schema of its features.

mod examples;
mod expand;
mod methods;
mod page;
mod row;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::openapi::expand::expand;
use crate::operations::service;
use crate::served::{Served, ServedWith};
use crate::state::ApiState;
use windrow_base::runtime::run_compute;
use windrow_base::telemetry::Progress;
use windrow_config::Pipeline;
use windrow_registry::Registry;
use windrow_registry::monitor::Monitor;

pub(crate) use methods::Methods;
pub(crate) use page::page;

/// The API document of a server. It is made on request and cached until the models change.
#[derive(Debug)]
pub(crate) struct Document {
    /// The JSON of the typed operations.
    typed: String,
    pipeline: Arc<Pipeline>,
    pub(crate) has_keys: bool,
    /// The last document and the models that it describes. Locked while a request makes the document, so that other
    /// requests wait for it.
    made: tokio::sync::Mutex<Option<(Arc<Served>, Bytes)>>,
}

impl Document {
    pub(crate) fn new(typed: String, pipeline: Arc<Pipeline>, has_keys: bool) -> Self {
        Self { typed, pipeline, has_keys, made: tokio::sync::Mutex::default() }
    }

    /// Returns the document as JSON for the given models.
    pub(crate) async fn text(self: &Arc<Self>, served: Arc<Served>) -> Bytes {
        let mut made = self.made.lock().await;
        if let Some((_, text)) = made.as_ref().filter(|(of, _)| Arc::ptr_eq(of, &served)) {
            return text.clone();
        }
        let (document, of) = (Arc::clone(self), Arc::clone(&served));
        let text = run_compute(move || {
            let expanded = expand(&document.typed, &document.pipeline, document.has_keys, &of);
            Bytes::from(serde_json::to_vec(&expanded).unwrap_or_default())
        });
        let text = text.await;
        *made = Some((served, text.clone()));
        text
    }

    pub(crate) fn methods(&self) -> Methods {
        Methods::of(&expand(&self.typed, &self.pipeline, self.has_keys, &Served::default()))
    }
}

/// Returns the API document as indented JSON. The same pipeline and models give the same text.
pub fn document(pipeline: &Arc<Pipeline>, registry: Registry) -> String {
    let with = ServedWith { dataset: &pipeline.dataset, registry: &registry, learner: None };
    let served = Served::default().renewed(registry.snapshot(), with);
    let has_keys = pipeline.serve.keys.is_some();
    // These operations are never called, so the clock is not read.
    let clock = String::new;
    let registry = Arc::new(registry);
    let monitor = Arc::new(Monitor::new(Path::new(""), Arc::clone(&registry), &[], clock));
    let (progress, stop) = (Progress::default(), CancellationToken::new());
    let state = ApiState::new(Arc::clone(pipeline), registry, progress, monitor, stop, clock, None);
    let typed = service(&Arc::new(state)).spec();
    serde_json::to_string_pretty(&expand(&typed, pipeline, has_keys, &served)).unwrap_or_default()
}
