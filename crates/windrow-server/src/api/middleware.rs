//! What surrounds every operation, a layer a file; the outermost comes last.

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
use self::count::Count;
use self::headers::Headers;
use self::problems::Problems;
use self::request_id::RequestId;
use self::time_limit::TimeLimit;
use crate::api::keys::Keys;
use crate::api::metrics::Metrics;
use crate::api::openapi::Methods;
use windrow_config::Serve;

/// What the layers work with.
pub(crate) struct Parts {
    pub(crate) serve: Serve,
    pub(crate) methods: Methods,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) keys: Arc<ArcSwap<Keys>>,
    /// Whether nobody but this machine can reach the server.
    pub(crate) is_loopback: bool,
}

/// All layers around the routes: whatever happens, there is an answer.
pub(crate) fn surround(routes: impl Endpoint + 'static, parts: Parts) -> BoxEndpoint<'static, Response> {
    let Parts { serve, methods, metrics, keys, is_loopback } = parts;
    let (timeout, is_logged, is_tls, cors) = (serve.timeout, serve.access_log, serve.tls.is_some(), serve.cors);
    let endpoint = Problems::new(routes, methods);
    let endpoint = TimeLimit { inner: endpoint, timeout };
    let endpoint = Authentication { inner: endpoint, keys, is_loopback, cors: cors.clone() };
    let endpoint = Headers { inner: endpoint, is_tls, cors };
    let endpoint = Count { inner: endpoint, metrics };
    let endpoint = RequestId::new(endpoint);
    AccessLog { inner: endpoint, is_logged }.boxed()
}
