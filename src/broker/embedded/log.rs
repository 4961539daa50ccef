//! The messages of one partition, in memory: what was appended, in order, exactly once.
//!
//! Knows nothing of topics, storage or the network.

use std::collections::{HashMap, VecDeque};

use tansu_sans_io::ErrorCode;
use tansu_sans_io::record::{deflated, inflated};

/// The batches of an idempotent producer that are remembered, to know one that comes again. As many as a client may
/// have on the way at once.
const REMEMBERED: usize = 5;

/// One partition.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// By base offset, without gaps.
    batches: Vec<deflated::Batch>,
    end: i64,
    producers: HashMap<i64, Producer>,
}

/// What is known of an idempotent producer.
#[derive(Debug)]
struct Producer {
    epoch: i16,
    recent: VecDeque<Appended>,
}

#[derive(Debug)]
struct Appended {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
}

impl Log {
    /// The offset that the next message will have.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// Appends a batch and returns the offset of its first message; one that came before is not appended again.
    pub(crate) fn append(&mut self, mut batch: deflated::Batch) -> Result<i64, ErrorCode> {
        let messages = i64::from(batch.record_count);
        if messages == 0 || i64::from(batch.last_offset_delta) + 1 != messages {
            return Err(ErrorCode::InvalidRecord);
        }
        if batch.is_idempotent()
            && let Some(base_offset) = self.check_sequence(&batch)?
        {
            return Ok(base_offset);
        }
        let base_offset = self.end;
        batch.base_offset = base_offset;
        self.end += messages;
        self.batches.push(batch);
        Ok(base_offset)
    }

    /// Whether the batch is the producer's next; the offset of its first appearance when it came before.
    fn check_sequence(&mut self, batch: &deflated::Batch) -> Result<Option<i64>, ErrorCode> {
        let (first, last) = (batch.base_sequence, advance(batch.base_sequence, batch.last_offset_delta));
        let producer = self
            .producers
            .entry(batch.producer_id)
            .or_insert_with(|| Producer { epoch: batch.producer_epoch, recent: VecDeque::new() });
        if batch.producer_epoch < producer.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if batch.producer_epoch > producer.epoch {
            *producer = Producer { epoch: batch.producer_epoch, recent: VecDeque::new() };
        }
        let again = producer.recent.iter().find(|known| known.first_sequence == first && known.last_sequence == last);
        if let Some(known) = again {
            return Ok(Some(known.base_offset));
        }
        if let Some(newest) = producer.recent.back() {
            let expected = advance(newest.last_sequence, 1);
            if first != expected {
                let is_old = first < expected;
                return Err(if is_old {
                    ErrorCode::DuplicateSequenceNumber
                } else {
                    ErrorCode::OutOfOrderSequenceNumber
                });
            }
        }
        if producer.recent.len() == REMEMBERED {
            producer.recent.pop_front();
        }
        producer.recent.push_back(Appended { first_sequence: first, last_sequence: last, base_offset: self.end });
        Ok(None)
    }

    /// The batches from the one that holds `offset` on, until they have about `max_bytes`: one at least, while there is
    /// one. The first may begin before `offset`: see [`from_offset`].
    pub(crate) fn read(&self, offset: i64, max_bytes: usize) -> Vec<deflated::Batch> {
        if offset >= self.end {
            return Vec::new();
        }
        let first = self.batches.partition_point(|batch| batch.base_offset <= offset).saturating_sub(1);
        let mut bytes = 0;
        let mut taken = Vec::new();
        for batch in &self.batches[first..] {
            if bytes >= max_bytes {
                break;
            }
            bytes += batch.record_data.len();
            taken.push(batch.clone());
        }
        taken
    }

    /// The first batch that has a message of this time (milliseconds since 1970) or later: its offset and newest time.
    pub(crate) fn since(&self, time: i64) -> Option<(i64, i64)> {
        self.batches
            .iter()
            .find(|batch| batch.max_timestamp >= time)
            .map(|batch| (batch.base_offset, batch.max_timestamp))
    }
}

/// Sequence numbers go round after the largest.
fn advance(sequence: i32, by: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(by);
    i32::try_from(sum % (i64::from(i32::MAX) + 1)).unwrap_or(0)
}

/// The batch without the messages before `offset`. A reader that goes on within a batch must be given that batch, and
/// tansu counts on from the offset that was asked for by the number of messages that it got.
pub(crate) fn from_offset(batch: deflated::Batch, offset: i64) -> Result<deflated::Batch, tansu_sans_io::Error> {
    let skipped = offset - batch.base_offset;
    if skipped <= 0 {
        return Ok(batch);
    }
    let mut inflated = inflated::Batch::try_from(batch)?;
    inflated.records.retain(|record| i64::from(record.offset_delta) >= skipped);
    let shift = i32::try_from(skipped).unwrap_or(i32::MAX);
    for record in &mut inflated.records {
        // A record's length counts the bytes of its number, and a smaller number may have fewer.
        record.length -= bytes_of(record.offset_delta) - bytes_of(record.offset_delta - shift);
        record.offset_delta -= shift;
    }
    inflated.base_offset = offset;
    inflated.last_offset_delta -= shift;
    // Read once or twice, so not worth compressing again.
    inflated.attributes &= !COMPRESSION;
    deflated::Batch::try_from(inflated)
}

/// The bytes of a number from 0 up, as a zigzag varint: seven bits each, one of all for the sign.
fn bytes_of(number: i32) -> i32 {
    let bits = 1 + i32::BITS - number.leading_zeros();
    i32::try_from(bits.div_ceil(7)).unwrap_or(0)
}

/// The bits of a batch's attributes that tell its compression.
const COMPRESSION: i16 = 0b111;

#[cfg(test)]
mod tests {
    use tansu_sans_io::record::Record;

    use super::*;

    fn batch(messages: i32, producer: Option<(i64, i16, i32)>) -> deflated::Batch {
        let mut builder = inflated::Batch::builder().last_offset_delta(messages - 1);
        if let Some((id, epoch, sequence)) = producer {
            builder = builder.producer_id(id).producer_epoch(epoch).base_sequence(sequence);
        }
        for delta in 0..messages {
            let value = format!("{delta}").into_bytes();
            builder = builder.record(Record::builder().offset_delta(delta).value(Some(value.into())));
        }
        builder.build().and_then(deflated::Batch::try_from).expect("a batch")
    }

    fn values(batch: deflated::Batch) -> Vec<String> {
        let batch = inflated::Batch::try_from(batch).expect("a batch");
        let text = |value: Option<bytes::Bytes>| String::from_utf8(value.unwrap_or_default().to_vec()).expect("text");
        batch.records.into_iter().map(|record| text(record.value)).collect()
    }

    #[test]
    fn offsets_count_messages_not_batches() {
        let mut log = Log::default();
        assert_eq!(log.append(batch(3, None)), Ok(0));
        assert_eq!(log.append(batch(1, None)), Ok(3));
        assert_eq!(log.append(batch(4, None)), Ok(4));
        assert_eq!(log.end(), 8);
    }

    #[test]
    fn reading_begins_with_the_batch_that_holds_the_offset() {
        let mut log = Log::default();
        for _ in 0..3 {
            log.append(batch(10, None)).expect("appended");
        }
        let bases = |offset| log.read(offset, usize::MAX).iter().map(|batch| batch.base_offset).collect::<Vec<_>>();
        assert_eq!(bases(0), [0, 10, 20]);
        assert_eq!(bases(9), [0, 10, 20]);
        assert_eq!(bases(10), [10, 20]);
        assert_eq!(bases(29), [20]);
        assert_eq!(bases(30), [0; 0]);
        assert_eq!(bases(1000), [0; 0]);
        assert_eq!(log.read(0, 1).len(), 1, "one batch at least, however little is asked for");
    }

    #[test]
    fn a_batch_is_cut_to_begin_where_reading_goes_on() {
        let mut log = Log::default();
        log.append(batch(5, None)).expect("appended");
        log.append(batch(5, None)).expect("appended");
        let whole = log.read(7, usize::MAX).remove(0);
        let cut = from_offset(whole, 7).expect("cut");
        assert_eq!((cut.base_offset, cut.last_offset_delta, cut.record_count), (7, 2, 3));
        assert_eq!(values(cut), ["2", "3", "4"]);
    }

    #[test]
    fn numbers_are_as_long_as_on_the_wire() {
        for (number, bytes) in
            [(0, 1), (63, 1), (64, 2), (8191, 2), (8192, 3), (1_048_575, 3), (1_048_576, 4), (i32::MAX, 5)]
        {
            assert_eq!(bytes_of(number), bytes, "{number}");
        }
    }

    #[test]
    fn a_batch_that_comes_again_is_not_appended_twice() {
        let mut log = Log::default();
        assert_eq!(log.append(batch(3, Some((1, 0, 0)))), Ok(0));
        assert_eq!(log.append(batch(2, Some((1, 0, 3)))), Ok(3));
        assert_eq!(log.append(batch(3, Some((1, 0, 0)))), Ok(0));
        assert_eq!(log.append(batch(2, Some((1, 0, 3)))), Ok(3));
        assert_eq!(log.end(), 5);
    }

    #[test]
    fn a_gap_in_the_sequence_is_refused() {
        let mut log = Log::default();
        log.append(batch(3, Some((1, 0, 0)))).expect("appended");
        assert_eq!(log.append(batch(1, Some((1, 0, 4)))), Err(ErrorCode::OutOfOrderSequenceNumber));
        assert_eq!(log.append(batch(1, Some((1, 0, 1)))), Err(ErrorCode::DuplicateSequenceNumber));
        assert_eq!(log.append(batch(1, Some((1, 0, 3)))), Ok(3));
    }

    #[test]
    fn a_new_epoch_begins_anew_and_fences_the_old_one() {
        let mut log = Log::default();
        log.append(batch(3, Some((1, 0, 0)))).expect("appended");
        assert_eq!(log.append(batch(1, Some((1, 1, 0)))), Ok(3));
        assert_eq!(log.append(batch(1, Some((1, 0, 3)))), Err(ErrorCode::InvalidProducerEpoch));
    }

    #[test]
    fn sequence_numbers_go_round() {
        assert_eq!(advance(i32::MAX, 1), 0);
        assert_eq!(advance(i32::MAX - 1, 3), 1);
        let mut log = Log::default();
        log.append(batch(2, Some((1, 0, i32::MAX - 1)))).expect("appended");
        assert_eq!(log.append(batch(1, Some((1, 0, 0)))), Ok(2));
    }
}
