//! The parsed rows of one window, in chunks, and which of them are meant.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::model::chunk::{Chunk, KeptChunk};
use windrow_config::{Feature, FeatureKind};

/// Chunks, and what their codes mean.
#[derive(Debug)]
pub(super) struct Table {
    /// Each with the place of its first row.
    chunks: Vec<(usize, Arc<dyn KeptChunk>)>,
    pub(super) rows: usize,
    pub(super) numbers: usize,
    /// The texts behind the codes of each feature that is no number.
    pub(super) dictionaries: Vec<Vec<String>>,
}

/// Which rows of a frame are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subset {
    /// Those that a first fit learns from where the frame is the newest.
    Training,
    /// Those that score it.
    HeldOut,
    /// All of them.
    Whole,
}

/// Whether a feature's cells are numbers and not codes.
pub(super) fn is_number(feature: &Feature) -> bool {
    matches!(feature.kind, FeatureKind::Numeric | FeatureKind::Log)
}

impl Table {
    pub(super) fn new(numbers: usize, dictionaries: Vec<Vec<String>>) -> Self {
        Self { chunks: Vec::new(), rows: 0, numbers, dictionaries }
    }

    pub(super) fn push(&mut self, rows: usize, chunk: Arc<dyn KeptChunk>) {
        self.chunks.push((self.rows, chunk));
        self.rows += rows;
    }

    /// The meaning of the codes, without a row.
    pub(super) fn outline(&self) -> Self {
        Self::new(self.numbers, self.dictionaries.clone())
    }

    /// The chunks that hold rows of `range`, each with the rows of it that are meant.
    pub(super) fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = (&Arc<dyn KeptChunk>, Range<usize>)> {
        let ends = self.chunks.iter().skip(1).map(|(first, _)| *first).chain([self.rows]);
        let chunks = self.chunks.iter().zip(ends);
        chunks.filter_map(move |((first, chunk), end)| {
            let (from, to) = (range.start.max(*first), range.end.min(end));
            (from < to).then(|| (chunk, from - first..to - first))
        })
    }

    /// Works on each piece of `range` in parallel; the results are in the order of the rows.
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
