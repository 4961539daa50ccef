//! `windrow models --windows`: how every model met each window, and what changed from one window to the next.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, LineStyle, Table};

use crate::cli::print::thousands;
use crate::model::{Comparison, Drift, Score, ScoredOn, WindowReport};
use crate::registry::Snapshot;

/// Features that have drifted less are not worth a word.
const SHIFT: f64 = 0.1;

pub(crate) fn text(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for report in snapshot.windows() {
        text.push_str(&window(report));
        text.push('\n');
    }
    if text.is_empty() {
        text.push_str("no window has been scored yet: that follows as soon as its models are made\n");
    }
    text
}

fn window(report: &WindowReport) -> String {
    let share = report.profile.positive_share().map_or("-".to_owned(), |share| format!("{:.1}%", 100.0 * share));
    let rows = thousands(report.profile.rows);
    let mut text = format!("window {}: {rows} labelled rows, {share} positive\n", report.window);
    text.push_str(&format!("{}\n", table(report)));
    for found in &report.comparisons {
        let on = match found.on {
            ScoredOn::Window => "on all rows",
            ScoredOn::Holdout => "on the held-out rows",
        };
        text.push_str(&format!("{on}: {}\n", comparison(found)));
    }
    if let Some(drift) = &report.drift {
        text.push_str(&format!("drift since the window before: {}\n", told(drift)));
    }
    text
}

fn table(report: &WindowReport) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(["model", "scored on", "rows", "AUC", "log-loss", "(prior)", "Brier", "calibration error"]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for found in &report.scores {
        let scored = found.window.as_ref().map(|score| ("all rows", score));
        let Some((on, score)) = scored.or(found.holdout.as_ref().map(|score| ("held-out rows", score))) else {
            continue;
        };
        table.add_row(line(&found.model.to_string(), on, score));
    }
    table
}

fn line(model: &str, on: &str, score: &Score) -> [String; 8] {
    let number = |number: f64| format!("{number:.4}");
    [
        model.to_owned(),
        on.to_owned(),
        thousands(score.rows),
        score.auc.map_or("-".to_owned(), number),
        number(score.log_loss),
        number(score.baseline_log_loss),
        number(score.brier),
        number(score.calibration_error),
    ]
}

fn comparison(found: &Comparison) -> String {
    verdict(&found.first.to_string(), &found.second.to_string(), found.difference, found.low, found.high)
}

/// Which of two is better by its log-loss per row, or that they cannot be told apart.
pub(crate) fn verdict(first: &str, second: &str, difference: f64, low: f64, high: f64) -> String {
    let (better, worse, by, from, to) = if difference <= 0.0 {
        (first, second, -difference, -high, -low)
    } else {
        (second, first, difference, low, high)
    };
    if from > 0.0 {
        format!("{better} beats {worse} by {by:.4} a row (95%: {from:.4} to {to:.4})")
    } else {
        format!("{better} and {worse} cannot be told apart: {by:.4} a row (95%: {from:.4} to {to:.4})")
    }
}

fn told(drift: &Drift) -> String {
    let mut shifted: Vec<_> = drift.features.iter().filter(|feature| feature.psi >= SHIFT).collect();
    shifted.sort_by(|a, b| b.psi.total_cmp(&a.psi));
    if shifted.is_empty() {
        return format!("no feature has a PSI of {SHIFT} or more");
    }
    let told = shifted.iter().map(|feature| {
        let ks = feature.ks.map_or(String::new(), |ks| format!(", KS {ks:.2}"));
        format!("{} (PSI {:.2}{ks})", feature.feature, feature.psi)
    });
    told.collect::<Vec<_>>().join(", ")
}
