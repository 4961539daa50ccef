//! Cuts the stream into windows, and stores each window as files that appear whole.
//!
//! Guarantees: each row is stored once, in row order, in the batch file of one window. A message that is refused is in
//! the quarantine of one window. A manifest seals a window, and after a restart only the manifests count. A writer that
//! is dropped at any moment and resumed from the manifests stores the same as a writer that was never dropped.
//!
//! The window of a row, as [`windrow_config::Placement`] decides it:
//!
//! - `rows = N`: row r is in window (r - 1) / N + 1. `parts = P` of T rows: P contiguous parts whose sizes differ by at
//!   most one, the larger ones first; rows after row T join the last part. Both depend only on row numbers, so every
//!   run cuts the stream in the same way, however partitions interleave. A window is sealed when all its rows have
//!   arrived. It is also sealed when every partition is so far past it that no row of it can be in flight. A row that
//!   arrives after its own partition has passed that point goes to quarantine.
//! - `event = D`: spans of D aligned to 1970-01-01 00:00 UTC. Window 1 is the earliest span that has a row which is not
//!   late. The watermark of a partition is its newest time so far, minus the lateness. A row is late if the watermark
//!   of its own partition before it has reached the end of its span. A late row goes to the quarantine of the window
//!   that its partition has reached. The cut is the same on every run over the same topic. A window is sealed when no
//!   partition that has not ended can have a row of it that is not late.
//! - `every = D`: by the clock, from the arrival of the first row. Only this policy differs from run to run.
//!
//! A row whose time or number is more than 100,000 windows from those before it is treated as an outlier and goes to
//! quarantine, and so does the last row of a partition if its time is more than 100 windows ahead. Windows are sealed in
//! order, and empty windows are recorded. The end of the stream seals all open windows.
//!
//! The same topic makes the same files, byte for byte, including the manifests; only windows by the clock are an
//! exception. The files do not depend on how messages arrive, or on what had been read when a window was sealed. A
//! group makes the same files as one consumer. A message without a window of its own joins the window of the next row
//! of its partition, or the last window. A message after the end marker of its partition is not part of the stream.
//!
//! A row is identified by its replay and its number. For a producer that is not Windrow, the offset identifies it.
//!
//! Parts:
//!
//! - `writer`: [`BatchWriter`] turns messages into sealed windows. `writer/placing` decides what a message is,
//!   `writer/windows` where it belongs, and `writer/sealing` when a window is complete.
//! - `open`, `runs`, `spill`: an open window, its sorted runs, and their temporary files. `numbers`: a set of row numbers
//!   or offsets.
//! - `quarantine`: one line for each message that was refused.
//! - `manifest`: [`Manifest`], the contents of a sealed window. `ranges`: its row numbers, offsets and times. `counts`:
//!   [`MessageCounts`]. `rows`: [`BatchRows`], its rows as records.
//! - `store`: [`BatchStore`], the folder of the windows, and its lock. `objects` and `remote`: the same in an object
//!   store. `names`: [`batch_file_name`], the names of batch files.
//! - `reopen`: opens windows again that only the end of the stream had sealed. `labels`: [`Labels`], which arrived
//!   after their window was sealed.
//! - `cells`: whether two batch files have the same cells, whatever their formats and column types.
//! - `assemble`: [`Assembly`], windows of the whole topic from the partial windows of a group.

mod assemble;
mod cells;
mod counts;
mod error;
mod labels;
mod manifest;
mod names;
mod numbers;
mod objects;
mod open;
mod quarantine;
mod ranges;
mod remote;
mod reopen;
mod rows;
mod runs;
mod spill;
mod store;
mod writer;

pub use assemble::{Assembly, partial_folder, partials_folder};
pub use cells::{CellForm, has_same_cells};
pub use counts::MessageCounts;
pub use error::BatchError;
pub use labels::{Label, Labels};
pub use manifest::{
    Accounted, AccountedMessages, FileDigest, Manifest, QuarantinedMessages, ResumePoint, SealReason, StoredRows,
    StreamEnd, WindowTimes,
};
pub use names::batch_file_name;
pub use objects::Objects;
pub use quarantine::Quarantined;
pub use ranges::{EventRange, OffsetRange, RowRange, TimeSpan};
pub use rows::{BatchRows, RowFormat};
pub use store::{BatchStore, Lock};
pub use writer::{Arrival, BatchWriter, Content, CsvFormat, EndMark, MessageOutcome, Rejection, Resumed};
