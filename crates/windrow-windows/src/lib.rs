//! Batches: the stream, cut into windows, as files that appear whole.
//!
//! Promises: whatever arrives is in exactly one window's file, in row order, or in its quarantine; a manifest seals a
//! window, and what the manifests say is the truth after a restart. A writer that is dropped at any moment and resumed
//! from the manifests stores what a writer that was never dropped stores.
//!
//! Which window a row belongs to, as [`windrow_config::Placement`] decides:
//!
//! - `rows = N`: row r is in window (r - 1) / N + 1. `parts = P` of T rows: P contiguous parts whose sizes differ by one
//!   at most, the larger ones first; rows beyond T join the last. Both depend on row numbers alone, so the cut is the
//!   same on every run, however partitions interleave. A window is sealed when all its rows have come, or when every
//!   partition has moved so far beyond it that nothing can be on the way any more. A row that comes later than that in its own
//!   partition goes to quarantine.
//! - `event = D`: spans of D aligned to 1970-01-01 00:00 UTC; window 1 is the earliest that a row falls into which is not
//!   late. A row is late when the newest time before it in its own partition, less the lateness, has passed the end of
//!   its span; it goes to the quarantine of the window that its partition has come to. So the cut is the same on every
//!   run over the same topic. A window is sealed when no partition that has not ended can bring a row that is not late.
//! - `every = D`: by the clock, from the arrival of the first row on; the one policy that differs from run to run.
//!
//! A row whose time or number lies more than 100,000 windows from those before it goes to quarantine: it cannot be meant.
//! Windows are sealed in order, and empty ones are recorded. The end of the stream seals what is open.
//!
//! The same topic makes the same files, byte for byte, manifests included, however its messages arrive and for a group as for one
//! consumer: nothing depends on what had been read when a window was sealed. A message without a window of its own goes with the
//! next row of its partition, or with the last window; one behind the end of its partition is no part of the stream.
//!
//! What makes a row the same row: its replay and its number; for a producer that is not Windrow, its offset.
//!
//! Parts:
//!
//! - `writer`: [`BatchWriter`], from messages to sealed windows. `writer/taking` decides what a message is, `writer/windows` where it
//!   belongs, `writer/sealing` when a window is complete.
//! - `open`, `runs`, `spill`: an open window, its sorted runs, and the files beside it.
//! - `quarantine`: one line for each message that was refused.
//! - `manifest`: [`Manifest`], what is in a sealed window. `ranges`: its row numbers, offsets and times. `counts`: [`MessageCounts`].
//!   `rows`: [`BatchRows`], its rows as records.
//! - `store`: [`BatchStore`], the folder of windows and its lock. `objects` and `remote`: the same in object storage.
//! - `assemble`: [`Assembly`], windows of the whole topic from the partial windows of a group.

mod assemble;
mod counts;
mod error;
mod manifest;
mod objects;
mod open;
mod quarantine;
mod ranges;
mod remote;
mod rows;
mod runs;
mod spill;
mod store;
mod writer;

pub use assemble::{Assembled, Assembly, partial_folder, partials_folder};
pub use counts::MessageCounts;
pub use error::BatchError;
pub use manifest::{
    Accounted, AccountedMessages, FileDigest, Manifest, QuarantinedMessages, ResumePoint, SealReason, StoredRows,
    StreamEnd, WindowTimes,
};
pub use objects::Objects;
pub use quarantine::Quarantined;
pub use ranges::{EventRange, OffsetRange, RowRange, TimeSpan};
pub use rows::{BatchRows, RowFormat};
pub use store::{BatchStore, Lock};
pub use writer::{Arrival, BatchWriter, Content, CsvFormat, EndMark, Rejection, Resumed, Taken};
