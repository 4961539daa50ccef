//! The server: how the operations are put together, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::{make, make_sync};
use poem::http::StatusCode;
use poem::middleware::CatchPanic;
use poem::web::{Html, Redirect};
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, Route, Server, get};
use poem_openapi::OpenApiService;
use tokio_util::sync::CancellationToken;

use crate::api::context::Context;
use crate::api::document;
use crate::api::guard::{Guard, longest_silence};
use crate::api::keys::Keys;
use crate::api::listener::Listener;
use crate::api::metrics::{self, Metrics};
use crate::api::operations::{Models, aliases::Aliases, health::Health, inference::Inference, windows::Windows};
use crate::api::problem::Problem;
use crate::config::Pipeline;
use crate::registry::Registry;
use crate::telemetry::Progress;

/// How long requests that are under way at the end may take to be finished.
const DRAIN_LIMIT: Duration = Duration::from_secs(4);

/// What an API needs.
#[derive(Debug)]
pub struct Api {
    /// Whose models.
    pub pipeline: Arc<Pipeline>,
    /// The models.
    pub registry: Arc<Registry>,
    /// Told of while there is no model yet, and in the metrics.
    pub progress: Progress,
    /// Who may ask.
    pub keys: Keys,
    /// The time of day, RFC 3339.
    pub clock: fn() -> String,
}

/// Every typed operation.
type Operations = (Models, Windows, Aliases, Inference, Health);

/// Serves until told to stop; then finishes what is under way, for a few seconds at most.
///
/// # Errors
/// The listener fails.
pub async fn run(api: Api, listener: Listener, stop: CancellationToken) -> Result<(), ApiError> {
    let Api { pipeline, registry, progress, keys, clock } = api;
    let changes = registry.changes();
    let has_keys = !keys.is_empty();
    let context = Arc::new(Context::new(Arc::clone(&pipeline), registry, progress, has_keys, stop.clone(), clock));
    let service = service(&context);
    let typed = service.spec();
    let page = document::page(&service.swagger_ui_html(), &typed, &pipeline.name);
    context.set_typed(typed);
    // The first request finds the models that are there.
    context.take_up().await;
    let follower = tokio::spawn(Arc::clone(&context).follow(changes));
    let metrics = Arc::new(Metrics::new(&context));
    let (of_document, of_metrics) = (Arc::clone(&context), Arc::clone(&metrics));
    let plain = Route::new()
        .at("/", get(make_sync(|_| Redirect::see_other("/docs"))))
        .at("/docs", get(make_sync(move |_| Html(page.clone()))))
        .at(
            "/openapi.json",
            get(make_sync(move |_| {
                let document = of_document.served().document.clone();
                Response::builder().content_type("application/json").body(document)
            })),
        )
        .at(
            "/metrics",
            get(make_sync(move |_| Response::builder().content_type(metrics::CONTENT_TYPE).body(of_metrics.text()))),
        );
    // Asked by hand and not nested: a request for an operation is routed once.
    let (plain, operations) = (Arc::new(plain), Arc::new(service.into_endpoint()));
    let routes = make(move |request: poem::Request| {
        let (plain, operations) = (Arc::clone(&plain), Arc::clone(&operations));
        async move {
            let is_plain = matches!(request.uri().path(), "/" | "/docs" | "/openapi.json" | "/metrics");
            if is_plain { plain.call(request).await } else { operations.call(request).await }
        }
    });
    let app = routes.with(CatchPanic::new().with_handler(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", "a fault of ours; the log says more")
            .into_plain_response()
    }));
    // Boxed, since the compiler cannot follow the type of all this any further.
    let app = app.map_to_response().boxed();
    let guard = Arc::new(Guard::new(app, context, metrics, keys, listener.is_tls()));
    let app = make(move |request| {
        let guard = Arc::clone(&guard);
        async move { Ok::<_, poem::Error>(guard.answer(request).await) }
    });
    let server = Server::new_with_acceptor(listener.acceptor).idle_timeout(longest_silence(pipeline.serve.timeout));
    let result = server.run_with_graceful_shutdown(app, stop.clone().cancelled_owned(), Some(DRAIN_LIMIT)).await;
    stop.cancel();
    // It ends with the token, and has nothing to say.
    let _ = follower.await;
    result.map_err(ApiError::Serve)
}

pub(crate) fn service(context: &Arc<Context>) -> OpenApiService<Operations, ()> {
    let own = || Arc::clone(context);
    let operations = (Models(own()), Windows(own()), Aliases(own()), Inference(own()), Health(own()));
    OpenApiService::new(operations, format!("Windrow: {}", context.pipeline.name), env!("CARGO_PKG_VERSION"))
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The listener failed.
    #[error("the API ended: {0}")]
    Serve(std::io::Error),
}
