//! Rows that were held back and are now accepted or rejected, and messages that a restarted writer reads again.

use crate::BatchError;
use crate::open::RowValue;
use crate::writer::cursors::{Cursor, HeldRow};
use crate::writer::{BatchWriter, Phase};
use windrow_config::{NoWindow, RowDistance};
use windrow_record::Partition;

/// A message that was held back, and whether it is accepted.
type ResolvedMessage = (Option<HeldRow>, Result<(), NoWindow>);

impl BatchWriter {
    /// Judges the row that a partition holds back, by the position of the next message.
    pub(super) fn resolve(&mut self, partition: Partition, position: Option<i64>) -> Result<(), BatchError> {
        let Some(position) = position else { return Ok(()) };
        let settled = self.cursors.get(partition).progress.resolve(position, &self.windows.placement);
        settled.map_or(Ok(()), |settled| self.settle(settled))
    }

    fn settle(&mut self, (held, verdict): ResolvedMessage) -> Result<(), BatchError> {
        let Some(HeldRow { message, row, labelled, time, record }) = held else { return Ok(()) };
        let taken = match verdict {
            Ok(()) => self.put(message, row, RowValue { labelled, time, record: &record }),
            Err(reason) => self.refuse(message, row, reason, &record),
        };
        taken.map(drop)
    }

    /// Advances a partition by a message that is accounted for already.
    pub(super) fn follow(&mut self, partition: Partition, at: Option<i64>, is_row: bool) -> Result<(), BatchError> {
        let Some(position) = at else { return Ok(()) };
        self.resolve(partition, at)?;
        let progress = &mut self.cursors.get(partition).progress;
        // A refused message is never held back.
        if progress.advance(position, &self.windows.placement) == Ok(RowDistance::Ahead) && is_row {
            progress.hold(position, None);
        }
        Ok(())
    }

    /// Judges the row that a partition holds back when the partition has ended. Rejects it if the end marker says that
    /// the replay has fewer rows, or if its time is too far ahead for a row that no later one confirms. A partition
    /// whose only position is held back waits for the positions of the others.
    pub(super) fn judge_at_end(&mut self, partition: Partition) -> Result<(), BatchError> {
        let sent = self.identity.sent_by_replay().filter(|_| self.windows.cut().span().is_none());
        let progress = &mut self.cursors.get(partition).progress;
        let Some((position, _)) = progress.held().filter(|_| !progress.is_undecided()) else { return Ok(()) };
        let is_unsent = sent.is_some_and(|sent| u64::try_from(position).is_ok_and(|row| row > sent.last));
        let judged = match is_unsent {
            true => progress.reject().map(|held| (held, Err(NoWindow::AfterLastRow))),
            false => progress.resolve_at_end(&self.windows.placement),
        };
        judged.map_or(Ok(()), |judged| self.settle(judged))
    }

    /// Places the partitions whose only position is held back, after the positions of all other partitions are known.
    pub(super) fn resolve_undecided(&mut self) -> Result<(), BatchError> {
        let is_finishing = matches!(self.phase, Phase::Finishing);
        let is_known = |cursor: &Cursor| cursor.progress.at().is_some() || cursor.end.is_some() || is_finishing;
        if self.windows.cut().span().is_none() || !self.cursors.0.values().all(is_known) {
            return Ok(());
        }
        let is_due = |cursor: &&mut Cursor| cursor.progress.is_undecided() && (cursor.end.is_some() || is_finishing);
        let undecided = self.cursors.0.values_mut().filter(is_due);
        let held: Vec<Option<HeldRow>> = undecided.filter_map(|cursor| cursor.progress.confirm()).collect();
        held.into_iter().try_for_each(|held| self.settle((held, Ok(()))))
    }
}
