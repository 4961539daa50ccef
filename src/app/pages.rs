//! The pages of the dashboard, handed to the server.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use poem::http::StatusCode;

use crate::api::{Page, PageRequest, Pages};
use crate::app::App;
use crate::dashboard::Dashboard;
use crate::monitor::Monitor;
use crate::registry::Registry;

#[derive(Debug)]
struct DashboardPages(Arc<Dashboard>);

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

impl App {
    pub(super) fn pages(&self, registry: &Arc<Registry>, monitor: &Arc<Monitor>) -> Arc<dyn Pages> {
        Arc::new(DashboardPages(Arc::new(Dashboard {
            pipeline: Arc::clone(&self.pipeline),
            registry: Arc::clone(registry),
            monitor: Arc::clone(monitor),
            workdir: self.workdir.clone(),
        })))
    }
}
