//! `windrow models --windows`: lists one line per window, with the log-loss of each scheme and the drift.

use std::collections::BTreeSet;

use crate::cli::print::{short_name, table};
use windrow_learn::model::WindowReport;
use windrow_record::Scheme;
use windrow_record::display::{percent, thousands};
use windrow_registry::Snapshot;

/// The number of windows that are listed without `--all`: about one screen.
const MAX_WINDOWS: usize = 20;

pub(crate) fn text(snapshot: &Snapshot, all: bool) -> String {
    let reports: Vec<&WindowReport> = snapshot.windows().map(|report| &**report).collect();
    if reports.is_empty() {
        return "no window has been scored yet: windows are scored after their models are trained\n".to_owned();
    }
    let hidden = if all { 0 } else { reports.len().saturating_sub(MAX_WINDOWS) };
    let schemes: BTreeSet<Scheme> = reports.iter().flat_map(|one| &one.scores).map(|one| one.model.scheme).collect();
    let header = ["window", "rows", "share"].map(str::to_owned).into_iter();
    let header = header.chain(schemes.iter().map(ToString::to_string)).chain(["shifted".to_owned()]);
    let mut table = table(header, 1..schemes.len() + 3);
    for report in &reports[hidden..] {
        table.add_row(line(report, &schemes));
    }
    let more = if hidden > 0 { format!("{hidden} earlier windows: --all\n") } else { String::new() };
    let table = table.trim_fmt();
    format!(
        "{table}\nshare: of positive rows; shifted: the feature that drifted most, by PSI\n\
         other columns: the log-loss of the models trained one window before\n{more}"
    )
}

fn line(report: &WindowReport, schemes: &BTreeSet<Scheme>) -> Vec<String> {
    let name = short_name(report.window.get(), report.period.as_deref());
    let share = report.profile.positive_share().map_or("-".to_owned(), |share| percent(share, 1));
    let loss = |scheme: &Scheme| {
        let found = report.age_one_scores().find(|(model, _)| model.scheme == *scheme);
        found.map_or("-".to_owned(), |(_, score)| format!("{:.4}", score.log_loss))
    };
    let begin = [name, thousands(report.profile.rows), share].into_iter();
    begin.chain(schemes.iter().map(loss)).chain([shifted(report)]).collect()
}

/// Returns the feature or target that shifted most since the previous window, and the number of other shifted ones.
/// Parts of the calendar do not count.
fn shifted(report: &WindowReport) -> String {
    let Some(drift) = &report.drift else {
        return if report.window == windrow_record::WindowIndex::FIRST { "-" } else { "unknown" }.to_owned();
    };
    let changes = drift.without_calendar().chain([&drift.target]);
    let mut shifted: Vec<_> = changes.filter(|feature| feature.is_shift()).collect();
    shifted.sort_by(|a, b| b.psi.total_cmp(&a.psi));
    match (shifted.first(), shifted.len()) {
        (None, _) => "none".to_owned(),
        (Some(most), 1) => most.feature.clone(),
        (Some(most), count) => format!("{}, {} more", most.feature, count - 1),
    }
}
