//! A segment: one file of a partition's log, with batches in order.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::{HEADER, Header};
use crate::disk::{self, Disk, Handle};
use crate::log::index::{self, Entry, Extent, Index, SideFile};
use crate::log::producers::Producers;

/// The number of bytes for one read of headers.
const HEADER_READ_BYTES: usize = 4 * 1024;

/// A segment that accepts no more batches.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: i64,
    pub(super) extent: Extent,
    pub(super) data: Arc<Handle>,
    side: Handle,
    lookup: Mutex<Lookup>,
}

/// The location of a segment's index.
#[derive(Debug, Clone)]
enum Lookup {
    /// The index is in memory. `producers` holds the producers at the segment's end if the side file is not written
    /// yet.
    Memory { index: Arc<Index>, producers: Option<Arc<Producers>> },
    /// The index is in the side file. Its entries are verified before their first use.
    Disk { start: u64, count: usize, is_checked: bool },
}

/// Returns the name of the segment that begins with this offset.
pub(crate) fn name(base: i64) -> String {
    format!("{base:020}.log")
}

/// Returns the offset in a segment's name.
pub(super) fn base_of(name: &str) -> Option<i64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 20).then(|| digits.parse().ok())?.filter(|base| *base >= 0)
}

impl Segment {
    /// Creates a segment whose side file is not written yet. Without `producers`, it is never written.
    pub(super) fn closed(data: Arc<Handle>, base: i64, index: Index, producers: Option<Producers>) -> Self {
        let side = Handle::new(index::path(data.path()));
        let extent = index.extent;
        let lookup = Lookup::Memory { index: Arc::new(index), producers: producers.map(Arc::new) };
        Self { base, extent, data, side, lookup: Mutex::new(lookup) }
    }

    /// Creates a segment that has a side file.
    pub(super) fn sealed(data: Arc<Handle>, base: i64, side: Handle, found: &SideFile) -> Self {
        let lookup = Lookup::Disk { start: found.start, count: found.count, is_checked: false };
        Self { base, extent: found.summary.extent, data, side, lookup: Mutex::new(lookup) }
    }

    pub(super) fn remove(&self, disk: &Disk) -> io::Result<()> {
        disk.remove(self.data.path())?;
        disk.remove(self.side.path())
    }

    /// Returns the contents of the side file if it is not written yet.
    pub(super) fn unsealed(&self) -> Option<(Arc<Index>, Arc<Producers>)> {
        match &*self.lookup.lock().unwrap_or_else(PoisonError::into_inner) {
            Lookup::Memory { index, producers: Some(producers) } => Some((Arc::clone(index), Arc::clone(producers))),
            _ => None,
        }
    }

    /// Uses the side file from now on.
    pub(super) fn use_side_file(&self, disk: &Disk) {
        if let Some(found) = SideFile::open(disk, &self.side, self.base) {
            *self.lookup.lock().unwrap_or_else(PoisonError::into_inner) =
                Lookup::Disk { start: found.start, count: found.count, is_checked: false };
        }
    }

    /// Returns the position of the last entry for which `is_before` is true; see [`index::last_where`].
    pub(super) fn last_where(&self, disk: &Disk, is_before: impl Fn(&Entry) -> bool) -> io::Result<u64> {
        let lookup = self.lookup.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match lookup {
            Lookup::Memory { index, .. } => Ok(index::last_where(&index.entries, is_before)),
            Lookup::Disk { start, count, is_checked: true } => {
                index::last_on_disk(&*disk.file(&self.side)?, start, count, is_before)
            }
            Lookup::Disk { .. } => Ok(index::last_where(&self.checked(disk)?, is_before)),
        }
    }

    /// Returns the entries of the side file. If it is damaged, indexes the segment again.
    fn checked(&self, disk: &Disk) -> io::Result<Vec<Entry>> {
        let found = SideFile::open(disk, &self.side, self.base);
        let found = found.and_then(|found| Some((found.entries(disk, &self.side)?, found)));
        let (lookup, entries) = match found {
            Some((entries, SideFile { start, count, .. })) => {
                (Lookup::Disk { start, count, is_checked: true }, entries)
            }
            None => {
                let segment = self.data.path().display();
                tracing::warn!(%segment, "the side file of a segment is damaged; indexing the segment again");
                let mut index = Index::new(self.base);
                let mut headers = Headers::new(disk.file(&self.data)?, 0, self.extent.length);
                while let Some((_, header)) = headers.next()? {
                    index.appended(&header);
                }
                let entries = index.entries.clone();
                (Lookup::Memory { index: Arc::new(index), producers: None }, entries)
            }
        };
        *self.lookup.lock().unwrap_or_else(PoisonError::into_inner) = lookup;
        Ok(entries)
    }
}

/// A reader of the headers of a file's batches. It skips the records between them.
#[derive(Debug)]
pub(super) struct Headers {
    file: Arc<File>,
    at: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Headers {
    /// Creates a reader from `at`, where a batch begins, to `end`.
    pub(super) fn new(file: Arc<File>, at: u64, end: u64) -> Self {
        Self { file, at, end, window: Vec::new(), window_at: at }
    }

    /// Returns the next header and its position; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Header)>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let inside = |at: u64, start: u64| usize::try_from(at - start).unwrap_or(usize::MAX);
        let mut skipped = inside(self.at, self.window_at);
        if skipped.saturating_add(HEADER) > self.window.len() {
            let length = usize::try_from(self.end - self.at).unwrap_or(HEADER_READ_BYTES).min(HEADER_READ_BYTES);
            (self.window, self.window_at) = (disk::read(&self.file, self.at, length)?, self.at);
            skipped = 0;
        }
        let header = self.window.get(skipped..).and_then(Header::read);
        let header = header.filter(|header| self.at + header.size as u64 <= self.end);
        let Some(header) = header else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("no valid batch at byte {}", self.at)));
        };
        let at = self.at;
        self.at += header.size as u64;
        Ok(Some((at, header)))
    }
}
