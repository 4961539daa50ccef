//! The rows of a dataset from a given row on, repeated if requested.

use tokio_util::sync::CancellationToken;

use crate::producer::plan::ReplayPlan;
use windrow_dataset::{DatasetError, DatasetReader};
use windrow_record::RowNumber;

/// The number of rows between two checks of `stop`.
const ROWS_PER_CHECK: u64 = 65_536;

/// Reads a plan's rows in order, including those that the topic already has.
pub(crate) struct Rounds<'a> {
    dataset: &'a windrow_config::Dataset,
    plan: &'a ReplayPlan,
    reader: DatasetReader,
    /// The number of rows of the dataset to skip before the first one.
    skip: u64,
    next: RowNumber,
}

impl<'a> Rounds<'a> {
    pub(crate) fn open(dataset: &'a windrow_config::Dataset, plan: &'a ReplayPlan) -> Result<Self, DatasetError> {
        let skip = ((plan.start.get() - 1) % plan.round.max(1)).saturating_sub(plan.begins.get() - 1);
        Ok(Self { dataset, plan, reader: DatasetReader::open(dataset)?, skip, next: plan.start })
    }

    /// Returns the next row, or `None` after the last one or if `stop` is cancelled.
    pub(crate) fn next(&mut self, stop: &CancellationToken) -> Result<Option<(RowNumber, &[u8])>, DatasetError> {
        if !self.plan.is_within(self.next) || self.plan.round == 0 {
            return Ok(None);
        }
        while self.skip > 0 {
            if self.skip.is_multiple_of(ROWS_PER_CHECK) && stop.is_cancelled() {
                return Ok(None);
            }
            if self.reader.next_row()?.is_none() {
                break;
            }
            self.skip -= 1;
        }
        let number = self.next;
        self.next = number.next();
        // Checks the number and not the end of the file, because a row can be requested only once.
        if number.get() > self.plan.round
            && number > self.plan.start
            && (number.get() - 1).is_multiple_of(self.plan.round)
        {
            self.reader = DatasetReader::open(self.dataset)?;
        }
        Ok(self.reader.next_row()?.map(|row| (number, row.bytes)))
    }
}

/// Counts the rows of a dataset. Returns `None` if `stop` is cancelled.
pub(crate) fn count(mut reader: DatasetReader, stop: &CancellationToken) -> Result<Option<u64>, DatasetError> {
    let mut rows: u64 = 0;
    while reader.next_row()?.is_some() {
        rows += 1;
        if rows.is_multiple_of(ROWS_PER_CHECK) && stop.is_cancelled() {
            return Ok(None);
        }
    }
    Ok(Some(rows))
}
