//! What a topic already holds of a replay: read from the topic itself, since a note of our own could lie.
//!
//! A replay's rows go round the partitions, so those of one partition lie a fixed stride apart. Where a partition's first
//! and last row and the number of its records agree with that, nothing is missing between them; else every record is read.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::{BrokerError, Connection, PartitionState, Stretch, TopicState, scan};
use windrow_record::{Envelope, Offset, Partition, RowNumber, RunId};

/// The last row and the end marker.
const TAIL: i64 = 2;

/// What one partition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionContents {
    /// Which one.
    pub partition: Partition,
    rows: Rows,
    /// What its end marker says, if it has one.
    pub end: Option<ContentsEnd>,
}

/// An end marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentsEnd {
    /// The replay's first row.
    pub first: RowNumber,
    /// Its rows over all partitions.
    pub rows: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rows {
    None,
    /// All of the partition's rows between these two; `first` is not known where the topic's head was deleted.
    Between {
        first: Option<RowNumber>,
        last: RowNumber,
    },
    /// These, and all before the first that can still be read.
    Exactly {
        from: u64,
        rows: RoaringTreemap,
    },
}

impl PartitionContents {
    /// Whether a row of this partition is there, or was before the topic's head was deleted.
    #[must_use]
    pub fn has(&self, row: RowNumber) -> bool {
        match &self.rows {
            Rows::None => false,
            Rows::Between { last, .. } => row <= *last,
            Rows::Exactly { from, rows } => row.get() < *from || rows.contains(row.get()),
        }
    }

    /// The partition's first row, where it is known.
    #[must_use]
    pub fn first(&self) -> Option<RowNumber> {
        match &self.rows {
            Rows::None => None,
            Rows::Between { first, .. } => *first,
            Rows::Exactly { from: 0, rows } => rows.min().and_then(RowNumber::new),
            Rows::Exactly { .. } => None,
        }
    }

    /// Up to which row the partition has all of its share, as far as that is known without looking at each.
    #[must_use]
    pub fn whole_to(&self) -> u64 {
        match &self.rows {
            Rows::Between { last, .. } => last.get(),
            Rows::None | Rows::Exactly { .. } => 0,
        }
    }

    /// A partition that holds all of its rows from `first` to `last`; none where there is no `last`.
    #[must_use]
    pub fn without_gap(
        partition: Partition,
        first: Option<RowNumber>,
        last: Option<RowNumber>,
        end: Option<ContentsEnd>,
    ) -> Self {
        Self { partition, rows: last.map_or(Rows::None, |last| Rows::Between { first, last }), end }
    }

    /// The partition's last row.
    #[must_use]
    pub fn last(&self) -> Option<RowNumber> {
        match &self.rows {
            Rows::None => None,
            Rows::Between { last, .. } => Some(*last),
            Rows::Exactly { rows, .. } => rows.max().and_then(RowNumber::new),
        }
    }
}

/// Why a topic cannot take a replay's rows.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// It cannot be read.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// It holds a replay of another dataset.
    #[error(
        "the topic `{topic}` holds a replay of another dataset ({contents}, not {ours}); empty it with `windrow topic delete` \
         and `windrow topic create`, or name another in stream.topic"
    )]
    OtherReplay {
        /// The topic.
        topic: String,
        /// The replay that is there.
        contents: String,
        /// The one that is to be sent.
        ours: RunId,
    },
    /// It holds what is no row of a replay.
    #[error(
        "the topic `{topic}` holds records of another producer (offset {offset} of partition {partition}), and rows \
         between them would be mixed up; empty it with `windrow topic delete` and `windrow topic create`, or name another \
         in stream.topic"
    )]
    Foreign {
        /// The topic.
        topic: String,
        /// The partition.
        partition: Partition,
        /// The offset.
        offset: Offset,
    },
}

/// Reads a topic.
#[derive(Debug)]
pub struct Survey<'a> {
    /// Where it is.
    pub connection: &'a Connection,
    /// Its name.
    pub topic: &'a str,
    /// The replay that it is to hold.
    pub run: &'a RunId,
}

impl Survey<'_> {
    /// What each partition holds; `None` when it was told to stop. Blocks.
    ///
    /// # Errors
    /// The topic cannot be read, or holds something else.
    pub fn take(
        &self,
        state: &TopicState,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<PartitionContents>>, SurveyError> {
        let stride = state.partitions.len() as u64;
        let filled: Vec<&PartitionState> = state.partitions.iter().filter(|state| state.high > state.low).collect();
        let stretch = |partition, from, until| Stretch { partition, from, until };
        let heads = filled.iter().map(|state| stretch(state.partition, state.low, state.low.next()));
        let tails = filled.iter().map(|state| {
            let from = Offset(state.low.0.max(state.high.0 - TAIL));
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
                (None, None) => Some(Found::default()),
                (Some(head), Some(tail)) if is_whole(&head, &tail, count, stride) => Some(tail),
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
                    PartitionContents {
                        partition: *partition,
                        rows: Rows::Exactly { from, rows: found.rows },
                        end: found.end,
                    }
                }
            });
        }
        Ok(Some(contents))
    }

    fn read(
        &self,
        stretches: Vec<Stretch>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<BTreeMap<Partition, Found>>, SurveyError> {
        let mut found: BTreeMap<Partition, Found> = BTreeMap::new();
        let is_read = scan(self.connection, self.topic, &stretches, stop, |delivery| {
            let (partition, offset) = (delivery.partition(), delivery.offset());
            let envelope = delivery.envelope().unwrap_or(Envelope::Foreign);
            self.note(found.entry(partition).or_default(), (partition, offset), &envelope)
        })?;
        Ok(is_read.then_some(found))
    }

    fn note(
        &self,
        found: &mut Found,
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
        let contents = run.map_or_else(|| "one without a name".to_owned(), |run| format!("replay {run}"));
        Err(SurveyError::OtherReplay { topic: topic(), contents, ours: self.run.clone() })
    }
}

/// What was read of a partition.
#[derive(Debug, Clone, Default)]
struct Found {
    rows: RoaringTreemap,
    end: Option<ContentsEnd>,
}

/// Whether there are exactly as many records as rows from the first to the last, each a stride from the one before.
fn is_whole(head: &Found, tail: &Found, records: u64, stride: u64) -> bool {
    let ends = u64::from(tail.end.is_some());
    match (head.rows.min(), tail.rows.max()) {
        (Some(first), Some(last)) => {
            last >= first && (last - first).is_multiple_of(stride) && (last - first) / stride + 1 + ends == records
        }
        // Nothing but an end marker.
        (None, None) => records == 1 && ends == 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rows: &[u64], ended: bool) -> Found {
        let end = ended.then_some(ContentsEnd { first: RowNumber::FIRST, rows: None });
        Found { rows: rows.iter().copied().collect(), end }
    }

    #[test]
    fn a_partition_without_a_gap_is_known_by_its_ends_and_its_count() {
        let cases = [
            ("three rows", found(&[2], false), found(&[5, 8], false), 3, true),
            ("three rows and the end", found(&[2], false), found(&[8], true), 4, true),
            ("a row is missing", found(&[2], false), found(&[8], true), 3, false),
            ("a row stands twice", found(&[2], false), found(&[5, 8], false), 4, false),
            ("a row of another share", found(&[2], false), found(&[7], false), 3, false),
            ("the end alone", found(&[], true), found(&[], true), 1, true),
            ("ends alone", found(&[], true), found(&[], true), 2, false),
        ];
        for (what, head, tail, records, expected) in cases {
            assert_eq!(is_whole(&head, &tail, records, 3), expected, "{what}");
        }
    }
}
