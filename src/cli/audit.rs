//! `windrow audit`: shows where every row went, as a table and a verdict, or as JSON.

use comfy_table::Table;
use tokio_util::sync::CancellationToken;

use crate::cli::args::{AuditArgs, ClusterArgs};
use crate::cli::error::CliError;
use crate::cli::print::{json, short_name, stdout, table};
use crate::cli::progress::Display;
use crate::cli::setup::app;
use crate::cli::stages::connection;
use windrow_record::display::{counted, thousands};
use windrow_stream::audit::{Report, Totals, WindowAccount};

/// The number of intact windows that are listed without `--all`.
const MAX_WINDOWS: usize = 20;
/// The number of findings that are listed one by one.
const MAX_FINDINGS: usize = 10;

pub(crate) async fn execute(args: AuditArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let app = app(&args.at)?;
    let client = args.client;
    let cluster = args.broker.map(|broker| connection(ClusterArgs { broker, client }, &app.pipeline)).transpose()?;
    let working = display.working("auditing");
    let report = app.audit(cluster, stop).await;
    drop(working);
    let Some(report) = report? else { return Ok(()) };
    let printed = if args.json { json(&report) } else { stdout(&text(&report, args.all)) };
    printed?;
    match report.findings.len() {
        0 => Ok(()),
        faults => Err(CliError::Failed(format!("the audit found {}", counted(faults as u64, "fault", "faults")))),
    }
}

fn text(report: &Report, all: bool) -> String {
    let shown = if all { report.windows.iter().collect() } else { chosen(&report.windows) };
    let mut text = format!("{}\n", listed(&shown).trim_fmt());
    let hidden = report.windows.len() - shown.len();
    if hidden > 0 {
        let hidden = counted(hidden as u64, "more window, intact", "more windows, all intact");
        text.push_str(&format!("{hidden}: --all\n"));
    }
    for check in &report.checks {
        let mark = match check.passed {
            Some(true) => "ok",
            Some(false) => "FAULT",
            None => "-",
        };
        text.push_str(&format!("{mark:<6} {:<10} {}\n", check.name, check.text));
    }
    text.push('\n');
    for finding in report.findings.iter().take(MAX_FINDINGS) {
        text.push_str(&format!("{}\n", finding.sentence()));
    }
    match report.findings.len() {
        0 => text.push_str(&verdict(report)),
        faults if faults > MAX_FINDINGS => {
            text.push_str(&format!("and {} more\n", thousands((faults - MAX_FINDINGS) as u64)))
        }
        _ => {}
    }
    text
}

/// Selects every window that is not intact, and the newest of the others.
fn chosen(windows: &[WindowAccount]) -> Vec<&WindowAccount> {
    let newest = windows.len().saturating_sub(MAX_WINDOWS);
    let is_shown = |(index, window): &(usize, &WindowAccount)| *index >= newest || !window.intact;
    windows.iter().enumerate().filter(is_shown).map(|(_, window)| window).collect()
}

fn listed(windows: &[&WindowAccount]) -> Table {
    let mut table = table(["window", "stored", "quarantined", "repeated", "files", "sealed because"], 1..4);
    for window in windows {
        table.add_row([
            short_name(window.window.get(), window.period.as_deref()),
            thousands(window.stored),
            thousands(window.quarantined),
            thousands(window.repeated),
            if window.intact { "ok" } else { "FAULT" }.to_owned(),
            sealed(window),
        ]);
    }
    table
}

/// Returns the reason for the sealing, and when the window was opened again.
fn sealed(window: &WindowAccount) -> String {
    let reopened: String = window.reopened.iter().map(|at| format!(" (opened again {at})")).collect();
    format!("{}{reopened}", window.sealed)
}

fn verdict(report: &Report) -> String {
    let Totals { read, delivered, stored, quarantined, foreign, repeated } = &report.totals;
    let kept = format!("{} stored + {} quarantined", thousands(*stored), thousands(*quarantined));
    let mut text = match (report.through, read) {
        (true, Some(read)) => {
            let delivered = delivered.map(|delivered| format!(" = {} delivered", thousands(delivered)));
            let (read, delivered) = (thousands(*read), delivered.unwrap_or_default());
            format!("every row is accounted for: {read} read{delivered} = {kept}")
        }
        (true, None) => format!("every message is accounted for: {kept}"),
        (false, _) => format!("so far every row is accounted for: {kept}; the stream has not ended"),
    };
    if *foreign > 0 {
        let (one, many) = ("message in quarantine is not a row", "messages in quarantine are not rows");
        text.push_str(&format!("; {} of the replay", counted(*foreign, one, many)));
    }
    if *repeated > 0 {
        let rows = counted(*repeated, "repeated row was", "repeated rows were");
        text.push_str(&format!("; {rows} stored only once"));
    }
    text.push('\n');
    text
}
