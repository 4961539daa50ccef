//! A window that is still being filled.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::runs::{Names, Runs};
use crate::{BatchError, BatchStore, EventRange, OffsetRange, RowRange};
use windrow_record::{Offset, Partition, RowNumber};

/// Where a message stood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    /// From where reading must go on to come to it again in the same state.
    pub(crate) needed: Needed,
    /// How far the partition is behind it.
    pub(crate) reached: Option<i64>,
}

/// Where reading can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Needed {
    pub(crate) offset: Offset,
    /// How far the partition is before this offset.
    pub(crate) at: Option<i64>,
}

/// Sets of offsets, by partition.
pub(crate) type Offsets = BTreeMap<Partition, RoaringTreemap>;

/// What it accounts for so far.
#[derive(Debug)]
pub(crate) struct OpenWindow {
    pub(crate) runs: Runs<RowNumber>,
    pub(crate) quarantine: Runs<(Partition, Offset)>,
    pub(crate) rows: u64,
    pub(crate) labelled: u64,
    pub(crate) quarantined: u64,
    /// Row numbers that have come, stored or quarantined.
    pub(crate) numbered: u64,
    row_numbers: RoaringTreemap,
    quarantined_rows: RoaringTreemap,
    /// Where each partition must be read again if this window is not sealed.
    first: BTreeMap<Partition, Needed>,
    /// Behind the last message of each partition that this window accounts for.
    behind: BTreeMap<Partition, Needed>,
    offsets: Offsets,
    /// Messages that brought a row again.
    repeats: Offsets,
    pub(crate) event_time: Option<EventRange>,
}

impl OpenWindow {
    /// Its files begin with `name` until it is sealed.
    pub(crate) fn new(store: &BatchStore, name: &str, header: &[u8]) -> Self {
        let names = |kind| Names { folder: store.open_folder(), stem: name.to_owned(), kind };
        Self {
            runs: Runs::new(names("csv"), header.to_vec()),
            quarantine: Runs::new(names("jsonl"), Vec::new()),
            rows: 0,
            labelled: 0,
            quarantined: 0,
            numbered: 0,
            row_numbers: RoaringTreemap::new(),
            quarantined_rows: RoaringTreemap::new(),
            first: BTreeMap::new(),
            behind: BTreeMap::new(),
            offsets: BTreeMap::new(),
            repeats: BTreeMap::new(),
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
        self.offsets.entry(place.partition).or_default().insert(bits(place.offset));
        self.account(place);
        if let Some(time) = time {
            let range = self.event_time.get_or_insert(EventRange { first: time, last: time });
            range.first = range.first.min(time);
            range.last = range.last.max(time);
        }
        Ok(())
    }

    pub(crate) fn set_aside(&mut self, place: Place, row: Option<RowNumber>, line: &[u8]) -> Result<(), BatchError> {
        self.quarantine.push((place.partition, place.offset), line)?;
        self.quarantined += 1;
        self.quarantined_rows.extend(row.map(RowNumber::get));
        self.offsets.entry(place.partition).or_default().insert(bits(place.offset));
        self.account(place);
        Ok(())
    }

    /// Notes a message that brought a row again; it is in no file.
    pub(crate) fn repeat(&mut self, place: Place) {
        self.repeats.entry(place.partition).or_default().insert(bits(place.offset));
        self.account(place);
    }

    /// Takes over the messages of a window that has no rows of its own.
    pub(crate) fn absorb(&mut self, other: Self) -> Result<(), BatchError> {
        self.quarantine.absorb(other.quarantine)?;
        self.quarantined += other.quarantined;
        self.quarantined_rows |= other.quarantined_rows;
        for (own, others) in [(&mut self.offsets, other.offsets), (&mut self.repeats, other.repeats)] {
            for (partition, offsets) in others {
                *own.entry(partition).or_default() |= offsets;
            }
        }
        other.first.into_iter().for_each(|(partition, needed)| self.needs(partition, needed));
        other.behind.into_iter().for_each(|(partition, needed)| reach(&mut self.behind, partition, needed));
        Ok(())
    }

    fn account(&mut self, place: Place) {
        // One that was held back comes after those behind it.
        self.needs(place.partition, place.needed);
        let behind = Needed { offset: place.offset.next(), at: place.reached };
        reach(&mut self.behind, place.partition, behind);
    }

    fn needs(&mut self, partition: Partition, needed: Needed) {
        let first = self.first.entry(partition).or_insert(needed);
        *first = needed.min(*first);
    }

    /// Where a partition must be read again if this window is not sealed.
    pub(crate) fn first_needed(&self, partition: Partition) -> Option<Needed> {
        self.first.get(&partition).copied()
    }

    /// Behind the last message of each partition that this window accounts for.
    pub(crate) fn behind(&self) -> impl Iterator<Item = (Partition, Needed)> {
        self.behind.iter().map(|(partition, behind)| (*partition, *behind))
    }

    /// The bytes of memory that it takes beside its sets of numbers.
    pub(crate) fn held(&self) -> usize {
        self.runs.held() + self.quarantine.held()
    }

    /// Moves all that is in memory to the disk.
    pub(crate) fn release(&mut self) -> Result<(), BatchError> {
        self.runs.release()?;
        self.quarantine.release()
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

    pub(crate) fn repeated_ranges(&self) -> Vec<OffsetRange> {
        offset_ranges(&self.repeats)
    }
}

/// Moves a partition's point on, but never back; how far the partition is never falls either.
pub(crate) fn reach(points: &mut BTreeMap<Partition, Needed>, partition: Partition, Needed { offset, at }: Needed) {
    let point = points.entry(partition).or_insert(Needed { offset, at });
    *point = Needed { offset: point.offset.max(offset), at: point.at.max(at) };
}

/// Numbers as ranges, ascending; within a range they lie `step` apart.
pub(crate) fn row_ranges(numbers: &RoaringTreemap, step: u64) -> Vec<RowRange> {
    let of = |(first, last)| RowRange { first, last, step: if first == last { 1 } else { step } };
    ranges(numbers, step).into_iter().map(of).collect()
}

/// Sets of offsets as ranges, by partition, ascending.
pub(crate) fn offset_ranges(offsets: &Offsets) -> Vec<OffsetRange> {
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
