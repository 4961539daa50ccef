//! What people and programs ask.
//!
//! - [`api`]: every published model on an endpoint of its own, with an OpenAPI document.
//! - `dashboard`: the pages. Knows no HTTP: the API asks it for a page and answers with it.
//! - [`report`]: the advice as files that can be handed on.
//!
//! Reads the registry, the counters and the monitor. Knows nothing of brokers, batches' contents or training.

pub mod api;
mod dashboard;
pub mod report;
