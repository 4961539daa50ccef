//! Places each message: in a window, held back until the next one, or in quarantine.

use crate::open::{MessagePosition, ReadPoint, RowValue};
use crate::writer::cursors::HeldRow;
use crate::writer::{BatchWriter, Occurrence};
use crate::{Arrival, BatchError, Content, MessageOutcome};
use windrow_config::{NoWindow, RowDistance};
use windrow_record::{Offset, Partition, RowNumber};

type Taken = Result<MessageOutcome, BatchError>;

impl BatchWriter {
    pub(super) fn take_message(&mut self, arrival: Arrival<'_>) -> Taken {
        let Arrival { partition, offset, run, row, content, now } = arrival;
        let seen = self.arrive(partition, offset, now)?;
        let (time, raw, is_row) = match &content {
            Content::Row { time, record, .. } => (*time, *record, true),
            Content::Rejected { raw, .. } => (None, *raw, false),
        };
        // Any client can send a message that is neither a row nor of a replay, so its number is ignored.
        let row = row.filter(|_| is_row || run.is_some());
        let foreign = self.identity.other_sender(run);
        match seen {
            Occurrence::New => {}
            Occurrence::AlreadyRead | Occurrence::AfterEnd => return Ok(MessageOutcome::Known),
            seen => {
                self.match_earlier(&seen, partition, offset, run, row)?;
                // A message that is read again must move its partition exactly as it did the first time.
                if !matches!(seen, Occurrence::SealedRepeat) && foreign.is_none() {
                    self.follow(partition, self.windows.cut().position(row, time), is_row)?;
                }
                return Ok(MessageOutcome::Known);
            }
        }
        // A message that is neither a row nor of a replay does not bind the stream to a producer. The reason for its
        // refusal does not depend on the producer either.
        if is_row || run.is_some() {
            if let Some(reason) = foreign {
                let message = self.message_position(partition, offset);
                return self.quarantine(message, None, reason, raw);
            }
            self.identity.bind(run);
        }
        if row.is_some_and(|row| self.identity.has(row)) {
            let message = self.message_position(partition, offset);
            self.windows.repeat(message);
            self.outcomes.counts.repeated += 1;
            return Ok(MessageOutcome::Repeated);
        }
        match content {
            Content::Row { labelled, time, record } => {
                self.take_row(partition, offset, row, RowValue { labelled, time, record })
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
    ) -> Taken {
        let position = self.windows.cut().position(row, None);
        self.resolve(partition, position)?;
        let message = self.message_position(partition, offset);
        let progress = &mut self.cursors.get(partition).progress;
        let step =
            position.map_or(Ok(RowDistance::Near), |position| progress.advance(position, &self.windows.placement));
        // A number far ahead of its partition counts as missing.
        let row = row.filter(|_| step == Ok(RowDistance::Near));
        if let Some(row) = row {
            self.identity.insert(row);
        }
        self.quarantine(message, row, reason, raw)
    }

    fn take_row(
        &mut self,
        partition: Partition,
        offset: Offset,
        number: Option<RowNumber>,
        value: RowValue<'_>,
    ) -> Taken {
        let position = self.windows.cut().position(number, value.time);
        self.resolve(partition, position)?;
        let row = number.unwrap_or_else(|| self.identity.free_number());
        let message = self.message_position(partition, offset);
        let progress = &mut self.cursors.get(partition).progress;
        let step = match position {
            Some(position) => progress.advance(position, &self.windows.placement),
            None => {
                progress.reach(self.windows.cut().position(Some(row), None));
                Ok(RowDistance::Near)
            }
        };
        let step = match step {
            Ok(step) => step,
            Err(reason) => return self.refuse(message, row, reason, value.record),
        };
        self.identity.insert(row);
        if let (RowDistance::Ahead, Some(position)) = (step, position) {
            let RowValue { labelled, time, record } = value;
            progress.hold(position, Some(HeldRow { message, row, labelled, time, record: record.to_vec() }));
            return Ok(MessageOutcome::Pending);
        }
        self.put(message, row, value)
    }

    /// Stores a row in its window, or quarantines it if it has none.
    pub(super) fn put(&mut self, message: MessagePosition, row: RowNumber, value: RowValue<'_>) -> Taken {
        let message = self.reached(message);
        match self.windows.place(message, row, value.time) {
            Ok(window) => {
                self.windows.store(window, message, row, value)?;
                self.outcomes.counts.stored += 1;
                Ok(MessageOutcome::Stored { window, row })
            }
            Err(reason) => self.refuse(message, row, reason, value.record),
        }
    }

    /// Quarantines a row that has no window. If row numbers decide, the number is what makes the row an outlier, so it
    /// counts as missing.
    pub(super) fn refuse(
        &mut self,
        message: MessagePosition,
        row: RowNumber,
        reason: NoWindow,
        record: &[u8],
    ) -> Taken {
        let is_numbered = reason == NoWindow::Late || self.windows.cut().span().is_some();
        if is_numbered {
            self.identity.insert(row);
        } else {
            self.identity.forget(row);
        }
        self.quarantine(message, Some(row).filter(|_| is_numbered), reason.to_string(), record)
    }

    /// Checks that a message from before the resume point is the one that was read then.
    fn match_earlier(
        &self,
        seen: &Occurrence,
        partition: Partition,
        offset: Offset,
        run: Option<&str>,
        row: Option<RowNumber>,
    ) -> Result<(), BatchError> {
        let is_sealed = matches!(seen, Occurrence::Sealed | Occurrence::SealedRepeat);
        let is_known = match row {
            // The row that a message repeats may be in an open window whose messages have not been read again yet.
            Some(row) if self.identity.is_from_sender(run) && !matches!(seen, Occurrence::SealedRepeat) => {
                self.identity.has(row)
            }
            _ => is_sealed,
        };
        // The number of an outlier was not recorded.
        if is_known || is_sealed && self.windows.store.is_unnumbered(partition, offset)? {
            return Ok(());
        }
        Err(BatchError::OtherTopic { path: self.windows.store.folder().to_owned(), partition, offset })
    }

    /// Returns the position of a message. If a row is held back before it, reading must continue from that row.
    fn message_position(&mut self, partition: Partition, offset: Offset) -> MessagePosition {
        let cursor = self.cursors.get(partition);
        let own = ReadPoint { offset, at: cursor.progress.at() };
        let needed = cursor.needed().unwrap_or(own);
        MessagePosition { partition, offset, needed, reached: cursor.progress.at() }
    }

    /// Returns the message with the position that its partition has reached by now.
    fn reached(&mut self, message: MessagePosition) -> MessagePosition {
        MessagePosition { reached: self.cursors.get(message.partition).progress.at(), ..message }
    }

    fn quarantine(&mut self, message: MessagePosition, row: Option<RowNumber>, reason: String, raw: &[u8]) -> Taken {
        let message = self.reached(message);
        self.windows.quarantine(message, row, (&reason, raw))?;
        self.outcomes.reject(message.partition, message.offset, &reason);
        Ok(MessageOutcome::Quarantined { reason })
    }
}
