//! Inspects a file before a run: its contents (`windrow init`), and whether a pipeline file fits it (`windrow check`).
//!
//! An inspection makes two passes over all rows. Its memory is bounded by the number of columns, plus one byte per row.
//!
//! - The first pass (`scan`) knows only bytes. `layout` detects the delimiter and the header line in the `beginning` of
//!   a CSV file. `column` detects what the cells of each column could be: `numbers` summarises numbers, with `units` for
//!   the texts around them, and `times` and `order` do so for times.
//! - `plan` combines the scan with the user's [`Options`], or returns the [`Question`]s that are left. `row_time` finds
//!   the time of the row, `target` reads the target rule, `typing` decides which columns are numbers, and `roles`
//!   chooses the features.
//! - The second pass (`survey`) reads the rows as a pipeline would. It finds the rows that are refused, the order of
//!   their times, and the columns that give the target away (`leaks`). `placer` decides which rows are in a window, as
//!   the consumer does, and `windows` counts the rows of each window.
//! - `draft` makes a pipeline file, whose text `pipeline_text` writes. `check` compares one with its dataset, and
//!   `review` with what `draft` would choose. `repair` writes a copy that can be replayed.
//! - All of them use `error`, `question` and `progress`.
//!
//! All of them block the thread until they end.

mod beginning;
mod check;
mod column;
mod draft;
mod error;
mod layout;
mod leaks;
mod numbers;
mod options;
mod order;
mod pipeline_text;
mod placer;
mod plan;
mod progress;
mod question;
mod repair;
mod review;
mod roles;
mod row_time;
mod scan;
mod survey;
mod target;
mod times;
mod typing;
mod units;
mod windows;

pub use self::check::{Category, Check, Window, check};
pub use self::draft::{Draft, draft, name_of};
pub use self::error::InspectionError;
pub use self::layout::LayoutOptions;
pub use self::options::Options;
pub use self::order::disorder;
pub use self::progress::ProgressCallback;
pub use self::question::{Choice, Question};
pub use self::repair::{Repaired, repair};
pub use self::scan::Scan;
