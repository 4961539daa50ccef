//! The headers of every answer, and cross-origin access (CORS).
//!
//! The CORS layer of poem is not used. It answers 403 to every origin that is not listed, including the pages of this
//! server, whose requests also carry an origin. This layer leaves the CORS headers out, and the browser then keeps the
//! answer from the page.

use poem::http::header::{self, HeaderMap, HeaderValue};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, IntoResponse, Request, Response, Result};

use windrow_pages::is_page;

/// The content security policy of the pages: files of this server, and no inline scripts or styles.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                           connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// The content security policy of the documentation page, whose bundle contains inline scripts and styles.
const DOCUMENTATION_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                                    img-src 'self' data:; connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'";
const ANSWER_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// A browser uses only HTTPS for this host for one year.
const STRICT_TRANSPORT: &str = "max-age=31536000";
/// Time for which a browser caches the answer to a preflight request, in seconds.
const PREFLIGHT_AGE: &str = "3600";

pub(crate) struct Headers<E> {
    pub(crate) inner: E,
    pub(crate) is_tls: bool,
    /// The origins whose pages may read answers.
    pub(crate) cors: Vec<String>,
}

impl<E: Endpoint<Output = Response>> Endpoint for Headers<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let origin = request.headers().get(header::ORIGIN).filter(|origin| is_listed(&self.cors, origin)).cloned();
        let policy = match request.uri().path() {
            "/docs" => DOCUMENTATION_POLICY,
            path if is_page(path) => PAGE_POLICY,
            _ => ANSWER_POLICY,
        };
        let is_preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let mut response = if is_preflight { preflight(origin.is_some()) } else { self.inner.call(request).await? };
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        if self.is_tls {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
        }
        if !self.cors.is_empty() {
            allow_origin(headers, origin);
        }
        Ok(response)
    }
}

pub(crate) fn is_listed(cors: &[String], origin: &HeaderValue) -> bool {
    cors.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
}

fn allow_origin(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static("x-request-id, windrow-model, windrow-lineage, retry-after");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// Answers a CORS preflight request. Without the headers, the browser allows nothing.
fn preflight(is_listed: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if is_listed {
        let headers = response.headers_mut();
        let (methods, wanted) = ("GET, POST, PUT, DELETE", "authorization, content-type, x-api-key, x-request-id");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(wanted));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_AGE));
    }
    response
}
