//! An answer that is being sent: bytes in memory, and ranges of files.

use bytes::Bytes;

use crate::log::Range;

/// The answer to a request, without the length that precedes it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) pieces: Vec<Piece>,
}

/// A part of an answer.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    File(Range),
}

impl Piece {
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.length,
        }
    }
}
