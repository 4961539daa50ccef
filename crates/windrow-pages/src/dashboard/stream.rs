//! The page of the live stream: the progress of the rows, the windows, and the quarantine.

use maud::{Markup, PreEscaped, html};

use crate::dashboard::flow::row_flow;
use crate::dashboard::frame::{Page, View};
use crate::dashboard::listing::Listing;
use crate::dashboard::table::{self, Row, cells};
use windrow_base::telemetry::LISTED_PARTITIONS;
use windrow_evaluation::WindowDates;
use windrow_evaluation::plot::Recent;
use windrow_record::display::thousands;
use windrow_registry::monitor::{PartitionRate, RecentRate, SealedWindow};

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
        // The pictures are next to the table on a wide screen, and above it on a narrow one.
        div.beside {
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

/// Shows the rows per second and the lag of the last minutes. Nothing moves in a stream that is complete.
fn recent(view: &View) -> Markup {
    let rates = view.monitor.recent();
    html! {
        @if !view.observed.flow.is_complete && !rates.is_empty() {
            @for picture in pictures(&rates) { figure.one { (PreEscaped(picture.draw().live())) } }
        }
    }
}

/// The lines of a picture with their names.
type Lines = Vec<(String, Vec<Option<f64>>)>;

/// Returns the pictures of the last minutes: for the whole topic, and if it has several partitions, for each of them.
fn pictures(rates: &[RecentRate]) -> Vec<Recent> {
    let numbers = |of: &dyn Fn(&RecentRate) -> Option<f64>| rates.iter().map(of).collect::<Vec<_>>();
    let picture = |title: &str, lines: Lines| {
        let seconds_ago = rates.iter().map(|rate| rate.seconds_ago).collect();
        Recent { title: title.to_owned(), seconds_ago, lines }
    };
    let by_partition = |partitions: usize, of: fn(&PartitionRate) -> Option<f64>| -> Lines {
        let line = |partition: usize| {
            let of_partition = |rate: &RecentRate| rate.partitions.get(partition).and_then(of);
            (partition_name(partition), numbers(&of_partition))
        };
        (0..partitions).map(line).collect()
    };
    let speed = vec![
        ("sent".to_owned(), numbers(&|rate: &RecentRate| Some(rate.sent))),
        ("read and stored".to_owned(), numbers(&|rate: &RecentRate| Some(rate.read))),
    ];
    let lag = vec![("lag".to_owned(), numbers(&|rate: &RecentRate| rate.lag.map(|lag| lag as f64)))];
    let mut pictures = vec![picture("Rows per second", speed), picture("Lag: messages that are not read yet", lag)];
    let partitions = rates.iter().map(|rate| rate.partitions.len()).max().unwrap_or(0);
    if partitions > 1 {
        let speed = by_partition(partitions, |rate| rate.read);
        // The lag of those that are counted together is not known.
        let lag = by_partition(partitions.min(LISTED_PARTITIONS), |rate| rate.lag.map(|lag| lag as f64));
        pictures.extend([picture("Rows read per second, by partition", speed), picture("Lag by partition", lag)]);
    }
    pictures
}

fn partition_name(partition: usize) -> String {
    if partition < LISTED_PARTITIONS {
        format!("partition {partition}")
    } else {
        format!("all from partition {LISTED_PARTITIONS} on")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(partitions: usize) -> Vec<RecentRate> {
        let rate = |second: u32| {
            let read = 100.0 + f64::from(second);
            let partition = |index: usize| PartitionRate { read: Some(read), lag: (index < 32).then_some(7) };
            let partitions = (0..partitions).map(partition).collect();
            RecentRate { seconds_ago: f64::from(60 - second), sent: read, read, lag: Some(7), partitions }
        };
        (0..60).map(rate).collect()
    }

    #[test]
    fn each_of_several_partitions_has_a_line() {
        assert_eq!((pictures(&rates(0)).len(), pictures(&rates(1)).len()), (2, 2));
        let found = pictures(&rates(3));
        let lines = |picture: &Recent| picture.lines.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!((found.len(), lines(&found[3])), (4, lines(&found[2])));
        assert_eq!(lines(&found[2]), ["partition 0", "partition 1", "partition 2"]);
        assert!(found[2].draw().inline().contains(">partition 2: 159</text>"), "the legend names the lines");
        let many = pictures(&rates(33));
        assert_eq!((many[2].lines.len(), many[3].lines.len()), (33, 32));
        assert_eq!(lines(&many[2])[32], "all from partition 32 on");
    }
}
