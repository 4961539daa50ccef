//! Which window a message belongs to.
//!
//! What is late follows from the messages before it in its own partition alone, so it is the same on every run over the
//! same topic, however partitions interleave.

use crate::batch::writer::{BatchWriter, Source};
use crate::record::{Partition, RowNumber, WindowIndex};

/// So many windows between a row and those before it are no gap in the data but a mistake in them.
const LONGEST_LEAP: i64 = 100_000;

/// Where a row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// Into this window.
    In(WindowIndex),
    /// Into quarantine: its window is over.
    Late,
    /// Into quarantine: it cannot be meant.
    Leap {
        /// How far it lies from those before it.
        windows: i64,
    },
}

impl BatchWriter {
    pub(super) fn place(&mut self, partition: Partition, row: RowNumber, time: Option<i64>) -> Placed {
        if let Some(window) = self.cut.window_of_row(row) {
            return match self.leap_of_row(partition, window) {
                Some(windows) => Placed::Leap { windows },
                None if window < self.next => Placed::Late,
                None => Placed::In(window),
            };
        }
        let Some((time, span)) = time.and_then(|time| Some((time, self.cut.span_of_time(time)?))) else {
            return Placed::In(self.next);
        };
        if self.is_late(partition, span) {
            return Placed::Late;
        }
        if let Some(windows) = self.leap(partition, time) {
            return Placed::Leap { windows };
        }
        let first = *self.first_span.get_or_insert(span);
        if span < first && self.next == WindowIndex::FIRST {
            self.begin_earlier(first - span);
            self.first_span = Some(span);
            return Placed::In(WindowIndex::FIRST);
        }
        let place = span - first + 1;
        match u32::try_from(place).ok().and_then(WindowIndex::new) {
            Some(window) if window >= self.next => Placed::In(window),
            None if place > 0 => Placed::Leap { windows: place },
            _ => Placed::Late,
        }
    }

    /// Whether a time lies so far from its partition's newest that it cannot be meant.
    pub(super) fn is_leap(&self, partition: Partition, time: i64) -> bool {
        self.leap(partition, time).is_some()
    }

    fn leap(&self, partition: Partition, time: i64) -> Option<i64> {
        let span = self.cut.span_of_time(time)?;
        let newest = self.partitions.get(&partition).and_then(|reading| reading.newest);
        let before = match newest {
            Some(newest) => self.cut.span_of_time(newest)?,
            None => self.first_span? + i64::from(self.next.get()) - 1,
        };
        too_far(span - before)
    }

    fn leap_of_row(&self, partition: Partition, window: WindowIndex) -> Option<i64> {
        let ahead = too_far(distance(window, self.next))?;
        // One partition may be read far ahead of the others, and then its rows lie close together.
        let last = self.partitions.get(&partition).and_then(|reading| RowNumber::new(reading.last_row));
        match last.and_then(|last| self.cut.window_of_row(last)) {
            Some(last) => too_far(distance(window, last)),
            None => Some(ahead),
        }
    }

    /// Whether the partition had passed the end of a span, and its lateness, before this row.
    fn is_late(&self, partition: Partition, span: i64) -> bool {
        let newest = self.partitions.get(&partition).and_then(|reading| reading.newest);
        let end = self.cut.span().map(|length| (span.saturating_add(1)).saturating_mul(length));
        newest.zip(end).is_some_and(|(newest, end)| newest.saturating_sub(self.cut.lateness()) >= end)
    }

    /// The window that keeps what a row's own number cannot place: of event windows, the one that the partition has come
    /// to, which cannot be sealed yet (`None` while it has told no time, and nothing is sealed); else the next to be sealed.
    pub(super) fn window_of_partition(&self, partition: Partition) -> Option<WindowIndex> {
        if self.cut.span().is_none() {
            return Some(self.next);
        }
        let newest = self.partitions.get(&partition).and_then(|reading| reading.newest);
        let span = newest.and_then(|newest| self.cut.span_of_time(newest));
        let place = span.zip(self.first_span).map(|(span, first)| span - first + 1);
        let window = place.and_then(|place| u32::try_from(place).ok()).and_then(WindowIndex::new);
        match window {
            None if self.next == WindowIndex::FIRST => None,
            window => Some(window.unwrap_or(self.next).max(self.next)),
        }
    }

    /// The window that a row's own number puts it into, while that can still take it.
    pub(super) fn own_window(&self, partition: Partition, row: RowNumber) -> Option<WindowIndex> {
        let window = self.cut.window_of_row(row).filter(|window| *window >= self.next)?;
        self.leap_of_row(partition, window).is_none().then_some(window)
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

    /// Why a message of this sender does not belong here, if it does not. The first sender of a row is the store's.
    pub(super) fn stranger(&self, run: Option<&str>) -> Option<String> {
        let source = self.source.as_ref()?;
        (!source.is(run))
            .then(|| format!("it is of {}, while this directory holds {}", Source::of(run).name(), source.name()))
    }
}

fn distance(window: WindowIndex, from: WindowIndex) -> i64 {
    i64::from(window.get()) - i64::from(from.get())
}

fn too_far(windows: i64) -> Option<i64> {
    (windows.saturating_abs() > LONGEST_LEAP).then_some(windows)
}
