//! The numbers of the pictures, as tables of text.

use crate::plot::advice_pictures::AdvicePictures;
use crate::plot::course::CumulativePlot;
use crate::plot::loss_course::LossCourse;
use crate::plot::quality::Quality;
use crate::plot::shares::{Point, Shares};
use crate::plot::svg::Picture;
use crate::policy_finding::share_in_words;
use crate::{
    Advice, AlarmWindow, AucAtWindow, Interval, LossAtWindow, Origin, Policy, PolicyFinding, Refit, WindowSize,
};
use windrow_record::display::{ordinal, percent, thousands};

/// The approximate number of windows in a table.
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

/// Returns the tables of the main pictures, one of the AUC by window, one of all policies, one of the alarms that rang,
/// and one of the refits that paid.
pub fn tables(advice: &Advice, answer: Option<&AdvicePictures>) -> Vec<Table> {
    let mut tables = answer.map_or_else(Vec::new, picture_tables);
    tables.extend(auc_by_window(advice));
    tables.extend(policies(advice));
    tables.extend(alarms(advice));
    tables.extend(refits_that_paid(advice));
    tables
}

/// Returns the table of the rows and the log-loss by window.
fn quality(quality: &Quality) -> Table {
    let step = step(quality.windows.len());
    let row = |(index, size): (usize, &WindowSize)| {
        let date = quality.dates.date(size.window).into_iter();
        let losses = quality.lines.iter().map(|line| match line.values.get(index).copied().flatten() {
            Some((loss, _)) => format!("{loss:.4}"),
            None => "-".to_owned(),
        });
        let share = percent(size.positives as f64 / size.rows.max(1) as f64, 1);
        let cells = date.chain([size.window.to_string(), thousands(size.rows), share]).chain(losses);
        TableRow { cells: cells.collect(), is_named: false }
    };
    let date = quality.dates.date(1).map(|_| "from".to_owned());
    let names = quality.lines.iter().map(|line| format!("log-loss, {}", line.name));
    let header = date.into_iter().chain(["window", "labelled rows", "positive"].map(str::to_owned)).chain(names);
    Table {
        heading: format!("Over time: {}", quality.title),
        note: listed(step),
        header: header.collect(),
        rows: every(step, &quality.windows).map(row).collect(),
    }
}

/// The sentences that explain the unit of the savings.
pub const SAVINGS: &str = "If one model gives the true class of a row twice the probability that another one gives it, it \
                           saves log(2) = 0.69 on this row. The line is the sum over all rows up to a window: it rises while \
                           the policy saves, and falls while it loses.";

/// Returns the savings of a pipeline's policy, as a picture and as a table. Returns `None` for a table of predictions, whose
/// savings are among the main pictures.
pub fn savings(answer: &AdvicePictures) -> Option<(Picture, Table)> {
    let savings = answer.over_time.as_ref().filter(|_| answer.log_loss.is_some())?;
    Some((savings.draw(), course(savings)))
}

/// Returns the tables of the pictures, in their order.
pub fn picture_tables(answer: &AdvicePictures) -> Vec<Table> {
    let AdvicePictures { log_loss, how_often, how_much, over_time, by_window, .. } = answer;
    let is_table = log_loss.is_none();
    let tables = [
        log_loss.as_ref().map(quality),
        how_often.as_ref().map(|often| shares("How often", often)),
        how_much.as_ref().map(|much| shares("How much history", much)),
        over_time.as_ref().filter(|_| is_table).map(course),
        by_window.as_ref().filter(|_| is_table).map(losses),
    ];
    tables.into_iter().flatten().collect()
}

fn losses(course: &LossCourse) -> Table {
    let step = step(course.windows.len());
    let row = |(_, at): (usize, &LossAtWindow)| {
        let alarm = if at.rose { "yes" } else { "" };
        let [own, average] = [at.log_loss, at.share_log_loss].map(|loss| format!("{loss:.4}"));
        let date = course.dates.date(at.window);
        let name = if date.is_some() { at.window.to_string() } else { at.label.clone() };
        let cells = date.into_iter().chain([name, thousands(at.rows), own, average, alarm.to_owned()]);
        TableRow { cells: cells.collect(), is_named: false }
    };
    let own = format!("log-loss per row, {}", course.name);
    let header = ["window", "rows", own.as_str(), "of the average rate so far", "loss alarm"].map(str::to_owned);
    let date = course.dates.date(1).map(|_| "from".to_owned());
    Table {
        heading: format!("By window: {}", course.title),
        note: listed(step),
        header: date.into_iter().chain(header).collect(),
        rows: every(step, &course.windows).map(row).collect(),
    }
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
    let step = step(course.windows.len());
    let row = |(index, window): (usize, &u32)| {
        let sums = course.lines.iter().map(|line| line.sums.get(index).copied().unwrap_or_default() + 0.0);
        let date = course.dates.date(*window).into_iter();
        let cells = date.chain([window.to_string()]).chain(sums.map(|sum| format!("{sum:.0}")));
        TableRow { cells: cells.collect(), is_named: false }
    };
    let names = course.lines.iter().map(|line| format!("log-loss saved, summed over rows, {}", line.name));
    let date = course.dates.date(1).map(|_| "from".to_owned());
    Table {
        heading: format!("Over time: {}", course.title),
        note: listed(step),
        header: date.into_iter().chain(["window".to_owned()]).chain(names).collect(),
        rows: every(step, &course.windows).map(row).collect(),
    }
}

/// Returns the step between the windows that a table lists.
fn step(windows: usize) -> usize {
    windows.div_ceil(TABLE_WINDOWS).max(1)
}

/// Returns some items at equal distances with their indices, and the last one.
fn every<T>(step: usize, items: &[T]) -> impl Iterator<Item = (usize, &T)> {
    items.iter().enumerate().filter(move |(index, _)| index % step == step - 1 || index + 1 == items.len())
}

/// Returns a sentence that says which windows a table lists; empty if it lists all.
fn listed(step: usize) -> String {
    match u32::try_from(step) {
        Ok(step) if step > 1 => format!("Every {} window that was judged is listed, and the last one.", ordinal(step)),
        _ => String::new(),
    }
}

/// Returns a table of the AUC by window of the named policy, of fit once, and of all history. Returns `None` if no policy
/// has been judged.
pub fn auc_by_window(advice: &Advice) -> Option<Table> {
    let policies = &advice.over_time.auc;
    let windows = &policies.first()?.windows;
    let step = step(windows.len());
    let number =
        |at: Option<&AucAtWindow>| at.and_then(|at| at.auc).map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}"));
    let row = |(index, at): (usize, &AucAtWindow)| {
        let numbers = policies.iter().map(|found| number(found.windows.get(index)));
        let date = advice.subject.dates.date(at.window);
        let name = if date.is_some() { at.window.to_string() } else { at.label.clone() };
        TableRow { cells: date.into_iter().chain([name]).chain(numbers).collect(), is_named: false }
    };
    let names = policies.iter().map(|found| auc_name(advice, found.policy));
    let date = advice.subject.dates.date(1).map(|_| "from".to_owned());
    let note = format!(
        "The area under the ROC curve of the models in use: 0.5 is chance, 1 is a perfect order of the rows. It is a mean \
         over start windows, and no verdict depends on it. A window with one class has none. {}",
        listed(step)
    );
    Some(Table {
        heading: "AUC by window".to_owned(),
        note: note.trim_end().to_owned(),
        header: date.into_iter().chain(["window".to_owned()]).chain(names).collect(),
        rows: every(step, windows).map(row).collect(),
    })
}

/// Returns the name of a policy whose AUC is shown, as in `recommended: last 4 weeks, every 2nd week`.
pub(super) fn auc_name(advice: &Advice, policy: Policy) -> String {
    let name = policy.name(advice.subject.window_unit);
    match policy.refit {
        _ if advice.named() == Some(policy) => format!("recommended: {name}"),
        Refit::Never => format!("fit once: {name}"),
        _ => format!("all history: {name}"),
    }
}

/// Returns a table of every policy: the planned ones by rising log-loss, then the others. Returns `None` if no policy
/// has been judged.
pub fn policies(advice: &Advice) -> Option<Table> {
    let judged = advice.basis.judged.as_ref()?;
    let yearly = advice.subject.days.is_some();
    let is_log = advice.subject.origin == Origin::Log;
    let best = if is_log { "what served" } else { "the best policy" };
    let than = if advice.named().is_some() { "the recommended policy" } else { best };
    let note = format!(
        "On {}, {} rows. 0% is predicting the average rate so far (log-loss {:.4}), 100% is {best} \
         ({:.4}). A wrong answer is a false alarm or a miss at the threshold: fewer is better. Brackets have 95% \
         intervals.",
        advice.subject.dates.range_name(judged.first, judged.last),
        thousands(judged.rows),
        judged.share_log_loss,
        judged.best_log_loss
    );
    let fits = if yearly { "refits a year" } else { "refits in 100 windows" };
    let wrong = format!("more wrong answers per 1,000 rows than {than}");
    let header = ["history, refit", "keeps", "95% interval", wrong.as_str(), "log-loss", fits, "verdict"];
    let all = advice.comparison.planned.iter().chain(&advice.comparison.further);
    let heading = if is_log { "The models that served" } else { "All policies" };
    Some(Table {
        heading: heading.to_owned(),
        note,
        header: header.map(str::to_owned).to_vec(),
        rows: all.map(|found| policy(advice, found)).collect(),
    })
}

/// Returns a table of the windows in which the alarm of each policy rang. Returns `None` if none rang.
pub fn alarms(advice: &Advice) -> Option<Table> {
    let rows = refit_windows(advice, |refit| refit != Refit::WhenItPays);
    (!rows.is_empty()).then(|| Table {
        heading: "Alarms".to_owned(),
        note: "When the alarm of each policy rang, in the run that starts with the newest model.".to_owned(),
        header: ["history, refit", "rang in"].map(str::to_owned).to_vec(),
        rows,
    })
}

/// Returns a table of the windows after which the policies refitted that refit when it pays. Returns `None` if no refit
/// paid.
pub fn refits_that_paid(advice: &Advice) -> Option<Table> {
    let rows = refit_windows(advice, |refit| refit == Refit::WhenItPays);
    (!rows.is_empty()).then(|| Table {
        heading: "Refits that paid".to_owned(),
        note: "The windows after which each policy refitted, in the run that starts with the newest model.".to_owned(),
        header: ["history, refit", "refitted after"].map(str::to_owned).to_vec(),
        rows,
    })
}

/// Returns the windows in which the alarm of each policy rang, or after which a refit paid. `is_kind` selects the
/// policies.
fn refit_windows(advice: &Advice, is_kind: impl Fn(Refit) -> bool) -> Vec<TableRow> {
    let all = advice.comparison.further.iter();
    let found = all.filter(|found| !found.rang.is_empty() && is_kind(found.policy.refit));
    let row = |found: &PolicyFinding| {
        let dates = &advice.subject.dates;
        let name = |alarm: &AlarmWindow| match dates.date(alarm.window) {
            Some(_) => dates.name(alarm.window),
            None => alarm.label.clone(),
        };
        let windows: Vec<String> = found.rang.iter().map(name).collect();
        let name = found.policy.name(advice.subject.window_unit);
        TableRow { cells: vec![name, windows.join(", ")], is_named: advice.is_named(found) }
    };
    found.map(row).collect()
}

fn policy(advice: &Advice, found: &PolicyFinding) -> TableRow {
    let is_best = advice.comparison.is_best(found);
    let cells = vec![
        found.policy.name(advice.subject.window_unit),
        found.kept.in_words(),
        advice.interval_shown(found).map_or_else(String::new, Interval::percent),
        found.wrong_answers.with_interval(),
        format!("{:.4}", found.errors.log_loss),
        format!("{:.1}", found.effort.fits()),
        if is_best { "best".to_owned() } else { found.verdict_in_words() },
    ];
    TableRow { cells, is_named: advice.is_named(found) }
}
