//! The HTTP API: an endpoint for every published model, and a document that follows the registry.
//!
//! Guarantees:
//!
//! - Each prediction comes from one model and names it.
//! - A rejected request gets a list of its faults, at most 100.
//! - If API keys are configured, every change needs one.
//! - No client can block the others: the operator sets limits of time and memory.
//! - No learner can block other requests than those to its models: its queue has a bound.
//!
//! The crate reads the registry, the counters and the monitor. It knows nothing of brokers, the content of batches or
//! training. `windrow-pages` makes the pages.
//!
//! The modules below are in the order of their imports. No two of them import each other. A request passes `server`
//! (its connection), `middleware` (authentication and time limit), and an operation in `operations`. The operation
//! reads the `body` by the input `schema` of a model and answers from the `state`, which has the models that are `served`.
//! A model of a learner outside of this program is asked on a thread that may wait.

mod schema;

mod error;

mod activity;
mod answer;
mod keys;
mod request;

mod body;
mod served;
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
pub use served::ApiLearner;
pub use server::{Api, BindError, Listener, TlsError, bind, run};
