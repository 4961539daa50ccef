//! Encoded rows, compact: numbers side by side, and one code for each one-hot feature instead of its zeros and ones.
//!
//! Coefficients are in the order of the design: the intercept, the numbers, the levels. `Encoder` has its columns in the
//! order of its features; [`Design::to_encoder_order`] is the one place that knows both.

use std::collections::HashMap;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::model::encoder::{Encoder, Encoding, Level, standardise};
use crate::model::frame::{Column, MISSING, Rows};

/// Rows that one task encodes or multiplies; for speed alone, since each row stands for itself.
const CHUNK: usize = 4096;

/// The rows that an objective sums over.
#[derive(Debug, Clone)]
pub(super) struct Design {
    /// Row by row, `dense_width` each: a 1 for the intercept, then the standardised numbers.
    dense: Vec<f64>,
    /// Row by row, `code_width` each, growing within a row: the coefficient that each one-hot feature picks.
    codes: Vec<u32>,
    labels: Vec<bool>,
    dense_width: usize,
    code_width: usize,
    width: usize,
    has_intercept: bool,
    /// The encoder's column of each coefficient behind the intercept.
    columns: Vec<usize>,
}

/// How the cells of one feature become a part of the design, for the dictionary of one frame.
enum Part<'a> {
    Number { cells: &'a [f64], median: f64, mean: f64, deviation: f64 },
    Codes { cells: &'a [u32], coefficients: Vec<u32>, missing: u32 },
}

impl Design {
    /// Encodes rows whose frames have the encoder's features.
    pub(super) fn encode(encoder: &Encoder, rows: &[Rows<'_>]) -> Self {
        let is_number = |encoding: &Encoding| matches!(encoding, Encoding::Number { .. });
        let (mut numbers, mut levels, mut begin) = (Vec::new(), Vec::new(), 0);
        let mut code_width = 0;
        for feature in &encoder.features {
            let columns = begin..begin + feature.encoding.width();
            begin = columns.end;
            if is_number(&feature.encoding) {
                numbers.extend(columns);
            } else {
                levels.extend(columns);
                code_width += 1;
            }
        }
        let dense_width = 1 + numbers.len();
        let count: usize = rows.iter().map(Rows::len).sum();
        let mut design = Self {
            dense: vec![1.0; count * dense_width],
            codes: vec![0; count * code_width],
            labels: rows.iter().flat_map(|rows| rows.labels()).copied().collect(),
            dense_width,
            code_width,
            width: dense_width + levels.len(),
            has_intercept: true,
            columns: [numbers, levels].concat(),
        };
        let (mut dense, mut codes) = (design.dense.as_mut_slice(), design.codes.as_mut_slice());
        for rows in rows {
            let (dense_here, dense_rest) = dense.split_at_mut(rows.len() * dense_width);
            let (codes_here, codes_rest) = codes.split_at_mut(rows.len() * code_width);
            encode_frame(encoder, rows, dense_here, dense_width, codes_here, code_width);
            (dense, codes) = (dense_rest, codes_rest);
        }
        design
    }

    /// Takes a dense matrix, rows by columns, as it is.
    pub(super) fn from_dense(records: ArrayView2<'_, f64>, labels: Vec<bool>, has_intercept: bool) -> Self {
        let dense_width = records.ncols() + usize::from(has_intercept);
        let mut dense = Vec::with_capacity(records.nrows() * dense_width);
        for row in records.rows() {
            dense.extend(has_intercept.then_some(1.0));
            dense.extend(row);
        }
        let columns = (0..records.ncols()).collect();
        Self {
            dense,
            codes: Vec::new(),
            labels,
            dense_width,
            code_width: 0,
            width: dense_width,
            has_intercept,
            columns,
        }
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.labels.len()
    }

    /// How many coefficients there are, the intercept among them.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// How many coefficients, the first ones, are not penalised.
    pub(super) fn unpenalised(&self) -> usize {
        usize::from(self.has_intercept)
    }

    pub(super) fn labels(&self) -> &[bool] {
        &self.labels
    }

    pub(super) fn positives(&self) -> usize {
        self.labels.iter().filter(|label| **label).count()
    }

    pub(super) fn dense_width(&self) -> usize {
        self.dense_width
    }

    /// The numbers of a row, `dense_width` of them.
    #[inline]
    pub(super) fn dense(&self, row: usize) -> &[f64] {
        &self.dense[row * self.dense_width..][..self.dense_width]
    }

    /// The coefficients that a row's one-hot features pick, growing.
    #[inline]
    pub(super) fn codes(&self, row: usize) -> &[u32] {
        &self.codes[row * self.code_width..][..self.code_width]
    }

    /// w.x + b of one row.
    #[inline]
    pub(super) fn log_odds_of(&self, row: usize, coefficients: &[f64]) -> f64 {
        let numbers = self.dense(row).iter().zip(coefficients).map(|(x, w)| x * w).sum::<f64>();
        self.codes(row).iter().fold(numbers, |sum, code| sum + coefficients[*code as usize])
    }

    /// w.x + b of every row.
    pub(super) fn log_odds(&self, coefficients: &[f64]) -> Vec<f64> {
        let rows = (0..self.rows()).into_par_iter().with_min_len(CHUNK);
        rows.map(|row| self.log_odds_of(row, coefficients)).collect()
    }

    /// The intercept, and the weights in the order of the encoder's columns.
    pub(super) fn to_encoder_order(&self, coefficients: &[f64]) -> (f64, Vec<f64>) {
        let (intercept, rest) = coefficients.split_at(self.unpenalised());
        let mut weights = vec![0.0; rest.len()];
        for (column, weight) in self.columns.iter().zip(rest) {
            weights[*column] = *weight;
        }
        (intercept.first().copied().unwrap_or_default(), weights)
    }

    /// The matrix with all its zeros and without the intercept's column: rows by `width() - unpenalised()`, in the order
    /// of the design.
    pub(super) fn to_dense(&self) -> Array2<f64> {
        let free = self.unpenalised();
        let mut matrix = Array2::zeros((self.rows(), self.width - free));
        for (row, mut cells) in matrix.rows_mut().into_iter().enumerate() {
            for (cell, x) in cells.iter_mut().zip(&self.dense(row)[free..]) {
                *cell = *x;
            }
            for code in self.codes(row) {
                cells[*code as usize - free] = 1.0;
            }
        }
        matrix
    }
}

fn encode_frame(
    encoder: &Encoder,
    rows: &Rows<'_>,
    dense: &mut [f64],
    dense_width: usize,
    codes: &mut [u32],
    code_width: usize,
) {
    let mut level = dense_width;
    let parts = encoder.features.iter().enumerate();
    let parts = parts.map(|(index, feature)| {
        let part = Part::new(&feature.encoding, rows, index, level);
        if let Part::Codes { .. } = part {
            level += feature.encoding.width();
        }
        part
    });
    let parts: Vec<Part<'_>> = parts.collect();
    let each_dense = dense.par_chunks_mut(CHUNK * dense_width);
    // Where there is no one-hot feature there is nothing to cut, but still a piece for each chunk.
    let each_codes: Vec<&mut [u32]> = if code_width == 0 {
        (0..each_dense.len()).map(|_| [].as_mut_slice()).collect()
    } else {
        codes.chunks_mut(CHUNK * code_width).collect()
    };
    each_dense.zip(each_codes).enumerate().for_each(|(chunk, (dense, codes))| {
        let (mut number, mut code) = (1, 0);
        for part in &parts {
            match part {
                Part::Number { cells, median, mean, deviation } => {
                    for (row, dense) in dense.chunks_exact_mut(dense_width).enumerate() {
                        let x = cells[chunk * CHUNK + row];
                        dense[number] = standardise(if x.is_nan() { *median } else { x }, *mean, *deviation);
                    }
                    number += 1;
                }
                Part::Codes { cells, coefficients, missing } => {
                    for (row, codes) in codes.chunks_exact_mut(code_width).enumerate() {
                        let cell = cells[chunk * CHUNK + row];
                        codes[code] = coefficients.get(cell as usize).copied().unwrap_or(*missing);
                    }
                    code += 1;
                }
            }
        }
    });
}

impl<'a> Part<'a> {
    /// `first` is the coefficient of the feature's first level.
    fn new(encoding: &Encoding, rows: &Rows<'a>, feature: usize, first: usize) -> Self {
        match (encoding, rows.frame.column(feature)) {
            (Encoding::Number { median, mean, deviation, .. }, Column::Numbers(cells)) => {
                Self::Number { cells: &cells[rows.range.clone()], median: *median, mean: *mean, deviation: *deviation }
            }
            (
                Encoding::Category { levels } | Encoding::Calendar { levels, .. },
                Column::Codes { codes: cells, values },
            ) => {
                let coefficient = |place: usize| u32::try_from(first + place).unwrap_or(MISSING);
                let other = coefficient(levels.len().saturating_sub(1));
                let place = |wanted: &Level| levels.iter().position(|level| level == wanted);
                let known: HashMap<&str, u32> = levels
                    .iter()
                    .enumerate()
                    .filter_map(|(place, level)| match level {
                        Level::Value(text) => Some((text.as_str(), coefficient(place))),
                        Level::Missing | Level::Other => None,
                    })
                    .collect();
                let coefficients = values.iter().map(|value| known.get(value.as_str()).copied().unwrap_or(other));
                Self::Codes {
                    cells: &cells[rows.range.clone()],
                    coefficients: coefficients.collect(),
                    missing: place(&Level::Missing).map_or(other, coefficient),
                }
            }
            // `fit` has found that the frames have the encoder's features.
            _ => unreachable!("a feature is a number in one place and a text in another"),
        }
    }
}

#[cfg(test)]
mod tests;
