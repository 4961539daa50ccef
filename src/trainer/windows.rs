//! Sealed windows, parsed when a model first needs them and kept as long as one still may.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use rayon::prelude::*;

use crate::batch::{BatchStore, Manifest};
use crate::config::Schema;
use crate::model::{CHUNK_ROWS, ChunkBuilder, Frame, FrameBuilder, ParsedRows};
use crate::record::{ReadError, RecordParser, RecordReader, WindowIndex};
use crate::trainer::TrainerError;
use crate::trainer::spill::SpillStore;

/// Chunks that are parsed side by side while the next ones are read.
const AT_ONCE: usize = 8;

/// The windows seen so far.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) manifests: BTreeMap<WindowIndex, Manifest>,
    parsed: BTreeMap<WindowIndex, Arc<Frame>>,
    store: SpillStore,
}

/// What parsing needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) store: &'a BatchStore,
    pub(super) schema: &'a Arc<Schema>,
    pub(super) holdout: f64,
}

impl Windows {
    pub(super) fn new(store: SpillStore) -> Self {
        Self { manifests: BTreeMap::new(), parsed: BTreeMap::new(), store }
    }

    /// The frames of some windows, in order.
    pub(super) fn range(
        &mut self,
        source: Source<'_>,
        first: WindowIndex,
        last: WindowIndex,
    ) -> Result<Vec<Arc<Frame>>, TrainerError> {
        for (window, manifest) in self.manifests.range(first..=last) {
            if !self.parsed.contains_key(window) {
                self.parsed.insert(*window, Arc::new(source.parse(manifest, &self.store)?));
            }
        }
        Ok(self.parsed.range(first..=last).map(|(_, frame)| Arc::clone(frame)).collect())
    }

    pub(super) fn frame(&mut self, source: Source<'_>, window: WindowIndex) -> Result<Arc<Frame>, TrainerError> {
        let mut frames = self.range(source, window, window)?;
        frames.pop().ok_or(TrainerError::NoWindow { window })
    }

    /// Gives up the windows before `first`.
    pub(super) fn forget_before(&mut self, first: WindowIndex) {
        self.parsed = self.parsed.split_off(&first);
    }
}

/// Records as they stand in the file, to be parsed elsewhere.
#[derive(Debug, Default)]
struct Raw {
    text: Vec<u8>,
    /// Where each record ends, and on which line it stands.
    ends: Vec<(usize, u64)>,
}

impl Source<'_> {
    fn parse(&self, manifest: &Manifest, store: &SpillStore) -> Result<Frame, TrainerError> {
        let window = manifest.window;
        let _span = tracing::info_span!("parse", %window, rows = manifest.rows).entered();
        let read = |source| TrainerError::Read { window, source };
        let keep = |source| TrainerError::Keep { window, source };
        let mut records = self.store.rows(window, self.schema.delimiter)?;
        let mut frame = FrameBuilder::new(self.schema, store.for_window());
        let mut rows = 0;
        let mut here = next(&mut records).map_err(read)?;
        while !here.is_empty() {
            rows += here.iter().map(|raw| raw.ends.len() as u64).sum::<u64>();
            let parse = || here.par_iter().map(|raw| self.parse_rows(raw, window)).collect::<Result<Vec<_>, _>>();
            let (parsed, following) = rayon::join(parse, || next(&mut records));
            for parsed in parsed? {
                frame.append(parsed).map_err(keep)?;
            }
            here = following.map_err(read)?;
        }
        if rows != manifest.rows {
            return Err(TrainerError::RowCount { window, rows, promised: manifest.rows });
        }
        frame.finish(self.holdout).map_err(keep)
    }

    fn parse_rows(&self, raw: &Raw, window: WindowIndex) -> Result<ParsedRows, TrainerError> {
        let mut parser = RecordParser::new(self.schema.delimiter);
        let mut chunk = ChunkBuilder::new(self.schema);
        let mut begin = 0;
        for (end, line) in &raw.ends {
            let record = &raw.text[begin..*end];
            begin = *end;
            let fields = parser.parse(record).map_err(|source| TrainerError::Record { window, line: *line, source })?;
            chunk.push(&fields).map_err(|source| TrainerError::Row { window, line: *line, source })?;
        }
        Ok(chunk.finish())
    }
}

/// The records of the next chunks; none at the end.
fn next(records: &mut RecordReader<File>) -> Result<Vec<Raw>, ReadError> {
    let mut group: Vec<Raw> = Vec::new();
    while let Some(record) = records.next_record()? {
        let is_full = group.last().is_none_or(|raw| raw.ends.len() == CHUNK_ROWS);
        if is_full {
            group.push(Raw::default());
        }
        if let Some(raw) = group.last_mut() {
            raw.text.extend_from_slice(record.bytes);
            raw.ends.push((raw.text.len(), record.line));
        }
        let is_through = group.len() == AT_ONCE && group.last().is_some_and(|raw| raw.ends.len() == CHUNK_ROWS);
        if is_through {
            break;
        }
    }
    Ok(group)
}
