//! The layers around every operation, one per file. `with_middleware` adds the innermost first.

mod access_log;
mod authentication;
mod count;
mod headers;
mod problems;
mod request_id;
mod time_limit;

use std::sync::Arc;

use arc_swap::ArcSwap;
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, Response};

use self::access_log::AccessLog;
use self::authentication::Authentication;
use self::count::CountRequests;
use self::headers::Headers;
use self::problems::Problems;
use self::request_id::RequestId;
use self::time_limit::TimeLimit;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::openapi::Methods;
use windrow_config::Serve;

/// Wraps the routes in all layers. Every request gets an answer, even after an error or a panic. `is_loopback` is true
/// if only this machine can reach the server.
pub(crate) fn with_middleware(
    routes: impl Endpoint + 'static,
    serve: &Serve,
    methods: Methods,
    metrics: Arc<Metrics>,
    keys: Arc<ArcSwap<Keys>>,
    is_loopback: bool,
) -> BoxEndpoint<'static, Response> {
    let cors = serve.cors.clone();
    let endpoint = Problems::new(routes, methods);
    let endpoint = TimeLimit { inner: endpoint, timeout: serve.timeout };
    let endpoint = Authentication { inner: endpoint, keys, is_loopback, cors: cors.clone() };
    let endpoint = Headers { inner: endpoint, is_tls: serve.tls.is_some(), cors };
    let endpoint = CountRequests { inner: endpoint, metrics };
    let endpoint = RequestId::new(endpoint);
    AccessLog { inner: endpoint, is_logged: serve.access_log }.boxed()
}
