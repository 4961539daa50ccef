//! The HTTP API, the web pages and the report.
//!
//! - [`api`]: an endpoint for every published model, with an OpenAPI document.
//! - `dashboard`: the web pages. It knows no HTTP: the API asks it for a page and sends that.
//! - [`report`]: the advice as files that can be shared.
//! - `terms`: the terms of the advice, which the pages and the report explain.
//! - `cell_number`: the numbers in tables, for the pages and the report.
//! - `comparison`: the differences of two models, for the API and the pages.
//! - `nearest`: the names of models that are nearest to an unknown one, for the API and the pages.
//!
//! The crate reads the registry, the counters and the monitor. It knows nothing of brokers, the content of batches or
//! training.

pub mod api;
mod cell_number;
mod comparison;
mod dashboard;
mod nearest;
pub mod report;
mod terms;
