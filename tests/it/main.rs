//! The integration tests that can run concurrently, with one module per capability.
//!
//! They need a Rust toolchain, a C compiler and `make`. A test that needs another missing tool is skipped with a
//! message. No test here depends on the speed of the machine. Tests that measure time are in `tests/timing`; those that
//! need Kafka, Docker, a browser, Java or clients in Python are in `tests/external`. Helpers are in
//! `tools/windrow-testing`.

mod addresses;
mod advice;
mod advised;
mod api;
mod audit;
mod check;
mod commands;
mod cut;
mod diff;
mod documents;
mod examples;
mod faults;
mod files;
mod foreign_messages;
mod group;
mod growth;
mod init;
mod judge;
mod lessons;
mod metrics;
mod mistakes;
mod objects;
mod openapi;
mod optima;
#[cfg(feature = "otel")]
mod otel;
mod pages;
mod parquet;
mod produce;
#[cfg(feature = "redpanda")]
mod redpanda;
mod report;
mod requests;
mod resume;
mod run;
mod secured;
mod settings;
#[cfg(feature = "embedded")]
mod side_by_side;
mod spark;
mod stages;
mod swap;
mod tidy;
mod training;
mod windows;
mod worker;
