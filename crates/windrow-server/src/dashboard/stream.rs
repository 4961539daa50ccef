//! The page of the live stream: the progress of the rows, the windows, and the quarantine.

use maud::{Markup, html};

use crate::dashboard::flow::row_flow;
use crate::dashboard::frame::{Page, View};
use crate::dashboard::table::{self, cells};
use windrow_record::display::thousands;
use windrow_registry::monitor::SealedWindow;

/// Maximum number of windows per page.
const WINDOWS_PER_PAGE: usize = 100;

pub(super) fn page(view: &View) -> Page {
    let before = view.query.get("before").and_then(|before| before.parse().ok()).unwrap_or(u32::MAX);
    let windows = &view.observed.windows;
    let earlier = windows.iter().rev().filter(|window| window.window.get() < before);
    let shown: Vec<&SealedWindow> = earlier.take(WINDOWS_PER_PAGE).collect();
    let rest = shown.last().map(|last| last.window.get()).filter(|last| *last > 1);
    let main = html! {
        h1 { "The stream" }
        section.way aria-label="The progress of the rows" { (row_flow(&view.observed)) }
        p.quiet.live #live { "These numbers are live. A stage that has not reported for five seconds shows when it was last heard." }
        div #windows data-live {
            (quarantine(view))
            h2 { "Windows" }
            @if windows.is_empty() {
                p { "No window is sealed yet." }
            } @else {
                (table::of("Windows, newest first", &["window", "rows", "labelled", "quarantine", "file", "sealed because"], shown.iter().map(|window| row(view, window))))
                p.pages {
                    @if before != u32::MAX { a href="/stream" { "Newest" } }
                    @if let Some(rest) = rest { a href={ "/stream?before=" (rest) } { "Earlier windows" } }
                }
            }
        }
    };
    Page::new("the stream", main)
}

fn row(view: &View, window: &SealedWindow) -> Vec<Markup> {
    let number = window.window;
    let period = view.snapshot.window(number).and_then(|report| report.period.clone());
    cells![
        html! { a href={ "/windows/" (number) } { (number) } @if let Some(period) = period { " " span.quiet { (period) } } },
        thousands(window.rows),
        thousands(window.labelled),
        html! { @if window.quarantined > 0 { strong.bad { (thousands(window.quarantined)) } } @else { "0" } },
        view.batch_file(window),
        window.reason,
    ]
}

fn quarantine(view: &View) -> Markup {
    let reasons = view.observed.reasons.by_count();
    let rows = reasons.iter().map(|(reason, count)| cells![html! { span.long { (reason) } }, thousands(*count)]);
    html! {
        @if !reasons.is_empty() {
            h2 { "Rows in quarantine" }
            p.quiet {
                "These rows are in no batch file. Each one is stored with its reason, and the page of its window shows it."
            }
            (table::of("Rows in quarantine", &["reason", "rows"], rows))
        }
    }
}
