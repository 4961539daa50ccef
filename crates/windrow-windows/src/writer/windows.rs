//! The windows that are open: their rows so far, and which window a message belongs to.

use std::collections::BTreeMap;

use crate::open::{OpenWindow, Place, RowValue};
use crate::quarantine::Line;
use crate::{BatchError, BatchStore, OffsetRange, TimeSpan};
use windrow_config::{Cut, NoWindow, Placement, WindowPolicy};
use windrow_record::{Partition, RowNumber, WindowIndex};

/// The memory that all open windows together may take for rows that are not on the disk yet.
const MOST_HELD: usize = 32 * 1024 * 1024;

/// All windows that are not sealed.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) store: BatchStore,
    pub(super) placement: Placement,
    header: Vec<u8>,
    open: BTreeMap<WindowIndex, OpenWindow>,
    /// Messages without a window of their own, by partition. They join the window of the next row of their partition: that window
    /// cannot be sealed before the row has arrived.
    waiting: BTreeMap<Partition, OpenWindow>,
    /// Windows opened so far: names their files until they are sealed.
    opened: u64,
    /// Bytes pushed since the memory that open windows hold was last counted.
    uncounted: usize,
}

impl Windows {
    pub(super) fn new(store: BatchStore, placement: Placement, header: Vec<u8>) -> Self {
        let (open, waiting) = Default::default();
        Self { store, placement, header, open, waiting, opened: 0, uncounted: 0 }
    }

    pub(super) fn cut(&self) -> &Cut {
        self.placement.cut()
    }

    /// Returns the window of a row whose position is accepted.
    pub(super) fn place(&mut self, place: Place, row: RowNumber, time: Option<i64>) -> Result<WindowIndex, NoWindow> {
        let placed = self.placement.place(place.needed.at, row, time)?;
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
        place: Place,
        row: RowNumber,
        value: RowValue<'_>,
    ) -> Result<(), BatchError> {
        self.attach_waiting(place.partition, window)?;
        self.open(window).push(place, row, value)?;
        self.uncounted += value.record.len();
        self.bound_memory()
    }

    /// Adds a message to the quarantine of its row number's window. A late message, or one without a number, joins the event window
    /// that its partition has reached; if row numbers decide, the window of the next row of its partition.
    pub(super) fn set_aside(
        &mut self,
        place: Place,
        row: Option<RowNumber>,
        (reason, raw): (&str, &[u8]),
    ) -> Result<(), BatchError> {
        let line = Line::new(place.partition, place.offset, row, reason, raw).text();
        let line = line.map_err(|error| BatchError::write(&self.store.open_folder())(error.into()))?;
        let own = row.and_then(|row| self.placement.window_of_row(place.needed.at, row)).and_then(Result::ok);
        let open = match own {
            Some(window) => {
                self.attach_waiting(place.partition, window)?;
                self.open(window)
            }
            None if matches!(self.cut().policy, WindowPolicy::Every(_)) => self.open(self.placement.next_window()),
            None => self.without_window(place),
        };
        open.set_aside(place, row, &line)?;
        open.numbered += u64::from(own.is_some());
        self.uncounted += line.len();
        self.bound_memory()
    }

    /// Accounts for a message that repeats a row.
    pub(super) fn repeat(&mut self, place: Place) {
        self.without_window(place).repeat(place);
    }

    /// Returns the window for a message that has none of its own.
    fn without_window(&mut self, place: Place) -> &mut OpenWindow {
        if let Some(window) = self.placement.reached_window(place.needed.at) {
            return self.open(window);
        }
        let (store, opened) = (&self.store, &mut self.opened);
        self.waiting.entry(place.partition).or_insert_with(|| {
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

    /// Moves the messages that still wait at the end of the stream into a window. Repeats do not open a window: if a partition has
    /// only those, they stay.
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

    /// The last window that accounts for a message.
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

    /// The bounds of an event window.
    pub(super) fn span_of(&self, window: WindowIndex) -> Option<TimeSpan> {
        self.placement.span_of(window).map(|(from, until)| TimeSpan { from, until })
    }

    /// Rows wait in memory until a window has enough for a write; many small windows must not add up.
    fn bound_memory(&mut self) -> Result<(), BatchError> {
        if self.uncounted < MOST_HELD / 2 {
            return Ok(());
        }
        self.uncounted = 0;
        if self.all().map(OpenWindow::held).sum::<usize>() > MOST_HELD / 2 {
            for open in self.open.values_mut().chain(self.waiting.values_mut()) {
                open.release()?;
            }
        }
        Ok(())
    }
}
