//! The decoder of produce requests. The log can write their batches from the buffer in which they arrived.

use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

/// A produce request, decoded within its frame.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) acks: i16,
    pub(crate) is_transactional: bool,
    pub(crate) topics: Vec<Topic<'a>>,
}

/// The batches for one topic.
#[derive(Debug)]
pub(crate) struct Topic<'a> {
    /// The name of the topic; empty if the version identifies topics by their ids.
    pub(crate) name: StrBytes,
    pub(crate) id: Uuid,
    /// The partition numbers and their batches; `None` if the batches are null.
    pub(crate) partitions: Vec<(i32, Option<&'a mut [u8]>)>,
}

/// A frame that is not a produce request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a produce request")]
pub(crate) struct Malformed;

/// Decodes a request whose header was removed.
pub(crate) fn read(body: &mut [u8], version: i16) -> Result<Request<'_>, Malformed> {
    let mut rest = Rest { bytes: body, is_flexible: version >= 9 };
    let transactional_id = rest.text()?;
    let acks = i16::from_be_bytes(rest.array()?);
    let _timeout = rest.array::<4>()?;
    let mut topics = Vec::new();
    for _ in 0..rest.count()? {
        let (name, id) = if version >= 13 {
            (StrBytes::default(), Uuid::from_bytes(rest.array()?))
        } else {
            let name = rest.text()?.ok_or(Malformed)?;
            (StrBytes::from_string(name), Uuid::nil())
        };
        let mut partitions = Vec::new();
        for _ in 0..rest.count()? {
            let partition = i32::from_be_bytes(rest.array()?);
            let records = rest.nullable()?;
            rest.tags()?;
            partitions.push((partition, records));
        }
        rest.tags()?;
        topics.push(Topic { name, id, partitions });
    }
    rest.tags()?;
    if rest.bytes.is_empty() {
        Ok(Request { acks, is_transactional: transactional_id.is_some(), topics })
    } else {
        Err(Malformed)
    }
}

struct Rest<'a> {
    bytes: &'a mut [u8],
    is_flexible: bool,
}

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a mut [u8], Malformed> {
        let (taken, rest) = std::mem::take(&mut self.bytes).split_at_mut_checked(count).ok_or(Malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.first_chunk().copied().ok_or(Malformed)
    }

    fn varint(&mut self) -> Result<usize, Malformed> {
        let mut value = 0;
        for index in 0..5 {
            let [byte] = self.array()?;
            value |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// Returns the number of elements that follow. Each element has at least one byte, so a larger count than the
    /// remaining bytes is wrong.
    fn count(&mut self) -> Result<usize, Malformed> {
        let count = if self.is_flexible {
            self.varint()?.checked_sub(1)
        } else {
            usize::try_from(i32::from_be_bytes(self.array()?)).ok()
        };
        count.filter(|count| *count <= self.bytes.len()).ok_or(Malformed)
    }

    fn text(&mut self) -> Result<Option<String>, Malformed> {
        let length = if self.is_flexible {
            self.varint()?.checked_sub(1)
        } else {
            usize::try_from(i16::from_be_bytes(self.array()?)).ok()
        };
        let Some(length) = length else { return Ok(None) };
        let text = self.take(length)?;
        std::str::from_utf8(text).map(|text| Some(text.to_owned())).map_err(|_| Malformed)
    }

    fn nullable(&mut self) -> Result<Option<&'a mut [u8]>, Malformed> {
        let length = if self.is_flexible {
            self.varint()?.checked_sub(1)
        } else {
            usize::try_from(i32::from_be_bytes(self.array()?)).ok()
        };
        length.map(|length| self.take(length)).transpose()
    }

    fn tags(&mut self) -> Result<(), Malformed> {
        if self.is_flexible {
            for _ in 0..self.varint()? {
                let _tag = self.varint()?;
                let length = self.varint()?;
                self.take(length)?;
            }
        }
        Ok(())
    }
}
