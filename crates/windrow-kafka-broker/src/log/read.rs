//! Reads from a log: whole batches from an offset on, and single records by their times.

use std::fs::File;
use std::io;
use std::sync::Arc;

use kafka_protocol::ResponseError;

use crate::batch::records::{Record, first_since};
use crate::disk::{self, Disk};
use crate::log::index::last_where;
use crate::log::partition::{ActiveSegment, LogState, PartitionLog};
use crate::log::segment::{Headers, Segment};

/// A range of a file that holds whole batches.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) file: Arc<File>,
    pub(crate) position: u64,
    pub(crate) length: usize,
}

impl PartitionLog {
    /// Returns whole batches, beginning with the one that holds `offset`: up to `max_bytes`, but at least one batch.
    /// Returns `None` at the end.
    pub(crate) fn read(&self, offset: i64, max_bytes: usize) -> Result<Option<Range>, ResponseError> {
        let (file, first, last, length) = {
            let state = self.lock();
            if state.is_deleted {
                return Err(ResponseError::UnknownTopicOrPartition);
            }
            if offset < state.start || offset > state.visible_end() {
                return Err(ResponseError::OffsetOutOfRange);
            }
            if offset == state.visible_end() {
                return Ok(None);
            }
            match state.closed.get(state.closed.partition_point(|segment| segment.extent.end <= offset)) {
                Some(segment) => {
                    let segment = Arc::clone(segment);
                    drop(state);
                    self.find(&segment, offset, max_bytes)
                }
                None => state.find(&self.disk, offset, max_bytes),
            }
            .map_err(|error| self.unreadable(&error))?
        };
        range(&file, first, last, length, offset, max_bytes).map(Some).map_err(|error| self.unreadable(&error))
    }

    fn find(&self, segment: &Segment, offset: i64, max_bytes: usize) -> io::Result<(Arc<File>, u64, u64, u64)> {
        let first = segment.last_where(&self.disk, |entry| entry.offset <= offset)?;
        let limit = first.saturating_add(max_bytes as u64);
        let last = segment.last_where(&self.disk, |entry| entry.position <= limit)?;
        Ok((self.disk.file(&segment.data)?, first, last, segment.extent.length))
    }

    fn unreadable(&self, error: &io::Error) -> ResponseError {
        if self.is_deleted() {
            return ResponseError::UnknownTopicOrPartition;
        }
        tracing::warn!(%error, log = %self.folder.display(), "a log could not be read");
        ResponseError::KafkaStorageError
    }

    /// Returns the first readable record whose time is at least `timestamp`. `None` asks for the newest record.
    pub(crate) fn since(&self, timestamp: Option<i64>) -> Result<Option<Record>, ResponseError> {
        let (mut segments, start, end) = {
            let state = self.lock();
            let mut segments = state.closed.clone();
            segments.extend(state.active.as_ref().map(|active| Arc::new(active.readable())));
            (segments, state.start, state.visible_end())
        };
        let newest = segments.iter().map(|segment| segment.extent.newest).max().filter(|newest| *newest >= 0);
        let Some(wanted) = timestamp.or(newest) else { return Ok(None) };
        segments.retain(|segment| segment.extent.newest >= wanted && segment.extent.end > start);
        for segment in segments {
            let found = self.search(&segment, wanted, start).map_err(|error| self.unreadable(&error))?;
            if let Some(record) = found.filter(|record| record.offset < end) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn search(&self, segment: &Segment, wanted: i64, start: i64) -> io::Result<Option<Record>> {
        let position = segment.last_where(&self.disk, |entry| entry.newest_before < wanted)?;
        let file = self.disk.file(&segment.data)?;
        let mut headers = Headers::new(Arc::clone(&file), position, segment.extent.length);
        while let Some((at, header)) = headers.next()? {
            if header.max_timestamp >= wanted && header.next_offset() > start {
                let bytes = disk::read(&file, at, header.size)?;
                if let Some(record) = first_since(&header, &bytes, wanted, start)? {
                    return Ok(Some(record));
                }
            }
        }
        Ok(None)
    }
}

impl ActiveSegment {
    /// Returns the part that can be read, as a segment of its own.
    fn readable(&self) -> Segment {
        let mut index = self.index.clone();
        (index.extent.end, index.extent.length) = self.visible;
        Segment::closed(Arc::clone(&self.data), self.base, index, None)
    }
}

impl LogState {
    fn find(&self, disk: &Disk, offset: i64, max_bytes: usize) -> io::Result<(Arc<File>, u64, u64, u64)> {
        let Some(active) = &self.active else { return Err(io::ErrorKind::NotFound.into()) };
        let entries = &active.index.entries;
        let first = last_where(entries, |entry| entry.offset <= offset);
        let limit = first.saturating_add(max_bytes as u64).min(active.visible.1.saturating_sub(1));
        let last = last_where(entries, |entry| entry.position <= limit);
        Ok((disk.file(&active.data)?, first, last, active.visible.1))
    }
}

/// Returns the range of batches that begins with the one that holds `offset`. A batch begins at `first`, at or before
/// that batch. Another one begins at `last`, at most `max_bytes` after `first`. Headers between the found batch and
/// `last` are skipped.
fn range(file: &Arc<File>, first: u64, last: u64, end: u64, offset: i64, max_bytes: usize) -> io::Result<Range> {
    let mut headers = Headers::new(Arc::clone(file), first, end);
    let (position, mut behind) = loop {
        let Some((at, header)) = headers.next()? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        if header.next_offset() > offset {
            break (at, at + header.size as u64);
        }
    };
    let limit = position.saturating_add(max_bytes as u64);
    if last > behind {
        (headers, behind) = (Headers::new(Arc::clone(file), last, end), last);
    }
    while behind < limit
        && let Some((at, header)) = headers.next()?
        && at + header.size as u64 <= limit
    {
        behind = at + header.size as u64;
    }
    let length = usize::try_from(behind - position).map_err(io::Error::other)?;
    Ok(Range { file: Arc::clone(file), position, length })
}
