//! Writes the text of a pipeline file, with the findings as comments.

use std::collections::BTreeMap;
use std::path::Path;

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, Key, Table, Value, value};

use crate::inspection::plan::PipelinePlan;
use crate::inspection::scan::Scan;
use crate::inspection::survey::Survey;
use crate::inspection::typing::MIN_COUNT;
use crate::inspection::windows::WindowChoice;
use windrow_config::{LabelDelay, TargetRule};
use windrow_record::display::{counted, excerpt, percent, thousands};

/// The maximum length of a line of a list, in bytes.
const LINE_WIDTH: usize = 100;
/// The maximum number of characters of a dataset line in the comments.
const MAX_EXCERPT: usize = 110;
/// The default of `quarantine.max_share`: the share of refused rows that a pipeline allows.
const DEFAULT_REFUSED_SHARE: f64 = 0.01;
/// The rows of a window for each row that a value needs for a level of its own, and the least number of rows.
const ROWS_PER_COUNT: u64 = 20;
const LEAST_MIN_COUNT: u64 = 5;
/// The maximum number of notes, and of columns left out, in the comments.
const MAX_LISTED: usize = 200;

/// The findings that a pipeline file has as comments.
pub(crate) struct Inspected<'a> {
    pub(crate) scan: &'a Scan,
    pub(crate) survey: &'a Survey,
    pub(crate) command: &'a str,
    /// The share of the rows that go to quarantine.
    pub(crate) refused: f64,
    /// The label delay, if labels are late.
    pub(crate) delay: Option<&'a LabelDelay>,
    /// The command of the learner. Empty for a built-in one.
    pub(crate) learner: &'a [String],
}

/// Returns the text of a pipeline file. `file` is its future path.
pub(crate) fn text(
    plan: &PipelinePlan,
    name: &str,
    cut: &WindowChoice,
    file: &Path,
    seen: Option<&Inspected<'_>>,
) -> String {
    let mut document = DocumentMut::new();
    let head = seen.map_or_else(String::new, |seen| head(plan, seen));
    document.insert_formatted(&Key::new("name").with_leaf_decor(Decor::new(head, " ")), value(name));
    document.insert("dataset", Item::Table(dataset(plan, file)));
    document.insert("target", Item::Table(target(plan, seen)));
    document.insert("features", Item::Table(features(plan, cut, seen)));
    let window = [(cut.key.as_str(), with_comment(cut.value.clone(), &cut.reason))];
    document.insert("window", Item::Table(Table::from_iter(window)));
    if let Some(share) = seen.map(|seen| seen.refused).filter(|share| *share > DEFAULT_REFUSED_SHARE) {
        // Half as much again, because later rows may be a little worse.
        let allowed = (100.0 * (1.5 * share + 0.005)).round() / 100.0;
        let note = format!("{} of the rows cannot be used: see above", percent(share, 1));
        document.insert("quarantine", Item::Table(Table::from_iter([("max_share", with_comment(allowed, &note))])));
    }
    if let Some(command) = seen.map(|seen| seen.learner).filter(|command| !command.is_empty()) {
        document.insert("train", Item::Table(train(command)));
    }
    if let Some(delay) = seen.and_then(|seen| seen.delay) {
        let delay = match delay {
            LabelDelay::Windows(windows) => Value::from(i64::from(*windows)),
            LabelDelay::After { text, .. } => Value::from(text.as_str()),
        };
        let note = "how long after its row a label is known";
        document.insert("advise", Item::Table(Table::from_iter([("label_delay", with_comment(delay, note))])));
    }
    document.to_string()
}

fn head(plan: &PipelinePlan, seen: &Inspected<'_>) -> String {
    let (rows, columns) = (thousands(seen.survey.rows), seen.scan.names.len());
    let mut head = comment(&format!("{rows} rows of {columns} columns, as found by `{}`.", seen.command));
    head += "#\n# The file begins:\n";
    head.extend(seen.scan.first_lines.iter().map(|line| comment(&format!("    {}", excerpt(line, MAX_EXCERPT)))));
    head += "#\n";
    head.extend(plan.notes.iter().take(MAX_LISTED).map(|note| comment(note)));
    head + "\n"
}

fn dataset(plan: &PipelinePlan, file: &Path) -> Table {
    let dataset = &plan.dataset;
    let is_beside = file.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    // Paths are relative to the folder of the pipeline file. If that is the current folder, the path stays as it is.
    let path = if is_beside {
        dataset.path.clone()
    } else {
        std::path::absolute(&dataset.path).unwrap_or(dataset.path.clone())
    };
    let mut table = Table::from_iter([("path", value(path.display().to_string()))]);
    if let Some(lines) = dataset.skip {
        let first = if dataset.columns.is_some() { "first row" } else { "header line" };
        let lines = i64::try_from(lines).unwrap_or(i64::MAX);
        table.insert("skip", with_comment(lines, &format!("lines before the {first}")));
    }
    if let Some(columns) = &dataset.columns {
        table.insert("columns", list("columns", columns));
    }
    let delimiter = Some(dataset.delimiter).filter(|byte| *byte != b',');
    for (key, byte) in [("delimiter", delimiter), ("quote", dataset.quote), ("decimal", dataset.decimal)] {
        if let Some(byte) = byte {
            table.insert(key, value(char::from(byte).to_string()));
        }
    }
    let inline = |texts: &BTreeMap<String, String>| {
        let texts = texts.iter().map(|(key, text)| (key.as_str(), Value::from(text.as_str())));
        Value::InlineTable(InlineTable::from_iter(texts))
    };
    let numbers = dataset.numbers.iter().map(|(column, form)| (column.clone(), Value::from(form.as_str())));
    insert_columns(&mut table, "numbers", numbers.collect());
    let days_since = dataset.days_since.iter().map(|(column, format)| (column.clone(), Value::from(format.as_str())));
    insert_columns(&mut table, "days_since", days_since.collect());
    let replace = dataset.replace.iter().map(|(column, texts)| (column.clone(), inline(texts)));
    insert_columns(&mut table, "replace", replace.collect());
    if let Some(skips) = dataset.skip_initial_space {
        table.insert("skip_initial_space", value(skips));
    }
    table.insert("null", list("null", &dataset.null));
    if let Some(time) = &dataset.time {
        let mut parts = InlineTable::from_iter([("column", time.column.as_str()), ("format", time.format.as_str())]);
        parts.extend(time.from.iter().map(|from| ("from", Value::from_iter(from))));
        table.insert("time", value(parts));
    }
    table
}

/// Inserts a key that has a value for some columns: on one line if there are few, and as a table otherwise.
fn insert_columns(table: &mut Table, key: &str, columns: Vec<(String, Value)>) {
    const MAX_ON_ONE_LINE: usize = 3;
    match columns.len() {
        0 => {}
        1..=MAX_ON_ONE_LINE => drop(table.insert(key, value(InlineTable::from_iter(columns)))),
        _ => drop(table.insert(key, Item::Table(Table::from_iter(columns)))),
    }
}

fn target(plan: &PipelinePlan, seen: Option<&Inspected<'_>>) -> Table {
    let (key, rule) = rule(&plan.target.rule);
    let share = seen.map_or_else(String::new, |Inspected { survey, .. }| {
        let share = percent(survey.positives as f64 / survey.labelled().max(1) as f64, 1);
        let without = match survey.unlabelled {
            0 => String::new(),
            rows => format!("; {}", counted(rows, "has no target", "have no target")),
        };
        format!("{share} of {} rows{without}", thousands(survey.labelled()))
    });
    Table::from_iter([("column", value(&plan.target.column)), (key, with_comment(rule, &share))])
}

fn features(plan: &PipelinePlan, cut: &WindowChoice, seen: Option<&Inspected<'_>>) -> Table {
    let mut table = Table::from_iter([
        ("numeric", list("numeric", &plan.numeric)),
        ("categorical", list("categorical", &plan.categorical)),
    ]);
    if !plan.calendar.is_empty() {
        table.insert("calendar", value(plan.calendar.iter().copied().collect::<Array>()));
    }
    // A window of few rows would have only the level 'other' with a higher number.
    let of_window = cut.rows.map_or(MIN_COUNT, |rows| rows / ROWS_PER_COUNT).clamp(LEAST_MIN_COUNT, MIN_COUNT);
    let min_count = i64::try_from(of_window).unwrap_or(i64::MAX);
    table.insert("min_count", with_comment(min_count, "values seen fewer times share the level 'other'"));
    if seen.is_some() && !plan.left_out.is_empty() {
        let lines = plan.left_out.iter().take(MAX_LISTED).map(|(name, reason)| comment(&format!("  {name}: {reason}")));
        table.decor_mut().set_prefix(format!("\n# Left out:\n{}", lines.collect::<String>()));
    }
    table
}

/// Returns the table of a learner outside of this program.
fn train(command: &[String]) -> Table {
    let run = with_comment(Array::from_iter(command), "it is started in the folder of this file");
    let mut table = Table::from_iter([("solver", with_comment("command", "a program of your own"))]);
    table.insert("command", Item::Table(Table::from_iter([("run", run)])));
    table
}

fn rule(rule: &TargetRule) -> (&'static str, Value) {
    match rule {
        TargetRule::AtLeast(bound) => ("at_least", number(*bound)),
        TargetRule::Above(bound) => ("above", number(*bound)),
        TargetRule::AtMost(bound) => ("at_most", number(*bound)),
        TargetRule::Below(bound) => ("below", number(*bound)),
        TargetRule::Equals(text) => ("equals", text.into()),
        TargetRule::OneOf(texts) => ("one_of", Value::from_iter(texts)),
    }
}

fn number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 { Value::from(number as i64) } else { Value::from(number) }
}

/// Makes a comment line. Control characters are replaced, because a line break would end the comment.
fn comment(text: &str) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("# {text}").trim_end().to_owned() + "\n"
}

/// Makes a value with a comment after it, if the comment is not empty.
fn with_comment(value: impl Into<Value>, comment: &str) -> Item {
    let mut value = value.into();
    if !comment.is_empty() {
        value.decor_mut().set_suffix(format!("  # {comment}"));
    }
    Item::Value(value)
}

/// Makes the list of a key, on several lines if one would be too long.
fn list(key: &str, names: &[String]) -> Item {
    let mut list = Array::from_iter(names);
    if key.len() + " = ".len() + list.to_string().len() > LINE_WIDTH {
        let mut length = LINE_WIDTH;
        for name in list.iter_mut() {
            let more = name.to_string().len() + ",".len();
            let on_line = length + " ".len() + more;
            let prefix = if on_line <= LINE_WIDTH { " " } else { "\n    " };
            length = if on_line <= LINE_WIDTH { on_line } else { "    ".len() + more };
            name.decor_mut().set_prefix(prefix);
        }
        list.set_trailing("\n");
        list.set_trailing_comma(true);
    }
    value(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_broken_and_comments_stay_on_their_line() {
        let names: Vec<String> = (0..30).map(|number| format!("column_{number}")).collect();
        let text =
            Table::from_iter([("numeric", list("numeric", &names)), ("rows", with_comment(7, "why"))]).to_string();
        assert!(text.starts_with("numeric = [\n    \"column_0\", \"column_1\","), "{text}");
        assert!(text.ends_with(" \"column_29\",\n]\nrows = 7  # why\n"), "{text}");
        assert_eq!(text.lines().map(str::len).max(), Some(99), "{text}");
        assert_eq!(list("numeric", &names[..2]).to_string(), "[\"column_0\", \"column_1\"]");
        assert_eq!((comment("a\nb"), comment("")), ("# a b\n".to_owned(), "#\n".to_owned()));
    }
}
