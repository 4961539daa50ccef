//! The windows that are open: their rows so far, and which window a message belongs to.

use std::collections::BTreeMap;

use crate::open::{OpenWindow, Place};
use crate::quarantine::Line;
use crate::writer::cursors::LONGEST_GAP;
use crate::{BatchError, BatchStore, Cut, TimeSpan};
use windrow_record::{RowNumber, WindowIndex};

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
    /// Event time: what is refused before its partition has told any time. It goes with the first window, whichever that
    /// turns out to be.
    early: Option<OpenWindow>,
    /// Windows opened so far: names their files until they are sealed.
    opened: u64,
    /// Bytes pushed since the memory that open windows hold was last counted.
    uncounted: usize,
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
            early: None,
            opened: 0,
            uncounted: 0,
            next: WindowIndex::FIRST,
            first_span: None,
        }
    }

    /// Where a row goes whose position is believed.
    pub(super) fn place(&mut self, place: Place, row: RowNumber, time: Option<i64>) -> Placed {
        if let Some(window) = self.cut.window_of_row(row) {
            return if window < self.next { Placed::Late } else { Placed::In(window) };
        }
        let Some(span) = time.and_then(|time| self.cut.span_of_time(time)) else { return Placed::In(self.next) };
        if self.is_late(place, span) {
            return Placed::Late;
        }
        let first = self.first_span.unwrap_or(span);
        let windows = span.saturating_sub(first);
        // A whole partition that lies elsewhere; within a partition that was judged before.
        if place.needed.at.is_none() && windows.saturating_abs() > LONGEST_GAP {
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

    /// Makes room for windows before the first, while none is sealed: the first row that arrives need not be the earliest,
    /// and with several partitions it often is not.
    fn begin_earlier(&mut self, windows: i64) {
        let shifted = |window: WindowIndex| {
            let index = i64::from(window.get()) + windows;
            u32::try_from(index).ok().and_then(WindowIndex::new).unwrap_or(window)
        };
        self.open = std::mem::take(&mut self.open).into_iter().map(|(window, open)| (shifted(window), open)).collect();
    }

    /// Adds a row to its window.
    pub(super) fn store(
        &mut self,
        window: WindowIndex,
        place: Place,
        row: RowNumber,
        (labelled, time, record): (bool, Option<i64>, &[u8]),
    ) -> Result<(), BatchError> {
        self.open(window).push(place, row, labelled, time, record)?;
        self.uncounted += record.len();
        self.bound_memory()
    }

    /// Adds a message to the quarantine of the window that its number puts it into, or of the one that its partition has
    /// come to (`at` says how far it is).
    pub(super) fn set_aside(
        &mut self,
        place: Place,
        row: Option<RowNumber>,
        at: Option<i64>,
        (reason, raw): (&str, &[u8]),
    ) -> Result<(), BatchError> {
        let own = row.and_then(|row| self.cut.window_of_row(row)).filter(|window| *window >= self.next);
        let store = self.store.clone();
        let open = match own.or_else(|| self.window_at(at)) {
            Some(window) => self.open(window),
            None => {
                self.opened += 1;
                let name = format!("open-{}", self.opened);
                self.early.get_or_insert_with(|| OpenWindow::new(&store, &name, &[]))
            }
        };
        open.set_aside(&store, place, &Line::new(place.partition, place.offset, row, reason, raw))?;
        open.numbered += u64::from(own.is_some());
        self.uncounted += raw.len();
        self.bound_memory()
    }

    /// The window that keeps what a row's own number cannot place: of event windows, the one that the partition has come
    /// to, which cannot be sealed yet (`None` while it has told no time, and nothing is sealed); else the next to be sealed.
    fn window_at(&self, at: Option<i64>) -> Option<WindowIndex> {
        if self.cut.span().is_none() {
            return Some(self.next);
        }
        let span = at.and_then(|newest| self.cut.span_of_time(newest));
        let place = span.zip(self.first_span).map(|(span, first)| span - first + 1);
        let window = place.and_then(|place| u32::try_from(place).ok()).and_then(WindowIndex::new);
        match window {
            None if self.next == WindowIndex::FIRST => None,
            window => Some(window.unwrap_or(self.next).max(self.next)),
        }
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
        self.open.values().chain(&self.early)
    }

    /// The last window that holds anything.
    pub(super) fn last(&self) -> Option<WindowIndex> {
        self.open.keys().next_back().copied().max(self.early.as_ref().map(|_| self.next))
    }

    /// The next window to be sealed, which then is no longer among these.
    pub(super) fn take_next(&mut self) -> Result<(WindowIndex, OpenWindow), BatchError> {
        let window = self.next;
        self.open(window);
        let Some(mut open) = self.open.remove(&window) else { unreachable!("the window was opened above") };
        if let Some(early) = self.early.take() {
            open.absorb(&self.store, early)?;
        }
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
            for open in self.open.values_mut().chain(&mut self.early) {
                open.release()?;
            }
        }
        Ok(())
    }
}
