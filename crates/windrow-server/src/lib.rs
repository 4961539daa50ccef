//! The HTTP API, an endpoint for every published model, with an OpenAPI document: [`api`].
//!
//! The crate reads the registry, the counters and the monitor. It knows nothing of brokers, the content of batches or
//! training.

pub mod api;
