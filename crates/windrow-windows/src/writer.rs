//! Messages in, sealed windows out: decides where each message belongs, and when a window is done.

mod believe;
mod cursors;
mod identity;
mod message;
mod resume;
mod sealed;
mod sealing;
mod windows;

use std::time::Instant;

use self::cursors::{Cursors, HeldRow, Pending, Step};
use self::identity::Identity;
use self::sealed::Sealed;
use self::windows::{Placed, Windows};
use crate::open::{Needed, Place};
use crate::{BatchError, BatchStore, Cut, Lock, OffsetRange, RowRange, StreamEnd};
use windrow_record::{Offset, Partition, RowNumber, WindowIndex};

pub use message::{Arrival, Content, Counts, EndMark, Rejection, Taken};
pub use resume::{CsvFormat, Resumed};

/// So many different reasons are kept for people.
const REASONS_KEPT: usize = 3;

/// The one writer of a store. After an error it takes nothing more: what is not sealed is read again next time.
#[derive(Debug)]
pub struct BatchWriter {
    store: BatchStore,
    _lock: Lock,
    cut: Cut,
    /// Whether the offsets belong to a log that ends with a broker of ours.
    own_log: bool,
    identity: Identity,
    cursors: Cursors,
    windows: Windows,
    sent: Option<RowRange>,
    /// Processing time: when the next window began.
    began: Option<Instant>,
    /// Nothing more will come: everything is sealed.
    is_finishing: bool,
    /// What the broker had deleted and no manifest lists yet; and all of it.
    deleted: (Vec<OffsetRange>, Vec<OffsetRange>),
    end: Option<StreamEnd>,
    sealed: Sealed,
    counts: Counts,
    refusals: Vec<Rejection>,
    has_failed: bool,
}

/// Whether a message is new to the writer.
enum Occurrence {
    /// It is.
    New,
    /// It came since this process began already.
    InThisLife,
    /// A sealed window accounts for it.
    Sealed,
    /// The same, as for one that brought a row again.
    SealedRepeat,
    /// It lies before the point where reading goes on, and nothing accounts for it.
    Unaccounted,
    /// It stands behind the end of its partition, which is no part of the stream: whether it is read before the other
    /// partitions end is a matter of chance.
    BehindEnd,
}

impl BatchWriter {
    /// Stores a row, once, or keeps a message that is no row with the reason. Seals nothing: ask for
    /// [`seal_next`](Self::seal_next) before and behind the messages of one moment.
    ///
    /// # Errors
    /// A file cannot be written, the topic is another one, or the stream has ended.
    pub fn take(&mut self, arrival: Arrival<'_>) -> Result<Taken, BatchError> {
        self.guard(|writer| writer.take_message(arrival))
    }

    fn take_message(&mut self, arrival: Arrival<'_>) -> Result<Taken, BatchError> {
        let Arrival { partition, offset, run, row, content, now } = arrival;
        let seen = self.arrive(partition, offset, now)?;
        let (time, raw) = match &content {
            Content::Row { time, record, .. } => (*time, *record),
            Content::Rejected { raw, .. } => (None, *raw),
        };
        match seen {
            Occurrence::New => {}
            Occurrence::InThisLife | Occurrence::BehindEnd => return Ok(Taken::Known),
            seen => {
                self.recognise(&seen, partition, offset, run, row)?;
                // It still shows how far the partition is; a repeat never did.
                if !matches!(seen, Occurrence::SealedRepeat) {
                    self.follow(partition, offset, self.cut.position(row, time))?;
                }
                return Ok(Taken::Known);
            }
        }
        if let Some(reason) = self.identity.foreign_run(run) {
            let place = self.place(partition, offset);
            return self.set_aside(place, None, reason, raw);
        }
        // What is no row and names no replay may be anybody's: it does not decide whose stream this is.
        if run.is_some() || matches!(content, Content::Row { .. }) {
            self.identity.bind(run);
        }
        if row.is_some_and(|row| self.identity.has(row)) {
            let place = self.place(partition, offset);
            self.windows.repeat(place);
            self.counts.repeated += 1;
            return Ok(Taken::Repeated);
        }
        match content {
            Content::Row { labelled, time, record } => {
                self.take_row(partition, offset, row, Value { labelled, time, record })
            }
            Content::Rejected { reason, raw } => self.reject(partition, offset, row, (reason, raw)),
        }
    }

    fn reject(
        &mut self,
        partition: Partition,
        offset: Offset,
        row: Option<RowNumber>,
        (reason, raw): (String, &[u8]),
    ) -> Result<Taken, BatchError> {
        let position = self.cut.position(row, None);
        if let Some(position) = position {
            self.resolve(partition, position)?;
        }
        // A number that is not believed is no number.
        let judged =
            position.map(|position| self.cursors.get(partition).judge(position, &self.cut, self.windows.slack));
        let row = row.filter(|_| judged.is_none_or(|step| step == Step::Near));
        let place = self.place(partition, offset);
        if let Some(row) = row {
            self.identity.insert(row);
            self.move_to(partition, position);
        }
        self.set_aside(place, row, reason, raw)
    }

    fn take_row(
        &mut self,
        partition: Partition,
        offset: Offset,
        number: Option<RowNumber>,
        value: Value<'_>,
    ) -> Result<Taken, BatchError> {
        let position = self.cut.position(number, value.time);
        if let Some(position) = position {
            self.resolve(partition, position)?;
        }
        let row = number.unwrap_or_else(|| self.identity.free_number());
        let place = self.place(partition, offset);
        let step = position
            .map_or(Step::Near, |position| self.cursors.get(partition).judge(position, &self.cut, self.windows.slack));
        if let Step::Beyond { windows } = step {
            return self.refuse_beyond(place, row, windows, value.record);
        }
        self.identity.insert(row);
        if let (Step::Ahead, Some(position)) = (step, position) {
            let Value { labelled, time, record } = value;
            let held = HeldRow { place, row, labelled, time, record: record.to_vec() };
            self.cursors.get(partition).pending = Some(Pending { position, needed: place.needed, row: Some(held) });
            return Ok(Taken::Pending);
        }
        self.move_to(partition, position.or_else(|| self.cut.position(Some(row), None)));
        self.put(place, row, value)
    }

    /// Into its window, or late into quarantine.
    fn put(&mut self, place: Place, row: RowNumber, value: Value<'_>) -> Result<Taken, BatchError> {
        let Value { labelled, time, record } = value;
        let place = self.reached(place);
        match self.windows.place(place, row, time) {
            Placed::In(window) => {
                self.windows.store(window, place, row, (labelled, time, record))?;
                self.counts.stored += 1;
                Ok(Taken::Stored { window, row })
            }
            Placed::Late => self.set_aside(place, Some(row), "late: its window is over".to_owned(), record),
            Placed::Beyond { windows } => self.refuse_beyond(place, row, windows, record),
        }
    }

    /// A row number that cannot be right counts as missing; a time that cannot leaves the row its number.
    fn refuse_beyond(
        &mut self,
        place: Place,
        row: RowNumber,
        windows: i64,
        record: &[u8],
    ) -> Result<Taken, BatchError> {
        let reason = format!("it lies {windows} windows from those before it, too far to be meant");
        let row = self.believed(row);
        self.set_aside(place, row, reason, record)
    }

    fn believed(&mut self, row: RowNumber) -> Option<RowNumber> {
        if self.cut.span().is_none() {
            self.identity.forget(row);
            return None;
        }
        self.identity.insert(row);
        Some(row)
    }

    /// Notes that a partition's end marker has come. `false` when it is the mark of another replay.
    ///
    /// # Errors
    /// A file cannot be written, or the stream has ended.
    pub fn end_partition(&mut self, mark: EndMark<'_>) -> Result<bool, BatchError> {
        self.guard(|writer| {
            let seen = writer.arrive(mark.partition, mark.offset, mark.now)?;
            if matches!(seen, Occurrence::BehindEnd) {
                return Ok(true);
            }
            if writer.identity.foreign_run(mark.run).is_some() {
                return Ok(false);
            }
            writer.sent = writer.sent.or(mark.sent);
            writer.cursors.get(mark.partition).end = Some(mark.offset);
            writer.believe_behind_end(mark.partition)?;
            Ok(true)
        })
    }

    /// Whether every partition has ended; then [`finish`](Self::finish) is due.
    #[must_use]
    pub fn has_all_ends(&self) -> bool {
        self.cursors.has_all_ends()
    }

    /// Whether every row that the replay has sent is there, as far as an end marker says: nothing that is new can come.
    #[must_use]
    pub fn has_whole_replay(&self) -> bool {
        self.identity.run().is_some() && self.missing_rows().is_some_and(|(missing, _)| missing == 0)
    }

    /// Ends the stream: from here on [`seal_next`](Self::seal_next) seals all that is open.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(&mut self) -> Result<(), BatchError> {
        self.guard(|writer| {
            writer.is_finishing = true;
            let partitions: Vec<Partition> = writer.cursors.0.keys().copied().collect();
            partitions.into_iter().try_for_each(|partition| writer.believe_behind_end(partition))?;
            writer.decide()?;
            writer.windows.settle_waiting(writer.last_window())
        })
    }

    /// Reads a further partition.
    pub fn add_partition(&mut self, partition: Partition) {
        let at = self.cut.position_before(self.windows.next);
        let cursor = self.cursors.get(partition);
        (cursor.at, cursor.is_added) = (at, true);
        self.windows.slack = self.cursors.slack(&self.cut);
    }

    /// Notes messages that the broker had deleted before they were read.
    pub fn note_deleted(&mut self, range: OffsetRange) {
        // A partition of which nothing is accounted for yet is read from its beginning again after a kill.
        let told = self.deleted.1.iter().filter(|told| told.partition == range.partition).map(|told| told.last.next());
        let range = OffsetRange { first: told.max().unwrap_or(range.first).max(range.first), ..range };
        if range.first <= range.last {
            self.deleted.0.push(range);
            self.deleted.1.push(range);
        }
    }

    /// All messages that the broker had deleted before they were read.
    #[must_use]
    pub fn deleted(&self) -> &[OffsetRange] {
        &self.deleted.1
    }

    /// The first window that is not sealed: its rows so far, and how many it will have where that is known.
    #[must_use]
    pub fn filling(&self) -> (WindowIndex, u64, Option<u64>) {
        let next = self.windows.next;
        (next, self.windows.get(next).map_or(0, |open| open.rows), self.cut.size_of_window(next))
    }

    /// Whether a partition is read already.
    #[must_use]
    pub fn has_partition(&self, partition: Partition) -> bool {
        self.cursors.0.contains_key(&partition)
    }

    /// How many rows of the replay are in no window and not in quarantine, and how many it has, as far as an end marker
    /// tells.
    #[must_use]
    pub fn missing_rows(&self) -> Option<(u64, u64)> {
        let all = self.sent?.count()?;
        Some((all - self.identity.count(self.sent?), all))
    }

    /// How many partitions there are.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.cursors.0.len()
    }

    /// The partitions whose end marker has not come.
    #[must_use]
    pub fn unended(&self) -> Vec<Partition> {
        let going = self.cursors.0.iter().filter(|(_, cursor)| cursor.end.is_none());
        going.map(|(partition, _)| *partition).collect()
    }

    /// What became of the messages since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// The first messages that went to quarantine since this process began, one of each reason.
    #[must_use]
    pub fn rejections(&self) -> &[Rejection] {
        &self.refusals
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

    fn arrive(&mut self, partition: Partition, offset: Offset, now: Instant) -> Result<Occurrence, BatchError> {
        if self.end.is_some() {
            return Err(BatchError::AfterEnd { partition, offset });
        }
        let cursor = self.cursors.get(partition);
        if cursor.next.is_some_and(|next| offset < next) {
            return Ok(Occurrence::InThisLife);
        }
        cursor.next = Some(offset.next());
        if cursor.end.is_some() {
            return Ok(Occurrence::BehindEnd);
        }
        let is_before = cursor.resumed_at.is_some_and(|resumed| offset < resumed);
        if self.identity.is_settled(partition, offset) {
            return Ok(Occurrence::Sealed);
        }
        if self.identity.is_settled_repeat(partition, offset) {
            return Ok(Occurrence::SealedRepeat);
        }
        if is_before {
            return Ok(Occurrence::Unaccounted);
        }
        self.began.get_or_insert(now);
        Ok(Occurrence::New)
    }

    /// Makes sure that a message from before this process is the one that was read then.
    fn recognise(
        &self,
        seen: &Occurrence,
        partition: Partition,
        offset: Offset,
        run: Option<&str>,
        row: Option<RowNumber>,
    ) -> Result<(), BatchError> {
        let is_sealed = matches!(seen, Occurrence::Sealed | Occurrence::SealedRepeat);
        let is_known = match row {
            Some(row) if self.identity.is_ours(run) => self.identity.has(row),
            _ => is_sealed,
        };
        // A number that was not believed is not among those that are there.
        if is_known || is_sealed && self.store.is_unnumbered(partition, offset)? {
            return Ok(());
        }
        Err(BatchError::OtherTopic { path: self.store.folder().to_owned(), partition, offset })
    }

    /// Where a message stands, and from where it can be met again: a message that is pending before it goes with it.
    fn place(&mut self, partition: Partition, offset: Offset) -> Place {
        let cursor = self.cursors.get(partition);
        let own = Needed { offset, at: cursor.at };
        let needed = cursor.needed().unwrap_or(own);
        Place { partition, offset, needed, reached: cursor.at }
    }

    /// The same place once its message has moved its partition.
    fn reached(&mut self, place: Place) -> Place {
        Place { reached: self.cursors.get(place.partition).at, ..place }
    }

    fn set_aside(
        &mut self,
        place: Place,
        row: Option<RowNumber>,
        reason: String,
        raw: &[u8],
    ) -> Result<Taken, BatchError> {
        let place = self.reached(place);
        self.windows.set_aside(place, row, (&reason, raw))?;
        self.counts.quarantined += 1;
        if self.refusals.len() < REASONS_KEPT && self.refusals.iter().all(|refusal| refusal.reason != reason) {
            let Place { partition, offset, .. } = place;
            self.refusals.push(Rejection { reason: reason.clone(), partition, offset });
        }
        Ok(Taken::Quarantined { reason })
    }
}

/// A row's value on its way.
struct Value<'a> {
    labelled: bool,
    time: Option<i64>,
    record: &'a [u8],
}

#[cfg(test)]
mod tests;
