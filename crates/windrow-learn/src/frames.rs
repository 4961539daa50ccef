//! Sealed windows, parsed when a model first needs them and kept while a model may need them.
//!
//! All models that learn from a window or are scored on it share its parsed rows. Encoded rows take at most the given
//! amount of memory. If a remote solver fits the models, the rows of only two windows are kept.

mod error;
mod labelled;
mod spill;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use self::labelled::LabelledRows;
use crate::model::{CHUNK_ROWS, ChunkBuilder, Frame, FrameBuilder, ParsedRows};
use windrow_config::Schema;
use windrow_record::{ReadError, RecordParser, WindowIndex};
use windrow_windows::{BatchStore, Manifest};

pub use self::error::FrameError;
pub use self::spill::SpillStore;

/// The number of chunks that are parsed in parallel while the next ones are read.
const CHUNKS_IN_PARALLEL: usize = 8;
/// The number of windows that keep their rows if a remote solver fits the models: the newest, and one to compare it with.
const WINDOWS_WITH_ROWS: usize = 2;

/// The sealed windows seen so far.
#[derive(Debug)]
pub struct Frames {
    store: BatchStore,
    schema: Arc<Schema>,
    holdout: f64,
    spill: SpillStore,
    manifests: BTreeMap<WindowIndex, Manifest>,
    parsed: BTreeMap<WindowIndex, Arc<Frame>>,
    /// Frames without rows, by window. They are used if a remote solver fits the models.
    outlines: BTreeMap<WindowIndex, Arc<Frame>>,
    /// `true` if this process fits the models.
    learns_here: bool,
}

impl Frames {
    /// Creates an empty collection.
    ///
    /// The last rows of each window, a share of `holdout`, are held out to score a first fit. At most `memory` bytes of
    /// encoded rows are held in memory. The rest goes into unnamed files in `folder`.
    pub fn new(store: BatchStore, schema: Arc<Schema>, holdout: f64, folder: &Path, memory: usize) -> Self {
        let spill = SpillStore::new(folder, memory);
        let (manifests, parsed, outlines) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { store, schema, holdout, spill, manifests, parsed, outlines, learns_here: true }
    }

    /// Sets up the collection for models that a remote solver or a learner outside of this program fits.
    /// [`Frames::range`] then returns frames without rows, except for the last window.
    pub fn for_remote_solver(self) -> Self {
        Self { learns_here: false, ..self }
    }

    /// Adds a sealed window.
    pub fn insert(&mut self, manifest: Manifest) {
        self.manifests.insert(manifest.window, manifest);
    }

    /// Returns the manifests of the windows `first` to `last`, in order.
    pub fn manifests(&self, first: WindowIndex, last: WindowIndex) -> impl Iterator<Item = &Manifest> {
        self.manifests.range(first..=last).map(|(_, manifest)| manifest)
    }

    /// Returns the frames of the windows `first` to `last`, in order. A model of window `last` learns from them.
    ///
    /// # Errors
    /// A batch file cannot be read, or does not fit its manifest or the pipeline file, or its encoded rows cannot be
    /// stored.
    pub fn range(&mut self, first: WindowIndex, last: WindowIndex) -> Result<Vec<Arc<Frame>>, FrameError> {
        let windows: Vec<WindowIndex> = self.manifests(first, last).map(|manifest| manifest.window).collect();
        let frames = windows.into_iter().map(|window| match self.outlines.get(&window) {
            _ if self.learns_here || window == last => self.frame(window),
            Some(outline) => Ok(Arc::clone(outline)),
            None => self.outline(window),
        });
        frames.collect()
    }

    /// Returns the frame of a window without its rows.
    ///
    /// # Errors
    /// The same as for [`Frames::frame`].
    fn outline(&mut self, window: WindowIndex) -> Result<Arc<Frame>, FrameError> {
        let frame = self.frame(window)?;
        Ok(Arc::clone(self.outlines.entry(window).or_insert_with(|| Arc::new(frame.outline()))))
    }

    /// Returns the frame of a window with its rows.
    ///
    /// # Errors
    /// The same as for [`Frames::range`]. Also, the window was not inserted.
    pub fn frame(&mut self, window: WindowIndex) -> Result<Arc<Frame>, FrameError> {
        if let Some(frame) = self.parsed.get(&window) {
            return Ok(Arc::clone(frame));
        }
        let manifest = self.manifests.get(&window).ok_or(FrameError::NoWindow(window))?;
        let frame = Arc::new(self.parse(manifest)?);
        while !self.learns_here && self.parsed.len() >= WINDOWS_WITH_ROWS {
            self.parsed.pop_first();
        }
        if !self.learns_here {
            self.outlines.entry(window).or_insert_with(|| Arc::new(frame.outline()));
        }
        self.parsed.insert(window, Arc::clone(&frame));
        Ok(frame)
    }

    /// Drops the frames of the windows before `first`. Their manifests are kept.
    pub fn forget_before(&mut self, first: WindowIndex) {
        self.parsed = self.parsed.split_off(&first);
        self.outlines = self.outlines.split_off(&first);
    }

    fn parse(&self, manifest: &Manifest) -> Result<Frame, FrameError> {
        let window = manifest.window;
        let _span = tracing::info_span!("parse", %window, rows = manifest.rows.count).entered();
        let read = |source| FrameError::Read { window, source };
        let store_error = |source| FrameError::Store { window, source };
        let mut records = LabelledRows::open(&self.store, manifest, &self.schema)?;
        let mut frame = FrameBuilder::new(&self.schema, self.spill.for_window());
        let mut rows = 0;
        let mut here = next(&mut records).map_err(read)?;
        while !here.is_empty() {
            rows += here.iter().map(|raw| raw.ends.len() as u64).sum::<u64>();
            let parse = || here.par_iter().map(|raw| self.parse_rows(raw, window)).collect::<Result<Vec<_>, _>>();
            let (parsed, following) = rayon::join(parse, || next(&mut records));
            for parsed in parsed? {
                frame.append(parsed).map_err(store_error)?;
            }
            here = following.map_err(read)?;
        }
        if rows != manifest.rows.count {
            return Err(FrameError::RowCount { window, rows, promised: manifest.rows.count });
        }
        frame.finish(self.holdout).map_err(store_error)
    }

    fn parse_rows(&self, raw: &RawRecords, window: WindowIndex) -> Result<ParsedRows, FrameError> {
        let mut parser = RecordParser::new(self.schema.delimiter);
        let mut chunk = ChunkBuilder::new(&self.schema);
        let mut begin = 0;
        for (end, line) in &raw.ends {
            let record = &raw.text[begin..*end];
            begin = *end;
            let fields = parser.parse(record).map_err(|source| FrameError::Record { window, line: *line, source })?;
            chunk.push(&fields).map_err(|source| FrameError::Row { window, line: *line, source })?;
        }
        Ok(chunk.finish())
    }
}

/// Unparsed records, as they are in the file.
#[derive(Debug, Default)]
struct RawRecords {
    text: Vec<u8>,
    /// The offset in `text` at which each record ends, and its line number.
    ends: Vec<(usize, u64)>,
}

/// Reads the records of the next chunks, at most [`CHUNKS_IN_PARALLEL`]. The result is empty at the end of the file.
fn next(records: &mut LabelledRows<'_>) -> Result<Vec<RawRecords>, ReadError> {
    let mut group: Vec<RawRecords> = Vec::new();
    while group.len() < CHUNKS_IN_PARALLEL {
        let mut raw = RawRecords::default();
        while raw.ends.len() < CHUNK_ROWS
            && let Some((record, line)) = records.next_record()?
        {
            raw.text.extend_from_slice(&record);
            raw.ends.push((raw.text.len(), line));
        }
        if raw.ends.is_empty() {
            break;
        }
        group.push(raw);
    }
    Ok(group)
}
