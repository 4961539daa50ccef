//! The decoder of produce requests. The log can write their batches from the buffer in which they arrived.

use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::wire::fields::{FieldReader, Malformed};

/// A produce request, decoded within its frame.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) acks: i16,
    pub(crate) is_transactional: bool,
    pub(crate) topics: Vec<Topic<'a>>,
}

#[derive(Debug)]
pub(crate) struct Topic<'a> {
    /// The name of the topic; empty if the version identifies topics by their ids.
    pub(crate) name: StrBytes,
    pub(crate) id: Uuid,
    /// The partition numbers and their batches; `None` if the batches are null.
    pub(crate) partitions: Vec<(i32, Option<&'a mut [u8]>)>,
}

/// Decodes a request whose header was removed.
pub(crate) fn read(body: &mut [u8], version: i16) -> Result<Request<'_>, Malformed> {
    let mut rest = FieldReader { bytes: body, is_flexible: version >= 9 };
    let is_transactional = rest.text()?.is_some();
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
    if !rest.bytes.is_empty() {
        return Err(Malformed);
    }
    Ok(Request { acks, is_transactional, topics })
}
