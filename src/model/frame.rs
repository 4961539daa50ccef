//! The rows of one window, parsed once into chunks and shared by every model that learns from it or is scored on it.
//!
//! Rows without a target are counted and not kept: nothing can be learned from them, nor scored on them.

mod builder;
mod parse;

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value};

use crate::config::{Feature, FeatureKind};
use crate::model::chunk::{Chunk, KeptChunk};
use crate::model::drift::Profile;
use crate::model::summary::Summary;

pub use builder::FrameBuilder;
pub use parse::{ChunkBuilder, ParsedRows};

/// One window's labelled rows. Not to be cloned: models share it.
#[derive(Debug)]
pub struct Frame {
    features: Vec<Feature>,
    table: Table,
    unlabelled: usize,
    fit_len: usize,
    fit_positives: usize,
    examples: Vec<Map<String, Value>>,
    summary: Summary,
    profile: Profile,
}

/// Chunks, and what their codes mean.
#[derive(Debug)]
pub(super) struct Table {
    /// Each with the place of its first row.
    chunks: Vec<(usize, Arc<dyn KeptChunk>)>,
    rows: usize,
    pub(super) numbers: usize,
    /// The texts behind the codes of each feature that is no number.
    pub(super) dictionaries: Vec<Vec<String>>,
}

/// Which rows of a frame are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// Those that models are fitted to.
    Training,
    /// Those kept out of every fit.
    HeldOut,
    /// All of them.
    Whole,
}

impl Frame {
    /// How many rows were given, labelled or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.table.rows + self.unlabelled
    }

    /// How many of them have a target.
    #[must_use]
    pub fn labelled(&self) -> usize {
        self.table.rows
    }

    /// How many of the labelled rows a model is fitted to: all but the held-out ones, which are the last.
    #[must_use]
    pub fn fit_len(&self) -> usize {
        self.fit_len
    }

    /// How many of the rows that a model is fitted to are positive.
    #[must_use]
    pub fn fit_positives(&self) -> usize {
        self.fit_positives
    }

    /// A few rows as an API request may hold them: by column, numbers for numeric features, texts for the others, null
    /// for missing cells.
    #[must_use]
    pub fn examples(&self) -> &[Map<String, Value>] {
        &self.examples
    }

    /// How its labelled rows are distributed, to compare windows without reading a row again.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(super) fn features(&self) -> &[Feature] {
        &self.features
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    pub(super) fn summary(&self) -> &Summary {
        &self.summary
    }

    pub(super) fn range(&self, share: Share) -> Range<usize> {
        match share {
            Share::Training => 0..self.fit_len,
            Share::HeldOut => self.fit_len..self.table.rows,
            Share::Whole => 0..self.table.rows,
        }
    }
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

    pub(super) fn rows(&self) -> usize {
        self.rows
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
        let worked = pieces.into_par_iter().map_init(Chunk::default, |room, (kept, rows)| {
            let chunk = kept.read(room)?;
            Ok(work(chunk, rows))
        });
        worked.collect()
    }
}

#[cfg(test)]
mod tests;
