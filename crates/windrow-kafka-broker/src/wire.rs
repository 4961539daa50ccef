//! The vocabulary of Kafka's protocol: the types that dispatch, answers and connections exchange, and the codecs.
//!
//! This module knows nothing of topics, groups and connections, and decides nothing. A count or a length from a client
//! is checked before memory is reserved for it.

pub(crate) mod fetch;
mod fields;
pub(crate) mod frame;
pub(crate) mod guard;
pub(crate) mod produce;
mod versions;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::StrBytes;

use crate::log::Range;
pub(crate) use crate::wire::versions::{TABLE, is_supported};

/// The client that sent a request: the id that it gives itself, and the host from which it connects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) host: String,
}

/// The answer to a request, without the length that precedes it.
pub(crate) type Reply = Vec<Piece>;

/// What becomes of a request; `None` if the client wants no answer.
pub(crate) type Answered = Result<Option<Reply>, Unanswerable>;

/// A part of an answer: bytes in memory, or a range of a file.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    File(Range),
}

impl Piece {
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.length,
        }
    }
}

/// The reason why the connection ends without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswerable {
    #[error("a frame of {0} bytes")]
    Length(i32),
    #[error("request {key} in version {version}")]
    Unknown { key: i16, version: i16 },
    #[error("a malformed request {key:?} in version {version}: {reason}")]
    Malformed { key: ApiKey, version: i16, reason: String },
    #[error("an answer to {key:?} in version {version} that cannot be written: {reason}")]
    Unwritable { key: ApiKey, version: i16, reason: String },
    #[error("messages were refused, and the client does not wait for an answer")]
    Unconfirmed,
}

pub(crate) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}
