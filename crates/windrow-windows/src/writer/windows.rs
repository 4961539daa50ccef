//! The windows that are open: their rows so far, and which window a message belongs to.

use std::collections::BTreeMap;

use crate::open::{OpenWindow, Place};
use crate::quarantine::Line;
use crate::writer::cursors::LONGEST_GAP;
use crate::{BatchError, BatchStore, Cut, OffsetRange, TimeSpan};
use windrow_config::WindowPolicy;
use windrow_record::{Partition, RowNumber, WindowIndex};

/// The memory that all open windows together may take for rows that are not on the disk yet.
const MOST_HELD: usize = 32 * 1024 * 1024;

/// Where a row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// Into this window.
    In(WindowIndex),
    /// Into quarantine: its window is over.
    Late,
    /// Into quarantine: it cannot be meant.
    Beyond {
        /// How far it lies from all others.
        windows: i64,
    },
}

/// All windows that are not sealed.
#[derive(Debug)]
pub(super) struct Windows {
    store: BatchStore,
    cut: Cut,
    header: Vec<u8>,
    open: BTreeMap<WindowIndex, OpenWindow>,
    /// Messages without a window of their own, by partition. They join the window of the next row of their partition: that window
    /// cannot be sealed before the row has arrived.
    waiting: BTreeMap<Partition, OpenWindow>,
    /// Windows opened so far: names their files until they are sealed.
    opened: u64,
    /// Bytes pushed since the memory that open windows hold was last counted.
    uncounted: usize,
    /// The greatest distance, in positions, by which a row can arrive late in its partition.
    pub(super) slack: i64,
    /// All windows before this one are sealed.
    pub(super) next: WindowIndex,
    /// Event time: the place of window 1 among the spans since 1970.
    pub(super) first_span: Option<i64>,
}

impl Windows {
    pub(super) fn new(store: BatchStore, cut: Cut, header: Vec<u8>) -> Self {
        Self {
            store,
            cut,
            header,
            open: BTreeMap::new(),
            waiting: BTreeMap::new(),
            opened: 0,
            uncounted: 0,
            slack: 0,
            next: WindowIndex::FIRST,
            first_span: None,
        }
    }

    /// Where a row goes whose position is believed.
    pub(super) fn place(&mut self, place: Place, row: RowNumber, time: Option<i64>) -> Placed {
        if let Some(window) = self.cut.window_of_row(row) {
            return if self.is_over(window, place) { Placed::Late } else { Placed::In(window) };
        }
        let Some(span) = time.and_then(|time| self.cut.span_of_time(time)) else { return Placed::In(self.next) };
        if self.is_late(place, span) {
            return Placed::Late;
        }
        let first = self.first_span.unwrap_or(span);
        let windows = span.saturating_sub(first);
        // A whole partition may lie elsewhere; distances within a partition were judged before.
        if self.is_elsewhere(windows) {
            return Placed::Beyond { windows };
        }
        self.first_span = Some(first);
        if windows < 0 && self.next == WindowIndex::FIRST {
            self.begin_earlier(-windows);
            self.first_span = Some(span);
            return Placed::In(WindowIndex::FIRST);
        }
        match u32::try_from(windows + 1).ok().and_then(WindowIndex::new) {
            Some(window) if window >= self.next => Placed::In(window),
            None if windows > 0 => Placed::Beyond { windows },
            _ => Placed::Late,
        }
    }

    /// Whether the partition had passed the end of a span, and its lateness, before this message.
    fn is_late(&self, place: Place, span: i64) -> bool {
        let end = self.cut.span().map(|spans| spans.begin(span.saturating_add(1)));
        place.needed.at.zip(end).is_some_and(|(newest, end)| newest.saturating_sub(self.cut.lateness()) >= end)
    }

    /// Returns true if a partition at this position cannot bring a row of the window any more. Only row numbers decide here.
    pub(super) fn has_passed(&self, window: WindowIndex, at: Option<i64>) -> bool {
        let last = self.cut.rows_of_window(window).and_then(|(_, last)| i64::try_from(last).ok());
        last.zip(at).is_some_and(|(last, at)| at > last.saturating_add(self.slack))
    }

    /// Returns true if a row of the window is late at this place.
    fn is_over(&self, window: WindowIndex, place: Place) -> bool {
        // Sealing does not wait for a partition that was added later.
        self.has_passed(window, place.needed.at) || window < self.next
    }

    /// Makes room for windows before the first, while none is sealed: the first row that arrives need not be the earliest,
    /// and with several partitions it often is not.
    fn begin_earlier(&mut self, windows: i64) {
        let shifted = |window: WindowIndex| {
            let index = i64::from(window.get()) + windows;
            u32::try_from(index).ok().and_then(WindowIndex::new).unwrap_or(window)
        };
        self.open = std::mem::take(&mut self.open).into_iter().map(|(window, open)| (shifted(window), open)).collect();
    }

    /// Adds a row to its window, together with the waiting messages of its partition.
    pub(super) fn store(
        &mut self,
        window: WindowIndex,
        place: Place,
        row: RowNumber,
        (labelled, time, record): (bool, Option<i64>, &[u8]),
    ) -> Result<(), BatchError> {
        self.attach_waiting(place.partition, window)?;
        self.open(window).push(place, row, labelled, time, record)?;
        self.uncounted += record.len();
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
        let own = row.and_then(|row| self.cut.window_of_row(row)).filter(|window| !self.is_over(*window, place));
        let open = match own {
            Some(window) => {
                self.attach_waiting(place.partition, window)?;
                self.open(window)
            }
            None if matches!(self.cut.policy, WindowPolicy::Every(_)) => self.open(self.next),
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
        if let Some(window) = self.window_at(place.needed.at) {
            return self.open(window);
        }
        let (store, opened) = (&self.store, &mut self.opened);
        self.waiting.entry(place.partition).or_insert_with(|| {
            *opened += 1;
            OpenWindow::new(store, &format!("open-{opened}"), &[])
        })
    }

    /// Returns the event window that a partition has reached, which cannot be sealed yet. `None` before its first time.
    fn window_at(&self, at: Option<i64>) -> Option<WindowIndex> {
        let windows = self.cut.span_of_time(at?)?.saturating_sub(self.first_span?);
        let window = u32::try_from(windows + 1).ok().and_then(WindowIndex::new);
        Some(window.filter(|_| !self.is_elsewhere(windows)).unwrap_or(self.next).max(self.next))
    }

    /// Returns true if a time is not too far from the open windows.
    pub(super) fn is_near(&self, time: i64) -> bool {
        let span = self.cut.span_of_time(time).zip(self.first_span);
        span.is_none_or(|(span, first)| !self.is_elsewhere(span.saturating_sub(first)))
    }

    /// Returns true if an event window is too far from all others, `windows` after the first one.
    fn is_elsewhere(&self, windows: i64) -> bool {
        let last = self.last().map_or(self.next.get() - 1, WindowIndex::get);
        windows < -LONGEST_GAP || windows.saturating_sub(i64::from(last)) > LONGEST_GAP
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
        let window = self.next;
        timeless.iter().try_for_each(|partition| self.attach_waiting(*partition, window))?;
        self.open(window);
        let Some(open) = self.open.remove(&window) else { unreachable!("the window was opened above") };
        self.next = window.next();
        Ok((window, open))
    }

    /// The bounds of an event window.
    pub(super) fn span_of(&self, window: WindowIndex) -> Option<TimeSpan> {
        let (spans, first) = (self.cut.span()?, self.first_span?);
        let span = first.saturating_add(i64::from(window.get()) - 1);
        Some(TimeSpan { from: spans.begin(span), until: spans.begin(span.saturating_add(1)) })
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
