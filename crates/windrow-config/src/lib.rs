//! The pipeline file: read once, checked once, and passed on as a [`Pipeline`] whose values are valid.
//!
//! - `pipeline`: [`Pipeline`] and its tables, with `dataset`, `batch`, `kafka`, `solver` and `span` for the larger ones.
//! - `raw`: the file as it is written. `parse`: from there to a [`Pipeline`], with a file for each large table; `duration` reads durations.
//! - `error`: [`ConfigError`], all faults of a file. `lines` finds the line of each key, `nearest` the nearest known name.
//! - `schema`: [`Schema`], a pipeline bound to the columns of its dataset; [`Schema::check`] decides whether a row is valid.
//! - `placement`: [`Placement`] decides which window a row is in and whether it is late, by the arithmetic of `cut`.
//!
//! Every fault names the file, the line and the key. This crate knows the types of `windrow-record`, and no other crate of
//! Windrow.

mod batch;
mod cut;
mod dataset;
mod duration;
mod error;
mod kafka;
mod lines;
mod nearest;
mod parse;
mod pipeline;
mod placement;
mod raw;
mod schema;
mod solver;
mod span;

pub use batch::{Batch, BatchFormat};
pub use cut::{Cut, partition_of_row};
pub use dataset::{Dataset, TimeColumn};
pub use error::{ConfigError, Fault};
pub use kafka::{Kafka, is_secret};
pub use nearest::nearest_name;
pub use pipeline::{
    Accept, Advise, CalendarPart, Costs, FeatureColumns, Pace, Pipeline, Quarantine, Serve, Stream, Target, TargetRule,
    Tls, Train, WindowPolicy,
};
pub use placement::{LONGEST_GAP, NoWindow, PartitionProgress, Placed, Placement, Step};
pub use schema::{Checked, Feature, FeatureKind, RowFault, Schema};
pub use solver::{Solver, Spark};
pub use span::EventSpan;
