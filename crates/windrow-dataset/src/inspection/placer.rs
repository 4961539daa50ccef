//! Places rows in windows in file order, as the consumer does: with the same [`Placement`] and the same number of
//! partitions.

use std::collections::BTreeMap;

use windrow_config::{Cut, NoWindow, PartitionProgress, Pipeline, Placement, RowDistance, partition_of_row};
use windrow_record::RowNumber;

/// Places the rows of event windows, one at a time.
#[derive(Debug)]
pub(crate) struct Placer {
    placement: Placement,
    count: u64,
    partitions: BTreeMap<u64, PartitionProgress<HeldRow>>,
}

/// A row far ahead of those before it. The next row of its partition decides about it.
#[derive(Debug)]
pub(crate) struct HeldRow {
    pub(crate) number: RowNumber,
    pub(crate) record: Vec<u8>,
    seconds: i64,
    before: Option<i64>,
}

/// A row that was held back, and whether it is in a window.
pub(crate) type ResolvedRow = (HeldRow, Result<(), NoWindow>);

impl Placer {
    pub(crate) fn new(pipeline: &Pipeline) -> Self {
        let count = u64::from(pipeline.stream.partitions.get());
        let placement = Placement::new(Cut::new(pipeline.window, None), usize::try_from(count).unwrap_or(usize::MAX));
        Self { placement, count, partitions: BTreeMap::new() }
    }

    /// Returns the row that is held back in the partition of this one, if this one decides about it.
    pub(crate) fn settle_before(&mut self, number: RowNumber, seconds: i64) -> Option<ResolvedRow> {
        let progress = self.partitions.get_mut(&partition_of_row(number, RowNumber::FIRST, self.count))?;
        let settled = progress.resolve(seconds, &self.placement)?;
        Some(self.settle(settled))
    }

    /// Returns whether a row is in a window. `None` if it is held back.
    pub(crate) fn place(&mut self, number: RowNumber, seconds: i64, record: &[u8]) -> Option<Result<(), NoWindow>> {
        let partition = partition_of_row(number, RowNumber::FIRST, self.count);
        let progress = self.partitions.entry(partition).or_default();
        let before = progress.at();
        match progress.advance(seconds, &self.placement) {
            Ok(RowDistance::Near) => Some(self.placement.place(before, number, Some(seconds)).map(drop)),
            Ok(RowDistance::Ahead) => {
                progress.hold(seconds, HeldRow { number, record: record.to_vec(), seconds, before });
                None
            }
            Err(reason) => Some(Err(reason)),
        }
    }

    /// Returns the rows that are held back at the end. A partition whose only row is held back comes after the others.
    pub(crate) fn finish(&mut self) -> Vec<ResolvedRow> {
        let (mut rows, mut undecided) = (Vec::new(), Vec::new());
        for progress in self.partitions.values_mut() {
            let list = if progress.is_undecided() { &mut undecided } else { &mut rows };
            list.extend(progress.resolve_at_end(&self.placement));
        }
        rows.append(&mut undecided);
        rows.into_iter().map(|row| self.settle(row)).collect()
    }

    fn settle(&mut self, (row, verdict): ResolvedRow) -> ResolvedRow {
        let placed = verdict.and_then(|()| self.placement.place(row.before, row.number, Some(row.seconds)));
        (row, placed.map(drop))
    }
}
