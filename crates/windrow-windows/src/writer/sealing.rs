//! Sealing what is due, in order, and the point from which reading would go on.

use std::time::Instant;

use crate::open::Needed;
use crate::seal::{Sealing, seal};
use crate::writer::BatchWriter;
use crate::writer::cursors::Cursor;
use crate::{BatchError, FORMAT, Manifest, OffsetRange, ResumePoint, SealReason, StreamEnd};
use windrow_config::WindowPolicy;
use windrow_record::{Partition, WindowIndex};

/// What all sealed windows hold together.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) rows: u64,
    pub(super) quarantined: u64,
    pub(super) repeated: u64,
}

impl Totals {
    pub(super) fn add(&mut self, manifest: &Manifest) {
        self.rows += manifest.rows;
        self.quarantined += manifest.quarantined;
        self.repeated += manifest.repeated;
    }
}

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
        if self.is_finishing {
            let last = self.windows.last().max(self.cut.fixed_windows());
            return last.is_some_and(|last| next <= last).then_some(SealReason::End);
        }
        // Nothing stands in the way of any window then, not even of those that nothing will ever come for.
        if self.cursors.has_all_ends() { None } else { self.is_done(next) }
    }

    fn is_done(&self, window: WindowIndex) -> Option<SealReason> {
        if let (Some((_, last)), Some(size)) = (self.cut.rows_of_window(window), self.cut.size_of_window(window)) {
            let come = self.windows.get(window).map_or(0, |open| open.numbered);
            let last = i64::try_from(last).unwrap_or(i64::MAX);
            let at = |cursor: &Cursor| cursor.at.unwrap_or(0);
            // A replay that began with a later row may share its rows out another way: then the last one must have come too.
            let stride = self.cut.stride();
            let is_last = |cursor: &Cursor| at(cursor).saturating_add_unsigned(stride) > last;
            let is_whole = stride == 1 || self.cursors.0.values().all(is_last);
            if come == size && size > 0 && is_whole {
                return Some(SealReason::Complete);
            }
            let has_passed = |cursor: &Cursor| {
                cursor.end.is_some() || cursor.is_silent() || at(cursor) > last.saturating_add(self.slack)
            };
            return self.cursors.0.values().all(has_passed).then_some(SealReason::Passed);
        }
        let until = self.windows.span_of(window)?.until;
        (self.cursors.watermark(&self.cut)? >= until).then_some(SealReason::Watermark)
    }

    fn seal(&mut self, reason: SealReason) -> Result<Manifest, BatchError> {
        let (window, open) = self.windows.take_next()?;
        let _span = tracing::info_span!("seal", %window, %reason).entered();
        let sealing = Sealing {
            window,
            run: self.identity.run(),
            log: self.log.clone(),
            repeats: self.identity.take_repeats(),
            deleted: std::mem::take(&mut self.deleted.0),
            step: self.cut.stride(),
            resume: self.resume_points(),
            span: self.windows.span_of(window),
            reason,
        };
        let manifest = seal(&self.store, open, sealing)?;
        self.totals.add(&manifest);
        Ok(manifest)
    }

    fn write_end(&mut self) -> Result<(), BatchError> {
        let repeated_offsets = self.identity.take_repeats();
        let end = StreamEnd {
            format: FORMAT,
            windows: self.windows.next.get() - 1,
            rows: self.totals.rows,
            quarantined: self.totals.quarantined,
            repeated: self.totals.repeated + repeated_offsets.iter().filter_map(OffsetRange::count).sum::<u64>(),
            repeated_offsets,
            sent: self.sent.filter(|_| self.identity.run().is_some()),
            deleted: self.deleted.1.clone(),
        };
        self.end = Some(self.store.keep_end(end)?);
        Ok(())
    }

    /// Where reading must go on so that no message of an open window is missed.
    fn resume_points(&self) -> Vec<ResumePoint> {
        let is_event = self.cut.span().is_some();
        let point = |(partition, cursor): (&Partition, &Cursor)| {
            let partition = *partition;
            let needed =
                self.windows.all().filter_map(|open| open.first_needed(partition)).chain(cursor.needed()).min();
            let Needed { offset, at } = match needed {
                Some(needed) => needed,
                // An end marker is read again: a writer that is resumed must know that the partition has ended.
                None => Needed { offset: cursor.end.or(cursor.next.max(cursor.resumed_at))?, at: cursor.at },
            };
            let (newest, last_row) = if is_event { (at, None) } else { (None, at) };
            Some(ResumePoint { partition, offset, newest, last_row })
        };
        self.cursors.0.iter().filter_map(point).collect()
    }
}
