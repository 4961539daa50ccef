//! The rows of a replay that a topic already holds. They are read from the topic itself, because a stored note could be
//! wrong.
//!
//! A replay's rows go round the partitions, so the rows of one partition are a fixed stride apart. If a partition's
//! first row, last row and number of records agree with that, no row between them is missing. Otherwise, every record
//! is read.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::{BrokerError, Connection, PartitionState, ScanRange, TopicState, scan};
use windrow_record::{Envelope, Offset, Partition, RowNumber, RunId};

/// The number of offsets to read at the end of a partition: the last row and the end marker.
const TAIL_OFFSETS: i64 = 2;

/// The contents of one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionContents {
    /// The number of the partition.
    pub partition: Partition,
    rows: Rows,
    /// The contents of its end marker, if it has one.
    pub end: Option<ContentsEnd>,
}

/// The contents of an end marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentsEnd {
    /// The first row of the replay.
    pub first: RowNumber,
    /// The number of rows of the replay in all partitions, if the marker has it.
    pub rows: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rows {
    /// No row.
    None,
    /// All of the partition's rows between these two. `first` is unknown if the head of the partition was deleted.
    Between { first: Option<RowNumber>, last: RowNumber },
    /// The rows in `rows`, and all rows before `from`: the first row that can still be read, or 0 if none was deleted.
    Exactly { from: u64, rows: RoaringTreemap },
}

impl PartitionContents {
    /// Returns true if the partition holds a row, or held it before the head of the partition was deleted.
    #[must_use]
    pub fn has(&self, row: RowNumber) -> bool {
        match &self.rows {
            Rows::None => false,
            Rows::Between { last, .. } => row <= *last,
            Rows::Exactly { from, rows } => row.get() < *from || rows.contains(row.get()),
        }
    }

    /// The partition's first row, if it is known.
    #[must_use]
    pub fn first(&self) -> Option<RowNumber> {
        match &self.rows {
            Rows::None => None,
            Rows::Between { first, .. } => *first,
            Rows::Exactly { from: 0, rows } => rows.min().and_then(RowNumber::new),
            Rows::Exactly { .. } => None,
        }
    }

    /// The last row up to which the partition is known to have all of its rows. 0 if there is no such row, or if that
    /// requires a look at each row.
    #[must_use]
    pub fn complete_to(&self) -> u64 {
        match &self.rows {
            Rows::Between { last, .. } => last.get(),
            Rows::None | Rows::Exactly { .. } => 0,
        }
    }

    /// A partition that holds all of its rows from `first` to `last`, or no rows if `last` is `None`.
    #[must_use]
    pub fn without_gap(
        partition: Partition,
        first: Option<RowNumber>,
        last: Option<RowNumber>,
        end: Option<ContentsEnd>,
    ) -> Self {
        Self { partition, rows: last.map_or(Rows::None, |last| Rows::Between { first, last }), end }
    }

    /// The last row that the partition holds, if any.
    #[must_use]
    pub fn last(&self) -> Option<RowNumber> {
        match &self.rows {
            Rows::None => None,
            Rows::Between { last, .. } => Some(*last),
            Rows::Exactly { rows, .. } => rows.max().and_then(RowNumber::new),
        }
    }
}

/// The reason why a topic cannot take a replay's rows.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The topic cannot be read.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The topic holds a replay of another dataset.
    #[error(
        "the topic `{topic}` holds a replay of another dataset ({}, not {ours}); empty it with `windrow topic delete` \
         and `windrow topic create`, or set another topic in stream.topic",
        run.as_ref().map_or_else(|| "a replay without a name".to_owned(), |run| format!("replay {run}"))
    )]
    OtherReplay {
        /// The name of the topic.
        topic: String,
        /// The replay that the topic holds, if it has a name.
        run: Option<RunId>,
        /// The replay to be sent.
        ours: RunId,
    },
    /// The topic holds a record that is not part of a replay.
    #[error(
        "the topic `{topic}` holds records of another producer (offset {offset} of partition {partition}), and the \
         rows would be mixed with them; empty it with `windrow topic delete` and `windrow topic create`, or set \
         another topic in stream.topic"
    )]
    Foreign {
        /// The name of the topic.
        topic: String,
        /// The partition of the record.
        partition: Partition,
        /// The offset of the record.
        offset: Offset,
    },
}

/// The result of reading a topic; `None` if it was stopped.
type Survey<T> = Result<Option<T>, SurveyError>;

/// A survey of the rows that a topic holds.
#[derive(Debug)]
pub struct TopicSurvey<'a> {
    /// The connection to the broker.
    pub connection: &'a Connection,
    /// The name of the topic.
    pub topic: &'a str,
    /// The replay that the topic is expected to hold.
    pub run: &'a RunId,
}

impl TopicSurvey<'_> {
    /// Reads the contents of each partition. Returns `None` if `stop` returned true. Blocks.
    ///
    /// # Errors
    /// The topic cannot be read, or it holds records of another replay or another producer.
    pub fn take(&self, state: &TopicState, stop: &dyn Fn() -> bool) -> Survey<Vec<PartitionContents>> {
        let stride = state.partitions.len() as u64;
        let filled: Vec<&PartitionState> = state.partitions.iter().filter(|state| state.high > state.low).collect();
        let stretch = |partition, from, until| ScanRange { partition, from, until };
        let heads = filled.iter().map(|state| stretch(state.partition, state.low, state.low.next()));
        let tails = filled.iter().map(|state| {
            let from = Offset(state.low.0.max(state.high.0 - TAIL_OFFSETS));
            stretch(state.partition, from, state.high)
        });
        let (Some(heads), Some(tails)) = (self.read(heads.collect(), stop)?, self.read(tails.collect(), stop)?) else {
            return Ok(None);
        };
        let mut contents = Vec::with_capacity(state.partitions.len());
        for PartitionState { partition, low, high } in &state.partitions {
            let (head, tail) = (heads.get(partition).cloned(), tails.get(partition).cloned());
            let count = u64::try_from(high.0 - low.0).unwrap_or(0);
            let seen = match (head, tail) {
                (None, None) => Some(ReadRows::default()),
                (Some(head), Some(tail)) if is_complete(&head, &tail, count, stride) => Some(tail),
                _ => None,
            };
            contents.push(match seen {
                Some(tail) => {
                    let first = heads.get(partition).and_then(|head| head.rows.min()).and_then(RowNumber::new);
                    let first = first.filter(|_| low.0 == 0);
                    let last = tail.rows.max().and_then(RowNumber::new);
                    PartitionContents::without_gap(*partition, first, last, tail.end)
                }
                None => {
                    let Some(all) = self.read(vec![stretch(*partition, *low, *high)], stop)? else { return Ok(None) };
                    let found = all.get(partition).cloned().unwrap_or_default();
                    let from = if low.0 == 0 { 0 } else { found.rows.min().unwrap_or(0) };
                    let (partition, rows) = (*partition, Rows::Exactly { from, rows: found.rows });
                    PartitionContents { partition, rows, end: found.end }
                }
            });
        }
        Ok(Some(contents))
    }

    fn read(&self, stretches: Vec<ScanRange>, stop: &dyn Fn() -> bool) -> Survey<BTreeMap<Partition, ReadRows>> {
        let mut found: BTreeMap<Partition, ReadRows> = BTreeMap::new();
        let is_read = scan(self.connection, self.topic, &stretches, stop, |delivery| {
            let (partition, offset) = (delivery.partition(), delivery.offset());
            let envelope = delivery.envelope().unwrap_or(Envelope::Foreign);
            self.record(found.entry(partition).or_default(), (partition, offset), &envelope)
        })?;
        Ok(is_read.then_some(found))
    }

    fn record(
        &self,
        found: &mut ReadRows,
        (partition, offset): (Partition, Offset),
        envelope: &Envelope<'_>,
    ) -> Result<(), SurveyError> {
        let topic = || self.topic.to_owned();
        let run = match envelope {
            Envelope::Foreign => return Err(SurveyError::Foreign { topic: topic(), partition, offset }),
            Envelope::Row { row, run } => {
                found.rows.insert(row.get());
                *run
            }
            Envelope::End { run, first, rows } => {
                found.end = Some(ContentsEnd { first: *first, rows: *rows });
                *run
            }
        };
        if run == Some(self.run.as_str()) {
            return Ok(());
        }
        Err(SurveyError::OtherReplay { topic: topic(), run: run.map(RunId::new), ours: self.run.clone() })
    }
}

/// The rows and the end marker that were read from a partition.
#[derive(Debug, Clone, Default)]
struct ReadRows {
    rows: RoaringTreemap,
    end: Option<ContentsEnd>,
}

/// Returns true if no row is missing: the partition has one record per stride from the first row to the last, and an
/// end marker at most.
fn is_complete(head: &ReadRows, tail: &ReadRows, records: u64, stride: u64) -> bool {
    let ends = u64::from(tail.end.is_some());
    match (head.rows.min(), tail.rows.max()) {
        (Some(first), Some(last)) => {
            last >= first && (last - first).is_multiple_of(stride) && (last - first) / stride + 1 + ends == records
        }
        // The partition holds only an end marker.
        (None, None) => records == 1 && ends == 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rows: &[u64], ended: bool) -> ReadRows {
        let end = ended.then_some(ContentsEnd { first: RowNumber::FIRST, rows: None });
        ReadRows { rows: rows.iter().copied().collect(), end }
    }

    #[test]
    fn the_ends_and_the_count_describe_a_gapless_partition() {
        let cases = [
            ("three rows", found(&[2], false), found(&[5, 8], false), 3, true),
            ("three rows and the end", found(&[2], false), found(&[8], true), 4, true),
            ("a row is missing", found(&[2], false), found(&[8], true), 3, false),
            ("a row appears twice", found(&[2], false), found(&[5, 8], false), 4, false),
            ("a row of another share", found(&[2], false), found(&[7], false), 3, false),
            ("only the end", found(&[], true), found(&[], true), 1, true),
            ("only ends", found(&[], true), found(&[], true), 2, false),
        ];
        for (what, head, tail, records, expected) in cases {
            assert_eq!(is_complete(&head, &tail, records, 3), expected, "{what}");
        }
    }
}
