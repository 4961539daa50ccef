//! The page of one window: its rows, its quarantine, and the scores of models on it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use maud::{Markup, PreEscaped, html};

use crate::dashboard::frame::{Page, View};
use crate::dashboard::listing::Listing;
use crate::dashboard::numbers::{digest, score};
use crate::dashboard::table::{self, Row, cells};
use windrow_evaluation::plot::distributions;
use windrow_learn::model::{BinShares, FeatureDrift, FeatureProfile, ModelScore, Score, WindowReport};
use windrow_record::WindowIndex;
use windrow_record::display::{counted, excerpt, percent, thousands};
use windrow_registry::monitor::SealedWindow;
use windrow_windows::{BatchStore, Quarantined};

/// Maximum number of quarantined rows that are shown.
const MAX_ROWS: usize = 50;
/// Maximum number of bytes that are read from the quarantine file.
const MAX_BYTES: u64 = 1024 * 1024;
/// Maximum number of characters of a quarantined row that are shown.
const MAX_EXCERPT: usize = 200;
/// Maximum number of features whose distributions are drawn: those that changed most.
const MAX_DRAWN: usize = 24;
/// Maximum number of characters of a value in the description of a distribution.
const MAX_VALUE: usize = 40;

pub(super) fn page(view: &View) -> Page {
    let name = &view.name;
    let index = name.parse().ok().and_then(WindowIndex::new);
    let sealed = index.and_then(|index| view.observed.windows.iter().find(|window| window.window == index));
    let Some(sealed) = sealed else {
        let last = view.observed.windows.last().map_or(0, |window| window.window.get());
        let sentence = format!(
            "{} sealed; the page of the stream lists them.",
            counted(u64::from(last), "window is", "windows are")
        );
        return Page::missing(format!("There is no window {name}"), &sentence);
    };
    let report = view.snapshot.window(sealed.window);
    let dates = view.dates();
    let period = report.and_then(|report| report.period.clone()).or_else(|| dates.date(sealed.window.get()));
    let title = match period {
        Some(period) => format!("{period} (window {})", sealed.window),
        None => format!("Window {}", sealed.window),
    };
    let main = html! {
        h1 { (title) }
        div.two.even {
            div {
                (about(view, sealed, report.map(|report| &**report)))
                @if let Some(report) = report { (drift(view, report)) }
                @if sealed.quarantined > 0 { (quarantine(&view.workdir, sealed)) }
            }
            div {
                @match report {
                    Some(report) => (scores(view, report)),
                    None => p { "No model has been scored on it yet." },
                }
            }
        }
        p.pages {
            @if sealed.window.get() > 1 { a href={ "/windows/" (sealed.window.get() - 1) } { "The previous window" } }
            @if view.observed.windows.last().is_some_and(|last| last.window > sealed.window) {
                a href={ "/windows/" (sealed.window.get() + 1) } { "The next window" }
            }
        }
    };
    Page::new(title, main)
}

fn about(view: &View, sealed: &SealedWindow, report: Option<&WindowReport>) -> Markup {
    html! {
        dl.card {
            div { dt { "Rows" } dd { (thousands(sealed.rows)) ", " (thousands(sealed.labelled)) " of them labelled" } }
            @if let Some(share) = report.and_then(|report| report.profile.positive_share()) {
                div { dt { "Positive" } dd { (percent(share, 1)) " of the labelled rows" } }
            }
            div { dt { "In quarantine" } dd { (thousands(sealed.quarantined)) } }
            div { dt { "Repeated" } dd { (thousands(sealed.repeated)) " messages, stored only once" } }
            div { dt { "File" } dd { (view.batch_file(sealed)) } }
            @if let Some(report) = report { div { dt { "sha256" } dd { code { (digest(&report.sha256)) } } } }
            div { dt { "Sealed because" } dd { (sealed.reason) } }
        }
    }
}

fn quarantine(workdir: &Path, sealed: &SealedWindow) -> Markup {
    let rows = quarantined(workdir, sealed.window);
    let shown = rows.len() as u64;
    html! {
        h2 { "Rows in quarantine" }
        @if shown < sealed.quarantined {
            p.quiet { "The first " (shown) " of " (thousands(sealed.quarantined)) "; quarantine/" (sealed.window.file_stem()) ".jsonl has all of them." }
        }
        (table::of("Rows in quarantine", &["row", "reason", "raw text"], rows.iter().map(quarantined_row)))
    }
}

fn quarantined_row(message: &Quarantined) -> Vec<Markup> {
    let text = String::from_utf8_lossy(&message.raw);
    vec![
        html! {
            @match message.row {
                Some(row) => (row),
                None => { "partition " (message.partition.0) ", offset " (message.offset.0) },
            }
        },
        html! { span.long { (message.reason) } },
        html! { code.long { (excerpt(&text, MAX_EXCERPT)) } },
    ]
}

/// Reads the first rows of the quarantine file, up to a line that is cut off or damaged.
fn quarantined(workdir: &Path, window: WindowIndex) -> Vec<Quarantined> {
    let mut rows = Vec::new();
    let Ok(store) = BatchStore::open(workdir) else { return rows };
    let Ok(file) = File::open(store.quarantine_path(window)) else { return rows };
    // The limit of bytes can cut off the last line. The rows before it are already in `rows`.
    let _ = store.quarantined(window, file.take(MAX_BYTES), |message| {
        if rows.len() < MAX_ROWS {
            rows.push(message);
        }
    });
    rows
}

/// Lists the models with the lowest log-loss on the window.
fn scores(view: &View, report: &WindowReport) -> Markup {
    let mut scored: Vec<_> = report.scores.iter().filter_map(|found| Some((found, found.window.as_ref()?))).collect();
    scored.sort_by(|(_, one), (_, other)| one.log_loss.total_cmp(&other.log_loss));
    let baseline = scored.first().map(|(_, score)| score.baseline_log_loss);
    let dates = view.dates();
    let row = |(found, of): &(&ModelScore, &Score)| {
        let age = report.window.get().saturating_sub(found.model.window.get());
        let auc = of.auc.map_or_else(|| "\u{2013}".to_owned(), |auc| format!("{auc:.3}"));
        let name = found.model.to_string();
        cells![
            html! { a href={ "/models/" (name) } { (name) } },
            view.window_link(&dates, found.model.window),
            age,
            score(of.log_loss),
            auc,
        ]
    };
    let rows = scored.iter().map(|scored| Row::from(row(scored))).collect();
    let header = ["model", "newest window", "age in windows", "log-loss", "AUC"];
    let listing = Listing { id: "scores", title: "Scores of the models on this window", header: &header, rows };
    html! {
        @if !scored.is_empty() {
            h2 { "Scores of the models on this window" }
            p.quiet {
                (scored.len()) " models that learned from earlier windows, the lowest log-loss first"
                @if let Some(baseline) = baseline { "; by always predicting the share of positives: " (score(baseline)) }
                "."
            }
            (listing.show(&view.query))
        }
    }
}

/// Lists the features that changed, the largest change first, with their distributions in both windows.
fn drift(view: &View, report: &WindowReport) -> Markup {
    let changes = report.drift.iter().flat_map(|drift| drift.without_calendar());
    let mut shifted: Vec<&FeatureDrift> = changes.filter(|feature| feature.is_shift()).collect();
    shifted.sort_by(|one, other| other.psi.total_cmp(&one.psi));
    let previous = WindowIndex::new(report.window.get() - 1).and_then(|previous| view.snapshot.window(previous));
    let row = |(number, feature): (usize, &&FeatureDrift)| {
        let shares = previous.filter(|_| number < MAX_DRAWN).and_then(|previous| {
            BinShares::of(profile(previous, &feature.feature)?, profile(report, &feature.feature)?)
        });
        cells![
            html! { span.long { (feature.feature) } },
            html! { @if let Some(shares) = &shares { (both_windows(shares)) } },
            format!("{:.3}", feature.psi),
            format!("{:.3}", feature.threshold),
        ]
    };
    let header = ["feature", "both windows", "population stability index", "threshold of a shift"];
    html! {
        @if !shifted.is_empty() {
            h2 { "What changed since the previous window" }
            p.quiet { "The largest change first. Bars are the shares in the previous window, the line those in this one." }
            (table::of("What changed", &header, shifted.iter().enumerate().map(row)))
        }
    }
}

fn profile<'r>(report: &'r WindowReport, feature: &str) -> Option<&'r FeatureProfile> {
    report.profile.features.iter().find(|found| found.feature == feature)
}

/// Draws the distributions of a feature in two windows.
fn both_windows(shares: &BinShares) -> Markup {
    let pairs = shares.before.iter().zip(&shares.now).enumerate();
    let pair = |(bin, (before, now)): (usize, (&f64, &f64))| {
        let change = format!("{} before, {} now", percent(*before, 0), percent(*now, 0));
        match shares.values.get(bin) {
            Some(Some(value)) => format!("{}: {change}", excerpt(value, MAX_VALUE)),
            Some(None) => format!("other values: {change}"),
            None => change,
        }
    };
    let described = pairs.map(pair).collect::<Vec<_>>().join("; ");
    let order = if shares.values.is_empty() { "from the lowest to the highest: " } else { "" };
    html! { (PreEscaped(distributions(&shares.before, &shares.now, &format!("{order}{described}")))) }
}
