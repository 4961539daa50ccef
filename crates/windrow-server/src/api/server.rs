//! The server: the operations and what surrounds them, its connections, and how it ends.

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

use crate::api::answer::SharedBody;
use crate::api::keys::Keys;
use crate::api::metrics::{self, Metrics};
use crate::api::middleware;
use crate::api::openapi::{self, Document};
use crate::api::operations::service;
use crate::api::request::Limits;
use crate::api::server::connection::Handler;
use crate::api::server::connections::Connections;
use crate::api::state::State;
use crate::dashboard::{Answer, Dashboard, is_page};
use windrow_base::runtime::blocking;
use windrow_base::telemetry::Progress;
use windrow_config::Pipeline;
use windrow_registry::Registry;
use windrow_registry::monitor::Monitor;

pub use listener::{BindError, Listener, bind};
pub use tls::TlsError;

/// How long requests that are under way at the end may take to be finished.
const DRAIN_LIMIT: Duration = Duration::from_secs(4);
/// How long nothing is accepted where the system has nothing to accept with.
const PAUSE: Duration = Duration::from_millis(50);

/// The operations of so many models are all shown on the documentation page.
const MOST_UNFOLDED: usize = 20;

/// What an API needs.
#[derive(Debug)]
pub struct Api {
    /// Whose models.
    pub pipeline: Arc<Pipeline>,
    /// The models.
    pub registry: Arc<Registry>,
    /// Told of while there is no model yet, and in the metrics.
    pub progress: Progress,
    /// How far the rows have come, in this process or in others.
    pub monitor: Arc<Monitor>,
    /// The folder of the pipeline's files.
    pub workdir: PathBuf,
    /// Who may ask.
    pub keys: Keys,
    /// The time of day, RFC 3339.
    pub clock: fn() -> String,
    /// The revision of the source that the program was built from, for the metrics.
    pub revision: &'static str,
}

/// Serves until told to stop; then finishes what is under way, for a few seconds at most.
pub async fn run(api: Api, listener: Listener, stop: CancellationToken) {
    let Api { pipeline, registry, progress, monitor, workdir, keys, clock, revision } = api;
    let changes = registry.changes();
    let dashboard = Dashboard {
        pipeline: Arc::clone(&pipeline),
        registry: Arc::clone(&registry),
        monitor: Arc::clone(&monitor),
        workdir,
    };
    let state =
        Arc::new(State::new(Arc::clone(&pipeline), registry, progress, Arc::clone(&monitor), stop.clone(), clock));
    // The first request finds the models and the windows that are there.
    state.renew().await;
    let looking = Arc::clone(&monitor);
    blocking(move || looking.look()).await;
    let metrics = Arc::new(Metrics::new(&state, revision));
    let has_keys = !keys.is_empty();
    let keys = Arc::new(ArcSwap::from_pointee(keys));
    let background = TaskTracker::new();
    background.spawn(Arc::clone(&state).follow(changes));
    background.spawn(monitor.run(stop.clone()));
    background.spawn(reload::follow(Arc::clone(&keys), listener.certificate.clone(), stop.clone()));
    let document = Arc::new(Document::new(service(&state).spec(), Arc::clone(&pipeline), has_keys));
    let (serve, methods) = (&pipeline.serve, document.methods());
    let routes = routes(&state, &metrics, document, dashboard, has_keys);
    let endpoint = middleware::surround(routes, serve, methods, Arc::clone(&metrics), keys, !listener.is_open());
    let handler = Handler::new(endpoint, Limits::new(serve), Arc::clone(&metrics));
    accept(listener, Arc::new(handler), Arc::new(Connections::new(serve, metrics)), &stop).await;
    stop.cancel();
    background.close();
    background.wait().await;
}

/// Accepts connections until told to stop, and then waits for those that are being answered.
async fn accept(listener: Listener, handler: Arc<Handler>, connections: Arc<Connections>, stop: &CancellationToken) {
    let watching = Arc::clone(&connections);
    let watching = tokio::spawn(async move { watching.watch().await });
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.tcp.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((tcp, address)) = accepted else {
            // As when the process has no file handle left: at once again would be a busy loop.
            connections.close_one();
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let place = tokio::select! {
            place = connections.admit() => place,
            () = stop.cancelled() => break,
        };
        // An answer is not held back until there is more to send.
        let _ = tcp.set_nodelay(true);
        let (handler, certificate, stop) = (Arc::clone(&handler), listener.certificate.clone(), stop.child_token());
        let activity = Arc::clone(&place.activity);
        let task = open
            .spawn(async move { handler.serve(tcp, certificate, address, Arc::clone(&place.activity), stop).await });
        activity.set_task(task.abort_handle());
        // A client that opens one connection after the other does not delay those that have one.
        tokio::task::yield_now().await;
    }
    open.close();
    let _ = tokio::time::timeout(DRAIN_LIMIT, open.wait()).await;
    connections.close_all();
    watching.abort();
}

/// The typed operations, and the paths that have none.
fn routes(
    state: &Arc<State>,
    metrics: &Arc<Metrics>,
    document: Arc<Document>,
    dashboard: Dashboard,
    has_keys: bool,
) -> impl Endpoint + 'static {
    let service = service(state);
    let (html, typed) = (service.swagger_ui_html(), service.spec());
    let documentation = |is_folded| Bytes::from(openapi::page(&html, &typed, &state.pipeline.name, is_folded));
    Routes {
        documentations: [documentation(false), documentation(true)],
        document,
        state: Arc::clone(state),
        metrics: Arc::clone(metrics),
        dashboard,
        has_keys,
        operations: service.into_endpoint(),
    }
}

/// The paths that have no typed operation, and the operations. Asked by hand and not nested: a request is routed once.
struct Routes<O> {
    /// The documentation page, with all operations shown and with none.
    documentations: [Bytes; 2],
    document: Arc<Document>,
    state: Arc<State>,
    metrics: Arc<Metrics>,
    dashboard: Dashboard,
    /// Whether an API key is asked for.
    has_keys: bool,
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
                let is_folded = self.state.served().models().nth(MOST_UNFOLDED).is_some();
                shared("text/html; charset=utf-8", self.documentations[usize::from(is_folded)].clone())
            }
            "/openapi.json" => shared("application/json", self.document.text(self.state.served_to_keep()).await),
            "/metrics" => Ok(Response::builder().content_type(metrics::CONTENT_TYPE).body(self.metrics.text())),
            path => {
                let Answer { is_found, kind, body } =
                    self.dashboard.page(path, query, self.has_keys).await.ok_or(NotFoundError)?;
                let status = if is_found { StatusCode::OK } else { StatusCode::NOT_FOUND };
                Ok(Response::builder().status(status).content_type(kind).body(body))
            }
        }
    }
}
