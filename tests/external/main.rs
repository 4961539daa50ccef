//! The integration tests that need more than a Rust toolchain: Apache Kafka, Docker, Chromium, Java, or clients in
//! Python.
//!
//! All are ignored, with a reason. `just test-all` and `.ci/run` run them (`cargo test -- --include-ignored`). A test
//! whose tool is missing is skipped with a message, unless `WINDROW_TEST_DOCKER` or `WINDROW_TEST_BROWSER` is
//! `required`.

#[cfg(feature = "embedded")]
mod broker_clients;
mod clients;
#[cfg(feature = "redpanda")]
mod container_image;
#[cfg(feature = "redpanda")]
mod docker;
mod foreign;
#[cfg(all(feature = "redpanda", feature = "embedded"))]
mod image;
mod kafka;
mod learner;
mod learner_page;
mod objects;
mod openapi;
mod pages;
mod parquet;
mod prometheus;
#[cfg(feature = "redpanda")]
mod redpanda;
#[cfg(feature = "redpanda")]
mod registry;
#[cfg(feature = "tls")]
mod secured;
#[cfg(feature = "spark")]
mod spark;
mod text_boxes;
