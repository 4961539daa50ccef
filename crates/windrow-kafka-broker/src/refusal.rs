//! Errors in the form that clients get.

use kafka_protocol::ResponseError;

/// The reason why a request is refused: Kafka's error code, and a message for users.
pub(crate) type Refusal = (ResponseError, String);
