//! The window of each row, or the reason why a row is not in a window. The consumer and `windrow check` both use this code.
//!
//! - [`PartitionProgress`] decides which rows of one partition are mistakes. A row far ahead of those before it may have a wrong
//!   number or time, so the caller holds it back until the next row of the partition confirms or contradicts it. If there is no
//!   next row, a time that is more than 100 windows ahead is a mistake.
//! - [`Placement`] decides the window of a row that is not a mistake, and which windows can get no more rows.
//!
//! Pure: a row's number, its time, and the position of its partition before it are parameters. `PartitionProgress` depends only on the
//! rows of its own partition, so its results are the same on every run over the same topic, in whatever order the partitions
//! are read.

use crate::Cut;
use windrow_record::calendar::date_and_clock;
use windrow_record::display::counted;
use windrow_record::{RowNumber, WindowIndex};

/// The largest number of windows between a row and those before it. A row that is further away is a mistake and not a gap in
/// the data.
pub const MAX_GAP: i64 = 100_000;
/// The largest number of windows between the first two rows of a partition. If they are further apart, the first is a mistake.
const MAX_FIRST_GAP: i64 = 1000;
/// The largest number of windows between the last row of a partition and the rows before it. If it is further away, its time
/// is a mistake: no later row confirms it, and each window between them would be empty.
const MAX_LAST_GAP: i64 = 100;
/// The number of rows of a partition that a producer can have in flight: librdkafka's five requests of 10,000 messages. A row can
/// arrive this many rows after its place if the broker takes a retry late.
const ROWS_IN_FLIGHT: u64 = 50_000;

/// The reason why a row is in no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoWindow {
    /// The window of the row can get no more rows.
    #[error("late: its window is over")]
    Late,
    /// The row is this many windows ahead of those before it, or away from all other windows: too many.
    #[error("outlier: it is {} away from the rows before it", distance(.0.unsigned_abs()))]
    TooFar(i64),
    /// The row was held back, and the next row of its partition is far away: this many windows are between them.
    #[error("outlier: it is {} away from the next message in its partition", distance(*.0))]
    Contradicted(u64),
    /// The row was held back until the end of its partition, and no later row confirms its time. This many windows before it
    /// would be empty.
    #[error(
        "outlier: its time is {}, which would make {}, and no later row confirms it: correct the time, or use longer \
         windows",
        date_and_clock(*.time),
        counted(*.empty, "empty window", "empty windows")
    )]
    Unconfirmed {
        /// The time of the row, in seconds since 1970.
        time: i64,
        /// The number of empty windows.
        empty: u64,
    },
    /// The row was held back, and the end marker of the replay says that it has fewer rows.
    #[error("outlier: its row number is after the last row of the replay")]
    AfterLastRow,
}

/// Describes a distance in windows. A row can be far away in its own window.
fn distance(windows: u64) -> String {
    if windows == 0 { "far".to_owned() } else { counted(windows, "window", "windows") }
}

/// The position of a row compared with those before it in its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowDistance {
    /// The next rows of the partition are expected here.
    Near,
    /// The row is far ahead: only the next row shows whether it is right.
    Ahead,
}

/// The progress of one partition, and the row of it that is held back. `T` is what the caller needs to go on with that row.
///
/// For each row that has a position, call [`resolve`](Self::resolve) and then [`advance`](Self::advance). If that returns
/// [`RowDistance::Ahead`], call [`hold`](Self::hold).
#[derive(Debug)]
pub struct PartitionProgress<T> {
    /// The furthest position that is accepted: a row number, or a time in seconds.
    at: Option<i64>,
    /// The same without a row that only the end of the partition has confirmed.
    proven: Option<i64>,
    held: Option<(i64, T)>,
}

impl<T> Default for PartitionProgress<T> {
    fn default() -> Self {
        Self { at: None, proven: None, held: None }
    }
}

impl<T> PartitionProgress<T> {
    /// The furthest position that is accepted.
    #[inline]
    pub fn at(&self) -> Option<i64> {
        self.at
    }

    /// The furthest position that is accepted, whatever rows come next. A row far ahead that only the end of the partition has
    /// confirmed does not count.
    pub fn proven(&self) -> Option<i64> {
        self.proven
    }

    /// The row that is held back, with its position.
    #[inline]
    pub fn held(&self) -> Option<(i64, &T)> {
        self.held.as_ref().map(|(position, row)| (*position, row))
    }

    /// Returns true if the partition has no accepted position, only one that is held back.
    pub fn is_undecided(&self) -> bool {
        self.at.is_none() && self.held.is_some()
    }

    /// Sets the position that reading continues from.
    pub fn continue_from(&mut self, at: Option<i64>) {
        (self.at, self.proven) = (at, at);
    }

    /// Accepts a position without judging it.
    #[inline]
    pub fn reach(&mut self, position: Option<i64>) {
        self.at = self.at.max(position);
        self.proven = self.proven.max(position);
    }

    /// Judges the row that is held back by the position of the next row. Returns `None` if no row is held back, or if the position
    /// does not decide.
    #[inline]
    pub fn resolve(&mut self, position: i64, placement: &Placement) -> Option<(T, Result<(), NoWindow>)> {
        let (held, _) = self.held()?;
        let window = |position| placement.cut.window_of_position(position);
        let windows = window(position).saturating_sub(window(held));
        let is_near = match self.at {
            None => windows.saturating_abs() <= MAX_FIRST_GAP,
            // A late row does not decide, and neither does a row that is a mistake itself.
            Some(at) if position < at || window(position).saturating_sub(window(at)) > MAX_GAP => return None,
            Some(_) => position >= held.saturating_sub(placement.slack),
        };
        if is_near {
            let confirmed = self.confirm();
            self.proven = self.at;
            return confirmed.map(|row| (row, Ok(())));
        }
        let contradicted = NoWindow::Contradicted(windows.unsigned_abs());
        self.reject().map(|row| (row, Err(contradicted)))
    }

    /// Judges the position of a row, and moves to it if it is near.
    ///
    /// # Errors
    /// [`NoWindow::TooFar`].
    #[inline]
    pub fn advance(&mut self, position: i64, placement: &Placement) -> Result<RowDistance, NoWindow> {
        let Some(at) = self.at else { return Ok(RowDistance::Ahead) };
        if position <= at.saturating_add(placement.slack) {
            self.reach(Some(position));
            return Ok(RowDistance::Near);
        }
        let window = |position| placement.cut.window_of_position(position);
        let windows = window(position).saturating_sub(window(at));
        if windows > MAX_GAP { Err(NoWindow::TooFar(windows)) } else { Ok(RowDistance::Ahead) }
    }

    /// Holds back a row until the next row of the partition.
    pub fn hold(&mut self, position: i64, row: T) {
        self.held = Some((position, row));
    }

    /// Accepts the row that is held back, because the partition has ended. The row proves nothing: if the stream goes on, the next
    /// row may contradict it.
    pub fn confirm(&mut self) -> Option<T> {
        let (position, row) = self.held.take()?;
        self.at = self.at.max(Some(position));
        Some(row)
    }

    /// Judges the row that is held back at the end of the partition: no row can come that would confirm its time. Returns
    /// `None` if no row is held back.
    pub fn resolve_at_end(&mut self, placement: &Placement) -> Option<(T, Result<(), NoWindow>)> {
        let (held, _) = self.held()?;
        let window = |position| placement.cut.window_of_position(position);
        let windows = self.at.map_or(0, |at| window(held).saturating_sub(window(at)));
        if placement.cut.span().is_none() || windows <= MAX_LAST_GAP {
            return self.confirm().map(|row| (row, Ok(())));
        }
        let unconfirmed = NoWindow::Unconfirmed { time: held, empty: windows.unsigned_abs() - 1 };
        self.reject().map(|row| (row, Err(unconfirmed)))
    }

    /// Rejects the row that is held back.
    pub fn reject(&mut self) -> Option<T> {
        self.held.take().map(|(_, row)| row)
    }
}

/// The window of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The index of the window.
    pub window: WindowIndex,
    /// The number of windows that now come before the previous window 1: all rows before this one are in windows that are later by
    /// this number. The first row that arrives need not be the earliest.
    pub earlier: u32,
}

/// The windows of a stream: how far they are sealed, and where they begin.
#[derive(Debug, Clone)]
pub struct Placement {
    cut: Cut,
    /// The distance from the furthest position of its partition, in positions, up to which a row is not held back, and up to which a
    /// row can still arrive late.
    slack: i64,
    /// The first window that is not sealed.
    next: WindowIndex,
    /// Event time: the index of window 1 among the spans since 1970.
    first_span: Option<i64>,
    /// The index of the last window that has a row; 0 before the first row.
    last: u32,
}

impl Placement {
    /// Creates the windows of a stream that has not begun.
    pub fn new(cut: Cut, partitions: usize) -> Self {
        let mut placement = Self { cut, slack: 0, next: WindowIndex::FIRST, first_span: None, last: 0 };
        placement.set_partitions(partitions);
        placement
    }

    /// Sets the number of partitions that are read: rows of the others can come between two rows of one partition.
    pub fn set_partitions(&mut self, partitions: usize) {
        let most = MAX_GAP.saturating_mul(self.cut.length());
        let slack = match self.cut.span() {
            Some(span) => span.longest().saturating_add(self.cut.lateness()),
            None => {
                let rows = ROWS_IN_FLIGHT.saturating_mul((partitions as u64).max(self.cut.stride()));
                i64::try_from(rows).unwrap_or(most)
            }
        };
        self.slack = slack.min(most);
    }

    /// The cut of the stream.
    #[inline]
    pub fn cut(&self) -> &Cut {
        &self.cut
    }

    /// The first window that is not sealed.
    #[inline]
    pub fn next_window(&self) -> WindowIndex {
        self.next
    }

    /// Marks the next window as sealed.
    pub fn seal_next(&mut self) {
        self.next = self.next.next();
    }

    /// Continues after a sealed window, which begins at the time `from` if it is an event window.
    pub fn continue_after(&mut self, window: WindowIndex, from: Option<i64>) {
        if let Some(span) = from.and_then(|from| self.cut.span_of_time(from)) {
            self.first_span = Some(span - i64::from(window.get()) + 1);
        }
        self.next = window.next();
    }

    /// Returns the window of a row that [`PartitionProgress`] accepts. `before` is the furthest position of its partition before
    /// this row.
    ///
    /// # Errors
    /// [`NoWindow::Late`], or [`NoWindow::TooFar`] if the whole partition is far away from the others.
    #[inline]
    pub fn place(&mut self, before: Option<i64>, row: RowNumber, time: Option<i64>) -> Result<Placed, NoWindow> {
        if let Some(window) = self.window_of_row(before, row) {
            return window.map(|window| Placed { window, earlier: 0 });
        }
        match time.and_then(|time| self.cut.span_of_time(time)) {
            Some(span) => self.place_in_span(before, span),
            None => Ok(Placed { window: self.next, earlier: 0 }),
        }
    }

    fn place_in_span(&mut self, before: Option<i64>, span: i64) -> Result<Placed, NoWindow> {
        let first = self.first_span.unwrap_or(span);
        let windows = span.saturating_sub(first);
        let end = self.cut.span().map(|spans| spans.begin(span.saturating_add(1)));
        if before.zip(end).is_some_and(|(before, end)| self.watermark(before) >= end) {
            return Err(NoWindow::Late);
        }
        // The distance from the rows of its own partition was judged before.
        if self.is_out_of_reach(windows) {
            return Err(NoWindow::TooFar(windows));
        }
        if windows < 0 && self.next == WindowIndex::FIRST {
            let earlier = u32::try_from(-windows).unwrap_or(u32::MAX);
            self.first_span = Some(span);
            self.last = self.last.saturating_add(earlier);
            return Ok(Placed { window: WindowIndex::FIRST, earlier });
        }
        self.first_span = Some(first);
        match window_at(windows) {
            Some(window) if window >= self.next => {
                self.last = self.last.max(window.get());
                Ok(Placed { window, earlier: 0 })
            }
            None if windows > 0 => Err(NoWindow::TooFar(windows)),
            _ => Err(NoWindow::Late),
        }
    }

    /// Returns the window of a row number. `None` if row numbers do not decide. `before` is as in [`place`](Self::place).
    #[inline]
    pub fn window_of_row(&self, before: Option<i64>, row: RowNumber) -> Option<Result<WindowIndex, NoWindow>> {
        let window = self.cut.window_of_row(row)?;
        // The sealing does not wait for a partition that is added later.
        let is_over = self.has_passed(window, before) || window < self.next;
        Some(if is_over { Err(NoWindow::Late) } else { Ok(window) })
    }

    /// Returns true if a partition at this position cannot have any more rows of the window. If all partitions have passed a window,
    /// it is complete; for event windows, it is enough to ask for the slowest partition.
    #[inline]
    pub fn has_passed(&self, window: WindowIndex, at: Option<i64>) -> bool {
        let Some(at) = at else { return false };
        if let Some((_, last)) = self.cut.rows_of_window(window) {
            return i64::try_from(last).is_ok_and(|last| at > last.saturating_add(self.slack));
        }
        let watermark = self.watermark(at);
        self.is_near(watermark) && self.span_of(window).is_some_and(|(_, end)| watermark >= end)
    }

    /// The beginning and the end, in seconds, of an event window.
    pub fn span_of(&self, window: WindowIndex) -> Option<(i64, i64)> {
        self.cut.span_of_window(self.first_span?, window)
    }

    /// Returns the event window that a partition at this position has reached, which cannot be sealed yet. `None` before its first
    /// time.
    pub fn reached_window(&self, at: Option<i64>) -> Option<WindowIndex> {
        let windows = self.cut.span_of_time(at?)?.saturating_sub(self.first_span?);
        let window = window_at(windows).filter(|_| !self.is_out_of_reach(windows));
        Some(window.unwrap_or(self.next).max(self.next))
    }

    /// The time up to which a partition at this time can have no more rows.
    #[inline]
    fn watermark(&self, at: i64) -> i64 {
        at.saturating_sub(self.cut.lateness())
    }

    fn is_near(&self, time: i64) -> bool {
        let span = self.cut.span_of_time(time).zip(self.first_span);
        span.is_none_or(|(span, first)| !self.is_out_of_reach(span.saturating_sub(first)))
    }

    /// Returns true if the event window that is `windows` after window 1 is too far from all others.
    fn is_out_of_reach(&self, windows: i64) -> bool {
        let last = self.last.max(self.next.get() - 1);
        windows < -MAX_GAP || windows.saturating_sub(i64::from(last)) > MAX_GAP
    }
}

/// The window that is `windows` after window 1.
fn window_at(windows: i64) -> Option<WindowIndex> {
    u32::try_from(windows.saturating_add(1)).ok().and_then(WindowIndex::new)
}

#[cfg(test)]
mod tests;
