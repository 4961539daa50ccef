//! Windrow replays a dataset through a Kafka-compatible broker as if it were live, cuts the stream into batch files,
//! trains a logistic classifier on every batch and on everything so far, and serves each on an endpoint of its own.

pub mod broker;
pub mod config;
pub mod model;
pub mod record;
pub mod telemetry;
