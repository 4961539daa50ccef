//! A store for encoded rows: in memory up to a limit, and beyond it in unnamed files in the work directory.
//!
//! The operating system frees a file when its last chunk is dropped, or when the process ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Chunk, ChunkStore, Reservation, StoredChunk};

/// The part of the limit, one in `SPARE_DIVISOR`, that may be used for a short time in addition to the stored rows.
const SPARE_DIVISOR: usize = 4;

/// A store for encoded rows. All windows of one stage share its memory limit.
#[derive(Debug, Clone)]
pub struct SpillStore {
    folder: PathBuf,
    limit: usize,
    held: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct WindowStore {
    shared: SpillStore,
    file: Mutex<Option<SpillFile>>,
}

#[derive(Debug)]
struct SpillFile {
    file: Arc<File>,
    end: u64,
}

impl SpillStore {
    /// Creates a store that holds at most `limit` bytes of encoded rows in memory. It creates its files in `folder`.
    #[must_use]
    pub fn new(folder: &Path, limit: usize) -> Self {
        Self { folder: folder.to_owned(), limit, held: Arc::default() }
    }

    /// Returns a store for the chunks of one window.
    #[must_use]
    pub fn for_window(&self) -> Arc<dyn ChunkStore> {
        Arc::new(WindowStore { shared: self.clone(), file: Mutex::default() })
    }
}

impl ChunkStore for WindowStore {
    fn put(&self, chunk: Chunk) -> io::Result<Arc<dyn StoredChunk>> {
        let SpillStore { folder, limit, held } = &self.shared;
        let bytes = chunk.bytes();
        if let Some(held) = Held::take(bytes, *limit, held) {
            return Ok(Arc::new(MemoryChunk { chunk, held }));
        }
        let mut spill = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let spill = match &mut *spill {
            Some(spill) => spill,
            none => none.insert(SpillFile { file: Arc::new(tempfile::tempfile_in(folder)?), end: 0 }),
        };
        let (numbers, codes, rows) = (chunk.numbers.len(), chunk.codes.len(), chunk.rows());
        let spilled = SpilledChunk { file: Arc::clone(&spill.file), offset: spill.end, numbers, codes, rows };
        spilled.write(&chunk)?;
        spill.end += bytes as u64;
        Ok(Arc::new(spilled))
    }

    fn spare_bytes(&self) -> usize {
        self.shared.limit / SPARE_DIVISOR
    }
}

#[derive(Debug)]
struct MemoryChunk {
    chunk: Chunk,
    held: Held,
}

impl StoredChunk for MemoryChunk {
    fn read<'a>(&'a self, _: &'a mut Chunk) -> io::Result<&'a Chunk> {
        Ok(&self.chunk)
    }

    fn reserve(&self, bytes: usize) -> Option<Box<dyn Reservation>> {
        let Held { limit, held, .. } = &self.held;
        Held::take(bytes, *limit, held).map(|reserved| Box::new(reserved) as Box<dyn Reservation>)
    }
}

/// Bytes that are counted in the limit until this is dropped.
#[derive(Debug)]
struct Held {
    bytes: usize,
    limit: usize,
    held: Arc<AtomicUsize>,
}

impl Held {
    /// Counts more bytes. Returns `None` if the limit leaves less.
    fn take(bytes: usize, limit: usize, held: &Arc<AtomicUsize>) -> Option<Self> {
        // A request that is refused must not make another one fail, so it never adds to the count.
        let after = |before: usize| before.checked_add(bytes).filter(|after| *after <= limit);
        held.fetch_update(Relaxed, Relaxed, after).ok()?;
        Some(Self { bytes, limit, held: Arc::clone(held) })
    }
}

impl Reservation for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Relaxed);
    }
}

/// A chunk in a file: numbers, codes and labels one after the other, in the byte order of this machine.
#[derive(Debug)]
struct SpilledChunk {
    file: Arc<File>,
    offset: u64,
    numbers: usize,
    codes: usize,
    rows: usize,
}

impl SpilledChunk {
    fn write(&self, chunk: &Chunk) -> io::Result<()> {
        let (codes, labels) = self.offsets();
        self.file.write_all_at(bytemuck::cast_slice(&chunk.numbers), self.offset)?;
        self.file.write_all_at(bytemuck::cast_slice(&chunk.codes), codes)?;
        self.file.write_all_at(bytemuck::cast_slice(&chunk.labels), labels)
    }

    fn offsets(&self) -> (u64, u64) {
        let codes = self.offset + (self.numbers * size_of::<f64>()) as u64;
        (codes, codes + (self.codes * size_of::<u32>()) as u64)
    }
}

impl StoredChunk for SpilledChunk {
    fn read<'a>(&'a self, buffer: &'a mut Chunk) -> io::Result<&'a Chunk> {
        let (codes, labels) = self.offsets();
        buffer.numbers.resize(self.numbers, 0.0);
        self.file.read_exact_at(bytemuck::cast_slice_mut(&mut buffer.numbers), self.offset)?;
        buffer.codes.resize(self.codes, 0);
        self.file.read_exact_at(bytemuck::cast_slice_mut(&mut buffer.codes), codes)?;
        let mut bytes = [0; 4096];
        buffer.labels.clear();
        let mut at = labels;
        while buffer.labels.len() < self.rows {
            let some = (self.rows - buffer.labels.len()).min(bytes.len());
            self.file.read_exact_at(&mut bytes[..some], at)?;
            buffer.labels.extend(bytes[..some].iter().map(|byte| *byte != 0));
            at += some as u64;
        }
        Ok(buffer)
    }

    fn reserve(&self, _: usize) -> Option<Box<dyn Reservation>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(rows: u32) -> Chunk {
        Chunk {
            numbers: (0..2 * rows).map(|cell| if cell % 7 == 0 { f64::NAN } else { f64::from(cell) / 3.0 }).collect(),
            codes: (0..rows).map(|row| row % 5).collect(),
            labels: (0..rows).map(|row| row % 3 == 0).collect(),
        }
    }

    fn bits(chunk: &Chunk) -> (Vec<u64>, &[u32], &[bool]) {
        (chunk.numbers.iter().map(|cell| cell.to_bits()).collect(), &chunk.codes, &chunk.labels)
    }

    #[test]
    fn spilled_rows_are_read_back_from_an_unlinked_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SpillStore::new(folder.path(), chunk(100).bytes() + 10);
        let window = store.for_window();
        let kept: Vec<_> = [100, 5000, 1, 0, 700].map(|rows| window.put(chunk(rows)).expect("room")).into();
        assert_eq!(store.held.load(Relaxed), chunk(100).bytes());
        let mut buffer = Chunk::default();
        for (kept, rows) in kept.iter().zip([100, 5000, 1, 0, 700]).rev() {
            assert_eq!(bits(kept.read(&mut buffer).expect("readable")), bits(&chunk(rows)), "{rows}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
        drop(kept);
        assert_eq!(store.held.load(Relaxed), 0);
    }

    #[test]
    fn a_reservation_counts_until_it_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SpillStore::new(folder.path(), 2 * chunk(100).bytes());
        let window = store.for_window();
        let first = window.put(chunk(100)).expect("room");
        let reserved = first.reserve(chunk(100).bytes()).expect("room");
        assert!(first.reserve(1).is_none() && first.reserve(usize::MAX).is_none());
        assert_eq!(store.held.load(Relaxed), 2 * chunk(100).bytes());
        let spilled = window.put(chunk(100)).expect("room");
        assert!(spilled.reserve(0).is_none());
        drop(reserved);
        assert_eq!(store.held.load(Relaxed), chunk(100).bytes());
        assert!(first.reserve(1).is_some());
        drop((first, window));
        assert_eq!(store.held.load(Relaxed), 0);
    }

    #[test]
    fn an_unwritable_folder_is_reported() {
        let store = SpillStore::new(Path::new("/nowhere/at/all"), 0);
        assert!(store.for_window().put(chunk(10)).is_err());
    }
}
