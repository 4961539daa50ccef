//! The outer part of a frame: its length, the header of a request, and the header of an answer.

use bytes::{Buf as _, BufMut as _, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Encodable;

use crate::wire::fields::{FieldReader, Malformed};
use crate::wire::{Answered, Piece, Unanswerable};

/// The maximum size of a request in bytes; the default of Kafka's `socket.request.max.bytes`.
const MAX_REQUEST: usize = 100 * 1024 * 1024;
/// The maximum size of a request without messages, in bytes.
const MAX_REQUEST_WITHOUT_MESSAGES: usize = 1024 * 1024;

/// Checks the length of a frame that holds a request of this key.
pub(crate) fn check_length(length: i32, key: i16) -> Result<usize, Unanswerable> {
    let most = if key == ApiKey::Produce as i16 { MAX_REQUEST } else { MAX_REQUEST_WITHOUT_MESSAGES };
    usize::try_from(length).ok().filter(|length| (8..=most).contains(length)).ok_or(Unanswerable::Length(length))
}

/// The header of a request, without the client's id.
pub(crate) struct Head {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
}

impl Head {
    /// Returns true if the request has the newer encoding.
    pub(crate) fn is_flexible(&self) -> bool {
        self.key.request_header_version(self.version) >= 2
    }
}

/// Creates the error for a request that cannot be read. It ends the connection.
pub(crate) fn malformed(head: &Head, reason: impl ToString) -> Unanswerable {
    Unanswerable::Malformed { key: head.key, version: head.version, reason: reason.to_string() }
}

/// Encodes a whole answer in memory, with its header.
pub(crate) fn whole(head: &Head, response: &impl Encodable) -> Answered {
    let Head { key, version, correlation } = *head;
    let mut bytes = BytesMut::new();
    bytes.put_i32(correlation);
    if key.response_header_version(version) >= 1 {
        bytes.put_u8(0);
    }
    let encoded = response.encode(&mut bytes, version);
    encoded.map_err(|error| Unanswerable::Unwritable { key, version, reason: error.to_string() })?;
    Ok(Some(vec![Piece::Bytes(bytes.freeze())]))
}

/// Removes the client's id and the rest of the header from the frame, and returns the id. The frame then holds only the
/// request's body.
pub(crate) fn client_id(frame: &mut BytesMut, is_flexible: bool) -> Result<String, Malformed> {
    // The id has the older encoding in every version.
    let mut rest = FieldReader { bytes: frame, is_flexible: false };
    let id = rest.text()?.unwrap_or_default();
    rest.is_flexible = is_flexible;
    rest.tags()?;
    let left = rest.bytes.len();
    frame.advance(frame.len() - left);
    Ok(id)
}
