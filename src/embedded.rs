//! A single-node broker that speaks Kafka's protocol: connections, logs on disk, groups.
//!
//! In the making: storage, catalog and the protocol's frames are here and tested; groups and the listener that brings them
//! together are not. Knows nothing of rows and windows, and imports nothing else of this crate.

mod answers;
mod batch;
mod broker;
mod budget;
mod catalog;
mod connection;
mod directory;
mod disk;
mod journal;
mod listener;
mod log;
#[cfg(test)]
mod tests;
mod wire;
