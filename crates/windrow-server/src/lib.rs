//! What people and programs ask.
//!
//! - [`api`]: every published model on an endpoint of its own, with an OpenAPI document.
//! - [`dashboard`]: the pages. Knows no HTTP: the caller hands it to the API as [`api::Pages`].
//! - [`report`]: the advice as files that can be handed on.
//! - `pages`: [`DashboardPages`], the pages for the API, made from the registry and the monitor.
//!
//! Reads the registry, the counters and the monitor. Knows nothing of brokers, batches' contents or training.

pub mod api;
pub mod dashboard;
mod pages;
pub mod report;

pub use pages::DashboardPages;
