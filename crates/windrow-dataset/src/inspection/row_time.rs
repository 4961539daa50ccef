//! Finds the time of a row: its column, its format, and the parts of the calendar that it has.

use crate::inspection::column::Column;
use crate::inspection::error::InspectionError;
use crate::inspection::options::Options;
use crate::inspection::question::{Choice, Question};
use crate::inspection::scan::Scan;
use crate::inspection::times::{Candidate, DateOrder, Fit};
use windrow_config::TimeColumn;
use windrow_record::TimeFormat;
use windrow_record::display::percent;

/// The value of `--time` if no column is a time.
const NO_TIME: &str = "none";
/// Words in the names of columns that count seconds.
const TIME_WORDS: [&str; 9] = ["time", "date", "ts", "stamp", "epoch", "created", "updated", "when", "_at"];
/// Words in the names of columns of years.
const YEAR_WORDS: [&str; 5] = ["year", "jahr", "annee", "ann\u{e9}e", "a\u{f1}o"];
/// The years that a column of whole numbers may hold.
const YEARS: std::ops::RangeInclusive<f64> = 1800.0..=2199.0;

/// The time of a row.
#[derive(Debug, Clone)]
pub(crate) struct FoundTime {
    pub(crate) column: TimeColumn,
    has_hours: bool,
    has_weekdays: bool,
}

impl FoundTime {
    /// The columns that the time is made of, and its own name.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let TimeColumn { column, from, .. } = &self.column;
        from.iter().flatten().map(String::as_str).chain([column.as_str()])
    }

    /// The parts of the calendar that differ between the times.
    pub(crate) fn calendar(&self) -> Vec<&'static str> {
        let parts = [("hour", self.has_hours), ("weekday", self.has_weekdays)];
        parts.into_iter().filter(|(_, has)| *has).map(|(part, _)| part).collect()
    }

    pub(crate) fn describe(&self) -> String {
        let TimeColumn { column, format, from } = &self.column;
        match from {
            Some([date, clock]) => format!("time: {date} and {clock} combined, in the format {}", format.as_str()),
            None => format!("time: {column}, in the format {}", format.as_str()),
        }
    }
}

/// Finds the column that says when a row happened: the one whose rows are most in order.
///
/// # Errors
/// The user must choose the time, or the option is not valid.
pub(crate) fn find(
    scan: &Scan,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Option<FoundTime>, InspectionError> {
    if options.time.as_deref() == Some(NO_TIME) {
        return Ok(None);
    }
    if let Some(given) = &options.time {
        return of_option(scan, given).map(Some);
    }
    // The time of the row is known for most rows, and differs between them.
    let is_other = |name: &String| {
        [&options.numeric, &options.categorical, &options.leave_out].iter().any(|list| list.contains(name))
    };
    let moves = |(name, column): &(&String, &Column)| {
        column.values.len() != Some(1) && 2 * column.given() >= column.rows && column.given() > 0 && !is_other(name)
    };
    let columns = scan.names.iter().zip(&scan.columns).filter(moves);
    let mut found: Vec<(f64, bool, &String, &Column)> = Vec::new();
    for (name, column) in columns.clone() {
        let unordered = |out_of_order: u64| out_of_order as f64 / column.rows.max(1) as f64;
        if let Some((candidate, fit)) = column.times.fitting().first() {
            found.push((unordered(fit.order.out_of_order), candidate.is_date, name, column));
        } else if column.epoch().is_some() {
            let lower = name.to_lowercase();
            let out_of_order = column.reading(false).map_or(0, |reading| reading.numbers.rising.out_of_order);
            if out_of_order == 0 || TIME_WORDS.iter().any(|word| lower.contains(word)) {
                found.push((unordered(out_of_order), false, name, column));
            }
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let Some((_, _, name, column)) = found.first() else {
        let year = columns.clone().find(|(name, column)| is_year(name, column));
        return year.map(|(name, _)| with_clock(scan, name, "%Y", None)).transpose();
    };
    if found.len() > 1 {
        let others: Vec<&str> = found[1..].iter().map(|(_, _, name, _)| name.as_str()).collect();
        let others = others.join(", ");
        notes.push(format!("{name} is used as the time of the row, not {} (choose another with --time)", others));
    }
    of_column(scan, name, column).map(Some)
}

/// Returns the parts of the calendar that differ between the times of a column. `None` if that is not known.
pub(crate) fn parts_of(scan: &Scan, time: &TimeColumn) -> Option<Vec<&'static str>> {
    let fitting = scan.columns.get(scan.index_of(&time.column)?)?.times.fitting();
    let (candidate, fit) = fitting.into_iter().find(|(candidate, _)| candidate.format == time.format)?;
    let (has_hours, has_weekdays) = (fit.has_clock, candidate.has_day && fit.has_weekdays());
    Some(FoundTime { column: time.clone(), has_hours, has_weekdays }.calendar())
}

/// Returns true if a column holds years in the order of the rows.
fn is_year(name: &str, column: &Column) -> bool {
    let lower = name.to_lowercase();
    let numbers =
        column.reading(false).map(|reading| reading.numbers).filter(|numbers| numbers.count == column.given());
    let are_four_digits = column.values.by_count().iter().all(|(text, _)| text.len() == 4);
    YEAR_WORDS.iter().any(|word| lower.contains(word))
        && are_four_digits
        && numbers.is_some_and(|numbers| {
            let (least, most) = numbers.range.unwrap_or_default();
            numbers.are_whole() && YEARS.contains(&least) && YEARS.contains(&most) && numbers.rising.out_of_order == 0
        })
}

fn of_column(scan: &Scan, name: &str, column: &Column) -> Result<FoundTime, InspectionError> {
    match &column.times.fitting()[..] {
        [] => match column.epoch() {
            Some(epoch) => {
                let column = time_column(name, epoch.to_owned(), None)?;
                Ok(FoundTime { column, has_hours: true, has_weekdays: true })
            }
            None if is_year(name, column) => with_clock(scan, name, "%Y", None),
            None => {
                let example =
                    column.values.by_count().first().map_or(String::new(), |(value, _)| format!(", as in `{value}`"));
                let format = "--time COLUMN=FORMAT, with strftime's directives";
                let problem = format!("--time: the format of {name} is not known{example}; give it with {format}");
                Err(InspectionError::Usage(problem))
            }
        },
        [(candidate, fit)] => with_clock(scan, name, candidate.format.as_str(), Some((candidate, fit))),
        several => Err(InspectionError::Questions(vec![day_or_month(name, several)])),
    }
}

fn of_option(scan: &Scan, given: &str) -> Result<FoundTime, InspectionError> {
    if let Some(index) = scan.index_of(given) {
        return of_column(scan, given, &scan.columns[index]);
    }
    let Some((name, format)) = given.split_once('=') else { return Err(scan.no_column("--time", given)) };
    let Some(index) = scan.index_of(name) else { return Err(scan.no_column("--time", name)) };
    let fitting = scan.columns[index].times.fitting();
    let known = fitting.into_iter().find(|(candidate, _)| candidate.format.as_str() == format);
    with_clock(scan, name, format, known)
}

/// Returns the time in a column. A date without a time of day is combined with the nearest column of times of day.
fn with_clock(
    scan: &Scan,
    name: &str,
    format: &str,
    known: Option<(&Candidate, &Fit)>,
) -> Result<FoundTime, InspectionError> {
    let has_directive = |list: &[&str]| list.iter().any(|directive| format.contains(directive));
    let formats_hours = has_directive(&["%H", "%I", "%k", "%s", "%T", "%R", "seconds"]);
    let formats_days = formats_hours || has_directive(&["%d", "%e", "%j", "%F", "%D", "%u", "%w", "%a", "%A"]);
    let has_weekdays = formats_days && known.is_none_or(|(_, fit)| fit.has_weekdays());
    match nearest_clock(scan, name).filter(|_| !formats_hours && formats_days) {
        Some((clock, clock_format)) => {
            let from = Some([name.to_owned(), clock.to_owned()]);
            let column = joined_name(scan, name, clock);
            let column = time_column(&column, format!("{format} {clock_format}"), from)?;
            Ok(FoundTime { column, has_hours: true, has_weekdays })
        }
        None => {
            let has_hours = formats_hours && known.is_none_or(|(_, fit)| fit.has_clock);
            Ok(FoundTime { column: time_column(name, format.to_owned(), None)?, has_hours, has_weekdays })
        }
    }
}

fn time_column(column: &str, format: String, from: Option<[String; 2]>) -> Result<TimeColumn, InspectionError> {
    let format = TimeFormat::new(format).map_err(|error| InspectionError::Usage(format!("--time: {error}")))?;
    Ok(TimeColumn { column: column.to_owned(), format, from })
}

/// Returns the column of times of day that is nearest to a column of dates, and its format.
fn nearest_clock<'s>(scan: &'s Scan, date: &str) -> Option<(&'s str, &'static str)> {
    let index = scan.index_of(date)?;
    let clocks = scan.names.iter().zip(&scan.columns).enumerate();
    let clocks = clocks.filter_map(|(at, (name, column))| Some((at.abs_diff(index), name, column.clock.fitting()?)));
    clocks.min_by_key(|(distance, _, _)| *distance).map(|(_, name, format)| (name.as_str(), format))
}

fn joined_name(scan: &Scan, date: &str, clock: &str) -> String {
    let name = format!("{date}_{clock}");
    if scan.index_of(&name).is_some() { format!("{name}_joined") } else { name }
}

fn day_or_month(name: &str, several: &[(&'static Candidate, &Fit)]) -> Question {
    let choices = several.iter().map(|(candidate, fit)| {
        let first = match candidate.order {
            DateOrder::Day => "the day first",
            DateOrder::Month => "the month first",
            DateOrder::Year => "the year first",
        };
        let order = if fit.order.out_of_order == 0 {
            "all rows in order".to_owned()
        } else {
            format!("{} of the rows out of order", percent(fit.order.share(), 0))
        };
        Choice::new("--time", format!("{name}={}", candidate.format.as_str()), format!("{first}: {order}"))
    });
    let text = format!("{name}: the order of day and month is not clear; which comes first?");
    Question { text, choices: choices.collect(), open: None }
}
