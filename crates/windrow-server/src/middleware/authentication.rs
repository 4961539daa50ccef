//! Authentication: identifies the client and checks its permissions.
//!
//! `openapi::expand` describes the keys in the API document. The security schemes of poem-openapi are not used, because
//! each operation checks them, and always. This layer checks keys only if the operator has configured some. It also
//! protects pages and metrics, which are not typed operations.

use std::sync::Arc;

use arc_swap::ArcSwap;
use poem::http::header::{self, HeaderValue};
use poem::http::uri::Authority;
use poem::http::{Method, StatusCode, Uri};
use poem::{Endpoint, IntoResponse, Request, Response, Result};

use crate::error::Problem;
use crate::keys::{self, Caller, Keys, Scope};
use crate::middleware::headers::is_listed;

pub(crate) struct Authentication<E> {
    pub(crate) inner: E,
    pub(crate) keys: Arc<ArcSwap<Keys>>,
    /// If true, only this machine can reach the server.
    pub(crate) is_loopback: bool,
    /// The origins whose pages may send changes.
    pub(crate) cors: Vec<String>,
}

impl<E: Endpoint<Output = Response>> Endpoint for Authentication<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let caller = match self.admit(&request) {
            Ok(caller) => caller,
            Err(refused) => return Ok(*refused),
        };
        let Some(caller) = caller else { return self.inner.call(request).await };
        request.extensions_mut().insert(caller.clone());
        let mut response = self.inner.call(request).await?;
        response.set_data(caller);
        Ok(response)
    }
}

impl<E> Authentication<E> {
    /// Returns the owner of the request's key, or `None` if the request needs no key.
    ///
    /// # Errors
    /// Returns the answer to a request that is rejected.
    fn admit(&self, request: &Request) -> Result<Option<Caller>, Box<Response>> {
        let path = request.uri().path();
        let problem = |problem: Problem| problem.at_path(path).into_response();
        let forbidden = |detail: &str| Box::new(problem(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)));
        // The system that starts the server checks its health, and has no key.
        if path.starts_with("/health/") || path.starts_with("/v2/health/") {
            return Ok(None);
        }
        let keys = self.keys.load();
        let is_change = changes_something(request.method(), path);
        if keys.is_empty() {
            return match is_change && self.is_loopback && !is_own_page(request, &self.cors) {
                true => Err(forbidden(
                    "without API keys, a page of another site cannot change anything: use the address that the server \
                     listens on, list the page's origin in serve.cors, or set keys with serve.keys",
                )),
                false => Ok(None),
            };
        }
        let unauthorised = |detail: &str| {
            let mut response = problem(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail));
            // Browsers then prompt for a password, which is the key.
            for challenge in ["Bearer realm=\"windrow\"", "Basic realm=\"windrow\""] {
                response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            Box::new(response)
        };
        let Some(given) = keys::given(request) else {
            return Err(unauthorised("an API key is needed: send it as a bearer token or in X-API-Key"));
        };
        let Some(caller) = keys.caller(&given) else { return Err(unauthorised("this API key is not known")) };
        if let Err(wait) = caller.check_rate_limit() {
            let detail = format!("the key `{}` sends too many requests (serve.requests_per_second)", caller.name);
            let mut response = problem(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
            return Err(Box::new(response));
        }
        if is_change && caller.scope < Scope::Admin {
            let name = &caller.name;
            return Err(forbidden(&format!("the key `{name}` has the scope read, but the request needs admin")));
        }
        Ok(Some(caller))
    }
}

fn changes_something(method: &Method, path: &str) -> bool {
    path.starts_with("/v1/aliases") && !matches!(*method, Method::GET | Method::HEAD)
}

/// Returns true if a request to this machine cannot come from a page of another site. Such a page sends its origin. A
/// page that uses DNS rebinding is recognised by the host that it requests.
fn is_own_page(request: &Request, cors: &[String]) -> bool {
    let host = request.uri().authority().cloned().or_else(|| request.header("host")?.parse::<Authority>().ok());
    let is_local = host.as_ref().is_none_or(|host| is_local(host.host()));
    let origin = request.headers().get(header::ORIGIN);
    let is_same = origin.is_none_or(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        let authority = authority.and_then(|origin| origin.authority().cloned());
        is_listed(cors, origin) || (authority.is_some() && authority == host)
    });
    is_local && is_same
}

fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
