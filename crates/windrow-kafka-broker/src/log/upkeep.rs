//! The upkeep of a log: deletes old messages, seals full segments, and closes the log at the end.

use std::io;

use crate::log::index;
use crate::log::partition::PartitionLog;

impl PartitionLog {
    /// Returns the new start of the log if messages exceed the limits of age or size. `now` is in milliseconds since
    /// 1970.
    pub(crate) fn expired(&self, now: i64) -> Option<i64> {
        let mut state = self.lock();
        state.producers.expire(now);
        let oldest_kept = state.retention.age.map(|age| now.saturating_sub(age));
        // Messages without a time never expire.
        let is_old = |newest: i64| newest >= 0 && oldest_kept.is_some_and(|kept| newest < kept);
        if let Some(active) = &state.active
            && active.index.extent.length > 0
            && is_old(active.index.extent.newest)
            && state.closed.iter().all(|segment| is_old(segment.extent.newest))
            && let Err(error) = self.roll(&mut state)
        {
            tracing::warn!(%error, log = %self.folder.display(), "old messages cannot be deleted");
        }
        let mut bytes: u64 = state.closed.iter().map(|segment| segment.extent.length).sum();
        bytes += state.active.as_ref().map_or(0, |active| active.index.extent.length);
        let mut start = None;
        for segment in &state.closed {
            let is_too_much = state.retention.bytes.is_some_and(|kept| bytes - segment.extent.length >= kept);
            if !is_old(segment.extent.newest) && !is_too_much {
                break;
            }
            bytes -= segment.extent.length;
            start = Some(segment.extent.end);
        }
        start.filter(|start| *start > state.start)
    }

    /// Moves the start of the log to `start`, which the caller has made durable. Removes segments that end before it.
    pub(crate) fn delete_before(&self, start: i64) {
        let mut state = self.lock();
        state.start = state.start.max(start.min(state.end));
        let kept = state.closed.partition_point(|segment| segment.extent.end <= state.start);
        let removed: Vec<_> = state.closed.drain(..kept).collect();
        drop(state);
        for segment in removed {
            if let Err(error) = segment.remove(&self.disk) {
                let path = segment.data.path().display();
                tracing::warn!(%error, segment = %path, "not removed; the next start removes it");
            }
        }
    }

    /// Syncs closed segments and writes their side files. Two tasks must not call this at the same time.
    pub(crate) fn seal(&self) {
        let closed = self.lock().closed.clone();
        for segment in closed {
            let Some((index, producers)) = segment.unsealed() else { continue };
            let (disk, path) = (&self.disk, segment.data.path());
            let sealed = disk.sync(&segment.data);
            let sealed = sealed.and_then(|()| index::publish(disk, path, segment.base, &index, &producers));
            match sealed {
                Ok(()) => segment.use_side_file(&self.disk),
                Err(error) if self.is_deleted() => tracing::debug!(%error, "a segment of a deleted log was not sealed"),
                Err(error) => tracing::warn!(%error, segment = %path.display(), "a segment was not sealed"),
            }
        }
    }

    /// Returns true if [`PartitionLog::seal`] has segments to seal.
    pub(crate) fn is_unsealed(&self) -> bool {
        self.lock().closed.iter().rev().any(|segment| segment.unsealed().is_some())
    }

    /// Saves the state that the next start would otherwise compute from the messages. Nothing can be appended after
    /// this.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.seal();
        let mut state = self.lock();
        state.failed.get_or_insert_with(|| "the broker has stopped".to_owned());
        let Some(active) = &state.active else { return Ok(()) };
        self.disk.sync(&active.data)?;
        index::publish(&self.disk, active.data.path(), active.base, &active.index, &state.producers)
    }
}
