//! The encoder of fetch answers. Messages go from file to socket and are never in memory as a whole.

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::log::Range;
use crate::wire::{Piece, Reply};

#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) name: StrBytes,
    pub(crate) id: Uuid,
    pub(crate) partitions: Vec<Partition>,
}

#[derive(Debug, Clone)]
pub(crate) struct Partition {
    pub(crate) index: i32,
    pub(crate) error: i16,
    /// The offset after the last readable message; -1 if there is an error.
    pub(crate) end: i64,
    pub(crate) start: i64,
    pub(crate) records: Option<Range>,
}

/// Encodes an answer with its header, as pieces.
pub(crate) fn answer(correlation: i32, version: i16, error: i16, reads_committed: bool, topics: &[Topic]) -> Reply {
    let mut out = AnswerEncoder { is_flexible: version >= 12, bytes: BytesMut::new(), pieces: Vec::new() };
    out.bytes.put_i32(correlation);
    out.tags();
    out.bytes.put_i32(0);
    if version >= 7 {
        out.bytes.put_i16(error);
        out.bytes.put_i32(0);
    }
    out.count(topics.len());
    for topic in topics {
        if version >= 13 {
            out.bytes.put_slice(topic.id.as_bytes());
        } else {
            out.text(&topic.name);
        }
        out.count(topic.partitions.len());
        for partition in &topic.partitions {
            out.partition(partition, version, reads_committed);
        }
        out.tags();
    }
    out.tags();
    out.flush();
    out.pieces
}

struct AnswerEncoder {
    is_flexible: bool,
    bytes: BytesMut,
    pieces: Vec<Piece>,
}

impl AnswerEncoder {
    fn partition(&mut self, partition: &Partition, version: i16, reads_committed: bool) {
        self.bytes.put_i32(partition.index);
        self.bytes.put_i16(partition.error);
        self.bytes.put_i64(partition.end);
        // The broker has no transactions, so everything that is stored is stable.
        self.bytes.put_i64(partition.end);
        if version >= 5 {
            self.bytes.put_i64(partition.start);
        }
        match (reads_committed, self.is_flexible) {
            (true, _) => self.count(0),
            (false, true) => self.varint(0),
            (false, false) => self.bytes.put_i32(-1),
        }
        if version >= 11 {
            self.bytes.put_i32(-1);
        }
        self.count(partition.records.as_ref().map_or(0, |range| range.length));
        if let Some(range) = &partition.records {
            self.flush();
            self.pieces.push(Piece::File(range.clone()));
        }
        self.tags();
    }

    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.pieces.push(Piece::Bytes(Bytes::from(self.bytes.split())));
        }
    }

    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.bytes.put_u8(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(u8::try_from(value).unwrap_or(0));
    }

    fn count(&mut self, count: usize) {
        if self.is_flexible {
            self.varint(count + 1);
        } else {
            // The limit on the whole answer is much lower.
            self.bytes.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
        }
    }

    fn text(&mut self, text: &str) {
        if self.is_flexible {
            self.varint(text.len() + 1);
        } else {
            self.bytes.put_i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
        }
        self.bytes.put_slice(text.as_bytes());
    }

    fn tags(&mut self) {
        if self.is_flexible {
            self.bytes.put_u8(0);
        }
    }
}
