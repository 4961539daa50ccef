//! A few thousand rows of one window as numbers and codes: what is kept, read again for each pass, and summed by one task.
//!
//! Where chunks are kept is not known here: a [`ChunkStore`] is handed in, so that a window may be larger than memory.

use std::fmt;
use std::io;
use std::sync::Arc;

/// The most rows of a chunk. With a dozen features it is half a megabyte: worth a read, and small beside a window.
pub const CHUNK_ROWS: usize = 4096;
/// The code of a cell with nothing in it; the values of a dictionary have the codes behind it.
pub(super) const MISSING: u32 = 0;

/// Labelled rows, in the order of the stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// Row by row, one a numeric feature, the logarithm taken where it is wanted; NaN for a missing cell.
    pub numbers: Vec<f64>,
    /// Row by row, one for each other feature: 0 for a missing cell, else a place in the window's dictionary, from 1.
    pub codes: Vec<u32>,
    /// One a row.
    pub labels: Vec<bool>,
}

impl Chunk {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.numbers[..]) + size_of_val(&self.codes[..]) + size_of_val(&self.labels[..])
    }
}

/// A chunk that is kept somewhere.
pub trait KeptChunk: fmt::Debug + Send + Sync {
    /// The chunk; `buffer` is there to be filled by a store that does not hold it in memory.
    ///
    /// # Errors
    /// It cannot be read.
    fn read<'a>(&'a self, buffer: &'a mut Chunk) -> io::Result<&'a Chunk>;
}

/// Decides where chunks are kept.
pub trait ChunkStore: fmt::Debug + Send + Sync {
    /// Takes a chunk; it is given up when the returned handle is dropped.
    ///
    /// # Errors
    /// It cannot be written.
    fn keep(&self, chunk: Chunk) -> io::Result<Arc<dyn KeptChunk>>;

    /// How many bytes of memory may be taken for a moment, beside the chunks that are kept in it.
    fn spare(&self) -> usize;
}
