//! The client behind a request.

/// The client that sent a request, as it names itself and where it connects from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) host: String,
}
