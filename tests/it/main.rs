//! The integration tests that run side by side: a module for each capability.
//!
//! They need a Rust toolchain, a C compiler and `make`. A test that needs another tool is skipped with a message if the tool
//! is missing. No test here depends on how fast the machine is: what measures time is in `tests/timing`, what needs Kafka,
//! Docker, a browser, Java or clients in Python is in `tests/external`. Helpers are in `tools/windrow-testing`.

mod advice;
mod api;
mod audit;
mod check;
mod documents;
mod faults;
mod files;
mod foreign_messages;
mod group;
mod init;
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
mod resume;
mod run;
mod secured;
#[cfg(feature = "embedded")]
mod side_by_side;
mod spark;
mod stages;
mod swap;
mod tidy;
mod training;
mod windows;
