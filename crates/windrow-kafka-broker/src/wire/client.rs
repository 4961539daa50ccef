//! The client that sent a request.

/// The id that a client gives itself, and the host from which it connects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) host: String,
}
