//! Conversions of text from requests and for answers.

use kafka_protocol::protocol::StrBytes;

/// Converts text for an answer.
pub(crate) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

/// Copies a text, so that it does not share the memory of the request.
pub(crate) fn owned(text: &StrBytes) -> String {
    text.to_string()
}

/// Copies an optional text.
pub(crate) fn owned_some(text: Option<&StrBytes>) -> Option<String> {
    text.map(owned)
}
