//! The functions that answer requests: from a request to calls of catalog, logs and groups, and back to a response. No
//! state.

pub(super) mod cluster;
pub(super) mod commits;
pub(super) mod configs;
pub(super) mod fetch;
pub(super) mod groups;
pub(super) mod offsets;
pub(super) mod produce;
pub(super) mod topics;

use kafka_protocol::protocol::StrBytes;

use crate::refusal::Refusal;
use crate::wire::text;

/// Returns the error code and the message of an answer.
fn error_fields(result: Result<(), Refusal>) -> (i16, Option<StrBytes>) {
    match result {
        Ok(()) => (0, None),
        Err((error, message)) => (error.code(), Some(text(message))),
    }
}
