//! Refusals as clients get them.

use kafka_protocol::ResponseError;

/// The reason why a request is refused: the error code of Kafka, and a message for people.
pub(crate) type Refused = (ResponseError, String);
