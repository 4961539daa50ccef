//! Sealing what is due, in order, and the point from which reading would go on.

use std::time::Instant;

use crate::open::Needed;
use crate::seal::{Sealing, seal};
use crate::writer::BatchWriter;
use crate::writer::cursors::Cursor;
use crate::{Accounted, BatchError, FORMAT, Manifest, OffsetRange, ResumePoint, SealReason, StreamEnd};
use windrow_config::WindowPolicy;
use windrow_record::{Partition, RowNumber, WindowIndex};

impl BatchWriter {
    /// Seals the next window, if it is due; behind the last one of a stream that ends, writes what the stream was.
    /// One window a call, so that the caller can stop between two.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn seal_next(&mut self, now: Instant) -> Result<Option<Manifest>, BatchError> {
        self.guard(|writer| {
            if writer.end.is_some() {
                return Ok(None);
            }
            writer.decide()?;
            if let Some(reason) = writer.due(now) {
                return writer.seal(reason).map(Some);
            }
            if writer.is_finishing {
                writer.write_end()?;
            }
            Ok(None)
        })
    }

    /// Why the next window is to be sealed now, if it is.
    fn due(&mut self, now: Instant) -> Option<SealReason> {
        let next = self.windows.next;
        if let WindowPolicy::Every(every) = self.cut.policy
            && let Some(due) = self.began.and_then(|began| began.checked_add(every))
            && now >= due
        {
            self.began = Some(due);
            return Some(SealReason::Time);
        }
        let is_due = if self.is_finishing {
            let last = self.windows.last().max(self.cut.fixed_windows());
            last.is_some_and(|last| next <= last)
        } else {
            // Nothing stands in the way of any window then, not even of those that nothing will ever come for.
            !self.cursors.has_all_ends() && self.is_done(next)
        };
        is_due.then(|| self.reason(next))
    }

    /// Whether no message that is on its way can belong to a window.
    fn is_done(&self, window: WindowIndex) -> bool {
        if let Some((_, last)) = self.cut.rows_of_window(window) {
            let last = i64::try_from(last).unwrap_or(i64::MAX);
            let has_passed = |cursor: &Cursor| {
                let is_beyond = cursor.at.unwrap_or(0) > last.saturating_add(self.windows.slack);
                cursor.end.is_some() || cursor.is_silent() || is_beyond
            };
            // Of one partition's rows, the next shows that the window was not the last one that the replay sends.
            let is_further = |cursor: &Cursor| cursor.at.is_some_and(|at| at > last);
            let is_followed = self.cut.stride() == 1 || self.cursors.0.values().all(is_further);
            return is_followed && self.is_complete(window) || self.cursors.0.values().all(has_passed);
        }
        let until = self.windows.span_of(window).map(|span| span.until);
        until.zip(self.cursors.watermark(&self.cut)).is_some_and(|(until, watermark)| watermark >= until)
    }

    /// Whether all rows of a window have come.
    fn is_complete(&self, window: WindowIndex) -> bool {
        let come = self.windows.get(window).map_or(0, |open| open.numbered);
        self.cut.rows_of_window(window).is_some() && self.cut.size_of_window(window) == Some(come)
    }

    /// Why a window is sealed: by the rows of the stream alone, so that it is the same whether the end had come by then or not.
    fn reason(&self, window: WindowIndex) -> SealReason {
        let furthest = self.cursors.furthest();
        if let Some((_, last)) = self.cut.rows_of_window(window) {
            let is_sent = self.sent.is_some_and(|sent| sent.last > last);
            let has_come = furthest.is_some_and(|row| u64::try_from(row).is_ok_and(|row| row > last));
            return match self.is_complete(window) {
                true => SealReason::Complete,
                false if is_sent || has_come => SealReason::Passed,
                false => SealReason::End,
            };
        }
        let until = self.windows.span_of(window).map(|span| span.until);
        match until.zip(furthest) {
            Some((until, newest)) if newest >= until => SealReason::Watermark,
            _ => SealReason::End,
        }
    }

    /// The window of what stands behind the last row of its partition: one that waits for the end of the stream.
    pub(super) fn last_window(&self) -> WindowIndex {
        let behind = |last: u64| RowNumber::new(last.saturating_add(1)).and_then(|row| self.cut.window_of_row(row));
        let furthest = || self.cursors.furthest().and_then(|row| u64::try_from(row).ok());
        let of_rows = behind(self.sent.map(|sent| sent.last).or_else(furthest).unwrap_or(0));
        // Of event windows, what a partition sends before its first time is in the first.
        let of_times = self.windows.last().filter(|_| self.windows.next > WindowIndex::FIRST);
        of_rows.or(of_times).unwrap_or(self.windows.next).max(self.windows.next)
    }

    fn seal(&mut self, reason: SealReason) -> Result<Manifest, BatchError> {
        // Each has ended, or the first event window would wait for its time.
        let timeless = self.cursors.0.iter().filter(|(_, cursor)| cursor.at.is_none() && self.cut.span().is_some());
        let timeless: Vec<Partition> = timeless.map(|(partition, _)| *partition).collect();
        let (window, open) = self.windows.take_next(&timeless)?;
        let _span = tracing::info_span!("seal", %window, %reason).entered();
        self.sealed.reach(&open);
        self.deleted.0.sort_by_key(|range| (range.partition, range.first));
        let sealing = Sealing {
            window,
            run: self.identity.run(),
            log: self.log.clone(),
            deleted: std::mem::take(&mut self.deleted.0),
            step: self.cut.stride(),
            resume: self.resume_points(),
            span: self.windows.span_of(window),
            reason,
        };
        let manifest = seal(&self.store, open, sealing)?;
        self.sealed.count(&manifest);
        Ok(manifest)
    }

    fn write_end(&mut self) -> Result<(), BatchError> {
        let repeated_offsets = self.windows.repeats_at_end();
        self.deleted.1.sort_by_key(|range| (range.partition, range.first));
        let end = StreamEnd {
            format: FORMAT,
            windows: self.windows.next.get() - 1,
            rows: self.sealed.rows,
            quarantined: self.sealed.quarantined,
            repeated: self.sealed.repeated + repeated_offsets.iter().filter_map(OffsetRange::count).sum::<u64>(),
            repeated_offsets,
            sent: self.sent.filter(|_| self.identity.run().is_some()),
            deleted: self.deleted.1.clone(),
        };
        self.end = Some(self.store.keep_end(end)?);
        Ok(())
    }

    /// Where reading must go on so that no message of an open window is missed: with the first message of those, or behind the
    /// last one of the sealed windows. Both follow from the rows alone; how far the topic has been read does not.
    fn resume_points(&self) -> Vec<ResumePoint> {
        let is_event = self.cut.span().is_some();
        let point = |(partition, behind): (Partition, Needed)| {
            let held = self.cursors.0.get(&partition).and_then(Cursor::needed);
            let open = self.windows.all().filter_map(|open| open.first_needed(partition)).chain(held).min();
            let from = open.unwrap_or(behind).min(behind);
            let (newest, last_row) = if is_event { (from.at, None) } else { (None, from.at) };
            let Needed { offset, at } = behind;
            let accounted = (offset > from.offset).then_some(Accounted { offset, at });
            ResumePoint { partition, offset: from.offset, newest, last_row, accounted }
        };
        self.sealed.behind().map(point).collect()
    }
}
