//! A window that is still being filled.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::numbers::NumberSet;
use crate::runs::{Names, Runs};
use crate::{BatchError, BatchStore, EventRange, OffsetRange, QuarantinedMessages, RowRange, StoredRows};
use windrow_record::{Offset, Partition, RowNumber, WindowIndex};

/// The position of a message in the topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessagePosition {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    /// The point to read from so that the writer meets this message again in the same state.
    pub(crate) needed: ReadPoint,
    /// The partition's furthest position after this message.
    pub(crate) reached: Option<i64>,
}

/// A point that reading can continue from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReadPoint {
    pub(crate) offset: Offset,
    /// The partition's furthest position before this offset.
    pub(crate) at: Option<i64>,
}

impl ReadPoint {
    /// The later of two points: the greater offset, and the greater position.
    pub(crate) fn later(self, other: Self) -> Self {
        Self { offset: self.offset.max(other.offset), at: self.at.max(other.at) }
    }
}

/// The parts of a row that a window stores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowValue<'a> {
    pub(crate) labelled: bool,
    pub(crate) time: Option<i64>,
    pub(crate) record: &'a [u8],
}

/// Sets of offsets, by partition.
pub(crate) type Offsets = BTreeMap<Partition, RoaringTreemap>;

/// The rows and refused messages that a window accounts for so far.
#[derive(Debug)]
pub(crate) struct OpenWindow {
    pub(crate) runs: Runs<RowNumber>,
    pub(crate) quarantine: Runs<(Partition, Offset)>,
    pub(crate) rows: u64,
    pub(crate) labelled: u64,
    pub(crate) quarantined: u64,
    /// The number of rows with a row number of this window that have arrived, stored or quarantined.
    pub(crate) numbered: u64,
    row_numbers: NumberSet,
    quarantined_rows: RoaringTreemap,
    messages: BTreeMap<Partition, Messages>,
    pub(crate) event_time: Option<EventRange>,
}

/// The messages of one partition that a window accounts for.
#[derive(Debug)]
struct Messages {
    /// The point to read from again if the window is not sealed.
    first: ReadPoint,
    /// The point after the last of these messages.
    after: ReadPoint,
    offsets: NumberSet,
    /// Messages that repeat a row. No file contains them.
    repeats: RoaringTreemap,
}

impl OpenWindow {
    /// Creates an empty window. The names of its files begin with `name` until it is sealed.
    pub(crate) fn new(store: &BatchStore, name: &str, header: &[u8]) -> Self {
        let names = |kind| Names { folder: store.open_folder(), stem: name.to_owned(), kind };
        Self {
            runs: Runs::new(names("csv"), header.to_vec()),
            quarantine: Runs::new(names("jsonl"), Vec::new()),
            rows: 0,
            labelled: 0,
            quarantined: 0,
            numbered: 0,
            row_numbers: NumberSet::default(),
            quarantined_rows: RoaringTreemap::new(),
            messages: BTreeMap::new(),
            event_time: None,
        }
    }

    pub(crate) fn push(
        &mut self,
        message: MessagePosition,
        row: RowNumber,
        RowValue { labelled, time, record }: RowValue<'_>,
    ) -> Result<(), BatchError> {
        self.runs.push(row, record)?;
        self.rows += 1;
        self.numbered += 1;
        self.labelled += u64::from(labelled);
        self.row_numbers.insert(row.get());
        self.account(message).offsets.insert(message.offset.bits());
        if let Some(time) = time {
            let own = EventRange { first: time, last: time };
            self.event_time = Some(self.event_time.map_or(own, |range| range.union(own)));
        }
        Ok(())
    }

    pub(crate) fn quarantine(
        &mut self,
        message: MessagePosition,
        row: Option<RowNumber>,
        line: &[u8],
    ) -> Result<(), BatchError> {
        self.quarantine.push((message.partition, message.offset), line)?;
        self.quarantined += 1;
        self.quarantined_rows.extend(row.map(RowNumber::get));
        self.account(message).offsets.insert(message.offset.bits());
        Ok(())
    }

    /// Accounts for a message that repeats a row.
    pub(crate) fn repeat(&mut self, message: MessagePosition) {
        self.account(message).repeats.insert(message.offset.bits());
    }

    /// Adds the messages of another window, which has no rows.
    pub(crate) fn absorb(&mut self, other: Self) -> Result<(), BatchError> {
        self.quarantine.absorb(other.quarantine)?;
        self.quarantined += other.quarantined;
        self.quarantined_rows |= other.quarantined_rows;
        for (partition, Messages { first, after, offsets, repeats }) in other.messages {
            let own = self.messages_of(partition, first, after);
            own.offsets.absorb(offsets);
            own.repeats |= repeats;
        }
        Ok(())
    }

    fn account(&mut self, message: MessagePosition) -> &mut Messages {
        let after = ReadPoint { offset: message.offset.next(), at: message.reached };
        self.messages_of(message.partition, message.needed, after)
    }

    fn messages_of(&mut self, partition: Partition, first: ReadPoint, after: ReadPoint) -> &mut Messages {
        let messages = self.messages.entry(partition).or_insert_with(|| {
            let (offsets, repeats) = (NumberSet::default(), RoaringTreemap::new());
            Messages { first, after, offsets, repeats }
        });
        // A row that was held back arrives here later than messages with higher offsets.
        messages.first = messages.first.min(first);
        messages.after = messages.after.later(after);
        messages
    }

    /// The point to read a partition from again if this window is not sealed.
    pub(crate) fn first_needed(&self, partition: Partition) -> Option<ReadPoint> {
        self.messages.get(&partition).map(|messages| messages.first)
    }

    /// The point after the last message of each partition.
    pub(crate) fn after(&self) -> impl Iterator<Item = (Partition, ReadPoint)> {
        self.messages.iter().map(|(partition, messages)| (*partition, messages.after))
    }

    /// The memory of the buffers in bytes, without the sets of numbers.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.runs.buffered_bytes() + self.quarantine.buffered_bytes()
    }

    /// Writes all buffers to the disk, and frees their memory.
    pub(crate) fn flush(&mut self) -> Result<(), BatchError> {
        self.runs.flush()?;
        self.quarantine.flush()
    }

    /// Moves the window's files to their final places: first the rows, then the quarantine. If the process crashes
    /// before the manifest is written, these files do not count. The row numbers of one partition are `step` apart.
    pub(crate) fn persist(
        self,
        store: &BatchStore,
        window: WindowIndex,
        step: u64,
    ) -> Result<(StoredRows, QuarantinedMessages), BatchError> {
        let (numbers, file) = (self.row_numbers.ranges(step), store.store_rows(self.runs.finish()?, window)?);
        let rows = StoredRows { count: self.rows, labelled: self.labelled, numbers, file };
        let aside = (self.quarantined > 0).then_some(self.quarantine);
        let file = aside.map(|aside| store.store_quarantine(aside.finish()?, window)).transpose()?;
        let numbers = RowRange::of_set(&self.quarantined_rows, step);
        Ok((rows, QuarantinedMessages { count: self.quarantined, numbers, file }))
    }

    pub(crate) fn offset_ranges(&self) -> Vec<OffsetRange> {
        self.message_ranges(|messages| messages.offsets.ranges(1))
    }

    pub(crate) fn repeated_ranges(&self) -> Vec<OffsetRange> {
        self.message_ranges(|messages| RowRange::of_set(&messages.repeats, 1))
    }

    /// The ranges of the selected offsets, ordered by partition and ascending.
    fn message_ranges(&self, offsets: fn(&Messages) -> Vec<RowRange>) -> Vec<OffsetRange> {
        let of = |(partition, messages): (&Partition, &Messages)| {
            let partition = *partition;
            let ranges = offsets(messages).into_iter();
            ranges.map(move |range| OffsetRange { partition, first: offset(range.first), last: offset(range.last) })
        };
        self.messages.iter().flat_map(of).collect()
    }
}

fn offset(bits: u64) -> Offset {
    Offset(i64::try_from(bits).unwrap_or(i64::MAX))
}
