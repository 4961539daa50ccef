//! The state of the idempotent producers of a partition: the next expected batch, and the batches that were appended.
//!
//! Pure. Follows Kafka's `ProducerStateManager`, but is stricter in one case: an unknown producer must begin with
//! sequence 0, unless the log has lost its beginning or has forgotten producers.

use std::collections::{HashMap, VecDeque};

use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};

use crate::batch::Header;

/// The number of batches that are remembered per producer, to detect duplicates. A client may have this many batches in
/// flight.
const BATCHES_PER_PRODUCER: usize = 5;
/// The maximum number of producers that a partition remembers. The one that was silent for the longest time is
/// forgotten first.
const MAX_PRODUCERS: usize = 10_000;
/// The time after which a silent producer is forgotten, in milliseconds; the default of Kafka's
/// `producer.id.expiration.ms`.
const PRODUCER_EXPIRY: i64 = 24 * 60 * 60 * 1_000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Producers {
    by_id: HashMap<i64, Producer>,
    /// True if an unknown producer may have been known before.
    has_forgotten: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Producer {
    epoch: i16,
    /// The time of its last batch by this broker's clock, in milliseconds since 1970.
    heard: i64,
    recent: VecDeque<RecentBatch>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RecentBatch {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
}

impl Producers {
    /// Compares a batch with the sequence of its producer. Returns the offset of a batch that was appended before, and
    /// `None` for the next batch. `has_beginning` is true if the log still has its first record.
    ///
    /// # Errors
    /// `OutOfOrderSequenceNumber` if a batch before this one is missing, or if the batch is older than the remembered
    /// ones. `InvalidProducerEpoch` if the producer was replaced by one with a newer epoch.
    pub(super) fn check(&self, header: &Header, has_beginning: bool) -> Result<Option<i64>, ResponseError> {
        if !header.is_idempotent() {
            return Ok(None);
        }
        let out_of_order = Err(ResponseError::OutOfOrderSequenceNumber);
        let begins = header.base_sequence == 0;
        let Some(producer) = self.by_id.get(&header.producer_id) else {
            let may_be_known = self.has_forgotten || !has_beginning;
            return if begins || may_be_known { Ok(None) } else { out_of_order };
        };
        if header.producer_epoch < producer.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        if header.producer_epoch > producer.epoch {
            return if begins { Ok(None) } else { out_of_order };
        }
        let (first, last) = sequences(header);
        let again = producer.recent.iter().find(|known| known.first_sequence == first && known.last_sequence == last);
        if let Some(known) = again {
            return Ok(Some(known.base_offset));
        }
        match producer.recent.back() {
            Some(newest) if advance(newest.last_sequence, 1) != first => out_of_order,
            _ => Ok(None),
        }
    }

    /// Records a batch that was written at `header.base_offset`. `now` is in milliseconds since 1970.
    pub(super) fn appended(&mut self, header: &Header, now: i64) {
        if !header.is_idempotent() {
            return;
        }
        if self.by_id.len() >= MAX_PRODUCERS && !self.by_id.contains_key(&header.producer_id) {
            self.forget_one();
        }
        let fresh = || Producer { epoch: header.producer_epoch, heard: now, recent: VecDeque::new() };
        let producer = self.by_id.entry(header.producer_id).or_insert_with(fresh);
        if producer.epoch != header.producer_epoch {
            *producer = fresh();
        }
        producer.heard = now;
        if producer.recent.len() == BATCHES_PER_PRODUCER {
            producer.recent.pop_front();
        }
        let (first_sequence, last_sequence) = sequences(header);
        producer.recent.push_back(RecentBatch { first_sequence, last_sequence, base_offset: header.base_offset });
    }

    /// Forgets producers that were silent for [`PRODUCER_EXPIRY`].
    pub(super) fn expire(&mut self, now: i64) {
        let before = self.by_id.len();
        self.by_id.retain(|_, producer| now.saturating_sub(producer.heard) < PRODUCER_EXPIRY);
        self.has_forgotten |= self.by_id.len() < before;
    }

    fn forget_one(&mut self) {
        let silent = self.by_id.iter().min_by_key(|(_, producer)| producer.heard).map(|(id, _)| *id);
        if let Some(id) = silent {
            self.by_id.remove(&id);
            self.has_forgotten = true;
        }
    }
}

fn sequences(header: &Header) -> (i32, i32) {
    (header.base_sequence, advance(header.base_sequence, header.last_offset_delta))
}

/// Adds to a sequence number. After the largest number, sequence numbers start again with 0.
fn advance(sequence: i32, by: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(by);
    i32::try_from(sum.rem_euclid(i64::from(i32::MAX) + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{batch_of, check, set_base_offset};

    const OUT_OF_ORDER: Result<Option<i64>, ResponseError> = Err(ResponseError::OutOfOrderSequenceNumber);
    const FENCED: Result<Option<i64>, ResponseError> = Err(ResponseError::InvalidProducerEpoch);

    fn batch(count: i32, (epoch, sequence): (i16, i32), offset: i64) -> Header {
        let mut bytes = batch_of(count, Some((1, epoch, sequence)), 0);
        set_base_offset(&mut bytes, offset);
        check(&bytes).expect("a good batch")
    }

    #[test]
    fn a_repeated_batch_gets_its_first_offset_while_it_is_remembered() {
        let mut producers = Producers::default();
        for index in 0..6 {
            let header = batch(3, (0, 3 * index), 10 * i64::from(index));
            assert_eq!(producers.check(&header, true), Ok(None));
            producers.appended(&header, 0);
        }
        for index in 1..6 {
            assert_eq!(producers.check(&batch(3, (0, 3 * index), 99), true), Ok(Some(10 * i64::from(index))));
        }
        for (count, sequence) in [(3, 0), (2, 15), (1, 19), (4, 15)] {
            assert_eq!(producers.check(&batch(count, (0, sequence), 99), true), OUT_OF_ORDER, "{sequence}");
        }
        assert_eq!(producers.check(&batch(1, (0, 18), 99), true), Ok(None));
    }

    #[test]
    fn a_newer_epoch_begins_anew_and_fences_the_older() {
        let mut producers = Producers::default();
        producers.appended(&batch(3, (4, 0), 0), 0);
        assert_eq!(producers.check(&batch(1, (3, 3), 3), true), FENCED);
        assert_eq!(producers.check(&batch(1, (5, 3), 3), true), OUT_OF_ORDER);
        assert_eq!(producers.check(&batch(1, (5, 0), 3), true), Ok(None));
        producers.appended(&batch(1, (5, 0), 3), 0);
        assert_eq!(producers.check(&batch(1, (4, 3), 3), true), FENCED);
        assert_eq!(producers.check(&batch(1, (5, 1), 3), true), Ok(None));
    }

    #[test]
    fn sequence_numbers_begin_again_after_the_largest() {
        let mut producers = Producers::default();
        producers.appended(&batch(3, (0, i32::MAX - 2), 0), 0);
        assert_eq!(producers.check(&batch(1, (0, 0), 3), true), Ok(None));
        assert_eq!(producers.check(&batch(3, (0, i32::MAX - 2), 3), true), Ok(Some(0)));
    }

    #[test]
    fn an_unknown_producer_begins_with_sequence_0_unless_it_may_have_expired() {
        let mut producers = Producers::default();
        assert_eq!(producers.check(&batch(1, (0, 5), 0), true), OUT_OF_ORDER);
        assert_eq!(producers.check(&batch(1, (0, 5), 0), false), Ok(None));
        producers.appended(&batch(1, (0, 0), 0), 0);
        producers.expire(PRODUCER_EXPIRY - 1);
        assert_eq!(producers.check(&batch(1, (0, 5), 0), true), OUT_OF_ORDER);
        producers.expire(PRODUCER_EXPIRY);
        assert_eq!(producers.check(&batch(1, (0, 5), 0), true), Ok(None));
    }
}
