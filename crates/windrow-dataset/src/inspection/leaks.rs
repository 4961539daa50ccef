//! Finds columns that give the target away. Such a column ranks the target too well by itself, or is missing exactly in
//! the rows without a target.

use std::collections::HashMap;

use serde::Serialize;

use windrow_evaluation::RowRanking;
use windrow_record::display::{percent, thousands};

/// The maximum AUC of a single column, as the share of pairs in which it ranks the positive row first. A column with a
/// higher one is probably known only after the target.
pub(crate) const MAX_AUC: f64 = 0.85;
/// The minimum share of rows in which a column and the target are both missing, among the rows without one of them.
const MIN_SHARED_GAPS: f64 = 0.99;
/// The maximum share of dates after the time of the row. With more, the date is known only afterwards.
const MAX_LATER: f64 = 0.01;
/// The minimum number of rows. Fewer do not show anything.
const MIN_ROWS: usize = 100;
/// The minimum number of evenly spaced rows to compare, if the file has them. The sample is halved at twice this
/// number.
const SAMPLE_ROWS: usize = 100_000;

/// A column that may give the target away.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Leak {
    pub(crate) column: String,
    pub(crate) reason: String,
}

/// An evenly spaced sample of rows, by column.
#[derive(Debug)]
pub(crate) struct RowSample {
    stride: u64,
    seen: u64,
    labels: Vec<Option<bool>>,
    columns: Vec<Cells>,
}

#[derive(Debug)]
struct Cells {
    name: String,
    /// The numbers, or the codes of the texts. NaN if the cell is missing.
    values: Vec<f64>,
    /// The codes of the texts. `None` for a column of numbers.
    codes: Option<HashMap<String, u32>>,
    missing: u64,
    missing_with_target: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    Missing,
    Number(f64),
    Text(&'a str),
}

impl RowSample {
    /// Creates an empty sample. Each column has a name, and is marked if its cells are texts.
    pub(crate) fn new<'n>(columns: impl IntoIterator<Item = (&'n str, bool)>) -> Self {
        let cells = |(name, is_text): (&str, bool)| {
            let (name, codes) = (name.to_owned(), is_text.then(HashMap::new));
            Cells { name, values: Vec::new(), codes, missing: 0, missing_with_target: 0 }
        };
        Self { stride: 1, seen: 0, labels: Vec::new(), columns: columns.into_iter().map(cells).collect() }
    }

    /// Adds a row: its label, if it has one, and one cell for each column.
    pub(crate) fn push<'a>(&mut self, label: Option<bool>, cells: impl IntoIterator<Item = Cell<'a>>) {
        let is_kept = self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        if is_kept {
            self.labels.push(label);
        }
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            if matches!(cell, Cell::Missing) {
                column.missing += 1;
                column.missing_with_target += u64::from(label.is_none());
            }
            if is_kept {
                let value = column.value(cell);
                column.values.push(value);
            }
        }
        if self.labels.len() >= 2 * SAMPLE_ROWS {
            self.stride *= 2;
            halve(&mut self.labels);
            self.columns.iter_mut().for_each(|column| halve(&mut column.values));
        }
    }

    /// Returns the columns that give the target away. `unlabelled` is the number of all rows without a target.
    pub(crate) fn leaks(&self, unlabelled: u64) -> Vec<Leak> {
        // If at least half of the columns are missing together with the target, whole rows are missing. That does not
        // show a leak.
        let same = self.columns.iter().filter(|column| column.is_missing_with_target(unlabelled)).count();
        let are_rows = same > 1 && 2 * same >= self.columns.len();
        let leak = |column: &Cells| {
            let reason = self.reason(column, unlabelled, are_rows)?;
            Some(Leak { column: column.name.clone(), reason })
        };
        self.columns.iter().filter_map(leak).collect()
    }

    /// Returns the columns of days since a date that often are negative: their dates are after the time of the row.
    pub(crate) fn later_dates<'n>(&self, columns: impl Iterator<Item = &'n String>) -> Vec<Leak> {
        let share_later = |cells: &Cells| {
            let given = cells.values.iter().filter(|days| !days.is_nan()).count();
            // A date has no time of day, so it may be up to a day after a time on the same day elsewhere.
            cells.values.iter().filter(|days| **days < -1.0).count() as f64 / given.max(1) as f64
        };
        let leak = |name: &String| {
            let share = share_later(self.columns.iter().find(|cells| cells.name == *name)?);
            (share > MAX_LATER).then(|| Leak {
                column: name.clone(),
                reason: format!("{} of its dates are after the time of the row", percent(share, 0)),
            })
        };
        columns.filter_map(leak).collect()
    }

    fn reason(&self, column: &Cells, unlabelled: u64, are_rows: bool) -> Option<String> {
        if column.is_missing_with_target(unlabelled) && !are_rows {
            let gaps = thousands(column.missing);
            return Some(format!("it is missing in the same {gaps} rows as the target"));
        }
        let rows = self.labels.iter().zip(&column.values).enumerate();
        let rows: Vec<_> = rows.filter_map(|(index, (label, value))| Some((index, (*label)?, *value))).collect();
        let gaps: Vec<_> = rows.iter().map(|(_, label, value)| (f64::from(u8::from(value.is_nan())), *label)).collect();
        if let Some(auc) = auc(gaps).filter(|auc| *auc > MAX_AUC) {
            return Some(format!("its missing cells predict the target too well (AUC {auc:.3} without other columns)"));
        }
        let given = rows.into_iter().filter(|(_, _, value)| !value.is_nan());
        let scored: Vec<(f64, bool)> = match column.codes {
            None => given.map(|(_, label, value)| (value, label)).collect(),
            Some(_) => leave_one_out_shares(&given.collect::<Vec<_>>()),
        };
        let auc = auc(scored).filter(|auc| *auc > MAX_AUC)?;
        Some(format!(
            "it predicts the target too well without other columns (AUC {auc:.3}): its value may be known only after \
             the target"
        ))
    }
}

impl Cells {
    /// Returns true if the column is missing exactly in the rows without a target.
    fn is_missing_with_target(&self, unlabelled: u64) -> bool {
        let either = self.missing + unlabelled - self.missing_with_target;
        unlabelled >= MIN_ROWS as u64 && self.missing_with_target as f64 >= MIN_SHARED_GAPS * either as f64
    }

    fn value(&mut self, cell: Cell<'_>) -> f64 {
        match (cell, &mut self.codes) {
            (Cell::Number(number), None) => number,
            (Cell::Text(text), Some(codes)) => {
                let next = u32::try_from(codes.len()).unwrap_or(u32::MAX);
                let code = match codes.get(text) {
                    Some(code) => *code,
                    None => *codes.entry(text.to_owned()).or_insert(next),
                };
                f64::from(code)
            }
            _ => f64::NAN,
        }
    }
}

/// Keeps every other value, starting with the first.
pub(crate) fn halve<T>(values: &mut Vec<T>) {
    let mut index = 0;
    values.retain(|_| {
        index += 1;
        index % 2 == 1
    });
}

/// Scores each row by the share of positives that its category has among the rows of the other half. With the row's own
/// half, a category with one row would predict it perfectly.
fn leave_one_out_shares(rows: &[(usize, bool, f64)]) -> Vec<(f64, bool)> {
    let mut counts: HashMap<(u64, usize), (f64, f64)> = HashMap::new();
    for (index, label, code) in rows {
        let entry = counts.entry((code.to_bits(), index % 2)).or_default();
        *entry = (entry.0 + f64::from(u8::from(*label)), entry.1 + 1.0);
    }
    let positives = rows.iter().filter(|(_, label, _)| *label).count() as f64;
    let prior = positives / rows.len().max(1) as f64;
    let share = |code: &f64, index: usize| {
        let (positive, all) = counts.get(&(code.to_bits(), 1 - index % 2)).copied().unwrap_or_default();
        (positive + prior) / (all + 1.0)
    };
    rows.iter().map(|(index, label, code)| (share(code, *index), *label)).collect()
}

/// The AUC of a score, or of its reverse if that ranks better. `None` for fewer than [`MIN_ROWS`] rows or for only one
/// class.
fn auc(rows: Vec<(f64, bool)>) -> Option<f64> {
    if rows.len() < MIN_ROWS {
        return None;
    }
    let auc = RowRanking::new(rows).auc()?;
    Some(auc.max(1.0 - auc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_the_curve_is_the_share_of_pairs() {
        let rows = |scores: &dyn Fn(usize) -> f64| (0..200).map(|row| (scores(row), row % 4 == 0)).collect::<Vec<_>>();
        assert_eq!(auc(rows(&|row| if row % 4 == 0 { 1.0 } else { 0.0 })), Some(1.0));
        assert_eq!(auc(rows(&|row| if row % 4 == 0 { 0.0 } else { 1.0 })), Some(1.0), "either way round");
        assert_eq!(auc(rows(&|_| 0.0)), Some(0.5));
        assert_eq!(auc(rows(&|row| f64::from(u8::from(row % 2 == 0)))), Some(1.0 - 1.0 / 6.0));
        assert_eq!(auc((0..200).map(|row| (f64::from(row), true)).collect()), None, "one class");
    }

    #[test]
    fn only_columns_that_leak_the_target_are_found() {
        let names = [("after", false), ("gaps", false), ("status", true), ("unique", true), ("honest", false)];
        let mut compared = RowSample::new(names);
        let mut unlabelled = 0;
        for row in 0..3000_u64 {
            let label = (row % 10 != 0).then_some(row % 3 == 0);
            unlabelled += u64::from(label.is_none());
            let positive = label == Some(true);
            let status = if positive { "late" } else { "fine" };
            let unique = format!("row {row}");
            let number = (row * 7919 % 1000) as f64;
            let cells = [
                Cell::Number(if positive { 500.0 + number } else { number }),
                if label.is_none() { Cell::Missing } else { Cell::Number(number) },
                Cell::Text(status),
                Cell::Text(&unique),
                Cell::Number(number),
            ];
            compared.push(label, cells);
        }
        let leaks = compared.leaks(unlabelled);
        let found: Vec<&str> = leaks.iter().map(|leak| leak.column.as_str()).collect();
        assert_eq!(found, ["after", "gaps", "status"], "{leaks:?}");
        assert!(leaks[1].reason.contains("missing in the same 300 rows as the target"), "{}", leaks[1].reason);
        // If a sensor fails, all cells of a row are missing.
        let mut rows = RowSample::new([("a", false), ("b", false), ("c", false)]);
        for row in 0..3000_u64 {
            let cell = if row % 10 == 0 { Cell::Missing } else { Cell::Number((row * 7919 % 1000) as f64) };
            rows.push((row % 10 != 0).then_some(row % 3 == 0), [cell, cell, Cell::Number((row % 7) as f64)]);
        }
        assert_eq!(rows.leaks(300), []);
    }
}
