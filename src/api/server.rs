//! The server: what it answers from, how it listens, and what surrounds every operation.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use poem::endpoint::{BoxEndpoint, make, make_sync};
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, StatusCode, header};
use poem::listener::{Acceptor, Listener as _, TcpAcceptor, TcpListener};
use poem::middleware::CatchPanic;
use poem::web::{Html, Redirect};
use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, Server};
use poem_openapi::OpenApiService;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::document::expand;
use crate::api::operations::Operations;
use crate::api::problem::{PROBLEM, Problem};
use crate::api::row::Form;
use crate::config::Pipeline;
use crate::record::ModelId;
use crate::registry::{Registry, Snapshot};
use crate::telemetry::Progress;

/// How long one request may take, its body included.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How long requests that are under way at the end may take to be finished.
const DRAIN_LIMIT: Duration = Duration::from_secs(4);

/// What an API needs.
#[derive(Debug)]
pub struct Api {
    /// Whose models.
    pub pipeline: Arc<Pipeline>,
    /// The models.
    pub registry: Arc<Registry>,
    /// Told of while there is no model yet.
    pub progress: Progress,
}

/// An address that is ours.
pub struct Listener {
    acceptor: TcpAcceptor,
    address: SocketAddr,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listener").field(&self.address).finish()
    }
}

impl Listener {
    /// Where it answers, as in `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// All that requests are answered from; swapped as a whole, so that no answer mixes two states.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) forms: BTreeMap<ModelId, Form>,
    document: String,
}

impl Served {
    pub(crate) fn shared() -> Arc<ArcSwap<Self>> {
        Arc::new(ArcSwap::from_pointee(Self::default()))
    }

    fn new(snapshot: Arc<Snapshot>, typed: &str, pipeline: &Pipeline) -> Self {
        let learned = snapshot.models().filter_map(|model| Some((model.id(), model.learned()?)));
        let forms = learned.map(|(id, learned)| (id, Form::new(&learned.encoder))).collect();
        let document = expand(typed, pipeline, &snapshot);
        Self { snapshot, forms, document }
    }
}

/// Takes an address.
///
/// # Errors
/// It is taken, or not ours to take.
pub async fn bind(address: SocketAddr) -> Result<Listener, ApiError> {
    let failed = |source| ApiError::Bind { address, source };
    let acceptor = TcpListener::bind(address).into_acceptor().await.map_err(failed)?;
    let bound = acceptor.local_addr().into_iter().find_map(|address| address.as_socket_addr().copied());
    Ok(Listener { acceptor, address: bound.unwrap_or(address) })
}

/// Serves until told to stop; then finishes what is under way, for a few seconds at most.
///
/// # Errors
/// The listener fails.
pub async fn run(api: Api, listener: Listener, stop: CancellationToken) -> Result<(), ApiError> {
    let served = Served::shared();
    let operations = Operations { served: Arc::clone(&served), progress: api.progress };
    let service = service(operations, &api.pipeline);
    let typed = service.spec();
    let page = page(&service.swagger_ui_html(), &typed, &api.pipeline.name);
    let follower = Follower {
        served: Arc::clone(&served),
        changes: api.registry.changes(),
        registry: api.registry,
        typed,
        pipeline: api.pipeline,
    };
    // The first request finds the models that are there.
    follower.take_up().await;
    let follower = tokio::spawn(follower.run(stop.clone()));
    let routes = Route::new()
        .at("/", make_sync(|_| Redirect::see_other("/docs")))
        .at("/docs", make_sync(move |_| Html(page.clone())))
        .at(
            "/openapi.json",
            make_sync(move |_| {
                let document = served.load().document.clone();
                Response::builder().content_type("application/json").body(document)
            }),
        )
        .nest_no_strip("/", service);
    let app = routes.with(CatchPanic::new().with_handler(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", "a fault of ours; the log says more")
            .into_plain_response()
    }));
    // Boxed, since the compiler cannot follow the type of all this any further.
    let app: Arc<BoxEndpoint<'static>> = Arc::new(app.map_to_response().boxed());
    let app = make(move |request| guarded(Arc::clone(&app), request));
    let server = Server::new_with_acceptor(listener.acceptor);
    let result = server.run_with_graceful_shutdown(app, stop.clone().cancelled_owned(), Some(DRAIN_LIMIT)).await;
    stop.cancel();
    // It ends with the token, and has nothing to say.
    let _ = follower.await;
    result.map_err(ApiError::Serve)
}

pub(crate) fn service(operations: Operations, pipeline: &Pipeline) -> OpenApiService<Operations, ()> {
    OpenApiService::new(operations, format!("Windrow: {}", pipeline.name), env!("CARGO_PKG_VERSION"))
}

/// Takes up each change of the registry.
struct Follower {
    served: Arc<ArcSwap<Served>>,
    registry: Arc<Registry>,
    changes: watch::Receiver<()>,
    typed: String,
    pipeline: Arc<Pipeline>,
}

impl Follower {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.changes.changed() => if changed.is_err() { return },
            }
            self.take_up().await;
        }
    }

    async fn take_up(&self) {
        let (snapshot, typed, pipeline) = (self.registry.snapshot(), self.typed.clone(), Arc::clone(&self.pipeline));
        match tokio::task::spawn_blocking(move || Served::new(snapshot, &typed, &pipeline)).await {
            Ok(built) => self.served.store(Arc::new(built)),
            Err(error) => tracing::error!(%error, "the API document cannot be made"),
        }
    }
}

/// Swagger UI, with the document loaded from the server, so that a reload shows the newest models.
fn page(html: &str, typed: &str, name: &str) -> String {
    html.replace(&format!("let spec = {typed};"), "")
        .replace("spec: spec,", "url: 'openapi.json',")
        .replace(
            "<title>Swagger UI</title>",
            &format!(
                "<title>Windrow: {name}</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            ),
        )
        .trim_start()
        .to_owned()
}

/// Bounds every request in time, and gives every error a problem for an answer.
async fn guarded(endpoint: Arc<BoxEndpoint<'static>>, request: poem::Request) -> poem::Result<Response> {
    let path = request.uri().path().to_owned();
    Ok(match tokio::time::timeout(REQUEST_LIMIT, endpoint.call(request)).await {
        Ok(Ok(answer)) => answer.into_response(),
        Ok(Err(error)) => problem_of(error, &path),
        Err(_) => {
            let detail = format!("the request took longer than {} s", REQUEST_LIMIT.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail).into_plain_response()
        }
    })
}

/// What an error without an answer of its own becomes.
fn problem_of(error: poem::Error, path: &str) -> Response {
    if error.is_from_response() {
        let mut response = error.into_response();
        // poem-openapi writes problems as JSON; their media type says more.
        if response.status().is_client_error() || response.status().is_server_error() {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        }
        return response;
    }
    if error.is::<NotFoundError>() {
        let detail = "there is nothing at this path; /docs shows what there is";
        return Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail).into_plain_response();
    }
    if error.is::<MethodNotAllowedError>() {
        let detail = "this path does not take this method; the Allow header names those that it takes";
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail);
        let mut response = problem.into_plain_response();
        let allowed = if path.ends_with("/predict") { "POST" } else { "GET" };
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        return response;
    }
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(%error, "a request failed");
        return Problem::new(status, "internal-error", "a fault of ours; the log says more").into_plain_response();
    }
    Problem::new(status, "bad-request", error.to_string()).into_plain_response()
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The address cannot be had.
    #[error(
        "the API cannot listen on {address}: {source}; choose another address with --listen, as in 127.0.0.1:0 for a free port"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The listener failed.
    #[error("the API ended: {0}")]
    Serve(std::io::Error),
}
