//! The records of a batch in order, decoded only as far as a search by time needs.

use std::io::{self, Read};

use crate::batch::{HEADER, Header};

/// The maximum size of a decompressed batch in bytes. A search by time in a larger batch fails. The limit equals
/// Kafka's largest request.
const MAX_UNPACKED: u64 = 100 * 1024 * 1024;
/// The maximum size of one decompressed snappy block in bytes.
const MAX_BLOCK: usize = 16 * 1024 * 1024;
/// The start of a stream of snappy blocks from the Java library. Two version numbers follow.
const SNAPPY_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) offset: i64,
    /// The time of the record, in milliseconds since 1970.
    pub(crate) timestamp: i64,
}

/// Returns the first record in the batch whose time is at least `timestamp` and whose offset is at least `from`.
///
/// # Errors
/// Returns an error if the records cannot be decompressed or decoded, or are larger than [`MAX_UNPACKED`].
pub(crate) fn first_since(header: &Header, bytes: &[u8], timestamp: i64, from: i64) -> io::Result<Option<Record>> {
    let packed = bytes.get(HEADER..header.size).ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut records = io::BufReader::new(unpacked(header.codec(), packed)?.take(MAX_UNPACKED));
    for _ in 0..header.count {
        let length = u64::try_from(varint(&mut records)?.0).map_err(|_| invalid("a negative length"))?;
        let mut attributes = [0];
        records.read_exact(&mut attributes)?;
        let (time, time_bytes) = varint(&mut records)?;
        let (delta, delta_bytes) = varint(&mut records)?;
        let (offset, time) = (header.base_offset.saturating_add(delta), header.base_timestamp.saturating_add(time));
        if time >= timestamp && offset >= from {
            return Ok(Some(Record { offset, timestamp: time }));
        }
        let rest = length.checked_sub(1 + time_bytes + delta_bytes).ok_or_else(|| invalid("a short record"))?;
        if io::copy(&mut records.by_ref().take(rest), &mut io::sink())? < rest {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(None)
}

fn unpacked(codec: i16, packed: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    Ok(match codec {
        0 => Box::new(packed),
        1 => Box::new(flate2::read::MultiGzDecoder::new(packed)),
        2 => Box::new(Snappy::new(packed)),
        3 => Box::new(lz4_flex::frame::FrameDecoder::new(packed)),
        4 => Box::new(zstd::stream::read::Decoder::new(packed)?),
        _ => return Err(invalid("an unknown codec")),
    })
}

/// A decoder of the two snappy formats that clients send: one block, or the Java library's stream of blocks.
struct Snappy<'a> {
    packed: &'a [u8],
    in_blocks: bool,
    block: io::Cursor<Vec<u8>>,
}

impl<'a> Snappy<'a> {
    fn new(packed: &'a [u8]) -> Self {
        let stream = packed.strip_prefix(SNAPPY_MAGIC).and_then(|rest| rest.get(8..));
        Self { packed: stream.unwrap_or(packed), in_blocks: stream.is_some(), block: io::Cursor::default() }
    }

    fn next_block(&mut self) -> io::Result<Vec<u8>> {
        let mut block = std::mem::take(&mut self.packed);
        if self.in_blocks {
            let (length, rest) = block.split_first_chunk::<4>().ok_or(io::ErrorKind::UnexpectedEof)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            (block, self.packed) = rest.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
        }
        if snap::raw::decompress_len(block)? > MAX_BLOCK {
            return Err(invalid("a block that grows too large"));
        }
        Ok(snap::raw::Decoder::new().decompress_vec(block)?)
    }
}

impl Read for Snappy<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.block.read(into)?;
            if read > 0 || into.is_empty() || self.packed.is_empty() {
                return Ok(read);
            }
            self.block = io::Cursor::new(self.next_block()?);
        }
    }
}

/// Reads a zigzag varint. Returns its value and its size in bytes.
fn varint(from: &mut impl Read) -> io::Result<(i64, u64)> {
    let mut value = 0_u64;
    for index in 0..10_u32 {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << (7 * index);
        if byte[0] & 0x80 == 0 {
            return Ok(((value >> 1).cast_signed() ^ -(value & 1).cast_signed(), u64::from(index) + 1));
        }
    }
    Err(invalid("a number that does not end"))
}

#[cfg(any(test, fuzzing))]
pub(crate) fn put_varint(into: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        into.push(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    into.push(u8::try_from(rest).expect("seven bits"));
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::batch::{batch_of, check, sealed};

    #[test]
    fn a_time_is_found_to_the_record_in_every_codec() {
        let plain = batch_of(100, None, 1_000);
        let records = &plain[HEADER..];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(records).expect("memory");
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(records).expect("memory");
        let block = |part: &[u8]| snap::raw::Encoder::new().compress_vec(part).expect("memory");
        let mut stream = [&SNAPPY_MAGIC[..], &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for part in records.chunks(77).map(block) {
            stream.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
            stream.extend(part);
        }
        let packed = [
            (0, records.to_vec()),
            (1, gzip.finish().expect("memory")),
            (2, block(records)),
            (2, stream),
            (3, lz4.finish().expect("memory")),
            (4, zstd::encode_all(records, 1).expect("memory")),
        ];
        for (codec, packed) in packed {
            let bytes = sealed(codec, 99, (1_000, 1_099), (-1, -1, -1), 100, &packed);
            let header = check(&bytes).expect("a good batch");
            for (wanted, found) in [(0, Some(0)), (1_000, Some(0)), (1_042, Some(42)), (1_099, Some(99)), (1_100, None)]
            {
                let record = first_since(&header, &bytes, wanted, 0).expect("readable");
                assert_eq!(record.map(|record| record.offset), found, "codec {codec}, time {wanted}");
            }
        }
    }

    #[test]
    fn garbage_and_bombs_are_errors() {
        let bomb = zstd::encode_all(io::repeat(0).take(2 * MAX_UNPACKED), 1).expect("memory");
        for (codec, packed) in
            [(0, vec![0xff; 40]), (0, vec![1, 2]), (1, vec![1]), (2, vec![0xff; 9]), (3, vec![7; 30]), (4, bomb)]
        {
            let bytes = sealed(codec, 9, (0, 0), (-1, -1, -1), 10, &packed);
            let header = check(&bytes).expect("a whole batch");
            assert!(first_since(&header, &bytes, 1, 0).is_err(), "codec {codec}");
        }
    }
}
