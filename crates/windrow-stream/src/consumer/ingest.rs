//! Passes messages of the topic to the batch writer.

use std::time::Instant;

use crate::consumer::fetcher::Incoming;
use crate::consumer::intake::Intake;
use windrow_record::Envelope;
use windrow_windows::{Arrival, BatchError, BatchWriter, Content, EndMark, RowRange};

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ingested {
    /// A row, or a message that is not a row.
    Message,
    /// The end marker of its partition.
    End,
    /// The end marker of another replay.
    OtherEnd,
}

/// Passes a message to the writer: as a row, as a refused message with the reason, or as the end of its partition.
pub(crate) fn ingest(
    intake: &mut Intake,
    writer: &mut BatchWriter,
    incoming: Incoming<'_>,
    now: Instant,
) -> Result<Ingested, BatchError> {
    let Incoming { partition, offset, envelope, value } = incoming;
    let rejected = |reason: String| Content::Rejected { reason, raw: value };
    let (run, row, content) = match envelope {
        Ok(Envelope::End { run, first, rows }) => {
            let sent = rows.filter(|rows| *rows > 0);
            let sent = sent.map(|rows| RowRange::new(first.get(), first.get().saturating_add(rows - 1)));
            let is_ours = writer.end_partition(EndMark { partition, offset, run, sent, now })?;
            return Ok(if is_ours { Ingested::End } else { Ingested::OtherEnd });
        }
        Err(reason) => (None, None, rejected(reason)),
        Ok(envelope) => {
            let (run, row) = match envelope {
                Envelope::Row { row, run } => (run, Some(row)),
                _ => (None, None),
            };
            let content = match intake.read(value, row.is_none()) {
                Ok(accepted) => Content::Row {
                    labelled: accepted.labelled,
                    time: accepted.time.map(|time| time.seconds()),
                    record: accepted.record,
                },
                Err(refusal) => rejected(refusal.to_string()),
            };
            (run, row, content)
        }
    };
    writer.take(Arrival { partition, offset, run, row, content, now })?;
    Ok(Ingested::Message)
}
