//! Gives every request an id, which appears in the answer and in the log. The client can choose it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use poem::http::HeaderValue;
use poem::http::header::HeaderName;
use poem::{Endpoint, Request, Response, Result};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of a client's request id, in bytes. A longer id is replaced.
const MAX_ID_LENGTH: usize = 64;

/// The layer that sets request ids: the client's own, or a random prefix for the process and a counter.
pub(crate) struct RequestId<E> {
    inner: E,
    process: String,
    next: AtomicU64,
}

impl<E> RequestId<E> {
    pub(crate) fn new(inner: E) -> Self {
        Self { inner, process: hex::encode(rand::random::<[u8; 8]>()), next: AtomicU64::new(1) }
    }

    fn id(&self, request: &Request) -> HeaderValue {
        let is_name = |id: &&HeaderValue| {
            let bytes = id.as_bytes();
            (1..=MAX_ID_LENGTH).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
        };
        request.headers().get(REQUEST_ID).filter(is_name).cloned().unwrap_or_else(|| {
            let id = format!("{}-{}", self.process, self.next.fetch_add(1, Relaxed));
            HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("-"))
        })
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for RequestId<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let id = self.id(&request);
        let mut response = self.inner.call(request).await?;
        response.headers_mut().insert(REQUEST_ID, id);
        Ok(response)
    }
}
