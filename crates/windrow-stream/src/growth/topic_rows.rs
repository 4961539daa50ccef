//! Compares a newer extract with the rows of a replay in a topic.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::growth::alignment::{Alignment, align, first_difference};
use crate::growth::differences::difference;
use crate::growth::error::GrowthError;
use crate::growth::file_rows::{self, FileRows};
use crate::growth::known_rows::KnownRows;
use crate::growth::row_hash::{RowHash, RowHasher};
use windrow_config::Schema;
use windrow_kafka::{BrokerError, Connection, Delivery, PartitionState, ScanRange, TopicState, scan};
use windrow_record::{Envelope, RowNumber, RunId};
use windrow_windows::RowFormat;

/// A topic with a replay, and the file to compare with its rows.
pub(crate) struct TopicRows<'a> {
    pub(crate) dataset: &'a windrow_config::Dataset,
    pub(crate) schema: &'a Arc<Schema>,
    pub(crate) connection: &'a Connection,
    pub(crate) topic: &'a str,
    pub(crate) state: &'a TopicState,
    /// The replay in the topic.
    pub(crate) run: &'a RunId,
}

impl TopicRows<'_> {
    /// Compares every row that the topic still has. Returns the row number of the file's first row; `None` if `stop` is
    /// cancelled.
    ///
    /// # Errors
    /// The file does not go on after these rows, or the topic or the file cannot be read.
    pub(crate) fn begin(&self, stop: &CancellationToken) -> Result<Option<RowNumber>, GrowthError> {
        let format = RowFormat::Csv;
        let mut hasher = RowHasher::new(self.schema, &format);
        let mut rows: Vec<(u64, RowHash)> = Vec::new();
        let is_read = self.visit(stop, |row, delivery| rows.push((row.get(), hasher.hash(delivery.value()))))?;
        if !is_read {
            return Ok(None);
        }
        let known = KnownRows::of_rows(&rows, self.topic)?;
        let Some(file) = file_rows::read(self.dataset, &mut hasher, known.last(), stop)? else { return Ok(None) };
        let FileRows { hashes, count } = file;
        let found = match align(&hashes, &known) {
            Alignment::Found { dropped } => first_difference(&hashes, &known, dropped),
            other => other,
        };
        match found {
            Alignment::Found { dropped } => Ok(Some(RowNumber::new(dropped + 1).unwrap_or(RowNumber::FIRST))),
            Alignment::Differs { dropped, row } => {
                let mut before = Vec::new();
                self.visit(stop, |number, delivery| {
                    if number == row {
                        before = delivery.value().to_vec();
                    }
                })?;
                Err(difference(self.dataset, self.schema, &format, (row, dropped), &before))
            }
            Alignment::Shorter { dropped, row } => {
                Err(GrowthError::shorter(self.dataset, count, dropped, row, known.last()))
            }
        }
    }

    /// Visits the rows of the replay. Returns false if `stop` is cancelled.
    fn visit(
        &self,
        stop: &CancellationToken,
        mut take: impl FnMut(RowNumber, &Delivery<'_>),
    ) -> Result<bool, GrowthError> {
        let whole =
            |state: &PartitionState| ScanRange { partition: state.partition, from: state.low, until: state.high };
        let ranges: Vec<ScanRange> = self.state.partitions.iter().map(whole).collect();
        let is_read = scan::<BrokerError>(self.connection, self.topic, &ranges, &|| stop.is_cancelled(), |delivery| {
            if let Ok(Envelope::Row { row, run }) = delivery.envelope()
                && run == Some(self.run.as_str())
            {
                take(row, delivery);
            }
            Ok(())
        })?;
        Ok(is_read)
    }
}
