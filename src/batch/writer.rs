//! Rows in, sealed windows out: decides where each message belongs, and when a window is done.

mod message;
mod place;
mod resume;
mod sealing;
mod source;
mod windows;

use std::collections::BTreeMap;
use std::time::Instant;

use roaring::RoaringTreemap;

use self::place::Placed;
use self::sealing::Totals;
use self::source::Source;
use crate::batch::open::{OpenWindow, Place, bits};
use crate::batch::quarantine::Line;
use crate::batch::{BatchError, BatchStore, Cut, Lock, Manifest, RowRange, StreamEnd};
use crate::record::{Offset, Partition, RowNumber, WindowIndex};

pub use message::{Arrival, EndMark, Rejected, Taken};
pub use resume::Resumed;

/// The memory that all open windows together may take for rows that are not on the disk yet.
const MOST_HELD: usize = 32 * 1024 * 1024;

/// The one writer of a store. After an error it takes nothing more: what is not sealed is read again next time.
#[derive(Debug)]
pub struct BatchWriter {
    store: BatchStore,
    _lock: Lock,
    cut: Cut,
    header: Vec<u8>,
    /// Which life of the topic the offsets belong to; none for a topic that outlives this process.
    log: Option<String>,
    partitions: BTreeMap<Partition, Reading>,
    open: BTreeMap<WindowIndex, OpenWindow>,
    /// Event time: what is refused before its partition has told any time. It goes with the first window, whichever that
    /// turns out to be.
    early: Option<OpenWindow>,
    /// Windows opened so far: names their files until they are sealed.
    opened: u64,
    /// Bytes pushed since the memory that open windows hold was last counted.
    uncounted: usize,
    /// All windows before this one are sealed.
    next: WindowIndex,
    /// Row numbers that are in a window or in quarantine.
    taken: RoaringTreemap,
    /// All numbers below this one are taken.
    free: u64,
    /// Messages that windows sealed before this start account for.
    settled: BTreeMap<Partition, RoaringTreemap>,
    /// Messages since the last sealing that brought a row again.
    repeats: BTreeMap<Partition, RoaringTreemap>,
    source: Option<Source>,
    sent: Option<RowRange>,
    /// Processing time: when the window `next` began.
    began: Option<Instant>,
    /// Event time: the place of window 1 among the spans since 1970.
    first_span: Option<i64>,
    sealed: Vec<Manifest>,
    end: Option<StreamEnd>,
    totals: Totals,
    has_failed: bool,
}

/// How far a partition has been read.
#[derive(Debug, Default)]
struct Reading {
    /// Where the manifests say that reading goes on.
    resumed_at: Option<Offset>,
    /// Behind the last message of this life.
    next: Option<Offset>,
    last_row: u64,
    newest: Option<i64>,
    /// Where its end marker stands, once that has come.
    end: Option<Offset>,
}

/// Whether a message is new to the writer.
enum Seen {
    /// It is.
    New,
    /// It came in this life already.
    InThisLife,
    /// A sealed window accounts for it.
    Sealed,
    /// It lies before the point where reading goes on, and nothing accounts for it.
    Unaccounted,
}

impl BatchWriter {
    /// Stores a row, once.
    ///
    /// # Errors
    /// A file cannot be written, the topic is another one, or the stream has ended.
    pub fn take(&mut self, arrival: Arrival<'_>) -> Result<Taken, BatchError> {
        self.guard(|writer| writer.take_row(arrival))
    }

    fn take_row(&mut self, arrival: Arrival<'_>) -> Result<Taken, BatchError> {
        let Arrival { partition, offset, run, time, now, .. } = arrival;
        match self.arrive(partition, offset, now)? {
            Seen::New => {}
            Seen::InThisLife => return Ok(Taken::Known),
            seen => {
                self.recognise(&seen, partition, offset, run, arrival.row)?;
                // It still tells how far the partition is.
                let time = time.filter(|time| !self.is_leap(partition, *time));
                self.advance(partition, arrival.row, time)?;
                return Ok(Taken::Known);
            }
        }
        let place = self.place_of(partition, offset);
        if let Some(reason) = self.stranger(run) {
            return self.set_aside(place, None, reason, arrival.record);
        }
        self.source.get_or_insert_with(|| Source::of(run));
        let row = arrival.row.unwrap_or_else(|| self.free_number());
        if self.taken.contains(row.get()) {
            self.repeats.entry(partition).or_default().insert(bits(offset));
            self.advance(partition, Some(row), time)?;
            return Ok(Taken::Repeated);
        }
        let placed = self.place(partition, row, time);
        self.taken.insert(row.get());
        match placed {
            Placed::In(window) => {
                self.window(window).push(place, row, arrival.labelled, time, arrival.record)?;
                self.uncounted += arrival.record.len();
                self.advance(partition, Some(row), time)?;
                self.bound_memory()?;
                Ok(Taken::Stored { window, row })
            }
            Placed::Late => {
                let reason = "late: its window is over".to_owned();
                let taken = self.set_aside(place, Some(row), reason, arrival.record)?;
                self.advance(partition, Some(row), time)?;
                Ok(taken)
            }
            Placed::Leap { windows } => {
                let reason = format!("it lies {windows} windows from those before it, too far to be meant");
                self.set_aside(place, Some(row), reason, arrival.record)
            }
        }
    }

    /// Keeps a message that is no row, with the reason.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn quarantine(&mut self, rejected: Rejected<'_>) -> Result<Taken, BatchError> {
        self.guard(|writer| writer.reject(rejected))
    }

    fn reject(&mut self, rejected: Rejected<'_>) -> Result<Taken, BatchError> {
        let Rejected { partition, offset, run, row, reason, raw, now } = rejected;
        match self.arrive(partition, offset, now)? {
            Seen::New => {}
            Seen::InThisLife => return Ok(Taken::Known),
            seen => {
                self.recognise(&seen, partition, offset, run, row)?;
                self.advance(partition, row, None)?;
                return Ok(Taken::Known);
            }
        }
        let place = self.place_of(partition, offset);
        if let Some(stranger) = self.stranger(run) {
            return self.set_aside(place, None, stranger, raw);
        }
        // What is no row and names no replay may be anybody's: it does not decide whose stream this is.
        if run.is_some() {
            self.source.get_or_insert_with(|| Source::of(run));
        }
        if row.is_some_and(|row| !self.taken.insert(row.get())) {
            self.repeats.entry(partition).or_default().insert(bits(offset));
            return Ok(Taken::Repeated);
        }
        let taken = self.set_aside(place, row, reason, raw)?;
        self.advance(partition, row, None)?;
        self.bound_memory()?;
        Ok(taken)
    }

    /// Notes that a partition's end marker has come; behind the last one, seals all that is open.
    ///
    /// # Errors
    /// A file cannot be written, or the stream has ended.
    pub fn end_partition(&mut self, mark: EndMark<'_>) -> Result<(), BatchError> {
        self.guard(|writer| {
            writer.arrive(mark.partition, mark.offset, mark.now)?;
            if mark.run.is_some() && writer.stranger(mark.run).is_some() {
                return Ok(());
            }
            writer.sent = writer.sent.or(mark.sent);
            writer.partitions.entry(mark.partition).or_default().end = Some(mark.offset);
            writer.seal_ready()
        })
    }

    /// Whether every partition has ended; then [`finish`](Self::finish) is due.
    #[must_use]
    pub fn has_all_ends(&self) -> bool {
        !self.partitions.is_empty() && self.partitions.values().all(|reading| reading.end.is_some())
    }

    /// The first window that is not sealed: its rows so far, and how many it will have where that is known.
    #[must_use]
    pub fn filling(&self) -> (WindowIndex, u64, Option<u64>) {
        let rows = self.open.get(&self.next).map_or(0, |open| open.rows);
        (self.next, rows, self.cut.size_of_window(self.next))
    }

    /// How many partitions there are.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// The partitions whose end marker has not come.
    #[must_use]
    pub fn unended(&self) -> Vec<Partition> {
        let going = self.partitions.iter().filter(|(_, reading)| reading.end.is_none());
        going.map(|(partition, _)| *partition).collect()
    }

    /// Seals what is due by the clock.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn tick(&mut self, now: Instant) -> Result<(), BatchError> {
        self.guard(|writer| writer.seal_due(now))
    }

    /// Ends the stream: seals all that is open.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(&mut self, now: Instant) -> Result<(), BatchError> {
        self.guard(|writer| {
            writer.seal_due(now)?;
            if writer.end.is_some() { Ok(()) } else { writer.seal_all() }
        })
    }

    /// The windows sealed since the last call, in order.
    pub fn sealed(&mut self) -> Vec<Manifest> {
        std::mem::take(&mut self.sealed)
    }

    /// What was written when the stream was through, once it is.
    #[must_use]
    pub fn end(&self) -> Option<&StreamEnd> {
        self.end.as_ref()
    }

    /// Nothing goes on behind a failure: what was in memory may be half on the disk.
    fn guard<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, BatchError>) -> Result<T, BatchError> {
        if self.has_failed {
            return Err(BatchError::Stopped);
        }
        let outcome = work(self);
        self.has_failed = outcome.is_err();
        outcome
    }

    fn arrive(&mut self, partition: Partition, offset: Offset, now: Instant) -> Result<Seen, BatchError> {
        if self.end.is_some() {
            return Err(BatchError::AfterEnd { partition, offset });
        }
        self.seal_due(now)?;
        let reading = self.partitions.entry(partition).or_default();
        if reading.next.is_some_and(|next| offset < next) {
            return Ok(Seen::InThisLife);
        }
        reading.next = Some(offset.next());
        if self.settled.get(&partition).is_some_and(|settled| settled.contains(bits(offset))) {
            return Ok(Seen::Sealed);
        }
        if reading.resumed_at.is_some_and(|resumed| offset < resumed) {
            return Ok(Seen::Unaccounted);
        }
        self.began.get_or_insert(now);
        Ok(Seen::New)
    }

    /// Makes sure that a message from before this life is the one that was read then.
    fn recognise(
        &self,
        seen: &Seen,
        partition: Partition,
        offset: Offset,
        run: Option<&str>,
        row: Option<RowNumber>,
    ) -> Result<(), BatchError> {
        let is_ours = self.source.as_ref().is_some_and(|source| source.is(run));
        let is_known = match (seen, row) {
            (_, Some(row)) if is_ours => self.taken.contains(row.get()),
            (Seen::Sealed, _) => true,
            _ => false,
        };
        if is_known {
            return Ok(());
        }
        Err(BatchError::OtherTopic { path: self.store.folder().to_owned(), partition, offset })
    }

    fn place_of(&self, partition: Partition, offset: Offset) -> Place {
        let newest = self.partitions.get(&partition).and_then(|reading| reading.newest);
        Place { partition, offset, newest }
    }

    /// The smallest number that no row has: after a kill, rows that are read again get the numbers that they had.
    fn free_number(&mut self) -> RowNumber {
        while self.taken.contains(self.free) {
            self.free += 1;
        }
        RowNumber::new(self.free).unwrap_or(RowNumber::FIRST)
    }

    fn window(&mut self, window: WindowIndex) -> &mut OpenWindow {
        let (store, header, opened) = (&self.store, &self.header, &mut self.opened);
        self.open.entry(window).or_insert_with(|| {
            *opened += 1;
            OpenWindow::new(store, &format!("open-{opened}"), header)
        })
    }

    fn set_aside(
        &mut self,
        place: Place,
        row: Option<RowNumber>,
        reason: String,
        raw: &[u8],
    ) -> Result<Taken, BatchError> {
        let own = row.and_then(|row| self.own_window(place.partition, row));
        let store = self.store.clone();
        self.uncounted += raw.len();
        let open = match own.or_else(|| self.window_of_partition(place.partition)) {
            Some(window) => self.window(window),
            None => {
                self.opened += 1;
                let name = format!("open-{}", self.opened);
                self.early.get_or_insert_with(|| OpenWindow::new(&store, &name, &[]))
            }
        };
        open.set_aside(&store, place, &Line::new(place.partition, place.offset, row, &reason, raw))?;
        open.numbered += u64::from(own.is_some());
        Ok(Taken::Quarantined { reason })
    }

    /// Notes how far a partition is, and seals what that completes.
    fn advance(&mut self, partition: Partition, row: Option<RowNumber>, time: Option<i64>) -> Result<(), BatchError> {
        let reading = self.partitions.entry(partition).or_default();
        reading.last_row = reading.last_row.max(row.map_or(0, RowNumber::get));
        reading.newest = reading.newest.max(time);
        self.seal_ready()
    }

    /// Rows wait in memory until a window has enough for a write; many small windows must not add up.
    fn bound_memory(&mut self) -> Result<(), BatchError> {
        if self.uncounted < MOST_HELD / 2 {
            return Ok(());
        }
        self.uncounted = 0;
        if self.open.values().map(OpenWindow::held).sum::<usize>() > MOST_HELD / 2 {
            for open in self.open.values_mut() {
                open.release()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
