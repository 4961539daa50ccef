//! Appends batches to a partition's log, and syncs them if the disk is durable.

use std::io;
use std::sync::Arc;

use kafka_protocol::ResponseError;

use crate::batch::{self, Header};
use crate::blocking::blocking;
use crate::log::partition::{LogState, PartitionLog};

/// The position of a batch in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AppendedBatch {
    pub(crate) base_offset: i64,
    /// The first offset of the log.
    pub(crate) log_start: i64,
    /// The offset up to which the disk must be synced before the batch is acknowledged.
    pub(crate) end: i64,
}

impl PartitionLog {
    /// Appends one batch, whose header was checked, and writes its offset into `bytes`. `now` is in milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// Returns an error if the batch is refused, if the topic was deleted, or if the disk has no room or fails. The log
    /// is then unchanged.
    pub(crate) fn append(&self, bytes: &mut [u8], header: Header, now: i64) -> Result<AppendedBatch, ResponseError> {
        let mut state = self.lock();
        if state.is_deleted {
            return Err(ResponseError::UnknownTopicOrPartition);
        }
        if let Some(base_offset) = state.producers.check(&header, state.start == 0)? {
            let end = base_offset + i64::from(header.count);
            return Ok(AppendedBatch { base_offset, log_start: state.start, end });
        }
        let base_offset = state.end;
        batch::set_base_offset(bytes, base_offset);
        let mut header = header;
        header.base_offset = base_offset;
        if let Err(error) = self.write(&mut state, bytes) {
            tracing::debug!(%error, log = %self.folder.display(), "a batch could not be written");
            return Err(ResponseError::KafkaStorageError);
        }
        state.appended(&header, now, !self.disk.is_durable);
        let appended = AppendedBatch { base_offset, log_start: state.start, end: state.end };
        drop(state);
        if !self.disk.is_durable {
            self.wake(bytes.len());
        }
        Ok(appended)
    }

    fn write(&self, state: &mut LogState, bytes: &[u8]) -> io::Result<()> {
        if let Some(reason) = &state.failed {
            return Err(io::Error::other(reason.clone()));
        }
        let is_full = state.active.as_ref().is_some_and(|active| {
            let length = active.index.extent.length;
            length > 0 && length + bytes.len() as u64 > state.retention.segment_bytes
        });
        if is_full || state.active.is_none() {
            self.roll(state)?;
        }
        let Some(active) = &state.active else { return Err(io::ErrorKind::NotFound.into()) };
        let length = active.index.extent.length;
        self.disk.write(&active.data, bytes, length).inspect_err(|_| {
            // The bytes that were written would look like a torn batch, or would be read as a batch.
            if let Err(error) = self.disk.truncate(&active.data, length) {
                state.failed = Some(format!("a failed write could not be undone: {error}"));
            }
        })
    }

    /// Returns after all messages before `end` would survive a power cut; at once if the disk is not durable. One sync
    /// serves all tasks that wait.
    ///
    /// # Errors
    /// Returns an error if the disk cannot be synced. Messages that were not acknowledged before are never
    /// acknowledged.
    pub(crate) async fn synced(&self, end: i64) -> Result<(), ResponseError> {
        if !self.disk.is_durable {
            return Ok(());
        }
        let _turn = self.syncing.lock().await;
        let (data, base, extent) = {
            let state = self.lock();
            if state.visible_end() >= end {
                return Ok(());
            }
            let Some(active) = state.active.as_ref().filter(|_| state.failed.is_none()) else {
                return Err(ResponseError::KafkaStorageError);
            };
            (Arc::clone(&active.data), active.base, active.index.extent)
        };
        let result = blocking(|| self.disk.sync(&data));
        let mut state = self.lock();
        if let Err(error) = result {
            // The system may have dropped the pages that it could not write. The next sync would then succeed without
            // them.
            state.failed = Some(format!("the disk could not be synced: {error}"));
            let log = self.folder.display();
            tracing::warn!(%error, %log, "the disk could not be synced: the partition accepts no more messages");
            return Err(ResponseError::KafkaStorageError);
        }
        let mut come = 0;
        // If the segment was closed during the sync, closing it also synced it.
        if let Some(active) = state.active.as_mut().filter(|active| active.base == base) {
            come = extent.length - active.visible.1;
            active.visible = (extent.end, extent.length);
        }
        drop(state);
        self.wake(usize::try_from(come).unwrap_or(usize::MAX).max(1));
        Ok(())
    }
}
