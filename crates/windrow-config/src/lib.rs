//! The pipeline file: read once, checked once, and passed on as a [`Pipeline`] whose values are valid.
//!
//! - `read`: from a file's text to a [`Pipeline`]. `consistency` checks keys against each other.
//! - `pipeline`: [`Pipeline`], the file as a whole. Each table has a file of its own (`dataset`,
//!   `target`, `features`, `stream`, `window`, `batch`, `train`, `advise`, `serve`, `kafka`), in which each key is declared once: type,
//!   default, check, and the documentation.
//! - `cell_rules`: [`CellRules`], how the cells of a column are read.
//! - `label_delay`: [`LabelDelay`], how long after its row a label is known, and how many windows that is.
//! - `reference`: [`json_schema`], from the declarations.
//! - `values`: the forms of values, and checks that several keys share. `span`, `solver` and `listen`: larger values.
//! - `error`: [`ConfigError`], all faults of a file. `lines` finds the line of each key, `nearest` the nearest known name.
//! - `schema`: [`Schema`], a pipeline bound to the columns of its dataset; [`Schema::check`] decides whether a row is valid.
//! - `placement`: [`Placement`] decides which window a row is in and whether it is late, by the arithmetic of `cut`.
//!
//! Every fault names the file, the line and the key. Of the other crates of Windrow, this crate depends only on
//! `windrow-record`.

mod advise;
mod batch;
mod cell_rules;
mod consistency;
mod cut;
mod dataset;
mod error;
mod features;
mod kafka;
mod label_delay;
mod lines;
mod listen;
mod nearest;
mod pipeline;
mod placement;
mod read;
mod reference;
mod schema;
mod serve;
mod solver;
mod span;
mod stream;
mod target;
mod train;
mod values;
mod window;

pub use advise::{Advise, Costs};
pub use batch::{Batch, BatchFormat, Quarantine};
pub use cell_rules::CellRules;
pub use cut::{Cut, partition_of_row};
pub use dataset::{Dataset, TimeColumn};
pub use error::{ConfigError, Fault};
pub use features::{CalendarPart, FeatureColumns};
pub use kafka::{Kafka, is_secret};
pub use label_delay::{LabelDelay, LabelDelayError, WindowDelay};
pub use listen::ListenAddress;
pub use nearest::{nearest_name, nearest_names, unknown_column};
pub use pipeline::Pipeline;
pub use placement::{MAX_GAP, NoWindow, PartitionProgress, Placed, Placement, RowDistance};
pub use reference::json_schema;
pub use schema::{Feature, FeatureKind, LastTime, RowFault, Schema};
pub use serve::{Serve, Tls};
pub use solver::{LearnerCommand, Solver, Spark};
pub use span::EventSpan;
pub use stream::{Pace, Stream};
pub use target::{Target, TargetRule};
pub use train::{Accept, MIN_TRAINING_ROWS, Train};
pub use window::WindowPolicy;
