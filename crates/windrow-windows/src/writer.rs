//! Turns messages into sealed windows: decides where each message belongs, and when a window is complete.
//!
//! - `message`: the messages and the counts.
//! - `identity`: the rows and messages that have arrived, and the replay that they belong to.
//! - `cursors`: the position in each partition. `deleted`: messages that the broker had deleted. `held_rows`: rows that
//!   were held back.
//! - `placing`: one message, from its arrival to its window. `windows`: the open windows, and messages that wait for the
//!   next row.
//! - `sealing`: when a window is complete. `sealed`: what the manifests account for. `resume`: restores a writer from
//!   the manifests.

mod cursors;
mod deleted;
mod held_rows;
mod identity;
mod message;
mod placing;
mod resume;
mod sealed;
mod sealing;
mod windows;

use std::time::Instant;

use self::cursors::Cursors;
use self::deleted::DeletedMessages;
use self::identity::StreamIdentity;
use self::message::Outcomes;
use self::sealed::SealedPoints;
use self::windows::Windows;
use crate::open::Offsets;
use crate::{BatchError, Lock, MessageCounts, OffsetRange, StreamEnd};
use windrow_record::{Offset, Partition, WindowIndex};

pub use message::{Arrival, Content, EndMark, MessageOutcome, Rejection};
pub use resume::{CsvFormat, Resumed};

/// The only writer of a store. After an error it refuses to continue; the next start reads again what is not sealed.
#[derive(Debug)]
pub struct BatchWriter {
    _lock: Lock,
    /// The log that the offsets belong to, if it ends with a broker of this process.
    log_id: Option<String>,
    identity: StreamIdentity,
    cursors: Cursors,
    windows: Windows,
    sealed: SealedPoints,
    deleted: DeletedMessages,
    outcomes: Outcomes,
    /// The last row of the replay, if an earlier extract of the dataset had fewer rows.
    last: Option<u64>,
    /// The time at which the next window began, for windows by the clock.
    began: Option<Instant>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The writer takes messages.
    Reading,
    /// No more messages will arrive: the writer seals all open windows.
    Finishing,
    /// All windows are sealed.
    Ended(StreamEnd),
    /// The writer has failed. Only a part of the data in memory may be on the disk.
    Failed,
}

/// The relation of a message to what the writer has read before.
enum Occurrence {
    /// A message that the writer has not read.
    New,
    /// A message that this process has read already.
    AlreadyRead,
    /// A message in the files of a sealed window.
    Sealed,
    /// A repeat that a sealed window accounts for.
    SealedRepeat,
    /// A message before the resume point for which no sealed window accounts.
    Unaccounted,
    /// A message after the end marker of its partition. It is not part of the stream: whether it is read at all depends
    /// only on the timing of the other partitions.
    AfterEnd,
}

impl BatchWriter {
    /// Stores a row once, or quarantines a message that is not a row. Does not seal a window: call
    /// [`seal_next`](Self::seal_next) before and after the messages of each poll.
    ///
    /// # Errors
    /// A file cannot be written, the topic is another one, or the stream has ended.
    pub fn take(&mut self, arrival: Arrival<'_>) -> Result<MessageOutcome, BatchError> {
        self.guard(|writer| writer.take_message(arrival))
    }

    /// Records the end marker of a partition. Returns `false` if the marker belongs to another replay. A marker of an
    /// earlier extract, which had fewer rows, does not end the partition.
    ///
    /// # Errors
    /// A file cannot be written, or the stream has ended.
    pub fn end_partition(&mut self, mark: EndMark<'_>) -> Result<bool, BatchError> {
        self.guard(|writer| {
            let seen = writer.arrive(mark.partition, mark.offset, mark.now)?;
            if matches!(seen, Occurrence::AfterEnd) {
                return Ok(true);
            }
            if writer.identity.other_sender(mark.run).is_some() {
                return Ok(false);
            }
            if mark.sent.zip(writer.last).is_some_and(|(sent, last)| sent.last < last) {
                return Ok(true);
            }
            writer.identity.bind_by_end(mark.run);
            writer.identity.record_sent(mark.sent);
            writer.cursors.get(mark.partition).end = Some(mark.offset);
            writer.judge_at_end(mark.partition)?;
            Ok(true)
        })
    }

    /// Returns true if every partition has ended. Call [`finish`](Self::finish) next.
    #[must_use]
    pub fn has_all_ends(&self) -> bool {
        self.cursors.has_all_ends()
    }

    /// Returns true if all rows of the replay have arrived. That is known only after an end marker with the number of
    /// rows.
    #[must_use]
    pub fn has_whole_replay(&self) -> bool {
        self.identity.run().is_some() && self.missing_rows().is_some_and(|(missing, _)| missing == 0)
    }

    /// Ends the stream: [`seal_next`](Self::seal_next) now seals all open windows.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(&mut self) -> Result<(), BatchError> {
        self.guard(|writer| {
            if writer.end().is_none() {
                writer.phase = Phase::Finishing;
            }
            let partitions: Vec<Partition> = writer.cursors.0.keys().copied().collect();
            partitions.into_iter().try_for_each(|partition| writer.judge_at_end(partition))?;
            writer.resolve_undecided()?;
            writer.windows.attach_rest(writer.last_window())
        })
    }

    /// Adds a partition that is read from now on.
    pub fn add_partition(&mut self, partition: Partition) {
        let cursor = self.cursors.get(partition);
        cursor.progress.continue_from(self.windows.cut().position_before(self.windows.placement.next_window()));
        cursor.is_added = true;
        self.windows.placement.set_partitions(self.cursors.0.len());
    }

    /// Records messages that the broker had deleted before they were read.
    pub fn record_deleted(&mut self, range: OffsetRange) {
        self.deleted.insert(range);
    }

    /// All messages that the broker had deleted before they were read, ordered by partition and offset.
    #[must_use]
    pub fn deleted(&self) -> Vec<OffsetRange> {
        self.deleted.all()
    }

    /// The first window that is not sealed, the rows stored in it so far, and its size in rows if that is known.
    #[must_use]
    pub fn filling(&self) -> (WindowIndex, u64, Option<u64>) {
        let next = self.windows.placement.next_window();
        (next, self.windows.get(next).map_or(0, |open| open.rows), self.windows.cut().size_of_window(next))
    }

    /// Returns true if a partition is read already.
    #[must_use]
    pub fn has_partition(&self, partition: Partition) -> bool {
        self.cursors.0.contains_key(&partition)
    }

    /// The number of the replay's rows that have not arrived, and the number of all its rows. `None` if no end marker
    /// has named the number of rows.
    #[must_use]
    pub fn missing_rows(&self) -> Option<(u64, u64)> {
        self.identity.missing_rows()
    }

    /// The partitions that are read.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = Partition> {
        self.cursors.0.keys().copied()
    }

    /// The partitions whose end marker has not arrived.
    #[must_use]
    pub fn partitions_without_end(&self) -> Vec<Partition> {
        let going = self.cursors.0.iter().filter(|(_, cursor)| cursor.end.is_none());
        going.map(|(partition, _)| *partition).collect()
    }

    /// Returns true if a message was refused after the last call of [`take_counts`](Self::take_counts).
    #[must_use]
    pub fn has_refused(&self) -> bool {
        self.outcomes.counts.quarantined > 0
    }

    /// Returns the counts of messages by outcome since the last call, and resets them.
    pub fn take_counts(&mut self) -> MessageCounts {
        std::mem::take(&mut self.outcomes.counts)
    }

    /// The first quarantined message of each reason since this process began, for at most three reasons.
    #[must_use]
    pub fn rejections(&self) -> &[Rejection] {
        &self.outcomes.rejections
    }

    /// The summary of the stream. `None` if the stream has not ended.
    #[must_use]
    pub fn end(&self) -> Option<&StreamEnd> {
        if let Phase::Ended(end) = &self.phase { Some(end) } else { None }
    }

    /// Runs `work`, and blocks the writer after an error, because only a part of the data in memory may be on the disk.
    fn guard<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, BatchError>) -> Result<T, BatchError> {
        if matches!(self.phase, Phase::Failed) {
            return Err(BatchError::Stopped);
        }
        let outcome = work(self);
        if outcome.is_err() {
            self.phase = Phase::Failed;
        }
        outcome
    }

    fn arrive(&mut self, partition: Partition, offset: Offset, now: Instant) -> Result<Occurrence, BatchError> {
        if self.end().is_some() {
            return Err(BatchError::AfterEnd { partition, offset });
        }
        let cursor = self.cursors.get(partition);
        if cursor.next.is_some_and(|next| offset < next) {
            return Ok(Occurrence::AlreadyRead);
        }
        cursor.next = Some(offset.next());
        if cursor.end.is_some() {
            return Ok(Occurrence::AfterEnd);
        }
        let is_before = cursor.resumed_at.is_some_and(|resumed| offset < resumed);
        let is_in = |sets: &Offsets| sets.get(&partition).is_some_and(|offsets| offsets.contains(offset.bits()));
        if is_in(&self.identity.settled) {
            return Ok(Occurrence::Sealed);
        }
        if is_in(&self.identity.repeats) {
            return Ok(Occurrence::SealedRepeat);
        }
        if is_before {
            return Ok(Occurrence::Unaccounted);
        }
        self.began.get_or_insert(now);
        Ok(Occurrence::New)
    }
}

#[cfg(test)]
mod tests;
