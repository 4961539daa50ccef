//! The time limit of a request, including its body.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use poem::http::StatusCode;
use poem::{Endpoint, IntoResponse, Request, Response, Result};

use crate::activity::Phase;
use crate::error::Problem;
use crate::request::RequestScope;

pub(crate) struct TimeLimit<E> {
    pub(crate) inner: E,
    pub(crate) timeout: Duration,
}

impl<E: Endpoint<Output = Response>> Endpoint for TimeLimit<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let scope = Arc::clone(RequestScope::of(&request)?);
        let uri = request.uri().clone();
        // If the client disconnects, this future is dropped, and the work of the request stops too.
        let waiting = AbandonOnDrop(scope);
        let mut answer = pin!(self.inner.call(request));
        if let Ok(answer) = tokio::time::timeout(self.timeout, &mut answer).await {
            return answer;
        }
        let limit = humantime::format_duration(self.timeout);
        let problem = if waiting.0.phase.is_in(Phase::Receiving) {
            let detail = format!("the body did not arrive within {limit} (serve.timeout)");
            Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", detail)
        } else if waiting.0.abandon() {
            let detail = format!("the answer took longer than {limit} (serve.timeout); nothing was changed");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-slow", detail)
        } else {
            // The work is committed and cannot be undone, so the client gets its answer.
            return answer.await;
        };
        Ok(problem.at_path(uri.path()).into_response())
    }
}

struct AbandonOnDrop(Arc<RequestScope>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
