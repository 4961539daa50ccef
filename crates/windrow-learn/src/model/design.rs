//! The rows that an objective sums over: the chunks of some frames, read with an encoder.
//!
//! A fit copies nothing. Each pass standardises the cells and looks up the codes again, so all models of a window share
//! its rows.
//!
//! The coefficients are in the order of the design: the intercept, the numbers, the levels. The columns of an `Encoder`
//! are in the order of its features. [`Design::to_encoder_order`] and [`Design::in_design_order`] convert between the
//! two.

mod arrange;

use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ndarray::Array2;
use rayon::prelude::*;

use crate::model::chunk::{Chunk, Reservation, StoredChunk};
use crate::model::encoder::learn::parts;
use crate::model::encoder::{Encoder, NumberRange};
use crate::model::frame::Frame;
use crate::model::kernel::{ChunkRows, Combinations, Scale, Shape, Tile, Weights};
use crate::model::table::{Subset, Table};

use arrange::{Arranged, arrange, map_codes};

/// The most blocks of pieces that are summed in parallel for the squares. The blocks depend only on the data, so the
/// sums have the same bytes on any number of threads.
const SQUARE_BLOCKS: usize = 64;
/// The most numbers in the squares of all blocks together, 128 MiB.
const MAX_SQUARES: usize = 16 << 20;

/// Rows that are encoded while they are read.
pub(super) struct Design {
    pub(super) shape: Shape,
    scale: Scale,
    /// The range of each number in the training rows.
    ranges: Vec<NumberRange>,
    pieces: Vec<Piece>,
    /// The maps of each frame: the level by feature and code.
    maps: Vec<Vec<Vec<u32>>>,
    pub(super) rows: usize,
    /// The encoder's column of each coefficient after the intercept.
    columns: Vec<usize>,
}

/// Rows of one chunk.
struct Piece {
    chunk: Arc<dyn StoredChunk>,
    range: Range<usize>,
    /// The index of the frame whose maps the rows are read with.
    frame: usize,
    /// The combinations of the rows, if a pass has kept them. The value is `None` if there was no memory for them.
    combinations: OnceLock<Option<KeptCombinations>>,
}

struct KeptCombinations {
    combinations: Combinations,
    _reserved: Box<dyn Reservation>,
}

/// The memory into which pieces are read.
#[derive(Default)]
pub(super) struct Buffer {
    chunk: Chunk,
    combinations: Option<Combinations>,
}

impl Design {
    /// Creates a design over frames that have the encoder's features. It uses the rows `newest` of the last frame,
    /// which is the newest, and all rows of the others.
    pub(super) fn new(encoder: &Encoder, frames: &[Arc<Frame>], newest: Subset) -> Self {
        let frames = parts(frames, newest);
        let frames: Vec<_> = frames.iter().map(|(frame, rows)| (&frame.table, frame.range(*rows))).collect();
        let maps = frames.iter().map(|(table, _)| map_codes(encoder, &table.dictionaries)).collect();
        Self::over(arrange(encoder), &frames, maps)
    }

    fn over(arranged: Arranged, frames: &[(&Table, Range<usize>)], maps: Vec<Vec<Vec<u32>>>) -> Self {
        let Arranged { numbers, ranges, levels, columns } = arranged;
        let rows = frames.iter().map(|(_, range)| range.len()).sum();
        let shape = Shape::new(numbers.len(), &levels, rows);
        let scale = Scale::new(&shape, &numbers);
        let pieces = frames.iter().enumerate().flat_map(|(frame, (table, range))| {
            let pieces = table.pieces(range.clone());
            pieces.map(move |(chunk, range)| Piece {
                chunk: Arc::clone(chunk),
                range,
                frame,
                combinations: OnceLock::new(),
            })
        });
        Self { pieces: pieces.collect(), shape, scale, ranges, maps, rows, columns }
    }

    /// Returns the number of coefficients, including the intercept.
    pub(super) fn width(&self) -> usize {
        1 + self.columns.len()
    }

    pub(super) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Calls `run` with the rows of one piece. The piece is read into `buffer`.
    pub(super) fn read<T>(
        &self,
        at: usize,
        buffer: &mut Buffer,
        run: impl FnOnce(ChunkRows<'_>) -> T,
    ) -> io::Result<T> {
        self.read_sample(at, 1, buffer, run)
    }

    /// Calls `run` with those rows of one piece that are in the sample of one row in `stride`. The piece is read into
    /// `buffer`.
    pub(super) fn read_sample<T>(
        &self,
        at: usize,
        stride: usize,
        buffer: &mut Buffer,
        run: impl FnOnce(ChunkRows<'_>) -> T,
    ) -> io::Result<T> {
        let Piece { chunk, range, frame, combinations } = &self.pieces[at];
        let sample = self.sample_of_piece(at, stride);
        let chunk = chunk.read(&mut buffer.chunk)?;
        let (shape, scale, maps) = (&self.shape, &self.scale, &self.maps[*frame]);
        let (combinations, listed) = match combinations.get() {
            Some(Some(stored)) => (&stored.combinations, range),
            _ => (self.combinations(chunk, &sample, maps, &mut buffer.combinations), &sample),
        };
        let (begin, end) = (sample.start, sample.end);
        Ok(run(ChunkRows { shape, scale, maps, chunk, begin, end, combinations, listed }))
    }

    /// Reads the combinations of some rows of a chunk.
    fn combinations<'a>(
        &self,
        chunk: &Chunk,
        rows: &Range<usize>,
        maps: &[Vec<u32>],
        buffer: &'a mut Option<Combinations>,
    ) -> &'a Combinations {
        let joints = &self.shape.joints;
        let combinations = buffer.get_or_insert_with(|| Combinations::new(joints));
        combinations.read(joints, &chunk.codes[rows.start * maps.len()..rows.end * maps.len()], maps);
        combinations
    }

    /// Keeps the combinations of a piece for later passes, if its chunk is in memory and the store has room for them.
    pub(super) fn keep_combinations(&self, at: usize, buffer: &mut Buffer) -> io::Result<()> {
        let Piece { chunk, range, frame, combinations } = &self.pieces[at];
        if combinations.get().is_none() {
            let reserved = chunk.reserve(Combinations::bytes(&self.shape.joints, range.len()));
            let stored = match reserved {
                Some(reserved) => {
                    let chunk = chunk.read(&mut buffer.chunk)?;
                    let mut own = None;
                    self.combinations(chunk, range, &self.maps[*frame], &mut own);
                    own.map(|combinations| KeptCombinations { combinations, _reserved: reserved })
                }
                None => None,
            };
            // Only one task works on a piece.
            let _ = combinations.set(stored);
        }
        Ok(())
    }

    /// Drops the combinations that are kept.
    pub(super) fn forget_combinations(&mut self) {
        for piece in &mut self.pieces {
            piece.combinations.take();
        }
    }

    /// Returns the rows of a piece that are in the sample of one row in `stride`, which is a power of two. They are
    /// neighbours, so that a sample is read as fast as whole pieces. Their place differs from piece to piece: within a
    /// window, rows may be in the order of the hours of a day.
    fn sample_of_piece(&self, at: usize, stride: usize) -> Range<usize> {
        let Range { start, end } = self.pieces[at].range.clone();
        // An odd number of steps visits each of the `stride` places.
        let (rows, place) = (end - start, at * 7 % stride);
        start + rows * place / stride..start + rows * (place + 1) / stride
    }

    /// Returns the number of rows in the sample of one row in `stride`.
    pub(super) fn sample_rows(&self, stride: usize) -> usize {
        (0..self.pieces()).map(|at| self.sample_of_piece(at, stride).len()).sum()
    }

    /// Returns the sum of the squares of each column after the intercept, in the order of the design. For a level, it
    /// is the number of its rows.
    pub(super) fn squares(&self) -> io::Result<Vec<f64>> {
        let most = SQUARE_BLOCKS.min(MAX_SQUARES / self.columns.len().max(1)).max(1);
        let (pieces, blocks) = (self.pieces(), self.pieces().min(most));
        let blocks = (0..blocks).into_par_iter().map_init(Buffer::default, |buffer, block| {
            let mut squares = vec![0.0; self.columns.len()];
            for piece in block * pieces / blocks..(block + 1) * pieces / blocks {
                self.read(piece, buffer, |rows| rows.add_squares(&mut squares))?;
            }
            io::Result::Ok(squares)
        });
        let blocks = blocks.collect::<io::Result<Vec<_>>>()?;
        let mut total = vec![0.0; self.columns.len()];
        for squares in blocks {
            total.iter_mut().zip(squares).for_each(|(sum, square)| *sum += square);
        }
        Ok(total)
    }

    /// Sets the kernel's weights from coefficients in the order of the design.
    pub(super) fn set_weights(&self, coefficients: &[f64], weights: &mut Weights) {
        let (numbers, levels) = coefficients[1..].split_at(self.shape.numbers);
        weights.set(&self.shape, coefficients[0], numbers, levels);
    }

    /// Returns w.x + b of every row, and the labels. Numbers are held within the range of the training rows. Only rows
    /// that the encoder has not learned from have numbers outside.
    pub(super) fn log_odds(&self, coefficients: &[f64]) -> io::Result<(Vec<f64>, Vec<bool>)> {
        let mut weights = Weights::zero(&self.shape);
        self.set_weights(coefficients, &mut weights);
        let buffers = || (Buffer::default(), Tile::new(&self.shape));
        let pieces = (0..self.pieces()).into_par_iter().map_init(buffers, |(buffer, tile), piece| {
            self.read(piece, buffer, |rows| {
                let chunk = self.held(rows.chunk);
                let rows = ChunkRows { chunk: &chunk, ..rows };
                let mut log_odds = Vec::with_capacity(rows.end - rows.begin);
                rows.log_odds(&weights, tile, &mut |some| log_odds.extend_from_slice(some));
                (log_odds, rows.chunk.labels[rows.begin..rows.end].to_vec())
            })
        });
        let pieces = pieces.collect::<io::Result<Vec<_>>>()?;
        let (log_odds, labels): (Vec<Vec<f64>>, Vec<Vec<bool>>) = pieces.into_iter().unzip();
        Ok((log_odds.concat(), labels.concat()))
    }

    /// Returns a copy of a chunk whose numbers are held within the range of the training rows.
    fn held(&self, chunk: &Chunk) -> Chunk {
        let mut chunk = chunk.clone();
        for row in chunk.numbers.chunks_exact_mut(self.shape.numbers.max(1)) {
            for (cell, range) in row.iter_mut().zip(&self.ranges) {
                *cell = range.hold(*cell);
            }
        }
        chunk
    }

    /// Returns the intercept, and the weights in the order of the encoder's columns.
    pub(super) fn to_encoder_order(&self, coefficients: &[f64]) -> (f64, Vec<f64>) {
        let mut weights = vec![0.0; coefficients.len() - 1];
        for (column, weight) in self.columns.iter().zip(&coefficients[1..]) {
            weights[*column] = *weight;
        }
        (coefficients[0], weights)
    }

    /// Returns the coefficients in the order of the design: the inverse of [`Design::to_encoder_order`].
    pub(super) fn in_design_order(&self, intercept: f64, weights: &[f64]) -> Vec<f64> {
        std::iter::once(intercept).chain(self.columns.iter().map(|column| weights[*column])).collect()
    }

    /// Returns the dense matrix without the intercept's column, and the labels. The shape of the matrix is `rows` by
    /// `width() - 1`, in the order of the design.
    pub(super) fn to_dense(&self) -> io::Result<(Array2<f64>, Vec<bool>)> {
        let mut matrix = Array2::zeros((self.rows, self.columns.len()));
        let (mut labels, mut buffer) = (Vec::with_capacity(self.rows), Buffer::default());
        let numbers = self.shape.numbers;
        for piece in 0..self.pieces() {
            let begin = labels.len();
            let truth = self.read(piece, &mut buffer, |rows| {
                for row in rows.begin..rows.end {
                    let mut cells = matrix.row_mut(begin + row - rows.begin);
                    for lane in 0..numbers {
                        cells[lane] = self.scale.standardise(lane, rows.chunk.numbers[row * numbers + lane]);
                    }
                    let codes = &rows.chunk.codes[row * rows.maps.len()..][..rows.maps.len()];
                    for ((code, map), first) in codes.iter().zip(rows.maps).zip(&self.shape.first) {
                        cells[numbers + first + map[*code as usize] as usize] = 1.0;
                    }
                }
                rows.chunk.labels[rows.begin..rows.end].to_vec()
            })?;
            labels.extend(truth);
        }
        Ok((matrix, labels))
    }
}

#[cfg(test)]
mod tests;
