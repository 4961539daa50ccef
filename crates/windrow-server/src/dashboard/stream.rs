//! The page of the live stream: the progress of the rows, the windows, and the quarantine.

use maud::{Markup, PreEscaped, html};

use crate::dashboard::flow::row_flow;
use crate::dashboard::frame::{Page, View};
use crate::dashboard::listing::Listing;
use crate::dashboard::table::{self, Row, cells};
use windrow_evaluation::WindowDates;
use windrow_evaluation::plot::Recent;
use windrow_record::display::thousands;
use windrow_registry::monitor::{RecentRate, SealedWindow};

const HEADER: [&str; 7] = ["period", "window", "rows", "labelled", "quarantine", "file", "sealed because"];

pub(super) fn page(view: &View) -> Page {
    let windows = &view.observed.windows;
    let dates = view.dates();
    let rows = windows.iter().rev().map(|window| Row::from(row(view, &dates, window))).collect();
    let listing = Listing { id: "sealed", title: "Windows", header: &HEADER, rows };
    let main = html! {
        h1 { "The stream" }
        section.way #way data-live aria-label="The progress of the rows" { (row_flow(&view.observed)) }
        p.quiet.live #live { "These numbers are live. A stage that has not reported for five seconds shows when it was last heard." }
        (stages(view))
        section.two.even #recent data-live data-moving[!view.observed.flow.is_complete] aria-label="The last minutes" { (recent(view)) }
        div.two.most #windows data-live {
            div {
                h2 { "Windows" }
                @if windows.is_empty() {
                    p { "No window is sealed yet." }
                } @else {
                    p.quiet { "The newest first. The name of a column sorts by it." }
                    (listing.show(&view.query))
                }
            }
            div { (quarantine(view)) }
        }
    };
    Page::new("the stream", main)
}

/// Shows what each stage does now.
fn stages(view: &View) -> Markup {
    html! {
        dl.card.stages #stages data-live {
            @for stage in &view.observed.flow.stages {
                div { dt { (stage.name) } dd data-stage=(stage.name) { (stage.text) } }
            }
        }
    }
}

/// Draws the rows per second and the lag of the last minutes. Nothing moves in a stream that is complete.
fn recent(view: &View) -> Markup {
    let rates = view.monitor.recent();
    let numbers = |of: fn(&RecentRate) -> Option<f64>| rates.iter().map(of).collect::<Vec<_>>();
    let picture = |title: &str, lines: Vec<(String, Vec<Option<f64>>)>| {
        let seconds_ago = rates.iter().map(|rate| rate.seconds_ago).collect();
        PreEscaped(Recent { title: title.to_owned(), seconds_ago, lines }.draw().inline())
    };
    let speed = vec![
        ("sent".to_owned(), numbers(|rate| Some(rate.sent))),
        ("read and stored".to_owned(), numbers(|rate| Some(rate.read))),
    ];
    let lag = vec![("lag".to_owned(), numbers(|rate| rate.lag.map(|lag| lag as f64)))];
    html! {
        @if !view.observed.flow.is_complete && !rates.is_empty() {
            figure.one { (picture("Rows per second", speed)) }
            figure.one { (picture("Lag: messages that are not read yet", lag)) }
        }
    }
}

fn row(view: &View, dates: &WindowDates, window: &SealedWindow) -> Vec<Markup> {
    cells![
        view.window_link(dates, window.window),
        window.window,
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
