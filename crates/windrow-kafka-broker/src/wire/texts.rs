//! Texts on their way into answers and out of requests.

use kafka_protocol::protocol::StrBytes;

/// A text in the form that answers take.
pub(crate) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

/// A copy that does not share the memory of the request.
pub(crate) fn owned(text: &StrBytes) -> String {
    text.to_string()
}

/// The same for a text that may be missing.
pub(crate) fn owned_some(text: Option<&StrBytes>) -> Option<String> {
    text.map(owned)
}
