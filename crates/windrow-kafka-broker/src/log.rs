//! The log of one partition: batches in segments on disk, appended in order, read by whole batches.
//!
//! Promises that an offset is given once and never again, that what was acknowledged is there after a kill, and that nothing
//! is read which a recovery could take back. Knows nothing of topics, connections or clients.

mod index;
mod producers;
mod read;
mod recovery;
pub(super) mod segment;
#[cfg(test)]
mod tests;
mod waiter;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::batch::{self, Header};
use crate::disk::{Disk, Handle};
use crate::log::index::Index;
use crate::log::producers::{Producers, Verdict};
pub(super) use crate::log::read::{Range, ReadError};
pub use crate::log::recovery::RecoveryError;
use crate::log::segment::Segment;
pub(super) use crate::log::waiter::Waiter;

/// How a log keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retention {
    /// Bytes of a segment before the next begins.
    pub(super) segment_bytes: u64,
    /// Milliseconds that a message is kept; `None` for ever.
    pub(super) age: Option<i64>,
    /// Bytes that are kept; `None` for all.
    pub(super) bytes: Option<u64>,
}

/// A partition's log. Shared by all that read and write it.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    disk: Arc<Disk>,
    state: Mutex<State>,
    waiters: Mutex<Vec<Weak<Waiter>>>,
    /// Locked by the one who syncs, for all who wait for it.
    syncing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    retention: Retention,
    /// The first offset that can be read.
    start: i64,
    /// In the order of their offsets, without gaps.
    closed: Vec<Arc<Segment>>,
    /// None before the first message.
    active: Option<Active>,
    /// The offset of the next message.
    end: i64,
    producers: Producers,
    /// Why nothing can be appended any more.
    failed: Option<String>,
    is_deleted: bool,
}

/// The segment that grows.
#[derive(Debug)]
struct Active {
    base: i64,
    data: Arc<Handle>,
    index: Index,
    /// What can be read of it: its end and its bytes. Behind them is what is not synced yet, where that is waited for.
    visible: (i64, u64),
}

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) base_offset: i64,
    /// The first offset of the log.
    pub(super) log_start: i64,
    /// The offset up to which the disk must be synced before this is acknowledged.
    pub(super) end: i64,
}

/// Why a batch was not appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppendError {
    /// Its sequence is not the producer's next.
    OutOfOrder,
    /// Its producer was replaced.
    Fenced,
    /// The disk has no room or fails; nothing of the batch is there.
    Storage,
    /// The topic was deleted.
    Deleted,
}

/// The offsets of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The first that can be read.
    pub(super) start: i64,
    /// Behind the last that can be read.
    pub(super) end: i64,
    /// Bytes on disk.
    pub(super) bytes: u64,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is made in one step behind what can fail, so a panic leaves a whole state behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn bounds(&self) -> Bounds {
        let state = self.lock();
        let closed: u64 = state.closed.iter().map(|segment| segment.extent.length).sum();
        let active = state.active.as_ref().map_or(0, |active| active.index.extent.length);
        Bounds { start: state.start, end: state.visible_end(), bytes: closed + active }
    }

    pub(super) fn set_retention(&self, retention: Retention) {
        self.lock().retention = retention;
    }

    /// Has everybody who waits for messages look again, for instance because the topic is gone.
    pub(super) fn delete(&self) {
        self.lock().is_deleted = true;
        self.wake(usize::MAX);
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.lock().is_deleted
    }

    /// Tells `waiter` of what is appended from now on. To miss nothing, register first and look then.
    pub(super) fn register(&self, waiter: &Arc<Waiter>) {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if waiters.len() == waiters.capacity() {
            waiters.retain(|waiter| waiter.strong_count() > 0);
        }
        waiters.push(Arc::downgrade(waiter));
    }

    fn wake(&self, bytes: usize) {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        waiters.retain(|waiter| {
            waiter.upgrade().is_some_and(|waiter| {
                waiter.count(bytes);
                true
            })
        });
    }

    /// Appends one batch, whose header was checked; gives it its offset within `bytes`. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// Why not; the log is as it was.
    pub(super) fn append(&self, bytes: &mut [u8], mut header: Header, now: i64) -> Result<Appended, AppendError> {
        let mut state = self.lock();
        if state.is_deleted {
            return Err(AppendError::Deleted);
        }
        match state.producers.check(&header, state.start == 0) {
            Verdict::Next => {}
            Verdict::Again(base_offset) => {
                let end = base_offset + i64::from(header.count);
                return Ok(Appended { base_offset, log_start: state.start, end });
            }
            Verdict::OutOfOrder => return Err(AppendError::OutOfOrder),
            Verdict::Fenced => return Err(AppendError::Fenced),
        }
        let base_offset = state.end;
        batch::place(bytes, base_offset);
        header.base_offset = base_offset;
        if let Err(error) = self.write(&mut state, bytes) {
            tracing::debug!(%error, log = %self.folder.display(), "a batch could not be written");
            return Err(AppendError::Storage);
        }
        state.appended(&header, now, !self.disk.is_durable);
        let appended = Appended { base_offset, log_start: state.start, end: state.end };
        drop(state);
        if !self.disk.is_durable {
            self.wake(bytes.len());
        }
        Ok(appended)
    }

    fn write(&self, state: &mut State, bytes: &[u8]) -> io::Result<()> {
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
            // What came through of it would be taken for a torn batch, or be read as one.
            if let Err(error) = self.disk.cut(&active.data, length) {
                state.failed = Some(format!("a failed write could not be taken back: {error}"));
            }
        })
    }

    /// Begins the next segment.
    fn roll(&self, state: &mut State) -> io::Result<()> {
        if let Some(active) = &state.active
            && self.disk.is_durable
        {
            self.disk.sync(&active.data)?;
            // What is synced can be read; those who wait for it look again.
            self.wake(usize::MAX);
        }
        self.disk.create_folder(&self.folder)?;
        let data = Arc::new(Handle::new(self.folder.join(segment::name(state.end))));
        self.disk.create(&data)?;
        if self.disk.is_durable {
            self.disk.sync_folder(&self.folder)?;
        }
        let active = Active { base: state.end, data, index: Index::new(state.end), visible: (state.end, 0) };
        if let Some(before) = state.active.replace(active) {
            let data = Handle::new(before.data.path().to_owned());
            state.closed.push(Arc::new(Segment::closed(data, before.base, before.index, state.producers.clone())));
        }
        Ok(())
    }

    /// Returns when everything before `end` would survive a power cut, where that was asked for. One sync serves all that
    /// wait.
    ///
    /// # Errors
    /// The disk could not be synced: nothing that was not acknowledged by then ever will be.
    pub(super) async fn synced(&self, end: i64) -> Result<(), AppendError> {
        if !self.disk.is_durable {
            return Ok(());
        }
        let _turn = self.syncing.lock().await;
        let (data, target) = {
            let state = self.lock();
            if state.visible_end() >= end {
                return Ok(());
            }
            let Some(active) = state.active.as_ref().filter(|_| state.failed.is_none()) else {
                return Err(AppendError::Storage);
            };
            (Arc::clone(&active.data), (active.base, active.index.extent))
        };
        let result = blocking(|| self.disk.sync(&data));
        let mut state = self.lock();
        if let Err(error) = result {
            // The system may have dropped what it could not write, and would call the next sync a success.
            state.failed = Some(format!("the disk could not be synced: {error}"));
            tracing::warn!(%error, log = %self.folder.display(), "the disk could not be synced: the partition takes no more");
            return Err(AppendError::Storage);
        }
        let (base, extent) = target;
        let mut come = 0;
        match &mut state.active {
            Some(active) if active.base == base => {
                come = extent.length - active.visible.1;
                active.visible = (extent.end, extent.length);
            }
            // The segment was closed meanwhile, which synced it.
            _ => {}
        }
        drop(state);
        self.wake(usize::try_from(come).unwrap_or(usize::MAX).max(1));
        Ok(())
    }

    /// The offset up to which messages are to be deleted by age and size, where that is beyond the start. `now` is in
    /// milliseconds since 1970.
    pub(super) fn expired(&self, now: i64) -> Option<i64> {
        let mut state = self.lock();
        state.producers.expire(now);
        let oldest_kept = state.retention.age.map(|age| now.saturating_sub(age));
        // Messages without a time do not grow old.
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

    /// Lets the log begin with `start`, which the caller has made durable, and removes what lies before it.
    pub(super) fn begin_at(&self, start: i64) {
        let mut state = self.lock();
        state.start = state.start.max(start.min(state.end));
        let kept = state.closed.partition_point(|segment| segment.extent.end <= state.start);
        let removed: Vec<_> = state.closed.drain(..kept).collect();
        drop(state);
        for segment in removed {
            if let Err(error) = segment.remove(&self.disk) {
                tracing::warn!(%error, segment = %segment.path().display(), "not removed; the next start removes it");
            }
        }
    }

    /// Syncs closed segments and writes their side files. One at a time calls this.
    pub(super) fn seal(&self) {
        let closed = self.lock().closed.clone();
        for segment in closed {
            let Some((index, producers)) = segment.unsealed() else { continue };
            let sealed = segment
                .sync(&self.disk)
                .and_then(|()| index::publish(&self.disk, segment.path(), segment.base, &index, &producers));
            match sealed {
                Ok(()) => segment.use_side_file(&self.disk),
                Err(error) if self.is_deleted() => tracing::debug!(%error, "a deleted log is not sealed"),
                Err(error) => tracing::warn!(%error, segment = %segment.path().display(), "not sealed"),
            }
        }
    }

    /// Whether closed segments wait for [`Log::seal`].
    pub(super) fn is_unsealed(&self) -> bool {
        self.lock().closed.iter().rev().any(|segment| segment.unsealed().is_some())
    }

    /// Writes down what a start would otherwise have to read. Nothing is appended behind this.
    pub(super) fn close(&self) -> io::Result<()> {
        self.seal();
        let mut state = self.lock();
        state.failed.get_or_insert_with(|| "the broker ends".to_owned());
        let Some(active) = &state.active else { return Ok(()) };
        self.disk.sync(&active.data)?;
        index::publish(&self.disk, active.data.path(), active.base, &active.index, &state.producers)
    }
}

impl State {
    fn visible_end(&self) -> i64 {
        self.active.as_ref().map_or(self.end, |active| active.visible.0)
    }

    /// Takes note of a batch that was written.
    fn appended(&mut self, header: &Header, now: i64, is_visible: bool) {
        self.end = header.next_offset();
        self.producers.appended(header, now);
        if let Some(active) = &mut self.active {
            active.index.appended(header);
            if is_visible {
                active.visible = (active.index.extent.end, active.index.extent.length);
            }
        }
    }
}

/// Runs what waits for the disk without holding up the runtime's other tasks.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let is_in_runtime = tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if is_in_runtime { tokio::task::block_in_place(work) } else { work() }
}
