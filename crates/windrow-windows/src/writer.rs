//! Messages in, sealed windows out: decides where each message belongs, and when a window is complete.
//!
//! - `message`: what arrives, and what is counted. `occurrence`: whether it is a row, a repeat, or neither.
//! - `identity`: which rows and messages have come, and which replay they belong to.
//! - `cursors`: how far each partition is. `deleted`: what the broker had deleted. `believe`: what becomes of a row that was held back.
//! - `taking`: one message, from its arrival to its window. `windows`: the open ones, and messages that wait for the next row.
//! - `sealing`: when a window is complete. `sealed`: what the manifests account for. `resume`: a writer from its manifests.

mod believe;
mod cursors;
mod deleted;
mod identity;
mod message;
mod occurrence;
mod resume;
mod sealed;
mod sealing;
mod taking;
mod windows;

use std::time::Instant;

use self::cursors::Cursors;
use self::deleted::DeletedMessages;
use self::identity::Identity;
use self::message::Outcomes;
use self::occurrence::Occurrence;
use self::sealed::Sealed;
use self::windows::Windows;
use crate::{BatchError, Lock, MessageCounts, OffsetRange, StreamEnd};
use windrow_record::{Offset, Partition, WindowIndex};

pub use message::{Arrival, Content, EndMark, Rejection, Taken};
pub use resume::{CsvFormat, Resumed};

/// The one writer of a store. After an error it takes nothing more: what is not sealed is read again next time.
#[derive(Debug)]
pub struct BatchWriter {
    _lock: Lock,
    /// The log that the offsets belong to, if it ends with a broker of this process.
    log: Option<String>,
    identity: Identity,
    cursors: Cursors,
    windows: Windows,
    sealed: Sealed,
    deleted: DeletedMessages,
    outcomes: Outcomes,
    /// Processing time: when the next window began.
    began: Option<Instant>,
    phase: Phase,
}

/// What a writer does next.
#[derive(Debug)]
enum Phase {
    /// Takes messages.
    Reading,
    /// Seals what is open: nothing more will come.
    Finishing,
    /// Nothing: all is sealed.
    Ended(StreamEnd),
    /// Nothing: what was in memory when it failed may be half on the disk.
    Failed,
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

    /// Notes that a partition's end marker has come. `false` when it is the mark of another replay.
    ///
    /// # Errors
    /// A file cannot be written, or the stream has ended.
    pub fn end_partition(&mut self, mark: EndMark<'_>) -> Result<bool, BatchError> {
        self.guard(|writer| {
            let seen = writer.arrive(mark.partition, mark.offset, mark.now)?;
            if matches!(seen, Occurrence::AfterEnd) {
                return Ok(true);
            }
            if writer.identity.foreign_run(mark.run).is_some() {
                return Ok(false);
            }
            writer.identity.bind_by_end(mark.run);
            writer.identity.note_sent(mark.sent);
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
            if writer.end().is_none() {
                writer.phase = Phase::Finishing;
            }
            let partitions: Vec<Partition> = writer.cursors.0.keys().copied().collect();
            partitions.into_iter().try_for_each(|partition| writer.believe_behind_end(partition))?;
            writer.decide()?;
            writer.windows.attach_rest(writer.last_window())
        })
    }

    /// Reads a further partition.
    pub fn add_partition(&mut self, partition: Partition) {
        let cursor = self.cursors.get(partition);
        cursor.progress.continue_from(self.windows.cut().position_before(self.windows.placement.next_window()));
        cursor.is_added = true;
        self.windows.placement.set_partitions(self.cursors.0.len());
    }

    /// Notes messages that the broker had deleted before they were read.
    pub fn note_deleted(&mut self, range: OffsetRange) {
        self.deleted.note(range);
    }

    /// All messages that the broker had deleted before they were read, by partition, ascending.
    #[must_use]
    pub fn deleted(&self) -> Vec<OffsetRange> {
        self.deleted.all()
    }

    /// The first window that is not sealed: its rows so far, and how many it will have where that is known.
    #[must_use]
    pub fn filling(&self) -> (WindowIndex, u64, Option<u64>) {
        let next = self.windows.placement.next_window();
        (next, self.windows.get(next).map_or(0, |open| open.rows), self.windows.cut().size_of_window(next))
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
        self.identity.missing_rows()
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

    /// Returns true if a message was refused after the last call of [`take_counts`](Self::take_counts).
    #[must_use]
    pub fn has_refused(&self) -> bool {
        self.outcomes.counts.quarantined > 0
    }

    /// What became of the messages since the last call.
    pub fn take_counts(&mut self) -> MessageCounts {
        std::mem::take(&mut self.outcomes.counts)
    }

    /// The first messages that went to quarantine since this process began, one of each reason.
    #[must_use]
    pub fn rejections(&self) -> &[Rejection] {
        &self.outcomes.rejections
    }

    /// What was written when the stream was through, once it is.
    #[must_use]
    pub fn end(&self) -> Option<&StreamEnd> {
        if let Phase::Ended(end) = &self.phase { Some(end) } else { None }
    }

    /// Nothing goes on behind a failure: what was in memory may be half on the disk.
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
            return Ok(Occurrence::InThisLife);
        }
        cursor.next = Some(offset.next());
        if cursor.end.is_some() {
            return Ok(Occurrence::AfterEnd);
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
}

#[cfg(test)]
mod tests;
