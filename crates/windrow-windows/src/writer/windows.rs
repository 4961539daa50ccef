//! The open windows, and the messages that wait for a window.

use std::collections::BTreeMap;

use crate::open::{MessagePosition, OpenWindow, RowValue};
use crate::{BatchError, BatchStore, OffsetRange, TimeSpan, quarantine};
use windrow_config::{Cut, NoWindow, Placement, WindowPolicy};
use windrow_record::{Partition, RowNumber, WindowIndex};

/// The maximum memory in bytes of all open windows for data that is not on the disk yet.
const MAX_BUFFERED_BYTES: usize = 32 * 1024 * 1024;

/// All windows that are not sealed.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) store: BatchStore,
    pub(super) placement: Placement,
    header: Vec<u8>,
    open: BTreeMap<WindowIndex, OpenWindow>,
    /// The messages without a window of their own, by partition. They join the window of the partition's next row,
    /// which cannot be sealed before that row has arrived.
    waiting: BTreeMap<Partition, OpenWindow>,
    /// The number of windows opened so far. It names their files until they are sealed.
    opened: u64,
    /// The number of bytes pushed since the memory of the open windows was last counted.
    uncounted: usize,
}

impl Windows {
    pub(super) fn new(store: BatchStore, placement: Placement, header: Vec<u8>) -> Self {
        Self { store, placement, header, open: BTreeMap::new(), waiting: BTreeMap::new(), opened: 0, uncounted: 0 }
    }

    pub(super) fn cut(&self) -> &Cut {
        self.placement.cut()
    }

    /// Returns the window of a row whose position is accepted.
    pub(super) fn place(
        &mut self,
        message: MessagePosition,
        row: RowNumber,
        time: Option<i64>,
    ) -> Result<WindowIndex, NoWindow> {
        let placed = self.placement.place(message.needed.at, row, time)?;
        if placed.earlier > 0 {
            let later = |window: WindowIndex| WindowIndex::new(window.get().saturating_add(placed.earlier));
            let open = std::mem::take(&mut self.open).into_iter();
            self.open = open.map(|(window, open)| (later(window).unwrap_or(window), open)).collect();
        }
        Ok(placed.window)
    }

    /// Adds a row to its window, together with the waiting messages of its partition.
    pub(super) fn store(
        &mut self,
        window: WindowIndex,
        message: MessagePosition,
        row: RowNumber,
        value: RowValue<'_>,
    ) -> Result<(), BatchError> {
        self.attach_waiting(message.partition, window)?;
        self.open(window).push(message, row, value)?;
        self.uncounted += value.record.len();
        self.bound_memory()
    }

    /// Adds a message to the quarantine of a window. If row numbers decide, that is the window of its number; a late
    /// message, or one without a number, waits for the next row of its partition. An event window is the one that the
    /// partition has reached. A window by the clock is the next one to be sealed.
    pub(super) fn quarantine(
        &mut self,
        message: MessagePosition,
        row: Option<RowNumber>,
        (reason, raw): (&str, &[u8]),
    ) -> Result<(), BatchError> {
        let line = quarantine::line((message.partition, message.offset), row, reason, raw);
        let line = line.map_err(|error| BatchError::write(&self.store.open_folder())(error.into()))?;
        let own = row.and_then(|row| self.placement.window_of_row(message.needed.at, row)).and_then(Result::ok);
        let open = match own {
            Some(window) => {
                self.attach_waiting(message.partition, window)?;
                self.open(window)
            }
            None if matches!(self.cut().policy, WindowPolicy::Every(_)) => self.open(self.placement.next_window()),
            None => self.without_window(message),
        };
        open.quarantine(message, row, &line)?;
        open.numbered += u64::from(own.is_some());
        self.uncounted += line.len();
        self.bound_memory()
    }

    pub(super) fn repeat(&mut self, message: MessagePosition) {
        self.without_window(message).repeat(message);
    }

    /// Returns the window for a message without a window of its own.
    fn without_window(&mut self, message: MessagePosition) -> &mut OpenWindow {
        if let Some(window) = self.placement.reached_window(message.needed.at) {
            return self.open(window);
        }
        let (store, opened) = (&self.store, &mut self.opened);
        self.waiting.entry(message.partition).or_insert_with(|| {
            *opened += 1;
            OpenWindow::new(store, &format!("open-{opened}"), &[])
        })
    }

    /// Moves the waiting messages of a partition into a window.
    fn attach_waiting(&mut self, partition: Partition, window: WindowIndex) -> Result<(), BatchError> {
        match self.waiting.remove(&partition) {
            Some(waiting) => self.open(window).absorb(waiting),
            None => Ok(()),
        }
    }

    /// Moves the messages that still wait at the end of the stream into a window. A partition whose messages are all
    /// repeats does not open a window: its messages stay.
    pub(super) fn attach_rest(&mut self, window: WindowIndex) -> Result<(), BatchError> {
        let settled = self.waiting.iter().filter(|(_, waiting)| waiting.quarantined > 0);
        let settled: Vec<Partition> = settled.map(|(partition, _)| *partition).collect();
        settled.into_iter().try_for_each(|partition| self.attach_waiting(partition, window))
    }

    /// The repeats that still wait: those after the last row of their partition.
    pub(super) fn waiting_repeats(&self) -> Vec<OffsetRange> {
        self.waiting.values().flat_map(OpenWindow::repeated_ranges).collect()
    }

    fn open(&mut self, window: WindowIndex) -> &mut OpenWindow {
        let (store, header, opened) = (&self.store, &self.header, &mut self.opened);
        self.open.entry(window).or_insert_with(|| {
            *opened += 1;
            OpenWindow::new(store, &format!("open-{opened}"), header)
        })
    }

    pub(super) fn get(&self, window: WindowIndex) -> Option<&OpenWindow> {
        self.open.get(&window)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &OpenWindow> {
        self.open.values().chain(self.waiting.values())
    }

    pub(super) fn last(&self) -> Option<WindowIndex> {
        self.open.keys().next_back().copied()
    }

    /// Removes and returns the next window to be sealed, with the waiting messages of these partitions.
    pub(super) fn take_next(&mut self, timeless: &[Partition]) -> Result<(WindowIndex, OpenWindow), BatchError> {
        let window = self.placement.next_window();
        timeless.iter().try_for_each(|partition| self.attach_waiting(*partition, window))?;
        self.open(window);
        let Some(open) = self.open.remove(&window) else { unreachable!("the window was opened above") };
        self.placement.seal_next();
        Ok((window, open))
    }

    /// The bounds of an event window. `None` for other windows.
    pub(super) fn span_of(&self, window: WindowIndex) -> Option<TimeSpan> {
        self.placement.span_of(window).map(|(from, until)| TimeSpan { from, until })
    }

    /// Writes the buffers to the disk if all windows together hold too much memory. Each window buffers its rows until
    /// a write is worth it, and many small windows would add up.
    fn bound_memory(&mut self) -> Result<(), BatchError> {
        if self.uncounted < MAX_BUFFERED_BYTES / 2 {
            return Ok(());
        }
        self.uncounted = 0;
        if self.all().map(OpenWindow::buffered_bytes).sum::<usize>() > MAX_BUFFERED_BYTES / 2 {
            for open in self.open.values_mut().chain(self.waiting.values_mut()) {
                open.flush()?;
            }
        }
        Ok(())
    }
}
