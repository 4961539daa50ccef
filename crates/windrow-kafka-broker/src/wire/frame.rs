//! The outer part of a frame: its length, the header of a request, and the header of an answer.

use bytes::{Buf as _, BufMut as _, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Encodable;

use crate::wire::{Piece, Reply, Unanswerable};

/// The maximum size of a request in bytes; the default of Kafka's `socket.request.max.bytes`.
const LARGEST: usize = 100 * 1024 * 1024;
/// The maximum size of a request without messages, in bytes.
const LARGEST_WITHOUT_MESSAGES: usize = 1024 * 1024;

/// Checks the length of a frame that holds a request of this key.
pub(crate) fn check_length(length: i32, key: i16) -> Result<usize, Unanswerable> {
    let most = if key == ApiKey::Produce as i16 { LARGEST } else { LARGEST_WITHOUT_MESSAGES };
    usize::try_from(length).ok().filter(|length| (8..=most).contains(length)).ok_or(Unanswerable::Length(length))
}

/// The header of a request, without the client's id.
pub(crate) struct Head {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
}

/// Creates the error for a request that cannot be read. It ends the connection.
pub(crate) fn malformed(head: &Head, reason: impl ToString) -> Unanswerable {
    Unanswerable::Malformed { key: head.key, version: head.version, reason: reason.to_string() }
}

/// Encodes a whole answer in memory, with its header.
pub(crate) fn whole(head: &Head, response: &impl Encodable) -> Result<Option<Reply>, Unanswerable> {
    let mut bytes = BytesMut::new();
    bytes.put_i32(head.correlation);
    if head.key.response_header_version(head.version) >= 1 {
        bytes.put_u8(0);
    }
    response.encode(&mut bytes, head.version).map_err(|error| Unanswerable::Unwritable {
        key: head.key,
        version: head.version,
        reason: error.to_string(),
    })?;
    Ok(Some(Reply { pieces: vec![Piece::Bytes(bytes.freeze())] }))
}

/// Removes the client's id and the rest of the header from the frame, and returns the id. The frame then holds only the
/// request's body. Returns `None` if the header is malformed.
pub(crate) fn client_id(frame: &mut BytesMut, is_flexible: bool) -> Option<String> {
    let mut id = String::new();
    if let Ok(length) = usize::try_from(frame.try_get_i16().ok()?) {
        id = std::str::from_utf8(frame.get(..length)?).ok()?.to_owned();
        frame.advance(length);
    }
    if is_flexible {
        for _ in 0..varint(frame)? {
            let _tag = varint(frame)?;
            let length = varint(frame)?;
            frame.get(..length)?;
            frame.advance(length);
        }
    }
    Some(id)
}

fn varint(frame: &mut BytesMut) -> Option<usize> {
    let mut value = 0;
    for index in 0..5 {
        let byte = frame.try_get_u8().ok()?;
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
