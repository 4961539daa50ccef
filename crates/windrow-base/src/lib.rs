//! Tools that every stage of Windrow uses and no stage owns.
//!
//! - [`files`]: atomic writes: a file is written under another name, synced and renamed.
//! - [`runtime`]: work outside the async threads, at a lower priority if it computes.
//! - [`scratch`]: a folder for temporary files of one process.
//! - [`telemetry`]: counters and events that stages report to listeners.
//! - [`versioned`]: JSON files whose format has a version.
//!
//! This crate depends on no other crate of Windrow and knows nothing of rows, windows or models.

pub mod files;
pub mod runtime;
pub mod scratch;
pub mod telemetry;
pub mod versioned;
