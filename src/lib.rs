//! Windrow replays a dataset through a Kafka-compatible broker as if it were live, cuts the stream into batch files,
//! trains a logistic classifier on every batch and on everything so far, and serves each on an endpoint of its own.
//!
//! A row flows down one line, once:
//!
//! ```text
//! dataset -> producer -> broker -> consumer -> batch -> trainer -> registry -> api, dashboard
//! ```
//!
//! The modules stand below in reading order: first what flows, then where it rests, then who moves it. ARCHITECTURE.md
//! has the map, with what each promises and what it may import; `tests/tidy.rs` holds the code to it.

pub(crate) mod columnar;
pub mod config;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod evaluation;
mod files;
mod plot;
pub mod record;
mod runtime;
pub mod telemetry;

pub mod batch;
pub mod broker;
pub mod dataset;
pub mod model;

mod frames;
mod inspection;
pub mod registry;
#[cfg(feature = "spark")]
mod spark;

mod monitor;

mod advisor;
pub mod api;
mod audit;
pub mod consumer;
mod dashboard;
mod export;
mod producer;
mod report;
mod trainer;

mod app;

pub mod cli;
