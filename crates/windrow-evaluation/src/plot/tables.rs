//! The numbers of the pictures, as tables of text.

use crate::plot::advice_pictures::AdvicePictures;
use crate::plot::course::CumulativePlot;
use crate::plot::shares::{Point, Shares};
use crate::policy_finding::share_in_words;
use crate::{Advice, Interval, PolicyFinding};
use windrow_record::display::{ordinal, thousands};

/// The approximate number of windows in the table of the last picture.
const TABLE_WINDOWS: usize = 12;

/// A table with its heading.
#[derive(Debug)]
pub struct Table {
    /// The title of the table.
    pub heading: String,
    /// A sentence between the heading and the table; may be empty.
    pub note: String,
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows, with as many cells each as `header`.
    pub rows: Vec<TableRow>,
}

/// A row of a table. The first cell names it.
#[derive(Debug)]
pub struct TableRow {
    /// The text of each cell.
    pub cells: Vec<String>,
    /// `true` if the row is about the named policy.
    pub is_named: bool,
}

/// Returns the tables of the pictures, a table of all policies, and one of the alarms that rang.
pub fn tables(advice: &Advice, answer: Option<&AdvicePictures>) -> Vec<Table> {
    let mut tables = Vec::new();
    if let Some(answer) = answer {
        tables.push(shares("How often", &answer.how_often));
        tables.push(shares("How much history", &answer.how_much));
        tables.push(course(&answer.over_time));
    }
    tables.extend(policies(advice));
    tables.extend(alarms(advice));
    tables
}

fn shares(title: &str, shares: &Shares) -> Table {
    let row = |point: &Point| {
        let interval = point.interval.map_or_else(String::new, Interval::percent);
        TableRow { cells: vec![point.label.clone(), share_in_words(point.share), interval], is_named: point.is_named }
    };
    Table {
        heading: format!("{title}: {}", shares.title),
        note: String::new(),
        header: vec![shares.across.clone(), "keeps".to_owned(), "95% interval".to_owned()],
        rows: shares.points.iter().map(row).collect(),
    }
}

fn course(course: &CumulativePlot) -> Table {
    let step = course.windows.len().div_ceil(TABLE_WINDOWS).max(1);
    let is_listed = |index: usize| index % step == step - 1 || index + 1 == course.windows.len();
    let row = |(index, window): (usize, &u32)| {
        let sums = course.lines.iter().map(|line| line.sums.get(index).copied().unwrap_or_default() + 0.0);
        let cells = std::iter::once(window.to_string()).chain(sums.map(|sum| format!("{sum:.0}")));
        TableRow { cells: cells.collect(), is_named: false }
    };
    let names = course.lines.iter().map(|line| format!("log-loss saved, summed over rows, {}", line.name));
    let note = match u32::try_from(step) {
        Ok(step) if step > 1 => format!("Every {} window that was judged is listed, and the last one.", ordinal(step)),
        _ => String::new(),
    };
    Table {
        heading: format!("Over time: {}", course.title),
        note,
        header: std::iter::once("window".to_owned()).chain(names).collect(),
        rows: course.windows.iter().enumerate().filter(|(index, _)| is_listed(*index)).map(row).collect(),
    }
}

/// Returns a table of every policy: the planned ones by rising log-loss, then the others. Returns `None` if no policy
/// has been judged.
fn policies(advice: &Advice) -> Option<Table> {
    let judged = advice.basis.judged.as_ref()?;
    let yearly = advice.subject.days.is_some();
    let note = format!(
        "On windows {} to {}, {} rows. 0% is predicting the average rate so far (log-loss {:.4}), 100% is the best \
         policy ({:.4}).",
        judged.first,
        judged.last,
        thousands(judged.rows),
        judged.share_log_loss,
        judged.best_log_loss
    );
    let fits = if yearly { "refits a year" } else { "refits in 100 windows" };
    let header = ["history, refit", "keeps", "95% interval", "log-loss", fits, "verdict"];
    let all = advice.comparison.planned.iter().chain(&advice.comparison.further);
    Some(Table {
        heading: "All policies".to_owned(),
        note,
        header: header.map(str::to_owned).to_vec(),
        rows: all.map(|found| policy(advice, found)).collect(),
    })
}

/// Returns a table of the windows in which the alarm of each policy rang. Returns `None` if none rang.
fn alarms(advice: &Advice) -> Option<Table> {
    let rang = advice.comparison.further.iter().filter(|found| !found.rang.is_empty());
    let row = |found: &PolicyFinding| {
        let windows: Vec<&str> = found.rang.iter().map(|alarm| alarm.label.as_str()).collect();
        let name = found.policy.name(advice.subject.window_unit);
        TableRow { cells: vec![name, windows.join(", ")], is_named: advice.is_named(found) }
    };
    let rows: Vec<TableRow> = rang.map(row).collect();
    (!rows.is_empty()).then(|| Table {
        heading: "Alarms".to_owned(),
        note: "When the alarm of each policy rang, in the run that starts with the newest model.".to_owned(),
        header: ["history, refit", "rang in"].map(str::to_owned).to_vec(),
        rows,
    })
}

fn policy(advice: &Advice, found: &PolicyFinding) -> TableRow {
    let is_best = advice.comparison.is_best(found);
    let cells = vec![
        found.policy.name(advice.subject.window_unit),
        found.kept.in_words(),
        advice.interval_shown(found).map_or_else(String::new, Interval::percent),
        format!("{:.4}", found.errors.log_loss),
        format!("{:.1}", found.effort.fits()),
        if is_best { "best".to_owned() } else { found.verdict_in_words() },
    ];
    TableRow { cells, is_named: advice.is_named(found) }
}
