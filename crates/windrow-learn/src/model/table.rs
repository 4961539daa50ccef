//! The parsed rows of one window in chunks, and the subsets of them that a fit uses.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::model::chunk::{Chunk, StoredChunk};
use windrow_config::{Feature, FeatureKind};

/// Chunks, with the dictionaries of their codes.
#[derive(Debug)]
pub(super) struct Table {
    /// The chunks, each with the index of its first row.
    chunks: Vec<(usize, Arc<dyn StoredChunk>)>,
    pub(super) rows: usize,
    pub(super) numbers: usize,
    /// The texts of the codes, for each feature that is not a number.
    pub(super) dictionaries: Vec<Vec<String>>,
}

/// A subset of a frame's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subset {
    /// The rows that a first fit learns from, if the frame is the newest.
    Training,
    /// The rows that a first fit is scored on.
    HeldOut,
    /// All rows of the frame.
    Whole,
}

/// Returns whether a feature's cells are numbers and not codes.
pub(super) fn is_number(feature: &Feature) -> bool {
    matches!(feature.kind, FeatureKind::Numeric | FeatureKind::Log)
}

impl Table {
    pub(super) fn new(numbers: usize, dictionaries: Vec<Vec<String>>) -> Self {
        Self { chunks: Vec::new(), rows: 0, numbers, dictionaries }
    }

    pub(super) fn push(&mut self, rows: usize, chunk: Arc<dyn StoredChunk>) {
        self.chunks.push((self.rows, chunk));
        self.rows += rows;
    }

    /// Returns the table with its dictionaries, without rows.
    pub(super) fn outline(&self) -> Self {
        Self::new(self.numbers, self.dictionaries.clone())
    }

    /// Returns the chunks that hold rows of `range`, each with the indices of these rows in the chunk.
    pub(super) fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = (&Arc<dyn StoredChunk>, Range<usize>)> {
        let ends = self.chunks.iter().skip(1).map(|(first, _)| *first).chain([self.rows]);
        let chunks = self.chunks.iter().zip(ends);
        chunks.filter_map(move |((first, chunk), end)| {
            let (from, to) = (range.start.max(*first), range.end.min(end));
            (from < to).then(|| (chunk, from - first..to - first))
        })
    }

    /// Calls `work` for each piece of `range` in parallel. The results are in the order of the rows.
    pub(super) fn map_pieces<T: Send>(
        &self,
        range: Range<usize>,
        work: impl Fn(&Chunk, Range<usize>) -> T + Sync,
    ) -> io::Result<Vec<T>> {
        let pieces: Vec<_> = self.pieces(range).collect();
        let worked = pieces.into_par_iter().map_init(Chunk::default, |buffer, (kept, rows)| {
            let chunk = kept.read(buffer)?;
            Ok(work(chunk, rows))
        });
        worked.collect()
    }
}
