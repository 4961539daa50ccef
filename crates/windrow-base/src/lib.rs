//! What every stage of Windrow uses and none of them owns.
//!
//! - [`files`]: files that appear whole: written next to their place, synced, renamed.
//! - [`runtime`]: work off the async threads, at a lower priority where it computes.
//! - [`telemetry`]: counters and events that stages report to whoever listens.
//! - [`versioned`]: JSON files whose form has a version.
//!
//! Knows no other crate of Windrow, and nothing of rows, windows or models.

pub mod files;
pub mod runtime;
pub mod telemetry;
pub mod versioned;
