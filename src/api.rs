//! The API: every published model on an endpoint of its own, and a document that follows the registry.
//!
//! Promises: an answer names the model that gave it, and comes from one model alone; a request that is refused is told
//! every fault it has; nothing is changed without a key where keys are known. Knows nothing of brokers, batches or
//! training: it reads the registry and the counters.
//!
//! The way of a request: `listener` takes its connection, `guard` asks who sends it and how long it may take, an operation
//! of `operations` reads its body (`payload`, `row`, `batch`, `inference`) and answers (`answers`) from the `context`,
//! and `guard` counts it (`metrics`). Faults of our own domain meet HTTP in `problem` alone.

mod answers;
mod batch;
mod context;
mod document;
mod dry_run;
mod guard;
mod inference;
mod keys;
mod listener;
mod metrics;
mod operations;
mod payload;
mod problem;
mod row;
mod server;
mod tls;

pub use document::document;
pub use dry_run::{BodyKind, DryRun};
pub use keys::{ApiKey, Keys, KeysError, Scope, new_key};
pub use listener::{BindError, Listener, TlsError, bind};
pub use server::{Api, ApiError, run};
