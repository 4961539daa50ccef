//! Rows in, sealed windows out: decides where each message belongs, and when a window is done.

mod resume;
mod windows;

use std::collections::BTreeMap;
use std::time::Instant;

use roaring::RoaringTreemap;

use crate::batch::open::{OpenWindow, bits};
use crate::batch::quarantine::Line;
use crate::batch::seal::{Sealing, seal, write_json};
use crate::batch::{BatchError, BatchStore, Cut, FORMAT, Lock, Manifest, ResumePoint, SealReason, StreamEnd};
use crate::config::WindowPolicy;
use crate::record::{Offset, Partition, RowNumber, RunId, WindowIndex};

pub use resume::Resumed;

/// So many empty windows between two rows are no gap in the data but a mistake in them.
const LONGEST_LEAP: i64 = 100_000;

/// A row that can be stored.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Where it stood in the topic.
    pub partition: Partition,
    /// Where it stood in the partition.
    pub offset: Offset,
    /// The replay that sent it.
    pub run: Option<&'a str>,
    /// Its number; a row of another producer gets the next one.
    pub row: Option<RowNumber>,
    /// Whether its target is there.
    pub labelled: bool,
    /// When it happened, in seconds since 1970.
    pub time: Option<i64>,
    /// The CSV record, without a line end.
    pub record: &'a [u8],
    /// Now.
    pub now: Instant,
}

/// A message that is no row.
#[derive(Debug, Clone)]
pub struct Rejected<'a> {
    /// Where it stood in the topic.
    pub partition: Partition,
    /// Where it stood in the partition.
    pub offset: Offset,
    /// The replay that sent it.
    pub run: Option<&'a str>,
    /// Its number, if it has one.
    pub row: Option<RowNumber>,
    /// Why it is no row.
    pub reason: String,
    /// The value as it came.
    pub raw: &'a [u8],
    /// Now.
    pub now: Instant,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is in a window.
    Stored {
        /// Which one.
        window: WindowIndex,
        /// Under this number.
        row: RowNumber,
    },
    /// It was there already.
    Repeated,
    /// It is in quarantine.
    Quarantined {
        /// Why.
        reason: String,
    },
}

/// The one writer of a store.
#[derive(Debug)]
pub struct BatchWriter {
    store: BatchStore,
    _lock: Lock,
    cut: Cut,
    header: Vec<u8>,
    partitions: BTreeMap<Partition, Progress>,
    open: BTreeMap<WindowIndex, OpenWindow>,
    /// Windows opened so far: names their files until they are sealed.
    opened: u64,
    /// All windows before this one are sealed.
    next: WindowIndex,
    /// Row numbers that are in a window or in quarantine.
    taken: RoaringTreemap,
    /// Messages that windows sealed before this start account for.
    settled: BTreeMap<Partition, RoaringTreemap>,
    source: Option<Source>,
    /// Processing time: when the window `next` began.
    began: Option<Instant>,
    /// Event time: the place of window 1 among the spans since 1970.
    first_span: Option<i64>,
    sealed: Vec<Manifest>,
    end: Option<StreamEnd>,
    totals: (u64, u64),
}

/// How far a partition has been read.
#[derive(Debug, Default)]
struct Progress {
    next: Option<Offset>,
    last_row: u64,
    newest: Option<i64>,
    /// Where its end marker stands, once that has come.
    end: Option<Offset>,
}

/// Who sends the rows of this store: one replay, or other producers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Replay(RunId),
    Foreign,
}

impl Source {
    fn of(run: Option<&str>) -> Self {
        run.map_or(Self::Foreign, |run| Self::Replay(RunId::new(run)))
    }

    fn is(&self, run: Option<&str>) -> bool {
        match self {
            Self::Replay(id) => run == Some(id.as_str()),
            Self::Foreign => run.is_none(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Replay(id) => format!("the replay {id}"),
            Self::Foreign => "a producer that is not Windrow".to_owned(),
        }
    }
}

impl BatchWriter {
    /// Stores a row, once.
    ///
    /// # Errors
    /// A file cannot be written, or the row's time cannot be meant.
    pub fn take(&mut self, arrival: Arrival<'_>) -> Result<Taken, BatchError> {
        let Arrival { partition, offset, run, now, .. } = arrival;
        self.arrive(partition, offset, now)?;
        if self.is_settled(partition, offset) {
            return Ok(Taken::Repeated);
        }
        if let Some(reason) = self.stranger(run) {
            return self.set_aside(partition, offset, None, reason, arrival.record);
        }
        let row = arrival.row.unwrap_or_else(|| self.next_number());
        if self.taken.contains(row.get()) {
            return Ok(Taken::Repeated);
        }
        let window = match self.place(row, arrival.time)? {
            Some(window) if window >= self.next => window,
            _ => {
                self.taken.insert(row.get());
                let reason = "late: its window is sealed already".to_owned();
                let taken = self.set_aside(partition, offset, Some(row), reason, arrival.record)?;
                self.advance(partition, row, arrival.time)?;
                return Ok(taken);
            }
        };
        self.taken.insert(row.get());
        let open = self.window(window);
        open.push((partition, offset), row, arrival.labelled, arrival.time, arrival.record)?;
        self.advance(partition, row, arrival.time)?;
        Ok(Taken::Stored { window, row })
    }

    /// Keeps a message that is no row, with the reason.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn quarantine(&mut self, rejected: Rejected<'_>) -> Result<Taken, BatchError> {
        let Rejected { partition, offset, run, row, reason, raw, now } = rejected;
        self.arrive(partition, offset, now)?;
        if self.is_settled(partition, offset) || row.is_some_and(|row| self.taken.contains(row.get())) {
            return Ok(Taken::Repeated);
        }
        if let Some(stranger) = self.stranger(run) {
            return self.set_aside(partition, offset, None, stranger, raw);
        }
        if let Some(row) = row {
            self.taken.insert(row.get());
        }
        let taken = self.set_aside(partition, offset, row, reason, raw)?;
        if let Some(row) = row {
            self.advance(partition, row, None)?;
        }
        Ok(taken)
    }

    /// Notes that a partition's end marker has come; behind the last one, seals all that is open.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn end_partition(
        &mut self,
        partition: Partition,
        offset: Offset,
        run: Option<&str>,
        now: Instant,
    ) -> Result<(), BatchError> {
        self.arrive(partition, offset, now)?;
        if self.stranger(run).is_some() && run.is_some() {
            return Ok(());
        }
        self.partitions.entry(partition).or_default().end = Some(offset);
        if self.partitions.values().all(|progress| progress.end.is_some()) {
            return self.finish(now);
        }
        self.seal_ready()
    }

    /// Seals what is due by the clock.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn tick(&mut self, now: Instant) -> Result<(), BatchError> {
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

    /// Ends the stream: seals all that is open.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(&mut self, now: Instant) -> Result<(), BatchError> {
        self.tick(now)?;
        if self.end.is_some() {
            return Ok(());
        }
        let last_open = self.open.keys().next_back().copied();
        if let Some(last) = last_open.max(self.cut.fixed_windows()) {
            while self.next <= last {
                self.seal_next(SealReason::End)?;
            }
        }
        let (rows, quarantined) = self.totals;
        let end =
            StreamEnd { format: FORMAT, windows: self.next.get() - 1, rows, quarantined, repeated: 0, sent: None };
        write_json(&self.store, &end, &self.store.end_path())?;
        self.end = Some(end);
        Ok(())
    }

    /// The windows sealed since the last call, in order.
    pub fn sealed(&mut self) -> Vec<Manifest> {
        std::mem::take(&mut self.sealed)
    }

    /// What was written when the stream was through, once it is.
    #[must_use]
    pub fn end(&self) -> Option<StreamEnd> {
        self.end
    }

    fn arrive(&mut self, partition: Partition, offset: Offset, now: Instant) -> Result<(), BatchError> {
        self.tick(now)?;
        self.began.get_or_insert(now);
        let progress = self.partitions.entry(partition).or_default();
        progress.next = progress.next.max(Some(offset.next()));
        Ok(())
    }

    fn is_settled(&self, partition: Partition, offset: Offset) -> bool {
        self.settled.get(&partition).is_some_and(|settled| settled.contains(bits(offset)))
    }

    /// Why a message of this sender does not belong here, if it does not. The first sender is the store's.
    fn stranger(&mut self, run: Option<&str>) -> Option<String> {
        let source = self.source.get_or_insert_with(|| Source::of(run));
        (!source.is(run))
            .then(|| format!("it is of {}, while this directory holds {}", Source::of(run).name(), source.name()))
    }

    fn next_number(&self) -> RowNumber {
        self.taken.max().and_then(RowNumber::new).map_or(RowNumber::FIRST, RowNumber::next)
    }

    fn window(&mut self, window: WindowIndex) -> &mut OpenWindow {
        let (store, header, opened) = (&self.store, &self.header, &mut self.opened);
        self.open.entry(window).or_insert_with(|| {
            *opened += 1;
            OpenWindow::new(store, &format!("open-{opened}"), header)
        })
    }

    fn set_aside(
        &mut self,
        partition: Partition,
        offset: Offset,
        row: Option<RowNumber>,
        reason: String,
        raw: &[u8],
    ) -> Result<Taken, BatchError> {
        let own = row.and_then(|row| self.cut.window_of_row(row)).filter(|window| *window >= self.next);
        let window = own.unwrap_or(self.next);
        let store = self.store.clone();
        let open = self.window(window);
        open.set_aside(&store, &Line::new(partition, offset, row, &reason, raw))?;
        open.numbered += u64::from(own.is_some());
        Ok(Taken::Quarantined { reason })
    }

    /// Notes how far a partition is, and seals what that completes.
    fn advance(&mut self, partition: Partition, row: RowNumber, time: Option<i64>) -> Result<(), BatchError> {
        let progress = self.partitions.entry(partition).or_default();
        progress.last_row = progress.last_row.max(row.get());
        progress.newest = progress.newest.max(time);
        self.seal_ready()
    }

    fn seal_ready(&mut self) -> Result<(), BatchError> {
        while self.end.is_none() {
            let Some(reason) = self.is_done(self.next) else { break };
            self.seal_next(reason)?;
        }
        Ok(())
    }

    fn seal_next(&mut self, reason: SealReason) -> Result<(), BatchError> {
        let window = self.next;
        self.window(window);
        let Some(open) = self.open.remove(&window) else { unreachable!("the window was opened above") };
        let run = match &self.source {
            Some(Source::Replay(run)) => Some(run.clone()),
            Some(Source::Foreign) | None => None,
        };
        let sealing = Sealing { window, run, resume: self.resume_points(), span: self.span_of(window), reason };
        let manifest = seal(&self.store, open, sealing)?;
        self.totals.0 += manifest.rows;
        self.totals.1 += manifest.quarantined;
        self.next = window.next();
        self.sealed.push(manifest);
        Ok(())
    }

    /// Where reading must go on so that no message of an open window is missed.
    fn resume_points(&self) -> Vec<ResumePoint> {
        let point = |(partition, progress): (&Partition, &Progress)| {
            let partition = *partition;
            let needed = self.open.values().filter_map(|open| open.first_offset(partition)).min();
            // An end marker is read again: a writer that is resumed must know that the partition has ended.
            let offset = needed.or(progress.end).or(progress.next)?;
            Some(ResumePoint { partition, offset, newest: None })
        };
        self.partitions.iter().filter_map(point).collect()
    }
}

#[cfg(test)]
mod tests;
