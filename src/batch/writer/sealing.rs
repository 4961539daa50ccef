//! Sealing what is due, in order, and the point from which reading would go on.

use std::time::Instant;

use roaring::RoaringTreemap;

use crate::batch::open::{Needed, offset_ranges};
use crate::batch::seal::{Sealing, seal, write_json};
use crate::batch::writer::{BatchWriter, Reading, Source};
use crate::batch::{BatchError, FORMAT, Manifest, ResumePoint, SealReason, StreamEnd};
use crate::config::WindowPolicy;
use crate::record::Partition;

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
    pub(super) fn seal_due(&mut self, now: Instant) -> Result<(), BatchError> {
        let WindowPolicy::Every(every) = self.cut.policy else { return Ok(()) };
        while let Some(due) = self.began.and_then(|began| began.checked_add(every)) {
            if now < due || self.end.is_some() {
                break;
            }
            self.seal_next(SealReason::Time)?;
            self.began = Some(due);
        }
        Ok(())
    }

    pub(super) fn seal_all(&mut self) -> Result<(), BatchError> {
        let early = self.early.as_ref().map(|_| self.next);
        let last_open = self.open.keys().next_back().copied().max(early);
        if let Some(last) = last_open.max(self.cut.fixed_windows()) {
            while self.next <= last {
                self.seal_next(SealReason::End)?;
            }
        }
        let repeats = std::mem::take(&mut self.repeats);
        let end = StreamEnd {
            format: FORMAT,
            windows: self.next.get() - 1,
            rows: self.totals.rows,
            quarantined: self.totals.quarantined,
            repeated: self.totals.repeated + repeats.values().map(RoaringTreemap::len).sum::<u64>(),
            repeated_offsets: offset_ranges(&repeats),
            sent: self.sent.filter(|_| matches!(self.source, Some(Source::Replay(_)))),
        };
        write_json(&self.store, &end, &self.store.end_path())?;
        self.end = Some(end);
        Ok(())
    }

    pub(super) fn seal_ready(&mut self) -> Result<(), BatchError> {
        while self.end.is_none() {
            let Some(reason) = self.is_done(self.next) else { break };
            self.seal_next(reason)?;
        }
        Ok(())
    }

    fn seal_next(&mut self, reason: SealReason) -> Result<(), BatchError> {
        let window = self.next;
        let _span = tracing::info_span!("seal", %window, %reason).entered();
        self.window(window);
        let Some(mut open) = self.open.remove(&window) else { unreachable!("the window was opened above") };
        if let Some(early) = self.early.take() {
            open.absorb(&self.store, early)?;
        }
        let sealing = Sealing {
            window,
            run: self.source.as_ref().and_then(Source::run),
            log: self.log.clone(),
            repeats: std::mem::take(&mut self.repeats),
            resume: self.resume_points(),
            span: self.span_of(window),
            reason,
        };
        let manifest = seal(&self.store, open, sealing)?;
        self.totals.add(&manifest);
        self.next = window.next();
        self.sealed.push(manifest);
        Ok(())
    }

    /// Where reading must go on so that no message of an open window is missed.
    fn resume_points(&self) -> Vec<ResumePoint> {
        let point = |(partition, reading): (&Partition, &Reading)| {
            let partition = *partition;
            let needed = self.open.values().filter_map(|open| open.first_needed(partition)).min();
            let Needed { offset, newest } = match needed {
                Some(needed) => needed,
                // An end marker is read again: a writer that is resumed must know that the partition has ended.
                None => {
                    Needed { offset: reading.end.or(reading.next.max(reading.resumed_at))?, newest: reading.newest }
                }
            };
            Some(ResumePoint { partition, offset, newest })
        };
        self.partitions.iter().filter_map(point).collect()
    }
}
