//! Writes the text of a pipeline file, with the findings as comments.

use std::collections::BTreeMap;
use std::path::Path;

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, Key, Table, Value, value};

use crate::inspection::error::{InspectionError, Result};
use crate::inspection::options::Options;
use crate::inspection::order::Order;
use crate::inspection::plan::PipelinePlan;
use crate::inspection::progress::ProgressCallback;
use crate::inspection::roles::MIN_COUNT;
use crate::inspection::scan::Scan;
use crate::inspection::survey::{RefusedRows, Survey};
use crate::inspection::windows::{WindowChoice, by_number, choose};
use crate::json::JsonKeys;
use windrow_config::{Cut, Pipeline, TargetRule, WindowPolicy};
use windrow_record::display::{counted, excerpt, percent, shell_word, thousands};

/// The maximum length of a line of a list, in bytes.
const LINE_WIDTH: usize = 100;
/// The maximum number of characters of a dataset line in the comments.
const MAX_EXCERPT: usize = 110;
/// The default of `quarantine.max_share`: the share of refused rows that a pipeline allows.
const DEFAULT_REFUSED_SHARE: f64 = 0.01;
/// The maximum share of refused rows. With more, the file is probably not what the options say.
const MAX_REFUSED_SHARE: f64 = 0.5;
/// The share of windows with only one class above which a note says so.
const MAX_ONE_CLASS_SHARE: f64 = 0.2;
/// The maximum number of notes, and of columns left out, in the comments.
const MAX_LISTED: usize = 200;

/// A pipeline file that fits its dataset.
#[derive(Debug)]
pub struct Draft {
    /// The text of the pipeline file.
    pub text: String,
    /// Notes for the user, each a sentence.
    pub notes: Vec<String>,
    /// The columns that are left out, with the reason.
    pub left_out: Vec<(String, String)>,
    /// The windows, with the reason for the choice.
    pub cut: String,
    /// The pipeline file, parsed.
    pub pipeline: Pipeline,
}

/// Writes the pipeline file of a scanned dataset. `file` is its future path, and `command` the command line to repeat
/// in messages.
///
/// # Errors
/// An option is missing or not valid, or the dataset must be repaired first.
pub fn draft(scan: &Scan, options: &Options, file: &Path, command: &str, tell: ProgressCallback<'_>) -> Result<Draft> {
    let mut faults = encoding_fault(scan, command);
    let mut plan = match PipelinePlan::new(scan, options) {
        // The questions follow after the repair of the file.
        Err(InspectionError::Questions(_)) if !faults.is_empty() => return Err(InspectionError::Faults(faults)),
        plan => plan?,
    };
    let name = options.name.clone().unwrap_or_else(|| name_of(&scan.dataset.path));
    let window = options.window.as_deref().map(parse_window).transpose()?;
    // A calendar unit is chosen from counts by day. The survey has these only if windows are not cut by event time, so
    // it uses two parts.
    let whole = WindowChoice { key: "parts".to_owned(), value: Value::from(2), reason: String::new() };
    let survey = survey(&plan, &name, window.as_ref().unwrap_or(&whole), file, tell)?;
    plan.notes.extend(scan.json.iter().flat_map(JsonKeys::notes));
    plan.left_out.extend(scan.json.iter().flat_map(JsonKeys::left_out));
    if let Some(fault) = order(scan, &plan, &survey).fault() {
        let column = plan.dataset.time.as_ref().map_or("", |time| time.column.as_str());
        faults.push(format!(
            "{fault}, by the times in {column}: models would be tested on rows from before their training data\n  to \
             write a copy in order:  {command} --repaired-copy OUT.csv.zst\n  if {column} is not the time of a row:  \
             --time COLUMN, or --time none to use the order of the rows"
        ));
    }
    if !faults.is_empty() {
        return Err(InspectionError::Faults(faults));
    }
    check_classes(&survey, &plan)?;
    for leak in &survey.leaks {
        if options.keep.contains(&leak.column) {
            plan.notes.push(format!("{}: kept, although {}", leak.column, leak.reason));
            continue;
        }
        plan.leave_out(&leak.column, format!("{} (--keep {} keeps it)", leak.reason, shell_word(&leak.column)));
    }
    if plan.has_no_feature() {
        let reasons: Vec<String> = plan.left_out.iter().map(|(name, reason)| format!("\n  {name}: {reason}")).collect();
        return Err(InspectionError::Usage(format!("no column is left to train on:{}", reasons.concat())));
    }
    let cut = window.unwrap_or_else(|| choose(&survey));
    plan.notes.extend(one_class(&survey, &cut));
    let refused = refused(&survey, &cut);
    plan.notes.extend(refused.iter().map(|(what, rows)| {
        let go = if rows.rows == 1 { "it goes" } else { "they go" };
        format!("{what}: {}; {go} to quarantine", rows.example)
    }));
    let refused = refused.iter().map(|(_, rows)| rows.rows).sum::<u64>() as f64 / survey.rows as f64;
    if refused > MAX_REFUSED_SHARE {
        let (share, notes) = (percent(refused, 1), plan.notes.join("\n  "));
        let fault = format!("{share} of the rows cannot be used:\n  {notes}");
        return Err(InspectionError::Faults(vec![fault]));
    }
    let seen = Inspected { scan, survey: &survey, command, refused };
    let text = text(&plan, &name, &cut, file, Some(&seen));
    let pipeline = Pipeline::parse(file, &text)?;
    let cut = if cut.reason.is_empty() { pipeline.window.plural() } else { cut.reason };
    Ok(Draft { text, notes: plan.notes, left_out: plan.left_out, cut, pipeline })
}

/// Returns the order of the rows by their times. The scan is preferred, because it includes the rows that are not
/// UTF-8.
fn order(scan: &Scan, plan: &PipelinePlan, survey: &Survey) -> Order {
    let seen = plan.dataset.time.as_ref().and_then(|time| {
        let column = &scan.columns[scan.index_of(&time.column)?];
        let fitting = column.times.fitting();
        fitting.into_iter().find(|(candidate, _)| candidate.format == time.format).map(|(_, fit)| fit.order)
    });
    seen.unwrap_or(survey.order)
}

fn encoding_fault(scan: &Scan, command: &str) -> Vec<String> {
    let Some(fault) = scan.encoding_fault() else { return Vec::new() };
    vec![format!(
        "{fault}\n  to write a UTF-8 copy of it, read as Windows-1252:  {command} --repaired-copy OUT.csv.zst"
    )]
}

/// Returns the rows that go to quarantine, by kind of fault. Each example is a sentence.
fn refused(survey: &Survey, cut: &WindowChoice) -> Vec<(String, RefusedRows)> {
    let summarize = |(what, found): (&String, &RefusedRows)| {
        let (rows, first) = (counted(found.rows, "row", "rows"), thousands(found.first));
        let which = if found.rows == 1 { "" } else { "the first is " };
        let example = format!("{rows}, {which}row {first}: {}", found.example);
        (what.clone(), RefusedRows { example, ..found.clone() })
    };
    let mut refused: Vec<(String, RefusedRows)> = survey.refused.iter().map(summarize).collect();
    // Zero if the survey was made for event windows, because then rows without a time are refused already.
    let timeless = survey.accepted_rows().saturating_sub(survey.order.rows);
    if cut.key == "event" && timeless > 0 {
        let example = counted(timeless, "row has no time", "rows have no time");
        refused.push(("time".to_owned(), RefusedRows { rows: timeless, first: 0, example }));
    }
    refused
}

/// Returns a note if many windows have only one class. If the rows are in the order of the target, no model can be
/// trained.
fn one_class(survey: &Survey, cut: &WindowChoice) -> Option<String> {
    let parts = cut.value.as_integer().filter(|_| cut.key == "parts")?;
    let parts = WindowPolicy::Parts(u32::try_from(parts).ok()?.try_into().ok()?);
    let windows = by_number(&survey.labels, &Cut::new(parts, Some(survey.rows)));
    let single = windows.iter().filter(|counts| counts.positive == 0 || counts.positive == counts.labelled).count();
    let is_much = single as f64 > MAX_ONE_CLASS_SHARE * windows.len() as f64;
    is_much.then(|| {
        let all = windows.len();
        let have = if single == 1 { "has" } else { "have" };
        format!("{single} of {all} windows {have} rows of only one class: are the rows sorted by the target?")
    })
}

/// Makes the second pass over the rows, as a pipeline of this plan would read them.
fn survey(plan: &PipelinePlan, name: &str, cut: &WindowChoice, file: &Path, tell: &dyn Fn(u64)) -> Result<Survey> {
    let mut plan = plan.clone();
    if plan.has_no_feature() {
        // Only the target is left. The file needs a feature to be valid; the error follows after the survey.
        plan.categorical.extend(plan.left_out.first().map(|(name, _)| name.clone()));
    }
    let pipeline = Pipeline::parse(file, &text(&plan, name, cut, file, None))?;
    Survey::take(&pipeline, tell)
}

/// Checks that a model can be trained: the rows must have both classes.
fn check_classes(survey: &Survey, plan: &PipelinePlan) -> Result<()> {
    let (labelled, positives) = (survey.labelled(), survey.positives);
    let rule = describe_rule(&plan.target.column, &plan.target.rule);
    let problem = if labelled == 0 {
        let first = survey.refused.values().next();
        let first = first.map(|refused| format!("; row {}: {}", refused.first, refused.example));
        format!("no valid row has a target{}", first.unwrap_or_default())
    } else if positives == 0 || positives == labelled {
        let which = if positives == 0 { "no" } else { "every" };
        format!("--target: {which} row matches {rule}: there is nothing to predict; choose another rule")
    } else {
        return Ok(());
    };
    Err(InspectionError::Usage(problem))
}

struct Inspected<'a> {
    scan: &'a Scan,
    survey: &'a Survey,
    command: &'a str,
    /// The share of the rows that go to quarantine.
    refused: f64,
}

fn text(plan: &PipelinePlan, name: &str, cut: &WindowChoice, file: &Path, seen: Option<&Inspected<'_>>) -> String {
    let mut document = DocumentMut::new();
    let head = seen.map_or_else(String::new, |seen| head(plan, seen));
    document.insert_formatted(&Key::new("name").with_leaf_decor(Decor::new(head, " ")), value(name));
    document.insert("dataset", Item::Table(dataset(plan, file)));
    document.insert("target", Item::Table(target(plan, seen)));
    document.insert("features", Item::Table(features(plan, seen)));
    let window = [(cut.key.as_str(), with_comment(cut.value.clone(), &cut.reason))];
    document.insert("window", Item::Table(Table::from_iter(window)));
    if let Some(share) = seen.map(|seen| seen.refused).filter(|share| *share > DEFAULT_REFUSED_SHARE) {
        // Half as much again, because later rows may be a little worse.
        let allowed = (100.0 * (1.5 * share + 0.005)).round() / 100.0;
        let note = format!("{} of the rows cannot be used: see above", percent(share, 1));
        document.insert("quarantine", Item::Table(Table::from_iter([("max_share", with_comment(allowed, &note))])));
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

fn features(plan: &PipelinePlan, seen: Option<&Inspected<'_>>) -> Table {
    let mut table = Table::from_iter([
        ("numeric", list("numeric", &plan.numeric)),
        ("categorical", list("categorical", &plan.categorical)),
    ]);
    if !plan.calendar.is_empty() {
        table.insert("calendar", value(plan.calendar.iter().copied().collect::<Array>()));
    }
    let min_count = i64::try_from(MIN_COUNT).unwrap_or(i64::MAX);
    table.insert("min_count", with_comment(min_count, "values seen fewer times share the level 'other'"));
    if seen.is_some() && !plan.left_out.is_empty() {
        let lines = plan.left_out.iter().take(MAX_LISTED).map(|(name, reason)| comment(&format!("  {name}: {reason}")));
        table.decor_mut().set_prefix(format!("\n# Left out:\n{}", lines.collect::<String>()));
    }
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

fn describe_rule(column: &str, rule: &TargetRule) -> String {
    match rule {
        TargetRule::AtLeast(bound) => format!("{column} >= {bound}"),
        TargetRule::Above(bound) => format!("{column} > {bound}"),
        TargetRule::AtMost(bound) => format!("{column} <= {bound}"),
        TargetRule::Below(bound) => format!("{column} < {bound}"),
        TargetRule::Equals(text) => format!("{column} = {text}"),
        TargetRule::OneOf(texts) => format!("{column} in {}", texts.join(",")),
    }
}

fn number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 { Value::from(number as i64) } else { Value::from(number) }
}

fn parse_window(text: &str) -> Result<WindowChoice> {
    let (key, value) = text.split_once('=').map_or(("event", text.trim()), |(key, value)| (key.trim(), value.trim()));
    let value = match (key, value.parse::<u32>()) {
        ("parts" | "rows", Ok(count)) if count > 0 => Value::from(i64::from(count)),
        ("event" | "every", _) => Value::from(value),
        _ => {
            let expected = "day, week, month, quarter, a duration as in 14d, parts=N or rows=N";
            return Err(InspectionError::Usage(format!("--window: `{text}` is not valid; expected {expected}")));
        }
    };
    Ok(WindowChoice { key: key.to_owned(), value, reason: String::new() })
}

/// Derives a name for the topic and the folder from the name of a file.
pub fn name_of(path: &Path) -> String {
    let file = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let stem = file.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    let name: String = stem.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let name = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if name.is_empty() { "data".to_owned() } else { name }
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
