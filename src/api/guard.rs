//! What surrounds every operation: who asks, how much and how long, what is told of it, and that every error is a problem.

mod faults;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use poem::endpoint::BoxEndpoint;
use poem::http::header::{self, HeaderName, HeaderValue};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, IntoResponse, Request, Response};
use poem_openapi::OperationId;
use tokio::sync::Semaphore;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::api::context::{Context, Limits};
use crate::api::keys::{self, Caller, Keys, Scope};
use crate::api::metrics::Metrics;
use crate::api::payload::AnsweredBy;
use crate::api::problem::Problem;

use faults::problem_of;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer name than this is not taken over from the client.
const LONGEST_ID: usize = 64;
/// What a page of ours may load: itself, and what it carries.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'";
const ANSWER_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// How long a browser remembers that this host answers by HTTPS alone: a year.
const STRICT_TRANSPORT: &str = "max-age=31536000";
/// How long a browser remembers what another origin may do, in seconds.
const PREFLIGHT_AGE: &str = "3600";

/// All that stands between a connection and an operation.
pub(crate) struct Guard {
    pub(crate) endpoint: BoxEndpoint<'static>,
    pub(crate) context: Arc<Context>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) keys: Keys,
    pub(crate) is_tls: bool,
    permits: Semaphore,
    ids: Ids,
}

/// Names for requests that have none: this process, and a count.
struct Ids {
    process: u64,
    next: AtomicU64,
}

/// What is told of a request once it is answered.
struct Seen {
    operation: &'static str,
    by: Option<AnsweredBy>,
}

impl Guard {
    pub(crate) fn new(
        endpoint: BoxEndpoint<'static>,
        context: Arc<Context>,
        metrics: Arc<Metrics>,
        keys: Keys,
        is_tls: bool,
    ) -> Self {
        let permits = Semaphore::new(context.pipeline.serve.concurrency.min(Semaphore::MAX_PERMITS));
        let ids = Ids { process: rand::random(), next: AtomicU64::new(1) };
        Self { endpoint, context, metrics, keys, is_tls, permits, ids }
    }

    pub(crate) async fn answer(&self, mut request: Request) -> Response {
        let began = Instant::now();
        let under_way = self.metrics.begin();
        let id = self.id(&request);
        let origin = request.headers().get(header::ORIGIN).cloned();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let path = uri.path();
        let remote = self.context.pipeline.serve.access_log.then(|| request.remote_addr().to_string());
        let mut caller = None;
        let (mut response, seen) = match self.admit(&request) {
            Err(refused) => (*refused, Seen { operation: operation_of(path), by: None }),
            Ok(who) => {
                request.extensions_mut().insert(Limits { max_body: self.context.pipeline.serve.max_body });
                if let Some(who) = who {
                    request.extensions_mut().insert(who.clone());
                    caller = Some(who);
                }
                let span = tracing::info_span!(
                    "request", %method, path, id = id.to_str().unwrap_or_default(), operation = Empty, model = Empty,
                    lineage = Empty, status = Empty
                );
                // Nobody who looks on is the rule, and then the future is not made larger for it.
                let answered = if span.is_disabled() {
                    self.serve(request, &method, path).await
                } else {
                    Box::pin(self.serve(request, &method, path).instrument(span.clone())).await
                };
                tell(&span, &answered);
                answered
            }
        };
        self.dress(&mut response, &id, path, origin.as_ref());
        let status = response.status().as_u16();
        let took = began.elapsed();
        self.metrics.answered(seen.operation, seen.by.as_ref().map(|by| by.0.shared_name()), status, took);
        if let Some(AnsweredBy(model, Some(probability))) = &seen.by {
            self.metrics.predicted(model.shared_name(), *probability);
        }
        if let Some(remote) = remote {
            let model = seen.by.as_ref().map_or("", |by| by.0.name());
            let (id, by) = (id.to_str().unwrap_or_default(), caller.as_ref().map_or("", Caller::name));
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            tracing::info!(
                target: "access", %method, path, status, micros, operation = seen.operation, model, by, remote, id,
                "request"
            );
        }
        drop(under_way);
        response
    }

    /// The client's own name for its request where it is one that can be told, or else one of ours.
    fn id(&self, request: &Request) -> HeaderValue {
        let is_name = |id: &&HeaderValue| {
            let bytes = id.as_bytes();
            (1..=LONGEST_ID).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
        };
        request.headers().get(REQUEST_ID).filter(is_name).cloned().unwrap_or_else(|| {
            let text = format!("{:016x}-{}", self.ids.process, self.ids.next.fetch_add(1, Relaxed));
            HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("-"))
        })
    }

    /// Who asks, if that may be; otherwise the answer, which for a browser's question beforehand is no refusal.
    fn admit(&self, request: &Request) -> Result<Option<Caller>, Box<Response>> {
        let path = request.uri().path();
        if request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return Err(Box::new(self.preflight(request)));
        }
        let is_open = path.starts_with("/health/") || path.starts_with("/v2/health/");
        if is_open || self.keys.is_empty() {
            return Ok(None);
        }
        let Some(given) = keys::given(request) else {
            return Err(Box::new(unauthorised(
                path,
                "an API key is needed: send it as a bearer token or in X-API-Key",
            )));
        };
        let Some(caller) = self.keys.caller(&given) else {
            return Err(Box::new(unauthorised(path, "this API key is not known")));
        };
        if changes_something(request.method(), path) && caller.scope() < Scope::Admin {
            let detail = format!("the key `{}` has the scope read, and this needs admin", caller.name());
            return Err(Box::new(plain(path, Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))));
        }
        Ok(Some(caller))
    }

    async fn serve(&self, request: Request, method: &Method, path: &str) -> (Response, Seen) {
        let none = |operation| Seen { operation, by: None };
        // A server that is busy must still say that it lives.
        let is_health = path.starts_with("/health/") || path.starts_with("/v2/health/");
        let permit = self.permits.try_acquire();
        if permit.is_err() && !is_health {
            let most = self.context.pipeline.serve.concurrency;
            let detail = format!("{most} requests are being answered already; try again in a moment");
            let mut response = plain(path, Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return (response, none(operation_of(path)));
        }
        let limit = self.context.pipeline.serve.timeout;
        match tokio::time::timeout(limit, self.endpoint.call(request)).await {
            Ok(Ok(response)) => {
                let operation = response.data::<OperationId>().map_or_else(|| operation_of(path), |id| id.0);
                let by = response.data::<AnsweredBy>().cloned();
                (response, Seen { operation, by })
            }
            Ok(Err(error)) => {
                let operation = error.data::<OperationId>().map_or_else(|| operation_of(path), |id| id.0);
                let mut response = problem_of(error, path);
                if response.status() == StatusCode::METHOD_NOT_ALLOWED {
                    let allowed = self.context.served().paths.methods(path, method);
                    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                        response.headers_mut().insert(header::ALLOW, allowed);
                    }
                }
                if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                }
                (response, none(operation))
            }
            Err(_) => {
                let detail =
                    format!("the request took longer than {} (serve.timeout)", humantime::format_duration(limit));
                let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail);
                (plain(path, problem), none(operation_of(path)))
            }
        }
    }

    /// The headers that every answer has.
    fn dress(&self, response: &mut Response, id: &HeaderValue, path: &str, origin: Option<&HeaderValue>) {
        let is_page = matches!(path, "/" | "/docs");
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, id.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        let policy = if is_page { PAGE_POLICY } else { ANSWER_POLICY };
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        if self.is_tls {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
        }
        if !self.context.pipeline.serve.cors.is_empty() {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
            if let Some(origin) = origin.filter(|origin| self.is_listed(origin)) {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                let exposed = HeaderValue::from_static("x-request-id, windrow-model, windrow-lineage, retry-after");
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
            }
        }
    }

    fn is_listed(&self, origin: &HeaderValue) -> bool {
        self.context.pipeline.serve.cors.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
    }

    /// The answer to a browser that asks what another origin's page may do; without the headers it may do nothing.
    fn preflight(&self, request: &Request) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        if request.headers().get(header::ORIGIN).is_some_and(|origin| self.is_listed(origin)) {
            let headers = response.headers_mut();
            let (methods, wanted) = ("GET, POST, PUT, DELETE", "authorization, content-type, x-api-key, x-request-id");
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(wanted));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_AGE));
        }
        response
    }
}

/// What is known of a request once it is answered: from its span the way leads to the files behind its model.
fn tell(span: &Span, (response, seen): &(Response, Seen)) {
    span.record("operation", seen.operation);
    span.record("status", response.status().as_u16());
    if let Some(AnsweredBy(model, _)) = &seen.by {
        span.record("model", model.name());
        span.record("lineage", model.artifact().lineage.id.as_str());
    }
}

fn changes_something(method: &Method, path: &str) -> bool {
    path.starts_with("/v1/aliases") && !matches!(*method, Method::GET | Method::HEAD)
}

fn unauthorised(path: &str, detail: &str) -> Response {
    let mut response = plain(path, Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail));
    // A browser asks for a password then, which is the key.
    for challenge in ["Bearer realm=\"windrow\"", "Basic realm=\"windrow\""] {
        response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// A problem where no operation gives it.
fn plain(path: &str, problem: Problem) -> Response {
    if path.starts_with("/v2") { problem.for_inference() } else { problem }.into_plain_response()
}

/// What requests are counted as that reach no typed operation.
fn operation_of(path: &str) -> &'static str {
    match path {
        "/" | "/docs" => "docs",
        "/openapi.json" => "openapi",
        "/metrics" => "metrics",
        _ => "none",
    }
}

/// How long a connection may say nothing: longer than any request may take.
pub(crate) fn longest_silence(timeout: Duration) -> Duration {
    timeout + Duration::from_secs(45)
}
