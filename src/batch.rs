//! Batches: the stream, cut into windows, as files that appear whole.
//!
//! Promises: whatever arrives is in exactly one window's file, in row order, or in its quarantine; a manifest seals a
//! window, and what the manifests say is the truth after a restart. A writer that is dropped at any moment and resumed
//! from the manifests stores what a writer that was never dropped stores.
//!
//! Which window a row belongs to:
//!
//! - `rows = N`: row r is in window (r - 1) / N + 1. `parts = P` of T rows: P contiguous parts whose sizes differ by one
//!   at most, the larger ones first; rows beyond T join the last. Both depend on row numbers alone, so the cut is the
//!   same on every run, however partitions interleave. A window is sealed when all its rows have come, or when every
//!   partition has moved beyond it.
//! - `event = D`: spans of D aligned to 1970-01-01 00:00 UTC; window 1 is the earliest that a row falls into before any
//!   window is sealed. One is sealed when the watermark passes its end: the newest time of the slowest partition that has
//!   not ended, less the lateness. Rows for a sealed window, or from before window 1, are late and go to quarantine.
//! - `every = D`: by the clock, from the arrival of the first row on.
//!
//! Windows are sealed in order, and empty ones are recorded. The end of the stream seals what is open.

mod cut;
mod error;
mod manifest;
mod open;
mod quarantine;
mod runs;
mod seal;
mod store;
mod writer;

pub use cut::Cut;
pub use error::BatchError;
pub use manifest::{
    EventRange, FORMAT, FileDigest, Manifest, OffsetRange, ResumePoint, RowRange, SealReason, StreamEnd, TimeSpan,
};
pub use store::{BatchStore, Durability, Lock};
pub use writer::{Arrival, BatchWriter, Rejected, Resumed, Taken};
