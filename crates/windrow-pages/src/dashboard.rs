//! The web pages: the advice, its evidence, the live stream, the models, and a form to try them.
//!
//! Guarantees:
//!
//! - Data is shown as text and never as markup.
//! - No page changes anything.
//! - A page shows only what is known now.
//! - Every page has an address that can be shared.
//! - The work for a page is bounded: long lists are split into pages, and tables into bins.
//!
//! The module knows no HTTP. It reads no files except those of the window that is shown.

mod answer;
mod assets;
mod cell;
mod compare;
mod evidence;
mod flow;
mod forward;
mod frame;
mod listing;
mod model;
mod models;
mod numbers;
mod picture;
mod stream;
mod table;
mod terms;
mod too_few;
mod triangle;
mod try_it;
mod window;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use crate::dashboard::frame::{Page, View};
use windrow_base::runtime::{blocking, run_compute};
use windrow_config::Pipeline;
use windrow_evaluation::Origin;
use windrow_registry::Registry;
use windrow_registry::monitor::Monitor;

/// A page: its path, its entry in the navigation, and the function that makes it.
struct PageRoute {
    /// The path. A `*` at its end matches any name.
    path: &'static str,
    /// The entry that the navigation marks. It leads to the path without `*`.
    entry: &'static str,
    page: fn(&View) -> Page,
    /// If true, the page is made on a thread that may wait for the disk.
    reads_files: bool,
    /// If false, the page is about a pipeline, and the answer about a table does not have it.
    is_for_tables: bool,
}

impl PageRoute {
    /// Returns true for the page to which its entry leads.
    fn is_entry(&self) -> bool {
        !self.path.ends_with('*') && self.path != "/compare"
    }
}

/// All pages, in the order of the navigation.
static PAGES: [PageRoute; 8] = [
    PageRoute { path: "/", entry: "Answer", page: answer::page, reads_files: false, is_for_tables: true },
    PageRoute { path: "/evidence", entry: "Evidence", page: evidence::page, reads_files: false, is_for_tables: true },
    PageRoute { path: "/stream", entry: "Stream", page: stream::page, reads_files: false, is_for_tables: false },
    PageRoute { path: "/windows/*", entry: "Stream", page: window::page, reads_files: true, is_for_tables: false },
    PageRoute { path: "/models", entry: "Models", page: models::page, reads_files: false, is_for_tables: false },
    PageRoute { path: "/models/*", entry: "Models", page: model::page, reads_files: false, is_for_tables: false },
    PageRoute { path: "/compare", entry: "Models", page: compare::page, reads_files: false, is_for_tables: false },
    PageRoute { path: "/try", entry: "Try", page: try_it::page, reads_files: false, is_for_tables: false },
];

/// All pages of a work directory.
#[derive(Debug)]
pub struct Dashboard {
    /// The configuration of the pipeline.
    pub pipeline: Arc<Pipeline>,
    /// The registry of the models.
    pub registry: Arc<Registry>,
    /// The monitor of the rows' progress.
    pub monitor: Arc<Monitor>,
    /// The folder of the pipeline's files.
    pub workdir: PathBuf,
}

/// A page, or a file that pages need.
#[derive(Debug)]
pub struct PageResponse {
    /// False if the requested item does not exist. The page then says so.
    pub is_found: bool,
    /// The media type of the body.
    pub kind: &'static str,
    /// The text of the page or the file.
    pub body: Bytes,
}

impl Dashboard {
    /// Returns the page at a path such as `/models/cumulative-2`, with its query. Returns `None` if there is no such
    /// page. With `has_keys`, a request to the API needs a key.
    pub async fn page(&self, path: &str, query: &str, has_keys: bool) -> Option<PageResponse> {
        if let Some(&(_, kind, text)) = assets::FILES.iter().find(|(name, ..)| *name == path) {
            return Some(PageResponse { is_found: true, kind, body: Bytes::from_static(text.as_bytes()) });
        }
        let (route, name) = route(path)?;
        let (pipeline, workdir) = (Arc::clone(&self.pipeline), self.workdir.clone());
        let (snapshot, observed) = (self.registry.snapshot(), self.monitor.observed());
        let monitor = Arc::clone(&self.monitor);
        let view = View { pipeline, snapshot, observed, monitor, workdir, name, query: parsed(query), has_keys };
        let make = move || {
            let is_table = view.origin() != Origin::Pipeline;
            let page = if is_table && !route.is_for_tables { not_for_tables() } else { (route.page)(&view) };
            let shown = PAGES.iter().filter(|page| page.is_entry() && (page.is_for_tables || !is_table));
            let entries = shown.map(|page| (page.entry, page.path));
            // A table has no models that answer requests.
            let api = (!is_table).then_some(("API", "/docs"));
            let text = page.framed(&view, entries.chain(api), route.entry);
            (page.is_found, text.into_string())
        };
        let (is_found, text) = if route.reads_files { blocking(make).await } else { run_compute(make).await };
        Some(PageResponse { is_found, kind: "text/html; charset=utf-8", body: text.into() })
    }
}

/// The page in place of one about a pipeline.
fn not_for_tables() -> Page {
    let sentence = "The answer is about a table of predictions, which has no stream and no models that can be asked.";
    Page::missing("There is no such page".to_owned(), sentence)
}

/// Finds the route of a path, and the name in the position of its `*`.
fn route(path: &str) -> Option<(&'static PageRoute, String)> {
    let path = path.trim_end_matches('/');
    let (parent, name) = path.rsplit_once('/').unwrap_or_default();
    PAGES.iter().find_map(|route| match route.path.strip_suffix("/*") {
        Some(known) => (known == parent).then(|| (route, decoded(name))),
        None => (route.path.trim_end_matches('/') == path).then(|| (route, String::new())),
    })
}

/// Returns true if the first segment of a path is that of a page or of a file that pages need.
// Inlined, because it is called for each request, and the server has a higher opt-level than this crate.
#[inline]
pub fn is_page(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    let known = PAGES.iter().map(|route| route.path).chain(assets::FILES.map(|(path, ..)| path));
    known.filter_map(|known| known[1..].strip_prefix(first)).any(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Parses the parameters of a query. If a parameter is given twice, the last value is used.
fn parsed(query: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Decodes percent-encoded text. Invalid sequences stay unchanged, and invalid UTF-8 is replaced.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_and_invalid_escapes_are_kept() {
        let query = parsed("a=1&b=x%20y+z&a=2&&c&%3D=%E2%82%AC&d=%zz%4");
        let parameters: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(parameters, [("=", "€"), ("a", "2"), ("b", "x y z"), ("c", ""), ("d", "%zz%4")]);
        assert_eq!(decoded("%FF%+1"), "\u{fffd}%+1");
    }

    #[test]
    fn pages_and_operations_are_distinguished() {
        for page in
            ["/", "/evidence", "/models/cumulative-2", "/windows/3", "/compare", "/favicon.ico", "/assets/windrow.css"]
        {
            assert!(is_page(page), "{page}");
        }
        for other in ["/v1/models", "/docs", "/metrics", "/health/live", "/modelsx", "/v2/models/latest"] {
            assert!(!is_page(other), "{other}");
        }
    }
}
