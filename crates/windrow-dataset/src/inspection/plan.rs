//! Derives the contents of a pipeline file from a scan and the user's options, or the questions that are left.

use std::collections::BTreeSet;

use crate::inspection::column::Column;
use crate::inspection::error::InspectionError;
use crate::inspection::options::Options;
use crate::inspection::question::{Question, QuestionKind};
use crate::inspection::roles::{Role, role};
use crate::inspection::scan::Scan;
use crate::inspection::target::{self, Target};
use crate::inspection::times::{Candidate, DateOrder};
use windrow_config::TimeColumn;
use windrow_record::TimeFormat;
use windrow_record::display::{counted, percent, shell_word, thousands};

/// The value of `--time` if no column is a time.
const NO_TIME: &str = "none";
/// The maximum number of renamed columns that are listed.
const MAX_LISTED_NAMES: usize = 5;
/// Words in the names of columns that count seconds.
const TIME_WORDS: [&str; 9] = ["time", "date", "ts", "stamp", "epoch", "created", "updated", "when", "_at"];

/// The contents of the pipeline file, except for the windows.
#[derive(Debug, Clone)]
pub(crate) struct PipelinePlan {
    pub(crate) dataset: windrow_config::Dataset,
    pub(crate) target: Target,
    pub(crate) numeric: Vec<String>,
    pub(crate) categorical: Vec<String>,
    pub(crate) has_hours: bool,
    /// The columns that are not used, with the reason.
    pub(crate) left_out: Vec<(String, String)>,
    /// Notes for the user, each a sentence.
    pub(crate) notes: Vec<String>,
}

impl PipelinePlan {
    /// Makes the plan for a scanned file.
    ///
    /// # Errors
    /// An option is not valid, or the user must answer questions first.
    pub(crate) fn new(scan: &Scan, options: &Options) -> Result<Self, InspectionError> {
        check_names(scan, options)?;
        let has_comma = |column: &Column| column.is_number(true) && !column.is_number(false);
        let has_decimal_comma = scan.columns.iter().any(|column| column.comma_numbers > 0 && has_comma(column));
        let (mut questions, mut about_time, mut notes) = (Vec::new(), Vec::new(), renamed(scan));
        let time = or_asked(time(scan, options, &mut notes), &mut about_time)?.flatten();
        // The question about the target is the first one.
        let target = or_asked(target::read(options.target.as_deref(), scan), &mut questions)?;
        questions.append(&mut about_time);
        let target_column = target.as_ref().map(|target| target.column.as_str());
        let mut of_time: Vec<&str> = Vec::new();
        if let Some((time, _)) = &time {
            of_time.extend(time.from.iter().flatten().map(String::as_str).chain([time.column.as_str()]));
        }
        let (mut numeric, mut categorical, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for (name, column) in scan.names.iter().zip(&scan.columns) {
            if Some(name.as_str()) == target_column || of_time.contains(&name.as_str()) {
                continue;
            }
            let (role, role_notes) = match may_be_time(column) && !options.categorical.contains(name) {
                true => (Role::LeftOut("a time, but not the time of the row".to_owned()), None),
                false => role(name, column, has_decimal_comma, options),
            };
            notes.extend(role_notes);
            match role {
                Role::Number => numeric.push(name.clone()),
                Role::Category => categorical.push(name.clone()),
                Role::LeftOut(reason) => left_out.push((name.clone(), reason)),
                Role::Unclear(levels) => questions.push(unclear(name, levels)),
            }
        }
        if !questions.is_empty() {
            return Err(InspectionError::Questions(questions));
        }
        // Not reached: without a target there was a question.
        let Some(target) = target else { return Err(InspectionError::Usage("--target is missing".to_owned())) };
        let time = time.inspect(|(time, _)| notes.push(describe_time(time)));
        if time.is_none() {
            notes.push("no time column: the order of the rows is used as the time".to_owned());
        }
        let has_hours = time.as_ref().is_some_and(|(_, has_hours)| *has_hours);
        let decimal = has_decimal_comma.then_some(b',');
        let null = null(scan, &numeric, &target, options);
        notes.extend(mistakes(scan, &numeric, has_decimal_comma));
        let time = time.map(|(time, _)| time);
        let dataset = windrow_config::Dataset { decimal, null, time, ..scan.dataset.clone() };
        Ok(Self { dataset, target, numeric, categorical, has_hours, left_out, notes })
    }
}

/// Returns what was found. If the user must answer questions first, returns `None` and adds the questions.
fn or_asked<T>(found: Result<T, InspectionError>, asked: &mut Vec<Question>) -> Result<Option<T>, InspectionError> {
    match found {
        Err(InspectionError::Questions(questions)) => {
            asked.extend(questions);
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// Returns notes on the columns whose names were empty, repeated or surrounded by spaces.
fn renamed(scan: &Scan) -> Vec<String> {
    let some = scan.renamed.iter().take(MAX_LISTED_NAMES);
    let mut notes: Vec<String> = some.map(|(name, was)| format!("the column `{was}` is renamed to {name}")).collect();
    if scan.renamed.len() > MAX_LISTED_NAMES {
        let more = (scan.renamed.len() - MAX_LISTED_NAMES) as u64;
        notes.push(format!("and {}", counted(more, "more column is renamed", "more columns are renamed")));
    }
    notes
}

fn check_names(scan: &Scan, options: &Options) -> Result<(), InspectionError> {
    let lists = [
        ("--numeric", &options.numeric),
        ("--categorical", &options.categorical),
        ("--leave-out", &options.leave_out),
        ("--keep", &options.keep),
    ];
    for (option, names) in lists {
        if let Some(name) = names.iter().find(|name| scan.place(name).is_none()) {
            return Err(scan.no_column(option, name));
        }
    }
    let is_no_number = |name: &&String| scan.place(name).is_some_and(|place| !scan.columns[place].is_number(true));
    let Some(name) = options.numeric.iter().find(is_no_number) else { return Ok(()) };
    Err(InspectionError::Usage(format!("--numeric: {name} holds text, not numbers; use --categorical for it")))
}

/// Returns the time column of a file, for callers that need nothing else.
///
/// # Errors
/// The user must choose the time, or the option is not valid.
pub(crate) fn find_time(scan: &Scan, options: &Options) -> Result<Option<TimeColumn>, InspectionError> {
    Ok(time(scan, options, &mut Vec::new())?.map(|(time, _)| time))
}

/// The time column, and true if it includes the hour.
type FoundTime = (TimeColumn, bool);

/// Finds the column that says when a row happened: the one whose rows are most in order.
fn time(scan: &Scan, options: &Options, notes: &mut Vec<String>) -> Result<Option<FoundTime>, InspectionError> {
    if options.time.as_deref() == Some(NO_TIME) {
        return Ok(None);
    }
    if let Some(given) = &options.time {
        return parse_time_option(scan, given).map(Some);
    }
    let moves = |(_, column): &(&String, &Column)| column.values.len() != Some(1) && column.given() > 0;
    let columns = scan.names.iter().zip(&scan.columns).filter(moves);
    let mut found: Vec<(f64, bool, &String, &Column)> = Vec::new();
    for (name, column) in columns {
        let unordered = |out_of_order: u64| out_of_order as f64 / column.rows.max(1) as f64;
        if let Some((candidate, order)) = column.times.fitting().first() {
            found.push((unordered(order.out_of_order), candidate.is_date, name, column));
        } else if column.epoch().is_some() {
            let (lower, order) = (name.to_lowercase(), &column.number_order);
            if order.out_of_order == 0 || TIME_WORDS.iter().any(|word| lower.contains(word)) {
                found.push((unordered(order.out_of_order), false, name, column));
            }
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let Some((_, _, name, column)) = found.first() else { return Ok(None) };
    if found.len() > 1 {
        let others: Vec<&str> = found[1..].iter().map(|(_, _, name, _)| name.as_str()).collect();
        let others = others.join(", ");
        notes.push(format!("{name} is used as the time of the row, not {} (choose another with --time)", others));
    }
    of_column(scan, name, column).map(Some)
}

fn of_column(scan: &Scan, name: &str, column: &Column) -> Result<FoundTime, InspectionError> {
    match &column.times.fitting()[..] {
        [] => match column.epoch() {
            Some(epoch) => Ok((time_column(name, epoch.to_owned(), None)?, true)),
            None => {
                let example =
                    column.values.by_count().first().map_or(String::new(), |(value, _)| format!(", as in `{value}`"));
                let format = "--time COLUMN=FORMAT, with strftime's directives";
                let problem = format!("--time: the format of {name} is not known{example}; give it with {format}");
                Err(InspectionError::Usage(problem))
            }
        },
        [(candidate, _)] => with_clock(scan, name, candidate.format.as_str(), !candidate.is_date),
        several => Err(InspectionError::Questions(vec![day_or_month(name, several)])),
    }
}

fn parse_time_option(scan: &Scan, given: &str) -> Result<FoundTime, InspectionError> {
    if let Some(place) = scan.place(given) {
        return of_column(scan, given, &scan.columns[place]);
    }
    let Some((name, format)) = given.split_once('=') else { return Err(scan.no_column("--time", given)) };
    if scan.place(name).is_none() {
        return Err(scan.no_column("--time", name));
    }
    let has_hours = ["%H", "%I", "%k", "%s", "%T", "%R", "seconds"].iter().any(|hours| format.contains(hours));
    with_clock(scan, name, format, has_hours)
}

/// Returns the time in a column. A date without a time of day is combined with the nearest column of times of day.
fn with_clock(scan: &Scan, name: &str, format: &str, has_hours: bool) -> Result<FoundTime, InspectionError> {
    match nearest_clock(scan, name).filter(|_| !has_hours) {
        Some((clock, clock_format)) => {
            let from = Some([name.to_owned(), clock.to_owned()]);
            let column = joined_name(scan, name, clock);
            Ok((time_column(&column, format!("{format} {clock_format}"), from)?, true))
        }
        None => Ok((time_column(name, format.to_owned(), None)?, has_hours)),
    }
}

fn time_column(column: &str, format: String, from: Option<[String; 2]>) -> Result<TimeColumn, InspectionError> {
    let format = TimeFormat::new(format).map_err(|error| InspectionError::Usage(format!("--time: {error}")))?;
    Ok(TimeColumn { column: column.to_owned(), format, from })
}

/// Returns the column of times of day that is nearest to a column of dates, and its format.
fn nearest_clock<'s>(scan: &'s Scan, date: &str) -> Option<(&'s str, &'static str)> {
    let place = scan.place(date)?;
    let clocks = scan.names.iter().zip(&scan.columns).enumerate();
    let clocks = clocks.filter_map(|(at, (name, column))| Some((at.abs_diff(place), name, column.clock.fitting()?)));
    clocks.min_by_key(|(distance, _, _)| *distance).map(|(_, name, format)| (name.as_str(), format))
}

fn joined_name(scan: &Scan, date: &str, clock: &str) -> String {
    let name = format!("{date}_{clock}");
    if scan.place(&name).is_some() { format!("{name}_joined") } else { name }
}

fn day_or_month(name: &str, several: &[(&'static Candidate, &crate::inspection::order::Order)]) -> Question {
    let choices = several.iter().map(|(candidate, order)| {
        let first = match candidate.order {
            DateOrder::Day => "the day first",
            DateOrder::Month => "the month first",
            DateOrder::Year => "the year first",
        };
        let order = if order.out_of_order == 0 {
            "all rows in order".to_owned()
        } else {
            format!("{} of the rows out of order", percent(order.share(), 0))
        };
        (format!("{name}={}", candidate.format.as_str()), format!("{first}: {order}"))
    });
    let text = format!("{name}: the order of day and month is not clear; which comes first?");
    Question { kind: QuestionKind::Time, text, option: "--time", choices: choices.collect() }
}

fn unclear(name: &str, levels: usize) -> Question {
    let levels = thousands(levels as u64);
    let text = format!("{name}: whole numbers with {levels} different values; is it an id, a number or a category?");
    let meanings = [
        "an id of single things: leave it out",
        "a quantity: use it as a number",
        "a code for a group: use it as a category",
    ];
    let choices = meanings.map(|meaning| (name.to_owned(), meaning.to_owned())).to_vec();
    Question { kind: QuestionKind::Unclear(name.to_owned()), text, option: "", choices }
}

fn describe_time(time: &TimeColumn) -> String {
    match &time.from {
        Some([date, clock]) => format!("time: {date} and {clock} combined, in the format {}", time.format.as_str()),
        None => format!("time: {}, in the format {}", time.column, time.format.as_str()),
    }
}

fn may_be_time(column: &Column) -> bool {
    !column.times.fitting().is_empty() || column.clock.fitting().is_some()
}

/// Returns the texts that mean 'missing': those among numbers, those in the target column, and those of the options.
fn null(scan: &Scan, numeric: &[String], target: &Target, options: &Options) -> Vec<String> {
    let mut texts: BTreeSet<String> = BTreeSet::from([String::new()]);
    for (name, column) in scan.names.iter().zip(&scan.columns) {
        if numeric.contains(name) || *name == target.column {
            texts.extend(column.missing.keys().cloned());
        }
    }
    texts.extend(options.null.iter().cloned());
    texts.into_iter().collect()
}

/// Returns notes on the cells of number columns that are not numbers, and on numbers that may mean 'missing'.
fn mistakes(scan: &Scan, numeric: &[String], has_decimal_comma: bool) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, column) in scan.names.iter().zip(&scan.columns).filter(|(name, _)| numeric.contains(name)) {
        let no_numbers = column.given() - column.numbers - if has_decimal_comma { column.comma_numbers } else { 0 };
        if let Some((row, text)) = column.first_text.as_ref().filter(|_| no_numbers > 0) {
            let found = match no_numbers {
                1 => format!("1 cell is not a number (in row {row}, `{text}`); if it means"),
                _ => format!("{no_numbers} cells are not numbers (the first is in row {row}, `{text}`); if they mean"),
            };
            notes.push(format!("{name}: {found} 'missing', use --null {}", shell_word(text)));
        }
        for sentinel in column.sentinels() {
            let (number, (least, most)) = (sentinel.number, sentinel.others);
            notes.push(format!(
                "{name}: {number} appears {} times, far from the range of {least} to {most}; if it means 'missing', \
                 use --null={number}",
                sentinel.count
            ));
        }
    }
    notes
}
