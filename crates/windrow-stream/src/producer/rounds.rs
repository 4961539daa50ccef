//! The rows of a dataset from a given one on, round and round if that is asked for.

use tokio_util::sync::CancellationToken;

use crate::producer::plan::Plan;
use windrow_dataset::{DatasetError, DatasetReader};
use windrow_record::RowNumber;

/// So many rows are read between two looks whether to stop.
const ROWS_BETWEEN_LOOKS: u64 = 65_536;

/// Reads a plan's rows in order, those that the topic has too.
#[derive(Debug)]
pub(crate) struct Rounds<'a> {
    dataset: &'a windrow_config::Dataset,
    plan: &'a Plan,
    reader: DatasetReader,
    /// Rows of the dataset before the first one that is wanted.
    skip: u64,
    next: RowNumber,
}

impl<'a> Rounds<'a> {
    pub(crate) fn open(dataset: &'a windrow_config::Dataset, plan: &'a Plan) -> Result<Self, DatasetError> {
        let skip = (plan.start.get() - 1) % plan.round.max(1);
        Ok(Self { dataset, plan, reader: DatasetReader::open(dataset)?, skip, next: plan.start })
    }

    /// The next row; `None` behind the last one, and when told to stop.
    pub(crate) fn next(&mut self, stop: &CancellationToken) -> Result<Option<(RowNumber, &[u8])>, DatasetError> {
        if !self.plan.is_within(self.next) || self.plan.round == 0 {
            return Ok(None);
        }
        while self.skip > 0 {
            if self.skip.is_multiple_of(ROWS_BETWEEN_LOOKS) && stop.is_cancelled() {
                return Ok(None);
            }
            if self.reader.next_row()?.is_none() {
                break;
            }
            self.skip -= 1;
        }
        let number = self.next;
        self.next = number.next();
        // By its number and not by the file's end: a row can be asked for once only.
        if number > self.plan.start && (number.get() - 1).is_multiple_of(self.plan.round) {
            self.reader = DatasetReader::open(self.dataset)?;
        }
        Ok(self.reader.next_row()?.map(|row| (number, row.bytes)))
    }
}

/// The rows of a dataset; `None` when told to stop.
pub(crate) fn count(mut reader: DatasetReader, stop: &CancellationToken) -> Result<Option<u64>, DatasetError> {
    let mut rows: u64 = 0;
    while reader.next_row()?.is_some() {
        rows += 1;
        if rows.is_multiple_of(ROWS_BETWEEN_LOOKS) && stop.is_cancelled() {
            return Ok(None);
        }
    }
    Ok(Some(rows))
}
