//! A chunk: a few thousand rows of one window as numbers and codes. Chunks are stored, read again for each pass, and
//! summed by one task each.
//!
//! The caller passes a [`ChunkStore`], which decides where chunks are stored. So a window may be larger than memory.

use std::fmt;
use std::io;
use std::sync::Arc;

/// The most rows of a chunk. With a dozen features, a chunk is half a megabyte: large enough for one read, small
/// compared with a window.
pub const CHUNK_ROWS: usize = 4096;
/// The code of a missing cell. The values of a dictionary have the codes from 1.
pub(super) const MISSING_CODE: u32 = 0;

/// Labelled rows, in the order of the stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// The cells of the numeric features, row by row. NaN is a missing cell. For a log feature, the cell is log(1 + x).
    pub numbers: Vec<f64>,
    /// The codes of the other features, row by row. 0 is a missing cell. Any other code is an index in the window's
    /// dictionary, counted from 1.
    pub codes: Vec<u32>,
    /// The label of each row; `true` is positive.
    pub labels: Vec<bool>,
}

impl Chunk {
    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Returns the size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.numbers[..]) + size_of_val(&self.codes[..]) + size_of_val(&self.labels[..])
    }
}

/// A chunk in a store.
pub trait StoredChunk: fmt::Debug + Send + Sync {
    /// Returns the chunk. A store that does not hold it in memory reads it into `buffer`.
    ///
    /// # Errors
    /// The chunk cannot be read.
    fn read<'a>(&'a self, buffer: &'a mut Chunk) -> io::Result<&'a Chunk>;

    /// Reserves memory of the store, until the result is dropped. Returns `None` if the chunk is not in memory, or if
    /// the store's limit leaves less than `bytes`.
    fn reserve(&self, bytes: usize) -> Option<Box<dyn Reservation>>;
}

/// A part of a store's memory. The store counts it as used until this is dropped.
pub trait Reservation: fmt::Debug + Send + Sync {}

/// A store for chunks, in memory or elsewhere.
pub trait ChunkStore: fmt::Debug + Send + Sync {
    /// Stores a chunk until the returned handle is dropped.
    ///
    /// # Errors
    /// The chunk cannot be written.
    fn put(&self, chunk: Chunk) -> io::Result<Arc<dyn StoredChunk>>;

    /// Returns how many bytes of memory may be used for a short time, in addition to the stored chunks.
    fn spare_bytes(&self) -> usize;
}
