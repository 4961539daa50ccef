//! Record batches built by hand, which can be wrong in one chosen place.

use bytes::{BufMut as _, Bytes, BytesMut};

/// A batch of records with empty values.
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) base_offset: i64,
    pub(crate) magic: i8,
    pub(crate) attributes: i16,
    pub(crate) last_delta: i32,
    pub(crate) times: Vec<i64>,
    pub(crate) producer: (i64, i16, i32),
    pub(crate) count: i32,
    pub(crate) spoil_checksum: bool,
}

impl Batch {
    /// Returns a batch of `count` messages from a time on, one millisecond apart.
    pub(crate) fn of(count: i32, first_time: i64) -> Self {
        Self {
            base_offset: 0,
            magic: 2,
            attributes: 0,
            last_delta: count - 1,
            times: (0..count).map(|delta| first_time + i64::from(delta)).collect(),
            producer: (-1, -1, -1),
            count,
            spoil_checksum: false,
        }
    }

    pub(crate) fn by(count: i32, producer: (i64, i16, i32)) -> Self {
        Self { producer, ..Self::of(count, 1_000) }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let first = self.times.first().copied().unwrap_or(-1);
        let mut records = BytesMut::new();
        for (delta, time) in (0_i64..).zip(&self.times) {
            let mut record = BytesMut::new();
            record.put_i8(0);
            varint(&mut record, time - first);
            varint(&mut record, delta);
            varint(&mut record, -1);
            varint(&mut record, 1);
            record.put_u8(b'v');
            varint(&mut record, 0);
            varint(&mut records, i64::try_from(record.len()).expect("short"));
            records.put_slice(&record);
        }
        let records = match self.attributes & 7 {
            4 => Bytes::from(zstd::encode_all(&records[..], 1).expect("memory")),
            _ => records.freeze(),
        };
        let mut covered = BytesMut::new();
        covered.put_i16(self.attributes);
        covered.put_i32(self.last_delta);
        covered.put_i64(first);
        covered.put_i64(self.times.iter().copied().max().unwrap_or(-1));
        covered.put_i64(self.producer.0);
        covered.put_i16(self.producer.1);
        covered.put_i32(self.producer.2);
        covered.put_i32(self.count);
        covered.put_slice(&records);
        let mut batch = BytesMut::new();
        batch.put_i64(self.base_offset);
        batch.put_i32(i32::try_from(covered.len()).expect("short") + 9);
        batch.put_i32(-1);
        batch.put_i8(self.magic);
        batch.put_u32(crc32c::crc32c(&covered) ^ u32::from(self.spoil_checksum));
        batch.put_slice(&covered);
        batch.freeze()
    }
}

fn varint(into: &mut BytesMut, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        into.put_u8(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    into.put_u8(u8::try_from(rest).expect("seven bits"));
}
