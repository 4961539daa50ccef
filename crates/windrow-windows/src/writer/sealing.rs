//! Seals the windows that are due, in order, and computes the points to resume from.

use std::time::Instant;

use crate::manifest::FORMAT;
use crate::open::ReadPoint;
use crate::writer::cursors::Cursor;
use crate::writer::{BatchWriter, Phase};
use crate::{
    Accounted, AccountedMessages, BatchError, Manifest, MessageCounts, OffsetRange, ResumePoint, SealReason, StreamEnd,
    WindowTimes,
};
use windrow_config::WindowPolicy;
use windrow_record::{Partition, RowNumber, WindowIndex};

impl BatchWriter {
    /// Seals the next window if it is due. After the last window of a stream that ends, writes the summary of the
    /// stream. Seals at most one window per call, so that the caller can stop between two.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn seal_next(&mut self, now: Instant) -> Result<Option<Manifest>, BatchError> {
        self.guard(|writer| {
            if writer.end().is_some() {
                return Ok(None);
            }
            writer.resolve_undecided()?;
            if let Some(reason) = writer.due(now) {
                return writer.seal(reason).map(Some);
            }
            if matches!(writer.phase, Phase::Finishing) {
                writer.write_end()?;
            }
            Ok(None)
        })
    }

    /// Returns the reason to seal the next window now. `None` if it is not due.
    fn due(&mut self, now: Instant) -> Option<SealReason> {
        let is_finishing = matches!(self.phase, Phase::Finishing);
        if !is_finishing && !self.has_caught_up() {
            return None;
        }
        let next = self.windows.placement.next_window();
        if let WindowPolicy::Every(every) = self.windows.cut().policy
            && let Some(due) = self.began.and_then(|began| began.checked_add(every))
            && now >= due
        {
            self.began = Some(due);
            return Some(SealReason::Time);
        }
        let is_due = if is_finishing {
            let last = self.windows.last().max(self.windows.cut().fixed_windows());
            last.is_some_and(|last| next <= last)
        } else {
            // If every partition has ended, the caller ends the stream first.
            !self.cursors.has_all_ends() && self.is_done(next)
        };
        is_due.then(|| self.reason(next))
    }

    /// Returns true if every partition has been read again up to the last message that a sealed window accounts for.
    /// Messages before that one may be in no sealed window. A window sealed too early would move the resume points past
    /// them.
    fn has_caught_up(&self) -> bool {
        self.sealed.after().all(|(partition, after)| {
            self.cursors.0.get(&partition).is_none_or(|cursor| {
                let reached = cursor.next.max(cursor.resumed_at).max(self.deleted.after(partition));
                cursor.end.is_some() || reached.is_some_and(|reached| reached >= after.offset)
            })
        })
    }

    /// Returns true if no message that is still to be read can belong to a window.
    fn is_done(&self, window: WindowIndex) -> bool {
        let placement = &self.windows.placement;
        let Some((_, last)) = self.windows.cut().rows_of_window(window) else {
            return placement.has_passed(window, self.cursors.slowest());
        };
        let mut cursors = self.cursors.0.values();
        // Each partition of a group has its own writer. A later row shows that the replay did not end within this
        // window.
        let is_followed =
            self.windows.cut().stride() == 1 || cursors.clone().all(|cursor| is_later(cursor.progress.at(), last));
        let has_passed = |cursor: &Cursor| {
            cursor.end.is_some() || cursor.is_silent() || placement.has_passed(window, cursor.progress.at())
        };
        is_followed && self.is_complete(window) || cursors.all(has_passed)
    }

    /// Returns true if all rows of a window have arrived.
    fn is_complete(&self, window: WindowIndex) -> bool {
        let come = self.windows.get(window).map_or(0, |open| open.numbered);
        self.windows.cut().size_of_window(window) == Some(come)
    }

    /// The reason for a sealing. It depends only on the rows of the stream, and not on what has been read by then.
    /// If a window is sealed before the end, each partition that has not ended has passed it. The positions of the
    /// other partitions do not change any more.
    fn reason(&self, window: WindowIndex) -> SealReason {
        if let Some((_, last)) = self.windows.cut().rows_of_window(window) {
            let furthest = self.cursors.furthest();
            let is_followed = is_later(furthest, last) || self.identity.last_sent().is_some_and(|sent| sent > last);
            return SealReason::by_rows(self.is_complete(window), is_followed);
        }
        SealReason::by_time(self.windows.placement.has_passed(window, self.cursors.proven()))
    }

    /// The window for messages after the last row of their partition. It is sealed only at the end of the stream.
    pub(super) fn last_window(&self) -> WindowIndex {
        let furthest = || self.cursors.furthest().and_then(|row| u64::try_from(row).ok());
        let last = self.identity.last_sent().or_else(furthest).unwrap_or(0);
        let of_rows = RowNumber::new(last.saturating_add(1)).and_then(|row| self.windows.cut().window_of_row(row));
        // If times decide, the messages before a partition's first time belong to the first window.
        let next = self.windows.placement.next_window();
        let of_times = self.windows.last().filter(|_| next > WindowIndex::FIRST);
        of_rows.or(of_times).unwrap_or(next).max(next)
    }

    fn seal(&mut self, reason: SealReason) -> Result<Manifest, BatchError> {
        // Only partitions that have ended have no time here, because the first event window waits for all others. Their
        // waiting messages join this window.
        let is_timed = self.windows.cut().span().is_some();
        let timeless = self.cursors.0.iter().filter(|(_, cursor)| is_timed && cursor.progress.at().is_none());
        let timeless: Vec<Partition> = timeless.map(|(partition, _)| *partition).collect();
        let (window, open) = self.windows.take_next(&timeless)?;
        let _span = tracing::info_span!("seal", %window, %reason).entered();
        self.sealed.advance(&open);
        // A group needs it to give the reason of earlier windows, in which the partition has no part.
        let is_partial = is_timed && self.windows.cut().stride() > 1;
        let reached = self.cursors.proven().filter(|_| is_partial && reason == SealReason::End);
        let times = WindowTimes { events: open.event_time, span: self.windows.span_of(window), reached };
        let messages = AccountedMessages {
            log: self.log_id.clone(),
            offsets: open.offset_ranges(),
            repeated: open.repeated_ranges(),
            deleted: self.deleted.take_unlisted(),
            resume: self.resume_points(),
        };
        let store = &self.windows.store;
        let (rows, quarantine) = open.persist(store, window, self.windows.cut().stride())?;
        let (run, sealed) = (self.identity.run(), reason);
        let manifest = Manifest { format: FORMAT, window, run, sealed, times, rows, quarantine, messages };
        let manifest = store.store_manifest(manifest)?;
        self.sealed.counts += manifest.counts();
        Ok(manifest)
    }

    fn write_end(&mut self) -> Result<(), BatchError> {
        let repeated_offsets = self.windows.waiting_repeats();
        let MessageCounts { stored, quarantined, repeated } = self.sealed.counts;
        let end = StreamEnd {
            format: FORMAT,
            windows: self.windows.placement.next_window().get() - 1,
            rows: stored,
            quarantined,
            repeated: repeated + repeated_offsets.iter().filter_map(OffsetRange::count).sum::<u64>(),
            repeated_offsets,
            sent: self.identity.sent_by_replay(),
            deleted: self.deleted.all(),
        };
        self.phase = Phase::Ended(self.windows.store.store_end(end)?);
        Ok(())
    }

    /// The points to resume from, so that no message of an open window is missed. A point is the first message of the
    /// open windows or the point after the last message of the sealed ones, whichever is earlier. It depends only on
    /// the rows, and not on how far the topic had been read.
    fn resume_points(&self) -> Vec<ResumePoint> {
        let is_event = self.windows.cut().span().is_some();
        let point = |(partition, after): (Partition, ReadPoint)| {
            let held = self.cursors.0.get(&partition).and_then(Cursor::needed);
            let open = self.windows.all().filter_map(|open| open.first_needed(partition)).chain(held).min();
            let from = open.unwrap_or(after).min(after);
            let (newest, last_row) = if is_event { (from.at, None) } else { (None, from.at) };
            let ReadPoint { offset, at } = after;
            let accounted = (offset > from.offset).then_some(Accounted { offset, at });
            ResumePoint { partition, offset: from.offset, newest, last_row, accounted }
        };
        self.sealed.after().map(point).collect()
    }
}

/// Returns true if a position is a row number after `last`.
fn is_later(at: Option<i64>, last: u64) -> bool {
    at.is_some_and(|at| u64::try_from(at).is_ok_and(|row| row > last))
}
