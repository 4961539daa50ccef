//! The pages: the answer at a glance, what it rests on, the stream live, the models, and a form to try them.
//!
//! Promises: whatever comes from data is text and never markup; nothing is changed from here; a page says what is known now,
//! and what is not known it does not show; every page has an address that can be sent. What is computed here is bounded: long
//! lists are cut into pages, tables into bins. Knows no HTTP and reads no files but those of the window that is shown.

mod answer;
mod assets;
mod evidence;
mod frame;
mod links;
mod model;
mod models;
mod not_found;
mod numbers;
mod road;
mod stream;
mod table;
mod triangle;
mod try_it;
mod window;

use std::path::PathBuf;
use std::sync::Arc;

use crate::dashboard::frame::View;
use windrow_base::runtime::{blocking, computing};
use windrow_config::Pipeline;
use windrow_registry::Registry;
use windrow_registry::monitor::Monitor;

/// What pages are made from.
#[derive(Debug)]
pub struct Dashboard {
    /// The pipeline that is shown.
    pub pipeline: Arc<Pipeline>,
    /// Its models, windows and advice.
    pub registry: Arc<Registry>,
    /// How far its rows have come.
    pub monitor: Arc<Monitor>,
    /// Where its files are.
    pub workdir: PathBuf,
}

/// A page, or a file that pages need.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whether there is what was asked for.
    pub(crate) is_found: bool,
    /// Its media type.
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Dashboard {
    /// The page at a path, as in `/models/cumulative-2`, with its query; `None` where there is no page.
    pub(crate) async fn page(self: Arc<Self>, path: String, query: String, has_keys: bool) -> Option<Answer> {
        if let Some((kind, text)) = assets::asset(&path) {
            return Some(Answer { is_found: true, kind, body: text.as_bytes().to_vec() });
        }
        let view = View {
            pipeline: Arc::clone(&self.pipeline),
            snapshot: self.registry.snapshot(),
            observed: self.monitor.observed(),
            query: links::parse(&query),
            has_keys,
        };
        let mut parts = path.trim_end_matches('/').split('/').skip(1);
        let place = (parts.next().unwrap_or_default().to_owned(), parts.next().map(links::decoded), parts.next());
        let page = match (place.0.as_str(), place.1, place.2) {
            ("", None, None) => computing(move || answer::page(&view)).await,
            ("evidence", None, None) => computing(move || evidence::page(&view)).await,
            ("stream", None, None) => computing(move || stream::page(&view)).await,
            ("models", None, None) => computing(move || models::page(&view)).await,
            ("models", Some(name), None) => computing(move || model::page(&view, &name)).await,
            ("try", None, None) => computing(move || try_it::page(&view)).await,
            // It reads a file.
            ("windows", Some(number), None) => blocking(move || window::page(&view, &self.workdir, &number)).await,
            _ => return None,
        };
        Some(Answer {
            is_found: page.is_found,
            kind: "text/html; charset=utf-8",
            body: page.text.into_string().into_bytes(),
        })
    }
}
