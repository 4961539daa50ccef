//! The API: every published model on an endpoint of its own, and a document that follows the registry.
//!
//! Promises: an answer names the model that gave it, and comes from one model alone; a request that is refused is told
//! every fault it has. Knows nothing of brokers, batches or training: it reads the registry and the counters.

mod answers;
mod document;
mod operations;
mod problem;
mod row;
mod server;

pub use document::document;
pub use server::{Api, ApiError, Listener, bind, run};
