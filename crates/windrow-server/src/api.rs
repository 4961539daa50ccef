//! The API: every published model on an endpoint of its own, and a document that follows the registry.
//!
//! Promises: an answer names the model that gave it, and comes from one model alone; a refused request gets a list
//! of its faults, a hundred at most; nothing is changed without a key where keys are known; whatever one
//! client does, the others are answered, within bounds of time and memory that the operator sets. Knows nothing of brokers,
//! batches or training: it reads the registry, the counters and the monitor. What people look at is made by the dashboard.
//!
//! The modules stand below in the order of their imports, and no two of them import each other. The way of a request:
//! `server` takes its connection, the layers of `middleware` ask who sends it and how long it may take, an operation of
//! `operations` reads its `body` by the input `schema` of a model and answers from the `state`.

mod schema;

mod error;

mod activity;
mod answer;
mod keys;
mod request;

mod body;
mod state;

mod metrics;
mod operations;

mod openapi;

mod middleware;

mod server;

pub use keys::{ApiKey, Keys, KeysError, Scope, new_key};
pub use openapi::document;
#[cfg(any(test, fuzzing))]
pub use operations::dry_run::{BodyKind, DryRun};
pub use server::{Api, BindError, Listener, TlsError, bind, run};
