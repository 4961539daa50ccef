//! `windrow models --windows`: a line a window: how each way of training met it, and what drifted.

use std::collections::BTreeSet;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, LineStyle, Table};

use crate::cli::print::thousands;
use crate::model::{Drift, WindowReport};
use crate::record::Scheme;
use crate::registry::Snapshot;

/// Windows that are shown where not all are asked for: a screenful.
const SHOWN: usize = 20;

pub(crate) fn text(snapshot: &Snapshot, all: bool) -> String {
    let reports: Vec<&WindowReport> = snapshot.windows().map(|report| &**report).collect();
    if reports.is_empty() {
        return "no window has been scored yet: that follows as soon as its models are made\n".to_owned();
    }
    let hidden = if all { 0 } else { reports.len().saturating_sub(SHOWN) };
    let schemes: BTreeSet<Scheme> =
        reports.iter().flat_map(|report| &report.scores).map(|score| score.model.scheme).collect();
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    let header = ["window", "rows", "share"].map(str::to_owned).into_iter();
    let header = header.chain(schemes.iter().map(ToString::to_string)).chain(["shifted".to_owned()]);
    table.set_header(header);
    let numbers = schemes.len() + 3;
    for column in table.column_iter_mut().take(numbers).skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for report in &reports[hidden..] {
        table.add_row(line(report, &schemes));
    }
    let more = if hidden > 0 { format!("{hidden} earlier windows: --all\n") } else { String::new() };
    format!("{table}\nshare: of positives; log-loss: of the models of the window before; shifted: by PSI\n{more}")
}

fn line(report: &WindowReport, schemes: &BTreeSet<Scheme>) -> Vec<String> {
    // The day alone: what the windows are is said below.
    let day = report.period.as_ref().map(|period| period.rsplit_once(" of ").or(period.rsplit_once(" from ")));
    let day = day.and_then(|split| split.map(|(_, day)| day)).or(report.period.as_deref());
    let name = day.map_or_else(|| report.window.to_string(), |day| format!("{} {day}", report.window));
    let share = report.profile.positive_share().map_or("-".to_owned(), |share| format!("{:.1}%", 100.0 * share));
    let loss = |scheme: &Scheme| {
        let is_it = |id: crate::record::ModelId| id.scheme == *scheme && id.window.next() == report.window;
        let found = report.scores.iter().find(|score| is_it(score.model)).and_then(|score| score.window.as_ref());
        found.map_or("-".to_owned(), |score| format!("{:.4}", score.log_loss))
    };
    let begin = [name, thousands(report.profile.rows), share].into_iter();
    begin.chain(schemes.iter().map(loss)).chain([shifted(report)]).collect()
}

/// The feature that shifted most since the window before.
fn shifted(report: &WindowReport) -> String {
    let Some(drift) = &report.drift else {
        return if report.window == crate::record::WindowIndex::FIRST { "-" } else { "cannot be told" }.to_owned();
    };
    let Drift { target, features, .. } = drift;
    let mut shifted: Vec<_> = features.iter().chain(target).filter(|feature| feature.is_shift()).collect();
    shifted.sort_by(|a, b| b.psi.total_cmp(&a.psi));
    match (shifted.first(), shifted.len()) {
        (None, _) => "none".to_owned(),
        (Some(most), 1) => most.feature.clone(),
        (Some(most), count) => format!("{}, {} more", most.feature, count - 1),
    }
}
