//! `windrow check`: checks whether a pipeline file fits its dataset.

use tokio_util::sync::CancellationToken;

use crate::app::AppError;
use crate::cli::args::CheckArgs;
use crate::cli::error::CliError;
use crate::cli::print::{json, short_name, stdout, table, wrapped};
use crate::cli::progress::Display;
use windrow_base::runtime::blocking;
use windrow_config::Pipeline;
use windrow_dataset::inspection::{self, Category, Check, Window};
use windrow_record::display::{counted, percent, thousands};

/// The number of windows and notes that are listed without `--all`.
const MAX_LISTED: usize = 10;

pub(crate) async fn execute(args: CheckArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let pipeline = Pipeline::load(&args.pipeline).map_err(AppError::from)?;
    let counting = display.counting("checking");
    let tell = counting.callback();
    let checking = blocking(move || inspection::check(&pipeline, &*tell));
    let Some(check) = stop.run_until_cancelled(checking).await.transpose()? else { return Ok(()) };
    drop(counting);
    let printed = if args.json { json(&check) } else { stdout(&text(&check, args.all)) };
    printed?;
    match check.faults.len() {
        0 => Ok(()),
        faults => Err(CliError::Failed(format!("the check found {}", counted(faults as u64, "fault", "faults")))),
    }
}

fn text(check: &Check, all: bool) -> String {
    let labelled = check.accepted_rows() - check.without_target;
    let mut text = format!(
        "{}; {}; {} of the others are positive\n",
        counted(check.rows, "row", "rows"),
        counted(check.without_target, "has no target", "have no target"),
        percent(check.positive as f64 / labelled.max(1) as f64, 1)
    );
    if check.order.is_some_and(|order| order.out_of_order == 0 && order.rows > 0) {
        text.push_str("all rows are in the order of their times\n");
    }
    windows(check, all, &mut text);
    let categories: Vec<String> = check.categories.iter().map(category).collect();
    for (title, list) in [("categories", &categories), ("faults", &check.faults), ("notes", &check.notes)] {
        if list.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{title}:\n"));
        let shown = if all { list.len() } else { MAX_LISTED };
        for sentence in list.iter().take(shown) {
            text.push_str(&wrapped(sentence));
        }
        if list.len() > shown {
            text.push_str(&format!("  and {} more: --all\n", list.len() - shown));
        }
    }
    if check.faults.is_empty() {
        text.push_str("\nno faults: every row would be stored\n");
    }
    text
}

/// Formats the number of values of a category and its most frequent values.
fn category(Category { column, levels, most, .. }: &Category) -> String {
    let levels = match levels {
        Some(levels) => counted(*levels as u64, "value", "values"),
        None => "more than 10,000 values".to_owned(),
    };
    let most: Vec<String> = most.iter().map(|(value, count)| format!("{value} {}", thousands(*count))).collect();
    format!("{column}: {levels}: {}", most.join(", "))
}

fn windows(check: &Check, all: bool, text: &mut String) {
    let shown = if all { check.windows.len() } else { MAX_LISTED };
    if check.windows.is_empty() {
        return;
    }
    let mut table = table(["window", "rows", "with target", "positive"], 1..4);
    for Window { window, period, counts } in check.windows.iter().take(shown) {
        let share = counts.positive as f64 / counts.labelled as f64;
        let share = if counts.labelled == 0 { "-".to_owned() } else { percent(share, 1) };
        table.add_row([
            short_name(u32::try_from(*window).unwrap_or(u32::MAX), period.as_deref()),
            thousands(counts.rows),
            thousands(counts.labelled),
            share,
        ]);
    }
    text.push_str(&format!("\n{}\n", table.trim_fmt()));
    if check.windows.len() > shown {
        let hidden = (check.windows.len() - shown) as u64;
        text.push_str(&format!("{}: --all\n", counted(hidden, "more window", "more windows")));
    }
}
