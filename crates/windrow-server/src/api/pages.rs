//! Where people look: which paths are pages, and how one is answered. What is on them is made elsewhere and handed in.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response};

/// What makes pages.
pub trait Pages: Debug + Send + Sync {
    /// The page at a path; `None` where there is none.
    fn page(&self, request: PageRequest) -> BoxFuture<'static, Option<Page>>;
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// As it stands in the address, as in `/models/cumulative-2`.
    pub(crate) path: String,
    /// What stands behind the question mark; empty for nothing.
    pub(crate) query: String,
    /// Whether an API key is asked for.
    pub(crate) has_keys: bool,
}

/// One page, or a file that pages need.
#[derive(Debug, Clone)]
pub struct Page {
    pub(crate) status: StatusCode,
    /// Its media type.
    pub(crate) kind: &'static str,
    pub(crate) body: Bytes,
}

/// Answers with pages.
#[derive(Debug)]
pub(crate) struct PageRoutes {
    pub(crate) pages: Arc<dyn Pages>,
    pub(crate) has_keys: bool,
}

impl Endpoint for PageRoutes {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(MethodNotAllowedError.into());
        }
        let uri = request.uri();
        let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
        let page = self.pages.page(PageRequest { path, query, has_keys: self.has_keys }).await;
        let Page { status, kind, body } = page.ok_or(NotFoundError)?;
        Ok(Response::builder().status(status).content_type(kind).body(body))
    }
}

/// Whether people look there.
pub(crate) fn is_page(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    matches!(first, "" | "evidence" | "stream" | "models" | "windows" | "try" | "assets")
}

#[cfg(test)]
mod tests {
    use super::is_page;

    #[test]
    fn pages_and_operations_are_told_apart() {
        for page in ["/", "/evidence", "/models/cumulative-2", "/windows/3", "/assets/windrow.css"] {
            assert!(is_page(page), "{page}");
        }
        for other in ["/v1/models", "/docs", "/metrics", "/health/live", "/modelsx", "/v2/models/latest"] {
            assert!(!is_page(other), "{other}");
        }
    }
}
