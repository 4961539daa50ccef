//! A window that is still being filled.

use std::collections::BTreeMap;
use std::io::BufRead;

use roaring::RoaringTreemap;

use crate::quarantine::Line;
use crate::runs::Runs;
use crate::spill::Spill;
use crate::{BatchError, BatchStore, EventRange, OffsetRange, RowRange};
use windrow_record::{Offset, Partition, RowNumber};

/// Where a message stood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    /// From where reading must go on to come to it again in the same state.
    pub(crate) needed: Needed,
}

/// Where reading must go on so that a message is met again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Needed {
    pub(crate) offset: Offset,
    /// How far the partition is before this offset.
    pub(crate) at: Option<i64>,
}

/// Its rows so far.
#[derive(Debug)]
pub(crate) struct OpenWindow {
    /// What its files are called until it is sealed.
    name: String,
    pub(crate) runs: Runs,
    pub(crate) quarantine: Option<Spill>,
    pub(crate) rows: u64,
    pub(crate) labelled: u64,
    pub(crate) quarantined: u64,
    /// Row numbers that have come, stored or quarantined.
    pub(crate) numbered: u64,
    row_numbers: RoaringTreemap,
    quarantined_rows: RoaringTreemap,
    /// Where each partition must be read again if this window is not sealed.
    first: BTreeMap<Partition, Needed>,
    offsets: BTreeMap<Partition, RoaringTreemap>,
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
            quarantined_rows: RoaringTreemap::new(),
            first: BTreeMap::new(),
            offsets: BTreeMap::new(),
            event_time: None,
        }
    }

    pub(crate) fn push(
        &mut self,
        place: Place,
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
        self.account(place);
        if let Some(time) = time {
            let range = self.event_time.get_or_insert(EventRange { first: time, last: time });
            range.first = range.first.min(time);
            range.last = range.last.max(time);
        }
        Ok(())
    }

    pub(crate) fn set_aside(&mut self, store: &BatchStore, place: Place, line: &Line<'_>) -> Result<(), BatchError> {
        let path = || store.open_folder().join(format!("{}.jsonl", self.name));
        let text = line.text().map_err(|error| BatchError::write(&path())(error.into()))?;
        let file = self.quarantine.get_or_insert_with(|| Spill::new(path()));
        file.push(&text);
        if file.is_full() {
            file.write()?;
        }
        self.quarantined += 1;
        self.quarantined_rows.extend(line.row.map(RowNumber::get));
        self.account(place);
        Ok(())
    }

    /// Takes over the quarantine of a window that holds nothing else.
    pub(crate) fn absorb(&mut self, store: &BatchStore, other: Self) -> Result<(), BatchError> {
        if let Some(aside) = other.quarantine {
            let mut aside = aside.reread()?;
            let file = self
                .quarantine
                .get_or_insert_with(|| Spill::new(store.open_folder().join(format!("{}.jsonl", self.name))));
            loop {
                let chunk = aside.bytes.fill_buf().map_err(BatchError::read(&aside.path))?;
                if chunk.is_empty() {
                    break;
                }
                let read = chunk.len();
                file.push(chunk);
                aside.bytes.consume(read);
                if file.is_full() {
                    file.write()?;
                }
            }
            aside.remove()?;
        }
        self.quarantined += other.quarantined;
        self.quarantined_rows |= other.quarantined_rows;
        for (partition, offsets) in other.offsets {
            *self.offsets.entry(partition).or_default() |= offsets;
        }
        for (partition, needed) in other.first {
            let first = self.first.entry(partition).or_insert(needed);
            *first = needed.min(*first);
        }
        Ok(())
    }

    fn account(&mut self, place: Place) {
        self.offsets.entry(place.partition).or_default().insert(bits(place.offset));
        // One that was held back comes after those behind it.
        let first = self.first.entry(place.partition).or_insert(place.needed);
        *first = place.needed.min(*first);
    }

    /// The first message of a partition that this window accounts for.
    pub(crate) fn first_needed(&self, partition: Partition) -> Option<Needed> {
        self.first.get(&partition).copied()
    }

    /// The bytes of memory that it takes beside its sets of numbers.
    pub(crate) fn held(&self) -> usize {
        self.runs.held() + self.quarantine.as_ref().map_or(0, Spill::held)
    }

    /// Moves all that is in memory to the disk.
    pub(crate) fn release(&mut self) -> Result<(), BatchError> {
        self.runs.release()?;
        self.quarantine.as_mut().map_or(Ok(()), Spill::release)
    }

    /// The numbers of its rows; those of one partition lie `step` apart.
    pub(crate) fn row_ranges(&self, step: u64) -> Vec<RowRange> {
        row_ranges(&self.row_numbers, step)
    }

    pub(crate) fn quarantined_ranges(&self, step: u64) -> Vec<RowRange> {
        row_ranges(&self.quarantined_rows, step)
    }

    pub(crate) fn offset_ranges(&self) -> Vec<OffsetRange> {
        offset_ranges(&self.offsets)
    }
}

/// Numbers as ranges, ascending; within a range they lie `step` apart.
pub(crate) fn row_ranges(numbers: &RoaringTreemap, step: u64) -> Vec<RowRange> {
    let of = |(first, last)| RowRange { first, last, step: if first == last { 1 } else { step } };
    ranges(numbers, step).into_iter().map(of).collect()
}

/// Sets of offsets as ranges, by partition, ascending.
pub(crate) fn offset_ranges(offsets: &BTreeMap<Partition, RoaringTreemap>) -> Vec<OffsetRange> {
    let of = |(partition, offsets): (&Partition, &RoaringTreemap)| {
        let partition = *partition;
        let ranges = ranges(offsets, 1).into_iter();
        ranges.map(move |(first, last)| OffsetRange { partition, first: offset(first), last: offset(last) })
    };
    offsets.iter().flat_map(of).collect()
}

/// Offsets are never negative in a message that was delivered.
pub(crate) fn bits(offset: Offset) -> u64 {
    u64::try_from(offset.0).unwrap_or_default()
}

fn offset(bits: u64) -> Offset {
    Offset(i64::try_from(bits).unwrap_or(i64::MAX))
}

/// Runs of numbers that lie `step` apart, both ends included.
fn ranges(numbers: &RoaringTreemap, step: u64) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(step) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}
