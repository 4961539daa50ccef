//! What every page has: the line at the top, the way to the other pages, the files that it needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{DOCTYPE, Markup, html};

use windrow_config::Pipeline;
use windrow_record::display::month;
use windrow_registry::Snapshot;
use windrow_registry::monitor::Observed;

/// The other pages, with their addresses.
const PAGES: [(&str, &str); 6] = [
    ("Answer", "/"),
    ("Evidence", "/evidence"),
    ("Stream", "/stream"),
    ("Models", "/models"),
    ("Try", "/try"),
    ("API", "/docs"),
];

/// What a page is made from.
#[derive(Debug)]
pub(super) struct View {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) observed: Arc<Observed>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) has_keys: bool,
}

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    /// Whether there is what was asked for.
    pub(super) is_found: bool,
    pub(super) text: Markup,
}

impl View {
    /// A page with its title; `here` is its name in the navigation.
    pub(super) fn page(&self, here: &str, title: &str, main: &Markup) -> Page {
        Page { is_found: true, text: self.framed(here, title, main, None) }
    }

    /// The same with a script of its own.
    pub(super) fn page_with_script(&self, here: &str, title: &str, main: &Markup, script: &str) -> Page {
        Page { is_found: true, text: self.framed(here, title, main, Some(script)) }
    }

    /// The same for what is not there.
    pub(super) fn missing(&self, here: &str, title: &str, main: &Markup) -> Page {
        Page { is_found: false, text: self.framed(here, title, main, None) }
    }

    fn framed(&self, here: &str, title: &str, main: &Markup, script: Option<&str>) -> Markup {
        let name = &self.pipeline.name;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (name) ": " (title) }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href="/assets/windrow.css";
                    // Before anything is shown: the choice of light or dark.
                    script src="/assets/theme.js" {}
                    script src="/assets/windrow.js" defer {}
                    @if let Some(script) = script { script src=(script) defer {} }
                }
                body {
                    a.skip href="#main" { "To the content" }
                    header {
                        div #line data-live {
                            strong { (name) }
                            span.question { (self.pipeline.target.question()) }
                            span.quiet.span { (self.span()) }
                        }
                        span.state #state { (self.observed.flow.state) }
                        nav aria-label="Pages" {
                            @for (page, address) in PAGES {
                                a href=(address) aria-current=[(page == here).then_some("page")] { (page) }
                            }
                        }
                        button #theme type="button" aria-label="Light or dark" title="Light or dark" { "\u{25d0}" }
                    }
                    main #main tabindex="-1" { (main) }
                }
            }
        }
    }

    /// How many windows there are and when they were, as in `79 windows of 14 days, Jan 2018 to Dec 2020`.
    fn span(&self) -> String {
        let windows = &self.observed.windows;
        let plural = self.pipeline.window.plural();
        let first = windows.iter().find_map(|window| window.times).map(|times| month(times.first));
        let last = windows.iter().rev().find_map(|window| window.times).map(|times| month(times.last));
        let when = match (first, last) {
            (Some(first), Some(last)) if first == last => format!(", {first}"),
            (Some(first), Some(last)) => format!(", {first} to {last}"),
            _ => String::new(),
        };
        format!("{} {plural}{when}", windows.len())
    }
}
