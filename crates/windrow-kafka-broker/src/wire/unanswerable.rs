//! Frames that get no answer.

use kafka_protocol::messages::ApiKey;

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
