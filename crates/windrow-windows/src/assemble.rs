//! Assembles windows from the partial windows that the consumer of each partition has sealed.
//!
//! In a group, every partition has a store of its own, with the windows of its rows. A whole window can be assembled
//! when each partition has sealed its part of it, or has ended before it. The result is the same file, byte for byte,
//! that one consumer of all partitions would have written.

use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;

use crate::manifest::FORMAT;
use crate::runs::{Names, Runs};
use crate::spill::Spill;
use crate::{
    AccountedMessages, BatchError, BatchStore, CsvFormat, EventRange, Manifest, MessageCounts, OffsetRange,
    QuarantinedMessages, ResumePoint, RowRange, SealReason, StoredRows, StreamEnd, TimeSpan, WindowTimes,
};
use windrow_config::{Cut, Placement};
use windrow_record::{Partition, RowNumber, RunId, WindowIndex};

/// Assembles windows. The caller must hold the lock of the whole store.
#[derive(Debug)]
pub struct Assembly {
    whole: BatchStore,
    partials: Vec<Partial>,
    cut: Cut,
    header: Vec<u8>,
    delimiter: u8,
    first: Option<First>,
    /// The replay that sent the rows.
    run: Option<RunId>,
    /// The next window to assemble. All windows before it are assembled.
    next: WindowIndex,
    counts: MessageCounts,
}

/// The windows that the consumer of one partition has sealed.
#[derive(Debug)]
struct Partial {
    store: BatchStore,
    /// The partition's first window, after it is sealed.
    begin: Option<PartialBegin>,
    /// The partition's part of the next window, if it is known. It is kept so that each manifest is read only once.
    part: Option<Part>,
    /// The resume points of the last part, and the number of that part in the partition's store.
    resume: Vec<ResumePoint>,
    last: Option<WindowIndex>,
}

/// The times of a partition's first window, and the reason why it was sealed.
#[derive(Debug, Clone, Copy)]
struct PartialBegin {
    times: WindowTimes,
    sealed: SealReason,
}

/// The folder of one partition's partial windows.
#[must_use]
pub fn partial_folder(workdir: &Path, partition: Partition) -> PathBuf {
    partials_folder(workdir).join(format!("partition-{partition:05}"))
}

/// The folder of a group's partial windows. It does not exist in a work directory that one consumer fills.
#[must_use]
pub fn partials_folder(workdir: &Path) -> PathBuf {
    workdir.join("partials")
}

impl Assembly {
    /// Creates an assembly of the partial stores, in the order of the partitions. `cut` is the cut of a single
    /// consumer.
    #[must_use]
    pub fn new(whole: BatchStore, partials: Vec<BatchStore>, cut: Cut, form: CsvFormat<'_>) -> Self {
        let partial = |store| Partial { store, begin: None, part: None, resume: Vec::new(), last: None };
        let partials = partials.into_iter().map(partial).collect();
        let (header, delimiter) = (form.header(), form.delimiter);
        let (next, counts) = (WindowIndex::FIRST, MessageCounts::default());
        Self { whole, partials, cut, header, delimiter, first: None, run: None, next, counts }
    }

    /// The store of the assembled windows.
    #[must_use]
    pub fn whole(&self) -> &BatchStore {
        &self.whole
    }

    /// Assembles all windows that are complete, until `stop` returns true, and returns their manifests in order. Ends
    /// the stream when every partition has ended.
    ///
    /// # Errors
    /// A partial window is damaged, or a file cannot be written.
    pub fn advance(&mut self, stop: &dyn Fn() -> bool) -> Result<Vec<Manifest>, BatchError> {
        let mut assembled = Vec::new();
        if self.whole.end()?.is_some() {
            return Ok(assembled);
        }
        // Another member may have assembled windows since the last call.
        while let Some(manifest) = self.whole.manifest(self.next)? {
            self.count(&manifest);
        }
        self.whole.delete_unsealed((self.next.get() - 1) as usize)?;
        let Some(first) = self.first()? else { return Ok(assembled) };
        loop {
            if stop() {
                return Ok(assembled);
            }
            for partial in &mut self.partials {
                if !partial.load_part(self.next, first, &self.cut)? {
                    return Ok(assembled);
                }
            }
            let parts: Vec<(&BatchStore, &Manifest)> = self.partials.iter().filter_map(Partial::sealed).collect();
            if self.partials.iter().all(|partial| matches!(partial.part, Some(Part::Over))) {
                break;
            }
            let manifest = self.assemble_window(&parts, first)?;
            self.count(&manifest);
            assembled.push(manifest);
        }
        self.end()?;
        Ok(assembled)
    }

    fn count(&mut self, manifest: &Manifest) {
        self.counts += manifest.counts();
        self.next = manifest.window.next();
        for partial in &mut self.partials {
            partial.part = None;
        }
    }

    fn end(&self) -> Result<StreamEnd, BatchError> {
        let ends = self.partials.iter().map(|partial| partial.store.end()).collect::<Result<Vec<_>, BatchError>>()?;
        let ends = || ends.iter().flatten();
        let end = StreamEnd {
            format: FORMAT,
            windows: self.next.get() - 1,
            rows: self.counts.stored,
            quarantined: self.counts.quarantined,
            repeated: ends().map(|end| end.repeated).sum(),
            repeated_offsets: ends().flat_map(|end| end.repeated_offsets.clone()).collect(),
            sent: ends().find_map(|end| end.sent),
            deleted: ends().flat_map(|end| end.deleted.clone()).collect(),
        };
        self.whole.store_end(end)
    }

    /// The start of the first window. `None` while a partition that has sealed nothing may still begin earlier.
    fn first(&mut self) -> Result<Option<First>, BatchError> {
        if self.first.is_none() {
            for partial in &mut self.partials {
                match partial.store.manifest(WindowIndex::FIRST)? {
                    Some(manifest) => {
                        partial.begin = Some(PartialBegin { times: manifest.times, sealed: manifest.sealed });
                        self.run = self.run.take().or(manifest.run);
                    }
                    None if partial.store.end()?.is_none() => return Ok(None),
                    None => {}
                }
            }
            let earliest = self.partials.iter().filter_map(Partial::span).min_by_key(|span| span.from);
            self.first = Some(First(earliest));
        }
        Ok(self.first)
    }

    /// Puts the parts of the next window together.
    fn assemble_window(&self, parts: &[(&BatchStore, &Manifest)], first: First) -> Result<Manifest, BatchError> {
        let window = self.next;
        let folder = self.whole.open_folder();
        let names = Names { folder: folder.clone(), stem: "assembled".to_owned(), kind: "csv" };
        let mut rows = Runs::new(names, self.header.clone());
        let mut aside: Option<Spill> = None;
        let sealed = || parts.iter().copied();
        for (store, manifest) in sealed() {
            self.take_rows(store, manifest, &mut rows)?;
            if manifest.quarantine.count > 0 {
                let path = store.quarantine_path(manifest.window);
                aside.get_or_insert_with(|| Spill::new(folder.join("assembled.jsonl"))).push_file(&path)?;
            }
        }
        let sum = |of: fn(&Manifest) -> u64| sealed().map(|(_, manifest)| of(manifest)).sum::<u64>();
        let file = self.whole.store_rows(rows.finish()?, window)?;
        let (count, labelled) = (sum(|one| one.rows.count), sum(|one| one.rows.labelled));
        let numbers = join(sealed().flat_map(|(_, manifest)| &manifest.rows.numbers));
        let rows = StoredRows { count, labelled, numbers, file };
        let file = aside.map(|aside| self.whole.store_quarantine(aside.finish()?, window)).transpose()?;
        let numbers = join(sealed().flat_map(|(_, manifest)| &manifest.quarantine.numbers));
        let quarantine = QuarantinedMessages { count: sum(|one| one.quarantine.count), numbers, file };
        let offsets = |of: fn(&AccountedMessages) -> &Vec<OffsetRange>| {
            sealed().flat_map(|(_, manifest)| of(&manifest.messages).iter().copied()).collect::<Vec<_>>()
        };
        let messages = AccountedMessages {
            log: None,
            offsets: offsets(|one| &one.offsets),
            repeated: offsets(|one| &one.repeated),
            deleted: offsets(|one| &one.deleted),
            resume: self.partials.iter().flat_map(|partial| partial.resume.iter().copied()).collect(),
        };
        let events = sealed().filter_map(|(_, manifest)| manifest.times.events).reduce(EventRange::union);
        let times = WindowTimes { events, span: first.span_of(window, &self.cut), reached: None };
        let (run, sealed) = (self.run.clone(), self.reason(window, parts, first)?);
        self.whole.store_manifest(Manifest { format: FORMAT, window, run, sealed, times, rows, quarantine, messages })
    }

    /// The reason for the sealing that one consumer of all partitions would give.
    fn reason(
        &self,
        window: WindowIndex,
        parts: &[(&BatchStore, &Manifest)],
        begin: First,
    ) -> Result<SealReason, BatchError> {
        let Some((first, last)) = self.cut.rows_of_window(window) else {
            let is_over = self.partials.iter().all(|partial| partial.has_passed(window, begin, &self.cut));
            return Ok(SealReason::by_time(is_over));
        };
        let mut come = RoaringTreemap::new();
        let ranges = parts.iter().flat_map(|(_, part)| part.row_ranges());
        ranges.for_each(|range| range.insert_into(&mut come));
        if self.cut.size_of_window(window) == Some(come.range_cardinality(first..=last)) {
            return Ok(SealReason::Complete);
        }
        let mut is_followed = parts.iter().any(|(_, manifest)| manifest.sealed == SealReason::Passed);
        // The end marker of a partition without a part says how many rows were sent.
        for partial in &self.partials {
            is_followed =
                is_followed || partial.store.end()?.and_then(|end| end.sent).is_some_and(|sent| sent.last > last);
        }
        Ok(SealReason::by_rows(false, is_followed))
    }

    fn take_rows(&self, store: &BatchStore, manifest: &Manifest, rows: &mut Runs<RowNumber>) -> Result<(), BatchError> {
        let damaged = |reason: String| BatchError::Damaged { path: store.batch_path(manifest.window), reason };
        let mut records = store.rows(manifest, self.delimiter)?;
        for number in manifest.rows.numbers.iter().flat_map(RowRange::numbers) {
            let record = records.next_record().map_err(|error| damaged(error.to_string()))?;
            match (record, RowNumber::new(number)) {
                (Some(record), Some(number)) => rows.push(number, record.bytes)?,
                _ => return Err(damaged(format!("it ends before row {number}"))),
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
enum Part {
    Sealed(Box<Manifest>),
    /// The partition has no part of this window, and will have none.
    None,
    /// The partition ended before this window.
    Over,
}

/// The start of the first window: the earliest span of any partition. `None` if row numbers decide.
#[derive(Debug, Clone, Copy)]
struct First(Option<TimeSpan>);

impl First {
    /// The number of windows between the first window of the whole and a partition's first one.
    fn shift(self, own: Option<TimeSpan>, cut: &Cut) -> i64 {
        let span_index = |span: Option<TimeSpan>| cut.span_of_time(span?.from);
        span_index(own).zip(span_index(self.0)).map_or(0, |(own, first)| own - first)
    }

    fn span_of(self, window: WindowIndex, cut: &Cut) -> Option<TimeSpan> {
        let (from, until) = cut.span_of_window(cut.span_of_time(self.0?.from)?, window)?;
        Some(TimeSpan { from, until })
    }
}

impl Partial {
    /// Returns true if the partition's part of a window is known.
    fn load_part(&mut self, window: WindowIndex, first: First, cut: &Cut) -> Result<bool, BatchError> {
        if self.part.is_some() {
            return Ok(true);
        }
        let own = i64::from(window.get()) - first.shift(self.span(), cut);
        if own < 1 {
            self.part = Some(Part::None);
            return Ok(true);
        }
        // Read the end first: a window that is sealed afterwards is seen by the next call.
        let end = self.store.end()?;
        let own = u32::try_from(own).ok().and_then(WindowIndex::new);
        self.part = match own.map_or(Ok(None), |own| self.store.manifest(own))? {
            Some(manifest) => {
                self.resume.clone_from(&manifest.messages.resume);
                self.last = own;
                Some(Part::Sealed(Box::new(manifest)))
            }
            None => {
                // Another member may have assembled the windows of the last parts.
                let last = end.as_ref().and_then(|end| WindowIndex::new(end.windows));
                let unseen = last.filter(|_| self.last != last);
                if let Some(manifest) = unseen.map_or(Ok(None), |last| self.store.manifest(last))? {
                    (self.resume, self.last) = (manifest.messages.resume, last);
                }
                end.map(|_| Part::Over)
            }
        };
        Ok(self.part.is_some())
    }

    /// The span of the partition's first window.
    fn span(&self) -> Option<TimeSpan> {
        self.begin?.times.span
    }

    /// Returns true if the partition has passed a window whose part is known: no row of the window could come, also if
    /// the stream had gone on.
    fn has_passed(&self, window: WindowIndex, first: First, cut: &Cut) -> bool {
        match (&self.part, self.begin) {
            (Some(Part::Sealed(manifest)), _) => manifest.sealed == SealReason::Watermark,
            // The partition begins with a later window. If it has not passed that one, the lateness decides.
            (Some(Part::None), Some(PartialBegin { times, sealed })) => {
                let mut placement = Placement::new(*cut, 1);
                placement.continue_after(window, first.span_of(window, cut).map(|span| span.from));
                sealed == SealReason::Watermark || placement.has_passed(window, times.reached)
            }
            _ => false,
        }
    }

    fn sealed(&self) -> Option<(&BatchStore, &Manifest)> {
        match &self.part {
            Some(Part::Sealed(manifest)) => Some((&self.store, manifest)),
            _ => None,
        }
    }
}

/// Merges row numbers of several partitions into one ascending list.
fn join<'a>(ranges: impl Iterator<Item = &'a RowRange>) -> Vec<RowRange> {
    let mut rows = RoaringTreemap::new();
    ranges.for_each(|range| range.insert_into(&mut rows));
    RowRange::of_set(&rows, 1)
}
