//! The numbers behind the pictures, as tables of text.

use crate::plot::answer::Answer;
use crate::plot::course::Course;
use crate::plot::shares::{Point, Shares};
use crate::{Advice, Interval, PolicyFinding};
use windrow_record::display::percent;

/// Rows of the last picture's table: about so many windows are told.
const WINDOWS_TOLD: usize = 12;

/// A table with what stands above it.
#[derive(Debug)]
pub struct Table {
    /// The table's title.
    pub heading: String,
    /// A sentence between heading and table; empty for none.
    pub note: String,
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows, as many cells each as `header`.
    pub rows: Vec<Row>,
}

/// One row; the first cell names it.
#[derive(Debug)]
pub struct Row {
    /// The cells, as texts.
    pub cells: Vec<String>,
    /// Whether it is of the named policy.
    pub is_named: bool,
}

/// What the pictures rest on, and all policies.
pub fn tables(advice: &Advice, answer: Option<&Answer>) -> Vec<Table> {
    let mut tables = Vec::new();
    if let Some(answer) = answer {
        tables.push(shares("How often", &answer.how_often));
        tables.push(shares("How much history", &answer.how_much));
        tables.push(course(&answer.over_time));
    }
    tables.extend(policies(advice));
    tables
}

fn shares(title: &str, shares: &Shares) -> Table {
    let row = |point: &Point| {
        let interval = point.interval.map_or_else(String::new, Interval::percent);
        Row { cells: vec![point.label.clone(), percent(point.share, 0), interval], is_named: point.is_named }
    };
    Table {
        heading: format!("{title}: {}", shares.title),
        note: String::new(),
        header: vec![shares.across.clone(), "keeps".to_owned(), "95%".to_owned()],
        rows: shares.points.iter().map(row).collect(),
    }
}

fn course(course: &Course) -> Table {
    let step = course.windows.len().div_ceil(WINDOWS_TOLD).max(1);
    let is_told = |place: usize| place % step == step - 1 || place + 1 == course.windows.len();
    let row = |(place, window): (usize, &u32)| {
        let sums = course.lines.iter().map(|line| line.sums.get(place).copied().unwrap_or_default() + 0.0);
        let cells = std::iter::once(window.to_string()).chain(sums.map(|sum| format!("{sum:.0}")));
        Row { cells: cells.collect(), is_named: false }
    };
    let names = course.lines.iter().map(|line| line.name.clone());
    Table {
        heading: format!("Over time: {}", course.title),
        note: String::new(),
        header: std::iter::once("window".to_owned()).chain(names).collect(),
        rows: course.windows.iter().enumerate().filter(|(place, _)| is_told(*place)).map(row).collect(),
    }
}

/// Every policy, the one of the lowest log-loss first; `None` where none has been judged.
fn policies(advice: &Advice) -> Option<Table> {
    let judged = advice.basis.judged.as_ref()?;
    let yearly = advice.subject.days.is_some();
    let note = format!(
        "On windows {} to {}, {} rows. 100% is the gain in log-loss over the share of positives so far ({:.4} to {:.4}).",
        judged.first, judged.last, judged.rows, judged.share_log_loss, judged.best_log_loss
    );
    let fits = if yearly { "fits a year" } else { "fits in 100 windows" };
    let header = ["history, refit", "keeps", "95%", "log-loss", fits, "verdict"];
    let all = advice.comparison.planned.iter().chain(&advice.comparison.further);
    Some(Table {
        heading: "All policies".to_owned(),
        note,
        header: header.map(str::to_owned).to_vec(),
        rows: all.map(|found| policy(advice, found)).collect(),
    })
}

fn policy(advice: &Advice, found: &PolicyFinding) -> Row {
    let is_best = advice.comparison.is_best(found);
    let cells = vec![
        found.policy.to_string(),
        found.kept.percent(),
        advice.interval_shown(found).map_or_else(String::new, Interval::percent),
        format!("{:.4}", found.errors.log_loss),
        format!("{:.1}", found.effort.fits()),
        if is_best { "best" } else { found.verdict.name() }.to_owned(),
    ];
    Row { cells, is_named: advice.is_named(found) }
}
