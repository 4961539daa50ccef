//! The HTTP server: routes, connections and shutdown.

mod connection;
mod connections;
mod incoming;
mod listener;
mod reload;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, IntoEndpoint, IntoResponse, Request, Response};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::SharedBody;
use crate::keys::Keys;
use crate::metrics::{self, Metrics};
use crate::middleware;
use crate::openapi::{self, Document};
use crate::operations::service;
use crate::request::Limits;
use crate::served::ApiLearner;
use crate::server::connection::Handler;
use crate::server::connections::Connections;
use crate::state::ApiState;
use windrow_base::runtime::blocking;
use windrow_base::telemetry::Progress;
use windrow_config::Pipeline;
use windrow_pages::{Dashboard, PageResponse, is_page};
use windrow_registry::Registry;
use windrow_registry::monitor::Monitor;

pub use listener::{BindError, Listener, bind};
pub use tls::TlsError;

/// Maximum time for requests in progress to finish during shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(4);
/// Pause after a failed accept, for example if there are no file handles left.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Maximum number of models whose operations are all expanded on the documentation page.
const MAX_EXPANDED_MODELS: usize = 20;

/// The parts that [`run`] needs.
#[derive(Debug)]
pub struct Api {
    /// The configuration of the pipeline.
    pub pipeline: Arc<Pipeline>,
    /// The registry of the models.
    pub registry: Arc<Registry>,
    /// The progress of the stages in this process. It appears in the metrics and events, and in errors while there is
    /// no model.
    pub progress: Progress,
    /// The monitor of the rows' progress, in this process and in others.
    pub monitor: Arc<Monitor>,
    /// The folder of the pipeline's files.
    pub workdir: PathBuf,
    /// The API keys. If they are empty, requests need no key.
    pub keys: Keys,
    /// Returns the current time, RFC 3339.
    pub clock: fn() -> String,
    /// The revision of the source that the program was built from, for the metrics.
    pub revision: &'static str,
    /// The learner outside of this program, which answers requests to its models. Without it, such requests are
    /// rejected.
    pub learner: Option<ApiLearner>,
}

/// Runs the server until `stop` is cancelled. Requests in progress then get 4 seconds to finish.
pub async fn run(api: Api, listener: Listener, stop: CancellationToken) {
    let Api { pipeline, registry, progress, monitor, workdir, keys, clock, revision, learner } = api;
    let changes = registry.changes();
    let dashboard = Dashboard {
        pipeline: Arc::clone(&pipeline),
        registry: Arc::clone(&registry),
        monitor: Arc::clone(&monitor),
        workdir,
    };
    let (own, watched, token) = (Arc::clone(&pipeline), Arc::clone(&monitor), stop.clone());
    let state = Arc::new(ApiState::new(own, registry, progress, watched, token, clock, learner));
    // Loads the models and the windows before the first request.
    state.renew().await;
    let refreshed = Arc::clone(&monitor);
    blocking(move || refreshed.refresh()).await;
    let metrics = Arc::new(Metrics::new(&state, revision));
    let has_keys = !keys.is_empty();
    let keys = Arc::new(ArcSwap::from_pointee(keys));
    let background = TaskTracker::new();
    background.spawn(Arc::clone(&state).follow(changes));
    background.spawn(monitor.run(stop.clone()));
    background.spawn(reload::follow(Arc::clone(&keys), listener.certificate.clone(), stop.clone()));
    let service = service(&state);
    let typed = service.spec();
    let documentations = {
        let html = service.swagger_ui_html();
        [false, true].map(|is_folded| Bytes::from(openapi::page(&html, &typed, &pipeline.name, is_folded)))
    };
    let document = Arc::new(Document::new(typed, Arc::clone(&pipeline), has_keys));
    let (serve, methods) = (&pipeline.serve, document.methods());
    let operations = service.into_endpoint();
    let routes = Routes { documentations, document, state, metrics: Arc::clone(&metrics), dashboard, operations };
    let endpoint = middleware::with_middleware(routes, serve, methods, Arc::clone(&metrics), keys, !listener.is_open());
    let handler = Handler::new(endpoint, Limits::new(serve), Arc::clone(&metrics));
    accept(listener, Arc::new(handler), Arc::new(Connections::new(serve, metrics)), &stop).await;
    stop.cancel();
    background.close();
    background.wait().await;
}

/// Accepts connections until `stop` is cancelled, then waits for the requests in progress.
async fn accept(listener: Listener, handler: Arc<Handler>, connections: Arc<Connections>, stop: &CancellationToken) {
    let watching = Arc::clone(&connections);
    let watching = tokio::spawn(async move { watching.watch().await });
    let open = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.tcp.accept()).await {
        let Ok((tcp, address)) = accepted else {
            // Accept fails, for example, if the process has no file handles left. An immediate retry would be a busy
            // loop.
            connections.close_one();
            tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
            continue;
        };
        let Some(slot) = stop.run_until_cancelled(connections.admit()).await else { break };
        // Small answers are sent immediately instead of waiting for more data.
        let _ = tcp.set_nodelay(true);
        let (handler, certificate, stop) = (Arc::clone(&handler), listener.certificate.clone(), stop.child_token());
        let activity = Arc::clone(&slot.activity);
        let serve = async move { handler.serve(tcp, certificate, address, Arc::clone(&slot.activity), stop).await };
        activity.set_task(open.spawn(serve).abort_handle());
        // A client that opens one connection after the other does not delay open connections.
        tokio::task::yield_now().await;
    }
    open.close();
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, open.wait()).await;
    connections.close_all();
    watching.abort();
}

/// The typed operations and the other paths. They are not nested in poem, so that each request is routed only once.
struct Routes<O> {
    /// The documentation page, with all operations expanded and with all collapsed.
    documentations: [Bytes; 2],
    document: Arc<Document>,
    state: Arc<ApiState>,
    metrics: Arc<Metrics>,
    dashboard: Dashboard,
    operations: O,
}

impl<O: Endpoint> Endpoint for Routes<O> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let shared = |kind: &str, body: Bytes| {
            let mut response = Response::builder().content_type(kind).body(body);
            response.set_data(SharedBody);
            Ok(response)
        };
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let has_operation = !matches!(path, "/docs" | "/openapi.json" | "/metrics") && !is_page(path);
        if !has_operation && !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(MethodNotAllowedError.into());
        }
        match path {
            _ if has_operation => Ok(self.operations.call(request).await?.into_response()),
            "/docs" => {
                let is_folded = self.state.served().models().nth(MAX_EXPANDED_MODELS).is_some();
                shared("text/html; charset=utf-8", self.documentations[usize::from(is_folded)].clone())
            }
            "/openapi.json" => shared("application/json", self.document.text(self.state.served_snapshot()).await),
            "/metrics" => Ok(Response::builder().content_type(metrics::CONTENT_TYPE).body(self.metrics.text())),
            path => {
                let PageResponse { is_found, kind, body } =
                    self.dashboard.page(path, query, self.document.has_keys).await.ok_or(NotFoundError)?;
                let status = if is_found { StatusCode::OK } else { StatusCode::NOT_FOUND };
                Ok(Response::builder().status(status).content_type(kind).body(body))
            }
        }
    }
}
