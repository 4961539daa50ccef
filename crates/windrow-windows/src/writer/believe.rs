//! Positions that are believed, held back, or not believed, and what becomes of the messages that they came from.

use crate::BatchError;
use crate::open::Needed;
use crate::writer::BatchWriter;
use crate::writer::cursors::{Cursor, HeldRow, Outcome, Pending, Step};
use crate::writer::taking::Value;
use windrow_record::{Offset, Partition};

impl BatchWriter {
    /// What a position says of the message that its partition has pending.
    pub(super) fn resolve(&mut self, partition: Partition, position: i64) -> Result<(), BatchError> {
        let outcome = self.cursors.get(partition).resolve(position, &self.cut, self.windows.slack);
        outcome.map_or(Ok(()), |outcome| self.settle(outcome))
    }

    pub(super) fn settle(&mut self, outcome: Outcome) -> Result<(), BatchError> {
        match outcome {
            Outcome::Believed(Pending { row: Some(held), .. }) => {
                let HeldRow { place, row, labelled, time, record } = held;
                self.put(place, row, Value { labelled, time, record: &record }).map(drop)
            }
            Outcome::Contradicted { pending: Pending { row: Some(held), .. }, windows } => {
                let reason = format!(
                    "it lies {} windows from the message behind it in its partition, and cannot be meant",
                    windows.saturating_abs()
                );
                let row = self.believed(held.row);
                self.set_aside(held.place, row, reason, &held.record).map(drop)
            }
            Outcome::Believed(_) | Outcome::Contradicted { .. } => Ok(()),
        }
    }

    /// Notes how far a partition is by a message that is accounted for already.
    pub(super) fn follow(
        &mut self,
        partition: Partition,
        offset: Offset,
        position: Option<i64>,
        is_row: bool,
    ) -> Result<(), BatchError> {
        let Some(position) = position else { return Ok(()) };
        self.resolve(partition, position)?;
        let cursor = self.cursors.get(partition);
        match cursor.judge(position, &self.cut, self.windows.slack) {
            Step::Near => cursor.at = cursor.at.max(Some(position)),
            // A refused message is never held back.
            Step::Ahead if is_row => {
                let needed = Needed { offset, at: cursor.at };
                cursor.pending = Some(Pending { position, needed, row: None });
            }
            Step::Ahead | Step::Beyond { .. } => {}
        }
        Ok(())
    }

    pub(super) fn move_to(&mut self, partition: Partition, position: Option<i64>) {
        let cursor = self.cursors.get(partition);
        cursor.at = cursor.at.max(position);
    }

    /// Nothing comes behind the end of a partition that could contradict what is pending, but for the row numbers that the
    /// mark tells. A partition's only position waits for those of the others.
    pub(super) fn believe_behind_end(&mut self, partition: Partition) -> Result<(), BatchError> {
        let is_numbered = self.cut.span().is_none();
        let sent = self.sent.filter(|_| is_numbered && self.identity.run().is_some());
        let cursor = self.cursors.get(partition);
        if cursor.is_undecided() {
            return Ok(());
        }
        let is_unsent =
            |position: i64| sent.is_some_and(|sent| u64::try_from(position).is_ok_and(|row| row > sent.last));
        let outcome = match cursor.pending.take_if(|pending| is_unsent(pending.position)) {
            Some(pending) => Some(Outcome::Contradicted { pending, windows: 0 }),
            None => cursor.believe_pending(),
        };
        outcome.map_or(Ok(()), |outcome| self.settle(outcome))
    }

    /// The partitions whose only position is undecided are placed beside those that are known, once all are.
    pub(super) fn decide(&mut self) -> Result<(), BatchError> {
        let is_known = |cursor: &Cursor| cursor.at.is_some() || cursor.end.is_some() || self.is_finishing;
        if self.cut.span().is_none() || !self.cursors.0.values().all(is_known) {
            return Ok(());
        }
        let is_finishing = self.is_finishing;
        let undecided = self.cursors.0.values_mut();
        let undecided = undecided.filter(|cursor| cursor.is_undecided() && (cursor.end.is_some() || is_finishing));
        let outcomes: Vec<Outcome> = undecided.filter_map(Cursor::believe_pending).collect();
        outcomes.into_iter().try_for_each(|outcome| self.settle(outcome))
    }
}
