//! The state of a partition's log: its segments, its offsets, and the readers that wait for messages.
//!
//! This module holds the state that appending, reading and upkeep share. `append`, `read`, `upkeep` and `recovery` add
//! the operations.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::batch::Header;
use crate::disk::{Disk, Handle};
use crate::log::index::Index;
use crate::log::producers::Producers;
use crate::log::segment::{self, Segment};
use crate::log::waiter::Waiter;

/// The limits for the segments and the messages of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// The maximum size of a segment in bytes. A larger batch gets a segment of its own.
    pub(crate) segment_bytes: u64,
    /// The time that a message is kept, in milliseconds; `None` means forever.
    pub(crate) age: Option<i64>,
    /// The minimum size that is kept, in bytes; `None` keeps everything.
    pub(crate) bytes: Option<u64>,
}

/// A partition's log. All tasks that read and write it share it.
#[derive(Debug)]
pub(crate) struct PartitionLog {
    pub(super) folder: PathBuf,
    pub(super) disk: Arc<Disk>,
    state: Mutex<LogState>,
    waiters: Mutex<Vec<Weak<Waiter>>>,
    /// Held by the task that syncs. Other tasks wait for it.
    pub(super) syncing: tokio::sync::Mutex<()>,
}

/// The mutable part of a log, which a mutex protects.
#[derive(Debug)]
pub(super) struct LogState {
    pub(super) retention: Retention,
    /// The first offset that can be read.
    pub(super) start: i64,
    /// The segments before the active one, in the order of their offsets, without gaps.
    pub(super) closed: Vec<Arc<Segment>>,
    /// The segment that grows; `None` before the first message.
    pub(super) active: Option<ActiveSegment>,
    /// The offset of the next message.
    pub(super) end: i64,
    pub(super) producers: Producers,
    /// The reason why nothing can be appended any more.
    pub(super) failed: Option<String>,
    pub(super) is_deleted: bool,
}

#[derive(Debug)]
pub(super) struct ActiveSegment {
    pub(super) base: i64,
    pub(super) data: Arc<Handle>,
    pub(super) index: Index,
    /// The readable part: the offset after it, and its length in bytes. If the disk is durable, the rest is not synced
    /// yet.
    pub(super) visible: (i64, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The first offset that can be read.
    pub(crate) start: i64,
    /// The offset after the last one that can be read.
    pub(crate) end: i64,
    /// The size on disk, in bytes.
    pub(crate) bytes: u64,
}

impl PartitionLog {
    /// Creates a log without messages. Its folder is created with the first message.
    pub(crate) fn empty(folder: PathBuf, disk: Arc<Disk>, retention: Retention) -> Self {
        Self::with(folder, disk, LogState::new(retention, 0))
    }

    pub(super) fn with(folder: PathBuf, disk: Arc<Disk>, state: LogState) -> Self {
        let state = Mutex::new(state);
        Self { folder, disk, state, waiters: Mutex::default(), syncing: tokio::sync::Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, LogState> {
        // Each change is made in one step, after everything that can fail. The state is therefore consistent after a
        // panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let state = self.lock();
        let closed: u64 = state.closed.iter().map(|segment| segment.extent.length).sum();
        let active = state.active.as_ref().map_or(0, |active| active.index.extent.length);
        Bounds { start: state.start, end: state.visible_end(), bytes: closed + active }
    }

    pub(crate) fn set_retention(&self, retention: Retention) {
        self.lock().retention = retention;
    }

    /// Marks the log as deleted, and wakes all readers that wait for messages.
    pub(crate) fn delete(&self) {
        self.lock().is_deleted = true;
        self.wake(usize::MAX);
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.lock().is_deleted
    }

    /// Notifies `waiter` of all messages that are appended from now on. To miss none, register first, then read.
    pub(crate) fn register(&self, waiter: &Arc<Waiter>) {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if waiters.len() == waiters.capacity() {
            waiters.retain(|waiter| waiter.strong_count() > 0);
        }
        waiters.push(Arc::downgrade(waiter));
    }

    pub(super) fn wake(&self, bytes: usize) {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        waiters.retain(|waiter| waiter.upgrade().inspect(|waiter| waiter.count(bytes)).is_some());
    }

    /// Starts the next segment.
    pub(super) fn roll(&self, state: &mut LogState) -> io::Result<()> {
        if let Some(active) = &state.active
            && self.disk.is_durable
        {
            self.disk.sync(&active.data)?;
            // Synced messages become readable, so waiting readers must look again.
            self.wake(usize::MAX);
        }
        self.disk.create_folder(&self.folder)?;
        let data = Arc::new(Handle::new(self.folder.join(segment::name(state.end))));
        self.disk.create(&data)?;
        if self.disk.is_durable {
            self.disk.sync_folder(&self.folder)?;
        }
        let active = ActiveSegment { base: state.end, data, index: Index::new(state.end), visible: (state.end, 0) };
        if let Some(before) = state.active.replace(active) {
            let producers = Some(state.producers.clone());
            state.closed.push(Arc::new(Segment::closed(before.data, before.base, before.index, producers)));
        }
        Ok(())
    }
}

impl LogState {
    /// Creates the state of a log without messages. The next message gets offset `start`.
    pub(super) fn new(retention: Retention, start: i64) -> Self {
        let (closed, producers) = (Vec::new(), Producers::default());
        Self { retention, start, closed, active: None, end: start, producers, failed: None, is_deleted: false }
    }

    pub(super) fn visible_end(&self) -> i64 {
        self.active.as_ref().map_or(self.end, |active| active.visible.0)
    }

    /// Records a batch that was written.
    pub(super) fn appended(&mut self, header: &Header, now: i64, is_visible: bool) {
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
