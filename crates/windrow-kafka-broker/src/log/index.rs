//! The index of a segment: the positions of offsets and times, with one entry about every 16 KiB. It is in memory while
//! the segment grows, and in a side file after the segment is sealed.
//!
//! The side file also holds the length of the indexed part of the segment, and the state of the producers at its end. A
//! start therefore need not read that part. The side file has checksums. If it is damaged, it is computed again from
//! the segment.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::batch::Header;
use crate::disk::{self, Disk, Handle};
use crate::log::producers::Producers;

/// The minimum distance between two entries, in bytes of the segment.
const ENTRY_INTERVAL: u64 = 16 * 1024;
const MAGIC: &[u8; 8] = b"WRINDEX\x01";
/// The size of the start of a side file in bytes: the magic bytes, then the lengths and the checksums of the summary
/// and the entries.
const PREAMBLE_BYTES: usize = 8 + 4 * 4;
const ENTRY_BYTES: usize = 24;
/// The maximum length of a summary in bytes. Even with the maximum number of producers, a summary is much shorter.
const MAX_SUMMARY_BYTES: usize = 64 * 1024 * 1024;

/// An entry for the batch that begins at `position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) offset: i64,
    /// The position of the batch, in bytes from the segment's start.
    pub(super) position: u64,
    /// The newest time of all batches before this one. Times may go backwards.
    pub(super) newest_before: i64,
}

/// The extent of a segment: its end, its length and its newest time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extent {
    /// The offset after the last record.
    pub(super) end: i64,
    /// The length of the segment in bytes.
    pub(super) length: u64,
    /// The newest time, in milliseconds since 1970, and the base offset of the first batch that has it; -1 if no record
    /// has a time.
    pub(super) newest: i64,
    pub(super) newest_offset: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) base: i64,
    pub(super) extent: Extent,
    pub(super) producers: Producers,
}

/// The index of a growing segment: its entries and its extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) entries: Vec<Entry>,
    pub(super) extent: Extent,
}

impl Index {
    pub(super) fn new(base: i64) -> Self {
        Self { entries: Vec::new(), extent: Extent { end: base, length: 0, newest: -1, newest_offset: -1 } }
    }

    pub(super) fn appended(&mut self, header: &Header) {
        let extent = &mut self.extent;
        if self.entries.last().is_none_or(|last| extent.length - last.position >= ENTRY_INTERVAL) {
            let entry = Entry { offset: header.base_offset, position: extent.length, newest_before: extent.newest };
            self.entries.push(entry);
        }
        if header.max_timestamp > extent.newest {
            (extent.newest, extent.newest_offset) = (header.max_timestamp, header.base_offset);
        }
        extent.end = header.next_offset();
        extent.length += header.size as u64;
    }
}

/// Returns the position of the last entry for which `is_before` is true; 0 if it is true for none. `is_before` must be
/// true for a prefix of the entries and false for the rest.
pub(super) fn last_where(entries: &[Entry], is_before: impl Fn(&Entry) -> bool) -> u64 {
    entries[..entries.partition_point(is_before)].last().map_or(0, |entry| entry.position)
}

/// Returns the same as [`last_where`], for the `count` entries in a side file that begin at `at` and were verified.
pub(super) fn last_on_disk(file: &File, at: u64, count: usize, is_before: impl Fn(&Entry) -> bool) -> io::Result<u64> {
    let (mut low, mut high, mut found) = (0, count, 0);
    while low < high {
        let middle = low.midpoint(high);
        let bytes = disk::read(file, at + (middle * ENTRY_BYTES) as u64, ENTRY_BYTES)?;
        let entry = decode(&bytes).ok_or(io::ErrorKind::UnexpectedEof)?;
        if is_before(&entry) {
            (low, found) = (middle + 1, entry.position);
        } else {
            high = middle;
        }
    }
    Ok(found)
}

#[derive(Debug)]
pub(super) struct SideFile {
    pub(super) summary: Summary,
    /// The position of the entries in the file, in bytes.
    pub(super) start: u64,
    pub(super) count: usize,
    checksum: u32,
}

/// Returns the path of a segment's side file.
pub(super) fn path(segment: &Path) -> PathBuf {
    segment.with_extension("index")
}

/// Writes a segment's side file atomically.
pub(super) fn publish(disk: &Disk, segment: &Path, base: i64, index: &Index, producers: &Producers) -> io::Result<()> {
    let summary = Summary { base, extent: index.extent, producers: producers.clone() };
    let summary = serde_json::to_vec(&summary)?;
    let mut entries = Vec::with_capacity(index.entries.len() * ENTRY_BYTES);
    for entry in &index.entries {
        entries.extend(entry.offset.to_be_bytes());
        entries.extend(entry.position.to_be_bytes());
        entries.extend(entry.newest_before.to_be_bytes());
    }
    let mut bytes = MAGIC.to_vec();
    for part in [&summary, &entries] {
        bytes.extend(u32::try_from(part.len()).map_err(io::Error::other)?.to_be_bytes());
        bytes.extend(crc32c::crc32c(part).to_be_bytes());
    }
    bytes.extend(summary);
    bytes.extend(entries);
    disk.publish(&path(segment), &bytes)
}

impl SideFile {
    /// Reads the summary. Returns `None` if the file is missing or damaged.
    pub(super) fn open(disk: &Disk, handle: &Handle, base: i64) -> Option<Self> {
        let file = disk.file(handle).ok()?;
        let preamble = disk::read(&file, 0, PREAMBLE_BYTES).ok()?;
        let numbers = preamble.strip_prefix(MAGIC)?;
        let number = |at: usize| numbers.get(at..at + 4)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let (length, summary_checksum) = (usize::try_from(number(0)?).ok()?, number(4)?);
        let (entries, checksum) = (usize::try_from(number(8)?).ok()?, number(12)?);
        if length > MAX_SUMMARY_BYTES {
            return None;
        }
        let summary = disk::read(&file, PREAMBLE_BYTES as u64, length).ok()?;
        if summary.len() != length || crc32c::crc32c(&summary) != summary_checksum {
            return None;
        }
        let summary: Summary = serde_json::from_slice(&summary).ok()?;
        let start = (PREAMBLE_BYTES + length) as u64;
        let is_whole = file.metadata().ok()?.len() == start + entries as u64 && entries % ENTRY_BYTES == 0;
        (is_whole && summary.base == base).then_some(Self { summary, start, count: entries / ENTRY_BYTES, checksum })
    }

    /// Reads all entries. Returns `None` if they are damaged.
    pub(super) fn entries(&self, disk: &Disk, handle: &Handle) -> Option<Vec<Entry>> {
        let bytes = disk::read(&*disk.file(handle).ok()?, self.start, self.count * ENTRY_BYTES).ok()?;
        if crc32c::crc32c(&bytes) != self.checksum {
            return None;
        }
        bytes.chunks(ENTRY_BYTES).map(decode).collect()
    }
}

fn decode(bytes: &[u8]) -> Option<Entry> {
    let number = |at: usize| bytes.get(at..at + 8)?.first_chunk().map(|bytes| i64::from_be_bytes(*bytes));
    Some(Entry { offset: number(0)?, position: u64::try_from(number(8)?).ok()?, newest_before: number(16)? })
}
