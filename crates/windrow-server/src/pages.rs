//! The pages of the dashboard, handed to the API, which asks for keys, sets headers and answers.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use poem::http::StatusCode;

use crate::api::{Page, PageRequest, Pages};
use crate::dashboard::Dashboard;

/// A dashboard as the pages of an API.
#[derive(Debug)]
pub struct DashboardPages(pub Arc<Dashboard>);

impl Pages for DashboardPages {
    fn page(&self, request: PageRequest) -> BoxFuture<'static, Option<Page>> {
        let dashboard = Arc::clone(&self.0);
        async move {
            let PageRequest { path, query, has_keys } = request;
            let answer = dashboard.page(path, query, has_keys).await?;
            let status = if answer.is_found { StatusCode::OK } else { StatusCode::NOT_FOUND };
            Some(Page { status, kind: answer.kind, body: Bytes::from(answer.body) })
        }
        .boxed()
    }
}
