//! What every stage of Windrow uses and none of them owns.
//!
//! - [`files`]: files that appear whole: written next to their place, synced, renamed.
//! - [`runtime`]: work off the async threads, at a lower priority where it computes.
//! - [`telemetry`]: counters and events that stages report to whoever listens.
//!
//! Knows no other crate of Windrow, and nothing of rows, windows or models.

pub mod files;
pub mod runtime;
pub mod telemetry;
