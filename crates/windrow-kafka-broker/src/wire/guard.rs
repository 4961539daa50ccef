//! A buffer that limits the memory that a count in a request can reserve to the size of the frame.
//!
//! The decoders of `kafka-protocol` reserve room for as many elements as a count says. In the newer encodings, counts
//! are unsigned varints: a count above the number of remaining bytes is refused when it is read. In the older
//! encodings, counts are 32-bit numbers like any other. There, a first pass limits each number to the number of
//! remaining bytes plus one. An array with too large a count then runs out of bytes, but a large timeout does no harm.
//! Only a request that passes is decoded with its real numbers.

use anyhow::Result;
use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::buf::{ByteBuf, NotEnoughBytesError};

/// Decodes a request of an untrusted client.
pub(crate) fn decode<T: Decodable>(bytes: &Bytes, version: i16, is_flexible: bool) -> Result<T> {
    if !is_flexible {
        T::decode(&mut GuardedBytes::new(bytes, true), version)?;
    }
    // Bytes after the request are ignored, as in Kafka, because librdkafka sends more bytes than it should.
    T::decode(&mut GuardedBytes::new(bytes, false), version)
}

struct GuardedBytes {
    bytes: Bytes,
    cuts_counts: bool,
    /// The varint that is being read: its value so far, and its number of bits.
    varint: (u64, u32),
}

impl GuardedBytes {
    fn new(bytes: &Bytes, cuts_counts: bool) -> Self {
        Self { bytes: bytes.clone(), cuts_counts, varint: (0, 0) }
    }
}

impl Buf for GuardedBytes {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let byte = self.bytes.try_get_u8()?;
        let (value, bits) = self.varint;
        let value = value | (u64::from(byte & 0x7f) << bits);
        if byte & 0x80 != 0 && bits < 28 {
            self.varint = (value, bits + 7);
            return Ok(byte);
        }
        self.varint = (0, 0);
        // Counts and lengths are sent plus one.
        let left = self.bytes.remaining();
        if value > left as u64 + 1 {
            return Err(TryGetError { requested: usize::try_from(value).unwrap_or(usize::MAX), available: left });
        }
        Ok(byte)
    }

    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        let value = self.bytes.try_get_i32()?;
        let most = i32::try_from(self.bytes.remaining() + 1).unwrap_or(i32::MAX);
        Ok(if self.cuts_counts { value.min(most) } else { value })
    }
}

impl ByteBuf for GuardedBytes {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.bytes.split_to(size)
    }

    fn try_get_bytes(&mut self, size: usize) -> Result<Bytes, NotEnoughBytesError> {
        if self.bytes.remaining() < size { Err(NotEnoughBytesError) } else { Ok(self.bytes.split_to(size)) }
    }
}
