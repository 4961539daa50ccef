//! The recovery of a log from disk when the broker starts.
//!
//! A batch that a kill tore is cut off: it was never acknowledged. Other damage is not repaired: the start is refused,
//! with file and byte.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::batch::{HEADER, Header};
use crate::disk::{self, Disk, Handle, RecoveryError};
use crate::log::index::{self, Index, SideFile};
use crate::log::partition::{ActiveSegment, LogState, PartitionLog, Retention};
use crate::log::producers::Producers;
use crate::log::segment::{self, Segment};

/// The number of bytes for one read.
const CHUNK: usize = 4 * 1024 * 1024;

impl PartitionLog {
    /// Opens a partition's log in `folder`, which may be missing. `start` is the first offset that can be read. `now`
    /// is in milliseconds since 1970. Also returns whether messages that clients may have read were lost.
    pub(crate) fn open(
        folder: PathBuf,
        disk: Arc<Disk>,
        retention: Retention,
        start: i64,
        now: i64,
    ) -> Result<(Self, bool), RecoveryError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| RecoveryError::Read { path, source }
        };
        let names = disk.names(&folder).map_err(failed(&folder))?;
        let bases: BTreeSet<i64> = names.iter().filter_map(|name| segment::base_of(name)).collect();
        let mut state = LogState::new(retention, start);
        let mut lost_messages = false;
        let mut bases = bases.into_iter().peekable();
        while let Some(base) = bases.next() {
            let data = Arc::new(Handle::new(folder.join(segment::name(base))));
            let is_last = bases.peek().is_none();
            if bases.peek().is_some_and(|next| *next <= start) {
                // The messages are deleted; only the files are left.
                for path in [data.path().to_owned(), index::path(data.path())] {
                    disk.remove(&path).map_err(failed(&path))?;
                }
                continue;
            }
            let first = state.closed.first().map_or(base, |_| state.end);
            if base != first {
                return Err(RecoveryError::Gap { path: data.path().to_owned(), expected: first });
            }
            let found = read(&disk, &data, base, is_last, &state.producers, now)?;
            state.end = found.index.extent.end;
            lost_messages |= found.was_cut;
            state.producers = found.producers;
            if is_last {
                let visible = (found.index.extent.end, found.index.extent.length);
                state.active = Some(ActiveSegment { base, data, index: found.index, visible });
            } else if let Some(side) = found.side {
                let handle = Handle::new(index::path(data.path()));
                state.closed.push(Arc::new(Segment::sealed(data, base, handle, &side)));
            } else {
                state.closed.push(Arc::new(Segment::closed(data, base, found.index, Some(state.producers.clone()))));
            }
        }
        if state.end < start {
            // The log ends before an offset that was once its start. New messages begin at `start`, in a new file.
            state.end = start;
            if let Some(active) = state.active.take() {
                disk.remove(active.data.path()).map_err(failed(active.data.path()))?;
                disk.remove(&index::path(active.data.path())).map_err(failed(active.data.path()))?;
            }
            lost_messages = true;
        }
        state.start = start.max(state.closed.first().map_or(start, |segment| segment.base));
        Ok((Self::with(folder, disk, state), lost_messages))
    }
}

struct SegmentContents {
    index: Index,
    producers: Producers,
    side: Option<SideFile>,
    was_cut: bool,
}

fn read(
    disk: &Disk,
    data: &Handle,
    base: i64,
    is_last: bool,
    before: &Producers,
    now: i64,
) -> Result<SegmentContents, RecoveryError> {
    let failed = |source| RecoveryError::Read { path: data.path().to_owned(), source };
    let file = disk.file(data).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let side_handle = Handle::new(index::path(data.path()));
    let side = SideFile::open(disk, &side_handle, base);
    // Bytes were lost if the side file covers more than the segment has.
    let is_shorter = side.as_ref().is_some_and(|side| side.summary.extent.length > length);
    let mut side = side.filter(|side| side.summary.extent.length <= length);
    if !is_last && let Some(side) = side.take_if(|side| side.summary.extent.length == length) {
        let index = Index { entries: Vec::new(), extent: side.summary.extent };
        let producers = side.summary.producers.clone();
        return Ok(SegmentContents { index, producers, side: Some(side), was_cut: false });
    }
    let known = side.and_then(|side| {
        let entries = side.entries(disk, &side_handle)?;
        Some((Index { entries, extent: side.summary.extent }, side.summary.producers))
    });
    let (mut index, mut producers) = known.unwrap_or_else(|| (Index::new(base), before.clone()));
    let mut scan = Scan { file: &file, length, buffer: Vec::new(), at: index.extent.length };
    while let Some(header) = scan.next(index.extent.end).map_err(failed)? {
        index.appended(&header);
        producers.appended(&header, now);
    }
    let good = index.extent.length;
    if good == length {
        return Ok(SegmentContents { index, producers, side: None, was_cut: is_shorter });
    }
    if !is_last || scan.has_batch_after(index.extent.end).map_err(failed)? {
        let path = data.path().to_owned();
        return Err(RecoveryError::Damaged { path, position: good, followers: "batches" });
    }
    tracing::warn!(segment = %data.path().display(), from = good, to = length, "removing an incomplete last batch");
    disk.truncate(data, good).map_err(failed)?;
    Ok(SegmentContents { index, producers, side: None, was_cut: true })
}

/// A scan of a file from batch to batch, which verifies every byte.
struct Scan<'a> {
    file: &'a std::fs::File,
    length: u64,
    /// The bytes of the file from `at` on that were read.
    buffer: Vec<u8>,
    at: u64,
}

impl Scan<'_> {
    /// Returns the next batch, if it is intact and begins with the expected offset.
    fn next(&mut self, expected: i64) -> io::Result<Option<Header>> {
        self.fill(HEADER)?;
        let Some(header) = Header::read(&self.buffer) else { return Ok(None) };
        if header.base_offset != expected || header.size as u64 > self.length - self.at {
            return Ok(None);
        }
        self.fill(header.size)?;
        if !header.is_intact(&self.buffer) {
            return Ok(None);
        }
        self.buffer.drain(..header.size);
        self.at += header.size as u64;
        Ok(Some(header))
    }

    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.buffer.len() < wanted {
            self.buffer = disk::read(self.file, self.at, wanted.max(CHUNK))?;
        }
        Ok(())
    }

    /// Returns true if an intact batch follows somewhere after the damaged one.
    fn has_batch_after(&mut self, expected: i64) -> io::Result<bool> {
        let mut at = self.at + 1;
        while at + HEADER as u64 <= self.length {
            let bytes = disk::read(self.file, at, CHUNK)?;
            for start in 0..bytes.len().saturating_sub(HEADER - 1) {
                // The check of the format number is cheap, so it comes first.
                if bytes[start + 16] != 2 {
                    continue;
                }
                let Some(header) = Header::read(&bytes[start..]) else { continue };
                let is_later = header.base_offset >= expected && header.count > 0;
                let position = at + start as u64;
                if is_later && header.size as u64 <= self.length - position {
                    let batch = disk::read(self.file, position, header.size)?;
                    if header.is_intact(&batch) {
                        return Ok(true);
                    }
                }
            }
            at += (bytes.len().saturating_sub(HEADER - 1)).max(1) as u64;
        }
        Ok(false)
    }
}
