//! The statistics that an encoder needs from a window's rows, with and without the held-out ones. They are counted once
//! and added up for any set of windows.

use std::io;
use std::ops::Range;

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

/// The statistics of all rows of one window, without the held-out ones and with them.
pub(super) struct Gathered {
    pub(super) training: Summary,
    pub(super) whole: Summary,
    /// The cuts of all rows, by numeric feature.
    pub(super) cuts: Vec<Vec<CdfPoint>>,
}

/// A value, with the number of cells below it and at most it.
pub(super) struct CdfPoint {
    pub(super) value: f64,
    pub(super) below: u64,
    pub(super) at_most: u64,
}

/// Reads the columns of a window. The rows after the first `fit_len` are the held-out ones.
///
/// The numeric columns take one pass over the rows, or several if they need more than `spare` bytes together. The codes
/// take one more.
pub(super) fn gather(table: &Table, fit_len: usize, spare: usize) -> io::Result<Gathered> {
    let rows = table.rows;
    // Each cell is held twice: in the piece that was read, and in its column.
    let at_once = (spare / (2 * size_of::<f64>() * rows.max(1))).clamp(1, table.numbers.max(1));
    let mut columns = Vec::with_capacity(table.numbers);
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
        let sorted_columns = (0..group.len()).into_par_iter().map(|column| {
            let mut cells: Vec<f64> = Vec::with_capacity(rows);
            for piece in &pieces {
                cells.extend(&piece[column]);
            }
            summarise(cells, fit_len)
        });
        columns.extend(sorted_columns.collect::<Vec<_>>());
    }
    let (training, whole, cuts): (Vec<_>, Vec<_>, Vec<_>) = columns.into_iter().collect();
    let codes = count(table, 0..fit_len)?;
    let mut all_codes = count(table, fit_len..rows)?;
    add(&mut all_codes, &codes);
    let (training, whole) = (Summary { numbers: training, codes }, Summary { numbers: whole, codes: all_codes });
    Ok(Gathered { training, whole, cuts })
}

fn count(table: &Table, rows: Range<usize>) -> io::Result<Vec<Vec<u64>>> {
    let width = table.dictionaries.len();
    let zeros = || table.dictionaries.iter().map(|values| vec![0_u64; values.len() + 1]).collect::<Vec<_>>();
    let pieces = table.map_pieces(rows, |chunk, range| {
        let mut counts = zeros();
        for codes in chunk.codes[range.start * width..range.end * width].chunks_exact(width.max(1)) {
            for (counts, code) in counts.iter_mut().zip(codes) {
                counts[*code as usize] += 1;
            }
        }
        counts
    })?;
    let mut sums = zeros();
    pieces.iter().for_each(|counts| add(&mut sums, counts));
    Ok(sums)
}

fn add(sums: &mut [Vec<u64>], counts: &[Vec<u64>]) {
    for (sum, count) in sums.iter_mut().flatten().zip(counts.iter().flatten()) {
        *sum += count;
    }
}

/// Returns the statistics of a numeric column without the held-out rows and with them, and the cuts of all rows.
fn summarise(mut cells: Vec<f64>, fit_len: usize) -> (NumberSummary, NumberSummary, Vec<CdfPoint>) {
    let rows = cells.len();
    let held_out = sorted(cells.split_off(fit_len.min(rows)));
    let fit_rows = cells.len();
    let mut values = sorted(cells);
    let training = NumberSummary::new(&values, fit_rows);
    // These are two sorted runs, which a stable sort merges in one step.
    values.extend(held_out);
    values.sort_by(f64::total_cmp);
    (training, NumberSummary::new(&values, rows), cuts(&values))
}

fn sorted(mut cells: Vec<f64>) -> Vec<f64> {
    cells.retain(|cell| !cell.is_nan());
    cells.sort_unstable_by(f64::total_cmp);
    cells
}

/// Returns some values of a sorted column, each once, with exact counts. The first and the last are among them.
fn cuts(sorted: &[f64]) -> Vec<CdfPoint> {
    let last = sorted.len().saturating_sub(1);
    let mut values: Vec<f64> = (0..=RANKS).filter_map(|step| sorted.get(step * last / RANKS).copied()).collect();
    values.dedup();
    let cut = |value: f64| CdfPoint {
        value,
        below: sorted.partition_point(|x| *x < value) as u64,
        at_most: sorted.partition_point(|x| *x <= value) as u64,
    };
    values.into_iter().map(cut).collect()
}

impl NumberSummary {
    /// Summarises the sorted cells of a column of `rows` rows. The other rows have none.
    fn new(sorted: &[f64], rows: usize) -> Self {
        let missing = (rows - sorted.len()) as u64;
        let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
            return Self { missing, ..Self::default() };
        };
        let (min, max, count) = (*min, *max, sorted.len() as f64);
        let range = max - min;
        // The encoder rejects a range beyond `f64`. A range of 0 leaves nothing to measure.
        let scaled = |x: &f64| if range > 0.0 && range.is_finite() { (x - min) / range } else { 0.0 };
        let mean = sorted.iter().map(scaled).sum::<f64>() / count;
        let squares = sorted.iter().map(|x| (scaled(x) - mean).powi(2)).sum();
        Self { present: sorted.len() as u64, missing, min, max, mean, squares }
    }

    /// Returns the mean and the sum of squared differences in the units of a wider range.
    pub(super) fn within(&self, min: f64, range: f64) -> (f64, f64) {
        let scale = (self.max - self.min) / range;
        (self.mean * scale + (self.min - min) / range, self.squares * scale * scale)
    }
}
