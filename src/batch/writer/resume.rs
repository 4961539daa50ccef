//! Going on where the manifests say.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::batch::open::bits;
use crate::batch::quarantine;
use crate::batch::writer::sealing::Totals;
use crate::batch::writer::{BatchWriter, Reading, Source};
use crate::batch::{BatchError, BatchStore, Cut, Lock, Manifest};
use crate::record::{Offset, Partition, RunId, WindowIndex, write_record};

/// The first format whose manifests list every quarantined row.
const LISTS_QUARANTINE: u32 = 2;

/// Where a writer stands when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The next offset to read of each partition. The message before it may be read once more, so that a topic that is not
    /// the same is noticed.
    pub positions: Vec<(Partition, Offset)>,
    /// Windows that are sealed.
    pub windows: u32,
    /// Rows in them.
    pub rows: u64,
    /// Messages in their quarantine.
    pub quarantined: u64,
}

impl BatchWriter {
    /// Cleans up what a killed writer left, and goes on behind the last sealed window.
    ///
    /// `log` names this life of the topic, where it ends with this process. Offsets of another life say nothing; rows are
    /// then known by their numbers, and reading begins at the beginning.
    ///
    /// # Errors
    /// A manifest or a batch file is damaged or missing, or the store cannot be written.
    pub fn resume(
        store: BatchStore,
        lock: Lock,
        cut: Cut,
        (columns, delimiter): (&[String], u8),
        partitions: &[Partition],
        log: Option<String>,
    ) -> Result<(Self, Resumed), BatchError> {
        let manifests = store.manifests()?;
        for manifest in &manifests {
            store.check_lengths(manifest)?;
        }
        let end = store.end()?;
        store.sweep(manifests.len())?;
        let mut header = write_record(columns.iter().map(String::as_str), delimiter);
        header.push(b'\n');
        let mut writer = Self {
            store,
            _lock: lock,
            cut,
            header,
            log,
            partitions: partitions.iter().map(|partition| (*partition, Reading::default())).collect(),
            open: BTreeMap::new(),
            early: None,
            opened: 0,
            uncounted: 0,
            next: WindowIndex::FIRST,
            taken: RoaringTreemap::new(),
            free: 1,
            settled: BTreeMap::new(),
            repeats: BTreeMap::new(),
            source: None,
            sent: None,
            began: None,
            first_span: None,
            sealed: Vec::new(),
            end,
            totals: Totals::default(),
            has_failed: false,
        };
        for manifest in &manifests {
            writer.recall(manifest)?;
        }
        let positions = partitions.iter().map(|partition| {
            let next = writer.partitions.get(partition).and_then(|reading| reading.resumed_at);
            (*partition, next.unwrap_or(Offset(0)))
        });
        let resumed = Resumed {
            positions: positions.collect(),
            windows: writer.next.get() - 1,
            rows: writer.totals.rows,
            quarantined: writer.totals.quarantined,
        };
        Ok((writer, resumed))
    }

    /// For the rows of one replay alone: whatever else comes goes to quarantine.
    #[must_use]
    pub fn of_replay(mut self, run: &RunId) -> Self {
        self.source.get_or_insert_with(|| Source::Replay(run.clone()));
        self
    }

    fn recall(&mut self, manifest: &Manifest) -> Result<(), BatchError> {
        for range in manifest.row_numbers.iter().chain(&manifest.quarantined_rows) {
            self.taken.insert_range(range.first..=range.last);
        }
        if manifest.quarantined > 0 && manifest.format < LISTS_QUARANTINE {
            let rows = quarantine::row_numbers(&self.store.quarantine_path(manifest.window))?;
            self.taken.extend(rows.into_iter().map(|row| row.get()));
        }
        let is_this_log = manifest.log == self.log;
        if is_this_log {
            for range in manifest.offsets.iter().chain(&manifest.repeated_offsets) {
                self.settled.entry(range.partition).or_default().insert_range(bits(range.first)..=bits(range.last));
            }
        }
        for point in &manifest.resume {
            let reading = self.partitions.entry(point.partition).or_default();
            reading.resumed_at = is_this_log.then_some(point.offset);
            reading.newest = point.newest;
        }
        if self.source.is_none() {
            self.source = match &manifest.run {
                Some(run) => Some(Source::Replay(run.clone())),
                None => (manifest.rows > 0).then_some(Source::Foreign),
            };
        }
        if let (Some(span), Some(length)) = (manifest.span, self.cut.span()) {
            self.first_span = Some(span.from.div_euclid(length) - i64::from(manifest.window.get()) + 1);
        }
        self.totals.add(manifest);
        self.next = manifest.window.next();
        Ok(())
    }
}
