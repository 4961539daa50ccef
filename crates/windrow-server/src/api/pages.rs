//! The pages of the dashboard, as HTTP answers.

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response};

use crate::dashboard::{Answer, Dashboard};

/// Answers with pages.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) dashboard: Dashboard,
    /// Whether an API key is asked for.
    pub(crate) has_keys: bool,
}

impl Endpoint for Pages {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(MethodNotAllowedError.into());
        }
        let uri = request.uri();
        let page = self.dashboard.page(uri.path(), uri.query().unwrap_or_default(), self.has_keys).await;
        let Answer { is_found, kind, body } = page.ok_or(NotFoundError)?;
        let status = if is_found { StatusCode::OK } else { StatusCode::NOT_FOUND };
        Ok(Response::builder().status(status).content_type(kind).body(body))
    }
}
