//! Requests that are made from arbitrary bytes. The broker can decode them, but no client would send them.

use std::any::Any;

use bytes::{Buf, Bytes, BytesMut, TryGetError};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::buf::{ByteBuf, NotEnoughBytesError};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use uuid::Uuid;

use crate::batch::batch_of;

/// The correlation id of every request.
pub(super) const CORRELATION: i32 = 7;

/// The functions for requests of one key: one creates a request, the other finds a fault in an answer.
type RequestFunctions = (fn(i16, &mut Choices<'_>) -> Option<BytesMut>, fn(i16, &mut Bytes) -> Option<String>);

fn kind(key: ApiKey) -> Option<RequestFunctions> {
    macro_rules! kinds {
        ($($request:ident,)*) => {
            [$((<$request as Request>::KEY, (make_request::<$request> as _, fault_in::<$request> as _)),)*]
        };
    }
    let kinds: [(i16, RequestFunctions); _] = kinds![
        ProduceRequest,
        FetchRequest,
        ListOffsetsRequest,
        MetadataRequest,
        OffsetCommitRequest,
        OffsetFetchRequest,
        FindCoordinatorRequest,
        JoinGroupRequest,
        HeartbeatRequest,
        LeaveGroupRequest,
        SyncGroupRequest,
        DescribeGroupsRequest,
        ListGroupsRequest,
        ApiVersionsRequest,
        CreateTopicsRequest,
        DeleteTopicsRequest,
        DeleteRecordsRequest,
        InitProducerIdRequest,
        OffsetForLeaderEpochRequest,
        DescribeConfigsRequest,
        AlterConfigsRequest,
        DescribeLogDirsRequest,
        CreatePartitionsRequest,
        DeleteGroupsRequest,
        IncrementalAlterConfigsRequest,
        OffsetDeleteRequest,
        DescribeClusterRequest,
        ConsumerGroupHeartbeatRequest,
        ConsumerGroupDescribeRequest,
    ];
    kinds.into_iter().find(|(known, _)| *known == key as i16).map(|(_, kind)| kind)
}

/// Creates a frame (without its length) with a request that is made from `chosen`. Returns `None` if the bytes give no
/// request that can be encoded. `topic` is the id of an existing topic.
pub(crate) fn frame(key: ApiKey, version: i16, chosen: &[u8], topic: Uuid) -> Option<BytesMut> {
    kind(key)?.0(version, &mut Choices { bytes: chosen, topic })
}

/// Returns the fault in an answer, or `None` if the answer is valid.
pub(crate) fn fault(key: ApiKey, version: i16, answer: &mut Bytes) -> Option<String> {
    match kind(key) {
        Some((_, fault)) => fault(version, answer),
        None => Some("no request of this kind can be made".to_owned()),
    }
}

fn make_request<Q: Request + Any>(version: i16, choices: &mut Choices<'_>) -> Option<BytesMut> {
    let mut request = Q::decode(choices, version).ok()?;
    if let Some(produce) = (&mut request as &mut dyn Any).downcast_mut::<ProduceRequest>() {
        for data in produce.topic_data.iter_mut().flat_map(|topic| &mut topic.partition_data) {
            let producer = (choices.byte() < 128).then(|| (choices.small(), 0, i32::from(choices.byte() % 8)));
            let mut batch = batch_of(1 + i32::from(choices.byte() % 3), producer, choices.small());
            if choices.byte() == 0 {
                batch.truncate(usize::from(choices.byte()));
            }
            data.records = Some(batch.into());
        }
    }
    let mut frame = BytesMut::new();
    let head = RequestHeader::default().with_request_api_key(Q::KEY).with_request_api_version(version);
    let head = head.with_correlation_id(CORRELATION).with_client_id(Some(StrBytes::from_static_str("dry")));
    head.encode(&mut frame, Q::header_version(version)).ok()?;
    request.encode(&mut frame, version).ok()?;
    Some(frame)
}

fn fault_in<Q: Request>(version: i16, answer: &mut Bytes) -> Option<String> {
    match ResponseHeader::decode(answer, Q::Response::header_version(version)) {
        Ok(head) if head.correlation_id == CORRELATION => {}
        other => return Some(format!("{other:?}")),
    }
    if let Err(error) = Q::Response::decode(answer, version) {
        return Some(error.to_string());
    }
    answer.has_remaining().then(|| format!("{} bytes after its end", answer.remaining()))
}

/// Bytes that are decoded as plausible values: small counts, and names that occur again.
struct Choices<'a> {
    bytes: &'a [u8],
    topic: Uuid,
}

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 1 };
        self.bytes = rest;
        *first
    }

    fn small(&mut self) -> i64 {
        match self.byte() {
            byte @ 0..128 => i64::from(byte % 8) - 1,
            128..240 => i64::from(self.byte()) * 97,
            240.. => i64::from_be_bytes([0; 8].map(|_: u8| self.byte())),
        }
    }
}

impl Buf for Choices<'_> {
    fn remaining(&self) -> usize {
        1 << 20
    }

    fn chunk(&self) -> &[u8] {
        if self.bytes.is_empty() { &[0; 16] } else { self.bytes }
    }

    fn advance(&mut self, count: usize) {
        self.bytes = self.bytes.get(count..).unwrap_or_default();
    }

    /// Reads a boolean, or a count in the newer encoding. In that encoding, 0 is null and 1 is empty.
    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let byte = self.byte();
        Ok(if byte >= 192 { 0 } else { 1 + byte.wrapping_sub(1) % 4 })
    }

    fn try_get_i16(&mut self) -> Result<i16, TryGetError> {
        Ok(self.small().clamp(-1, i64::from(i16::MAX)) as i16)
    }

    /// Reads a number, or a count in the older encoding, for which the decoder reserves memory.
    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        Ok(self.small().clamp(-1, 1_000) as i32)
    }

    fn try_get_i64(&mut self) -> Result<i64, TryGetError> {
        Ok(self.small())
    }

    /// Reads an id: in most cases the one of the existing topic.
    fn try_copy_to_slice(&mut self, into: &mut [u8]) -> Result<(), TryGetError> {
        if into.len() == 16 && self.byte() < 192 {
            into.copy_from_slice(self.topic.as_bytes());
        } else {
            into.fill_with(|| self.byte());
        }
        Ok(())
    }
}

impl ByteBuf for Choices<'_> {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        Bytes::copy_from_slice(self.bytes.get(range).unwrap_or_default())
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        (0..size.min(300)).map(|_| b'a' + self.byte() % 2).collect()
    }

    fn try_get_bytes(&mut self, size: usize) -> Result<Bytes, NotEnoughBytesError> {
        Ok(self.get_bytes(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TABLE;

    #[test]
    fn requests_of_every_kind_in_the_table_of_versions_can_be_made() {
        for (key, ..) in TABLE {
            assert!(kind(key).is_some(), "{key:?}");
        }
    }
}
