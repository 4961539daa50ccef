//! Record batches of Kafka's message format 2, as bytes: their header, their checksum, their records' times.
//!
//! Pure. Clients are not trusted: no length is used for an allocation before it is checked, and decompression is
//! bounded. Source of the layout: <https://kafka.apache.org/documentation/#recordbatch>.

pub(super) mod records;

/// The size of the header: bytes from a batch's start to its first record.
pub(super) const HEADER: usize = 61;
/// Bytes at a batch's start that its length field does not count.
const LENGTH_PREFIX: usize = 12;
/// Bytes at a batch's start that its checksum does not cover.
const CHECKSUM_START: usize = 21;
/// The only message format since Kafka 0.11. Kafka 4 accepts no other.
const MAGIC: i8 = 2;
/// The highest number of a codec: none, gzip, snappy, lz4, zstd.
const MAX_CODEC: i16 = 4;
/// The producer id of a batch that is not idempotent.
pub(super) const NO_PRODUCER: i64 = -1;

/// The header of a batch: all fields before its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) base_offset: i64,
    /// The size of the whole batch in bytes.
    pub(super) size: usize,
    pub(super) magic: i8,
    checksum: u32,
    pub(super) attributes: i16,
    pub(super) last_offset_delta: i32,
    /// The time of the first record, in milliseconds since 1970.
    pub(super) base_timestamp: i64,
    /// The newest time of the records, in milliseconds since 1970; -1 if records have no time.
    pub(super) max_timestamp: i64,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) count: i32,
}

/// The reason why bytes are not one batch that can be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchFault {
    /// The batch is too short, has a wrong length, or has a wrong checksum.
    Corrupt,
    /// The message format is not 2.
    Format,
    /// The count contradicts the offsets, the codec is unknown, or it is a control batch.
    Invalid,
    /// The batch is part of a transaction.
    Transactional,
    /// The bytes hold more than one batch.
    Several,
}

impl Header {
    /// Reads the header at the start of `bytes`. Returns `None` if there are too few bytes, or if the length field is
    /// too small.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER] = bytes.first_chunk()?;
        let size = usize::try_from(i32::from_be_bytes(field(bytes, 8))).ok()?.checked_add(LENGTH_PREFIX)?;
        (size >= HEADER).then_some(())?;
        Some(Self {
            base_offset: i64::from_be_bytes(field(bytes, 0)),
            size,
            magic: i8::from_be_bytes(field(bytes, 16)),
            checksum: u32::from_be_bytes(field(bytes, 17)),
            attributes: i16::from_be_bytes(field(bytes, CHECKSUM_START)),
            last_offset_delta: i32::from_be_bytes(field(bytes, 23)),
            base_timestamp: i64::from_be_bytes(field(bytes, 27)),
            max_timestamp: i64::from_be_bytes(field(bytes, 35)),
            producer_id: i64::from_be_bytes(field(bytes, 43)),
            producer_epoch: i16::from_be_bytes(field(bytes, 51)),
            base_sequence: i32::from_be_bytes(field(bytes, 53)),
            count: i32::from_be_bytes(field(bytes, 57)),
        })
    }

    /// Returns the offset after the last record.
    pub(super) fn next_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta)).saturating_add(1)
    }

    /// Returns the codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. The numbers 5 to 7 are not assigned.
    pub(super) fn codec(&self) -> i16 {
        self.attributes & 0b111
    }

    pub(super) fn is_idempotent(&self) -> bool {
        self.producer_id != NO_PRODUCER
    }

    fn is_transactional(&self) -> bool {
        self.attributes & 0b1_0000 != 0
    }

    fn is_control(&self) -> bool {
        self.attributes & 0b10_0000 != 0
    }

    /// Returns true if `bytes`, which begin with this header, hold the whole batch and match its checksum.
    pub(super) fn is_intact(&self, bytes: &[u8]) -> bool {
        self.magic == MAGIC
            && self.last_offset_delta >= 0
            && bytes.get(CHECKSUM_START..self.size).is_some_and(|covered| crc32c::crc32c(covered) == self.checksum)
    }
}

/// Checks that `bytes` are exactly one batch that a client may store, and returns its header.
pub(super) fn check(bytes: &[u8]) -> Result<Header, BatchFault> {
    // The format number is at the same position in every format.
    if bytes.get(16).is_some_and(|magic| *magic < MAGIC.cast_unsigned()) {
        return Err(BatchFault::Format);
    }
    let header = Header::read(bytes).ok_or(BatchFault::Corrupt)?;
    if header.magic != MAGIC {
        return Err(BatchFault::Format);
    }
    if header.size < bytes.len() {
        return Err(BatchFault::Several);
    }
    if !header.is_intact(bytes) {
        return Err(BatchFault::Corrupt);
    }
    if header.is_transactional() {
        return Err(BatchFault::Transactional);
    }
    let counts_agree = header.last_offset_delta.checked_add(1) == Some(header.count);
    if header.is_control() || header.codec() > MAX_CODEC || header.count < 1 || !counts_agree {
        return Err(BatchFault::Invalid);
    }
    Ok(header)
}

/// Writes the base offset and the leader epoch of a batch. Its checksum does not cover these bytes.
pub(super) fn set_base_offset(bytes: &mut [u8], base_offset: i64) {
    if let Some(offset_field) = bytes.first_chunk_mut::<8>() {
        *offset_field = base_offset.to_be_bytes();
    }
    // The leader epoch is always 0, because there is only one leader.
    if let Some(epoch) = bytes.get_mut(LENGTH_PREFIX..LENGTH_PREFIX + 4) {
        epoch.fill(0);
    }
}

fn field<const N: usize>(bytes: &[u8; HEADER], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}

/// Creates an uncompressed batch for tests, with one empty value per record.
#[cfg(any(test, fuzzing))]
pub(super) fn batch_of(count: i32, producer: Option<(i64, i16, i32)>, timestamp: i64) -> Vec<u8> {
    let mut records = Vec::new();
    for delta in 0..count {
        let mut record = vec![0];
        records::put_varint(&mut record, i64::from(delta));
        records::put_varint(&mut record, i64::from(delta));
        record.extend([1, 0, 0]);
        records::put_varint(&mut records, i64::try_from(record.len()).expect("a short record"));
        records.extend(record);
    }
    let (id, epoch, sequence) = producer.unwrap_or((NO_PRODUCER, -1, -1));
    sealed(0, count - 1, (timestamp, timestamp + i64::from(count - 1)), (id, epoch, sequence), count, &records)
}

/// Creates a batch for tests from these fields, with the base offset 0 and a valid checksum.
#[cfg(any(test, fuzzing))]
pub fn sealed(
    attributes: i16,
    last_offset_delta: i32,
    times: (i64, i64),
    (id, epoch, sequence): (i64, i16, i32),
    count: i32,
    records: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![0; CHECKSUM_START];
    bytes.extend(attributes.to_be_bytes());
    bytes.extend(last_offset_delta.to_be_bytes());
    bytes.extend(times.0.to_be_bytes());
    bytes.extend(times.1.to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(epoch.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.extend(records);
    let length = i32::try_from(bytes.len() - LENGTH_PREFIX).expect("a short batch");
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[16] = 2;
    let checksum = crc32c::crc32c(&bytes[CHECKSUM_START..]);
    bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gets_its_base_offset_without_another_checksum() {
        let mut bytes = batch_of(3, Some((7, 1, 20)), 1_000);
        set_base_offset(&mut bytes, 41);
        let header = check(&bytes).expect("a good batch");
        assert_eq!((header.base_offset, header.next_offset(), header.size), (41, 44, bytes.len()));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 1, 20));
        assert_eq!((header.base_timestamp, header.max_timestamp), (1_000, 1_002));
    }

    #[test]
    fn any_flipped_bit_after_the_leader_epoch_is_noticed() {
        let good = batch_of(2, None, 5);
        for bit in LENGTH_PREFIX * 8 + 32..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&bytes).is_err(), "bit {bit}");
        }
        for end in 0..good.len() {
            assert!(check(&good[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn invalid_batches_are_rejected_with_their_fault() {
        let none = (NO_PRODUCER, -1, -1);
        let with = |attributes, delta, count| sealed(attributes, delta, (0, 0), none, count, &[2, 0]);
        assert_eq!(check(&with(0, 0, 1)).map(|header| header.count), Ok(1));
        for (bytes, fault) in [
            (with(0b10_0000, 0, 1), BatchFault::Invalid),
            (with(0b1_0000, 0, 1), BatchFault::Transactional),
            (with(5, 0, 1), BatchFault::Invalid),
            (with(0, 1, 1), BatchFault::Invalid),
            (with(0, 0, 0), BatchFault::Invalid),
            (with(0, i32::MAX, i32::MIN), BatchFault::Invalid),
            ([with(0, 0, 1), with(0, 0, 1)].concat(), BatchFault::Several),
        ] {
            assert_eq!(check(&bytes), Err(fault));
        }
        let mut old = with(0, 0, 1);
        old[16] = 1;
        assert_eq!(check(&old), Err(BatchFault::Format));
    }
}
