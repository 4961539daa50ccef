//! A window that is still being filled.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::batch::quarantine::{self, Line};
use crate::batch::runs::Runs;
use crate::batch::{BatchError, BatchStore, EventRange, OffsetRange, RowRange};
use crate::record::{Offset, Partition, RowNumber};

/// Its rows so far.
#[derive(Debug)]
pub(crate) struct OpenWindow {
    /// What its files are called until it is sealed.
    name: String,
    pub(crate) runs: Runs,
    pub(crate) quarantine: Option<quarantine::Open>,
    pub(crate) rows: u64,
    pub(crate) labelled: u64,
    pub(crate) quarantined: u64,
    /// Row numbers that have come, stored or quarantined.
    pub(crate) numbered: u64,
    pub(crate) row_numbers: RoaringTreemap,
    pub(crate) offsets: BTreeMap<Partition, RoaringTreemap>,
    pub(crate) event_time: Option<EventRange>,
}

impl OpenWindow {
    pub(crate) fn new(store: &BatchStore, name: &str, header: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            runs: Runs::new(store.open_folder(), name.to_owned(), header.to_vec()),
            quarantine: None,
            rows: 0,
            labelled: 0,
            quarantined: 0,
            numbered: 0,
            row_numbers: RoaringTreemap::new(),
            offsets: BTreeMap::new(),
            event_time: None,
        }
    }

    pub(crate) fn push(
        &mut self,
        (partition, offset): (Partition, Offset),
        row: RowNumber,
        labelled: bool,
        time: Option<i64>,
        record: &[u8],
    ) -> Result<(), BatchError> {
        self.runs.push(row, record)?;
        self.rows += 1;
        self.numbered += 1;
        self.labelled += u64::from(labelled);
        self.row_numbers.insert(row.get());
        self.account(partition, offset);
        if let Some(time) = time {
            let range = self.event_time.get_or_insert(EventRange { first: time, last: time });
            range.first = range.first.min(time);
            range.last = range.last.max(time);
        }
        Ok(())
    }

    pub(crate) fn set_aside(&mut self, store: &BatchStore, line: &Line<'_>) -> Result<(), BatchError> {
        if self.quarantine.is_none() {
            let path = store.open_folder().join(format!("{}.jsonl", self.name));
            self.quarantine = Some(quarantine::Open::create(path)?);
        }
        if let Some(file) = &mut self.quarantine {
            file.push(line)?;
        }
        self.quarantined += 1;
        self.account(line.partition, line.offset);
        Ok(())
    }

    fn account(&mut self, partition: Partition, offset: Offset) {
        self.offsets.entry(partition).or_default().insert(bits(offset));
    }

    /// The first offset of a partition that this window accounts for.
    pub(crate) fn first_offset(&self, partition: Partition) -> Option<Offset> {
        self.offsets.get(&partition)?.min().map(offset)
    }

    pub(crate) fn row_ranges(&self) -> Vec<RowRange> {
        ranges(&self.row_numbers).into_iter().map(|(first, last)| RowRange { first, last }).collect()
    }

    pub(crate) fn offset_ranges(&self) -> Vec<OffsetRange> {
        let of = |(partition, offsets): (&Partition, &RoaringTreemap)| {
            let partition = *partition;
            let ranges = ranges(offsets).into_iter();
            ranges.map(move |(first, last)| OffsetRange { partition, first: offset(first), last: offset(last) })
        };
        self.offsets.iter().flat_map(of).collect()
    }
}

/// Offsets are never negative in a message that was delivered.
pub(crate) fn bits(offset: Offset) -> u64 {
    u64::try_from(offset.0).unwrap_or_default()
}

fn offset(bits: u64) -> Offset {
    Offset(i64::try_from(bits).unwrap_or(i64::MAX))
}

/// Runs of consecutive numbers, both ends included.
fn ranges(numbers: &RoaringTreemap) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}
