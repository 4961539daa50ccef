//! Going on where the manifests say.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::batch::open::bits;
use crate::batch::quarantine;
use crate::batch::writer::{BatchWriter, Progress, Source};
use crate::batch::{BatchError, BatchStore, Cut, Lock, Manifest};
use crate::record::{Offset, Partition, WindowIndex, write_record};

/// Where a writer stands when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The next offset to read of each partition.
    pub positions: Vec<(Partition, Offset)>,
    /// Windows that are sealed.
    pub windows: u32,
    /// Rows in them.
    pub rows: u64,
    /// Rows in their quarantine.
    pub quarantined: u64,
}

impl BatchWriter {
    /// Cleans up what a killed writer left, and goes on behind the last sealed window.
    ///
    /// # Errors
    /// A manifest is damaged or missing, or the store cannot be written.
    pub fn resume(
        store: BatchStore,
        lock: Lock,
        cut: Cut,
        columns: &[String],
        delimiter: u8,
        partitions: &[Partition],
    ) -> Result<(Self, Resumed), BatchError> {
        let manifests = store.manifests()?;
        let end = store.end()?;
        store.sweep(manifests.len())?;
        let mut header = write_record(columns.iter().map(String::as_str), delimiter);
        header.push(b'\n');
        let mut writer = Self {
            store,
            _lock: lock,
            cut,
            header,
            partitions: partitions.iter().map(|partition| (*partition, Progress::default())).collect(),
            open: BTreeMap::new(),
            opened: 0,
            next: WindowIndex::FIRST,
            taken: RoaringTreemap::new(),
            settled: BTreeMap::new(),
            source: None,
            began: None,
            first_span: None,
            sealed: Vec::new(),
            end,
            totals: (0, 0),
        };
        for manifest in &manifests {
            writer.recall(manifest)?;
        }
        let positions = partitions.iter().map(|partition| {
            let next = writer.partitions.get(partition).and_then(|progress| progress.next);
            (*partition, next.unwrap_or(Offset(0)))
        });
        let resumed = Resumed {
            positions: positions.collect(),
            windows: writer.next.get() - 1,
            rows: writer.totals.0,
            quarantined: writer.totals.1,
        };
        Ok((writer, resumed))
    }

    fn recall(&mut self, manifest: &Manifest) -> Result<(), BatchError> {
        for range in &manifest.row_numbers {
            self.taken.insert_range(range.first..=range.last);
        }
        if manifest.quarantined > 0 {
            let rows = quarantine::row_numbers(&self.store.quarantine_path(manifest.window))?;
            self.taken.extend(rows.into_iter().map(|row| row.get()));
        }
        for range in &manifest.offsets {
            self.settled.entry(range.partition).or_default().insert_range(bits(range.first)..=bits(range.last));
        }
        for point in &manifest.resume {
            self.partitions.entry(point.partition).or_default().next = Some(point.offset);
        }
        if manifest.rows + manifest.quarantined > 0 && self.source.is_none() {
            self.source = Some(manifest.run.clone().map_or(Source::Foreign, Source::Replay));
        }
        if let (Some(span), Some(length)) = (manifest.span, self.cut.span()) {
            self.first_span = Some(span.from.div_euclid(length) - i64::from(manifest.window.get()) + 1);
        }
        self.totals.0 += manifest.rows;
        self.totals.1 += manifest.quarantined;
        self.next = manifest.window.next();
        Ok(())
    }
}
