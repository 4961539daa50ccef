//! The statistics that an encoder needs from a window's rows, with and without the held-out ones. They are counted once
//! and added up for any set of windows.

use std::io;

use rayon::prelude::*;

use crate::model::table::Table;

/// The number of equal steps in rank between the values that describe the distribution of a window's numbers.
const RANKS: usize = 256;

/// The statistics of some rows of one window.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    /// The statistics of the numeric features, in the order of the table.
    pub(super) numbers: Vec<NumberSummary>,
    /// The counts of the other features, in the order of the table, and then by code.
    pub(super) codes: Vec<Vec<u64>>,
}

/// The statistics of the numbers of one feature.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NumberSummary {
    pub(super) present: u64,
    pub(super) missing: u64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// The mean of (x - min) / (max - min). In these units, neither large numbers nor large offsets cost digits.
    pub(super) mean: f64,
    /// The sum of the squared differences from the mean, in the same units.
    pub(super) squares: f64,
}

/// The columns of one window, from which the summary and the profile are made.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) numbers: Vec<SortedColumn>,
    pub(super) codes: Vec<CountedColumn>,
}

/// The statistics of a numeric column, without the held-out rows and with them.
#[derive(Debug)]
pub(super) struct SortedColumn {
    pub(super) training: NumberSummary,
    pub(super) whole: NumberSummary,
    /// The cuts of all rows.
    pub(super) cuts: Vec<Cut>,
    /// The number of rows that have a value.
    pub(super) present: u64,
}

/// A value, with the number of cells below it and at most it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    pub(super) value: f64,
    pub(super) below: u64,
    pub(super) at_most: u64,
}

/// The counts of a one-hot column by code.
#[derive(Debug)]
pub(super) struct CountedColumn {
    pub(super) training: Vec<u64>,
    pub(super) all: Vec<u64>,
}

impl Summary {
    /// Returns the summary without the held-out rows, and the one with them.
    pub(super) fn both(columns: Columns) -> (Self, Self) {
        let (numbers, all_numbers) = columns.numbers.into_iter().map(|column| (column.training, column.whole)).unzip();
        let (codes, all_codes) = columns.codes.into_iter().map(|column| (column.training, column.all)).unzip();
        (Self { numbers, codes }, Self { numbers: all_numbers, codes: all_codes })
    }
}

/// Reads the columns of a window. The rows after the first `fit_len` are the held-out ones.
///
/// The numeric columns take one pass over the rows, or several if they need more than `spare` bytes together. The codes
/// take one more.
pub(super) fn gather(table: &Table, fit_len: usize, spare: usize) -> io::Result<Columns> {
    let rows = table.rows;
    // Each cell is held twice: in the piece that was read, and in its column.
    let at_once = (spare / (2 * size_of::<f64>() * rows.max(1))).clamp(1, table.numbers.max(1));
    let mut numbers = Vec::with_capacity(table.numbers);
    for first in (0..table.numbers).step_by(at_once) {
        let group = first..(first + at_once).min(table.numbers);
        let width = table.numbers;
        let pieces = table.map_pieces(0..rows, |chunk, range| {
            let columns = group.clone().map(|column| {
                let cells = chunk.numbers[range.start * width..range.end * width].iter();
                cells.skip(column).step_by(width).copied().collect::<Vec<f64>>()
            });
            columns.collect::<Vec<_>>()
        })?;
        let told = (0..group.len()).into_par_iter().map(|column| {
            let mut cells: Vec<f64> = Vec::with_capacity(rows);
            for piece in &pieces {
                cells.extend(&piece[column]);
            }
            SortedColumn::new(cells, fit_len)
        });
        numbers.extend(told.collect::<Vec<_>>());
    }
    Ok(Columns { numbers, codes: count(table, fit_len)? })
}

fn count(table: &Table, fit_len: usize) -> io::Result<Vec<CountedColumn>> {
    let width = table.dictionaries.len();
    let zeros = || table.dictionaries.iter().map(|values| vec![0_u64; values.len() + 1]).collect::<Vec<_>>();
    let counts = |range| -> io::Result<Vec<Vec<u64>>> {
        let pieces = table.map_pieces(range, |chunk, range| {
            let mut counts = zeros();
            for codes in chunk.codes[range.start * width..range.end * width].chunks_exact(width.max(1)) {
                for (counts, code) in counts.iter_mut().zip(codes) {
                    counts[*code as usize] += 1;
                }
            }
            counts
        })?;
        let mut sums = zeros();
        for piece in pieces {
            for (sums, counts) in sums.iter_mut().zip(piece) {
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
        }
        Ok(sums)
    };
    let (training, held_out) = (counts(0..fit_len)?, counts(fit_len..table.rows)?);
    let columns = training.into_iter().zip(held_out).map(|(training, held_out)| {
        let all = training.iter().zip(held_out).map(|(a, b)| a + b).collect();
        CountedColumn { training, all }
    });
    Ok(columns.collect())
}

impl SortedColumn {
    fn new(mut cells: Vec<f64>, fit_len: usize) -> Self {
        let rows = cells.len();
        let held_out = sorted(cells.split_off(fit_len.min(cells.len())));
        let (rows, all) = (cells.len() as u64, rows as u64);
        let sorted_training = sorted(cells);
        let training = NumberSummary::new(&sorted_training, rows - sorted_training.len() as u64);
        let present = (sorted_training.len() + held_out.len()) as u64;
        // These are two sorted runs, which a stable sort merges in one step.
        let mut values = sorted_training;
        values.extend(held_out);
        values.sort_by(f64::total_cmp);
        Self { training, whole: NumberSummary::new(&values, all - present), cuts: cuts(&values), present }
    }
}

fn sorted(mut cells: Vec<f64>) -> Vec<f64> {
    cells.retain(|cell| !cell.is_nan());
    cells.sort_unstable_by(f64::total_cmp);
    cells
}

/// Returns some values of a sorted column with their ranks, including the first and the last.
fn ranks(sorted: &[f64]) -> Vec<(u64, f64)> {
    let last = sorted.len().saturating_sub(1);
    let mut places: Vec<usize> = (0..=RANKS).map(|step| step * last / RANKS).collect();
    places.dedup();
    places.into_iter().filter_map(|place| Some((place as u64, *sorted.get(place)?))).collect()
}

/// Returns some values of a sorted column, each once, with exact counts.
fn cuts(sorted: &[f64]) -> Vec<Cut> {
    let mut values: Vec<f64> = ranks(sorted).into_iter().map(|(_, value)| value).collect();
    values.dedup();
    let cut = |value: f64| Cut {
        value,
        below: sorted.partition_point(|x| *x < value) as u64,
        at_most: sorted.partition_point(|x| *x <= value) as u64,
    };
    values.into_iter().map(cut).collect()
}

impl NumberSummary {
    fn new(sorted: &[f64], missing: u64) -> Self {
        let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
            return Self { missing, ..Self::default() };
        };
        let (min, max, count) = (*min, *max, sorted.len() as f64);
        let range = max - min;
        // The encoder rejects a range beyond `f64`. A range of 0 leaves nothing to measure.
        let place = |x: &f64| if range > 0.0 && range.is_finite() { (x - min) / range } else { 0.0 };
        let mean = sorted.iter().map(place).sum::<f64>() / count;
        let squares = sorted.iter().map(|x| (place(x) - mean).powi(2)).sum();
        Self { present: sorted.len() as u64, missing, min, max, mean, squares }
    }

    /// Returns the mean and the sum of squared differences in the units of a wider range.
    pub(super) fn within(&self, min: f64, range: f64) -> (f64, f64) {
        let scale = (self.max - self.min) / range;
        (self.mean * scale + (self.min - min) / range, self.squares * scale * scale)
    }
}
