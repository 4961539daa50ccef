//! The pipeline file: read once, checked once, and handed down as a [`Pipeline`] that needs no second look.
//!
//! Every fault names the file, the line and the key. Knows the record's types, and no other module.

mod batch;
mod dataset;
mod duration;
mod error;
mod kafka;
mod lines;
mod nearest;
mod parse;
mod pipeline;
mod raw;
mod schema;
mod solver;
mod span;

pub use batch::{Batch, BatchFormat};
pub use dataset::{Dataset, TimeColumn};
pub use error::{ConfigError, Fault};
pub use kafka::{Kafka, is_secret};
pub use nearest::nearest_name;
pub use pipeline::{
    Accept, Advise, CalendarPart, Costs, FeatureColumns, Pace, Pipeline, Quarantine, Serve, Stream, Target, TargetRule,
    Tls, Train, WindowPolicy,
};
pub use schema::{Checked, Feature, FeatureKind, RowFault, Schema};
pub use solver::{Solver, Spark};
pub use span::EventSpan;
