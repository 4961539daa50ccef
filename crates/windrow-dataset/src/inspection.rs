//! Inspects a file before a run: its contents (`windrow init`), and whether a pipeline file fits it (`windrow check`).
//!
//! An inspection makes two passes over all rows. Its memory is bounded by the number of columns, plus one byte per row.
//!
//! - The first pass (`scan`) knows only bytes. `layout` detects the delimiter and the header line. `column` detects
//!   what the cells of each column could be, with `times` and `order` for times.
//! - `plan` combines the scan with the user's [`Options`], or returns the [`Question`]s that are left. `target` reads
//!   the target rule, and `roles` chooses the features.
//! - The second pass (`survey`) reads the rows as a pipeline would. It finds the rows that are refused, the order of
//!   their times, and the columns that give the target away (`leaks`). `placer` decides which rows are in a window, as
//!   the consumer does, and `windows` counts the rows of each window.
//! - `draft` writes a pipeline file, `check` compares one with its dataset, `repair` writes a copy that can be
//!   replayed.
//! - All of them use `error`, `question` and `progress`.
//!
//! This file starts each of them on a thread that may block. No other file of the module imports it.

mod check;
mod column;
mod draft;
mod error;
mod layout;
mod leaks;
mod options;
mod order;
mod placer;
mod plan;
mod progress;
mod question;
mod repair;
mod roles;
mod scan;
mod survey;
mod target;
mod times;
mod windows;

use std::path::PathBuf;
use std::sync::Arc;

pub use self::check::{Category, Check, Window};
pub use self::draft::{Draft, name_of};
pub use self::error::InspectionError;
pub use self::layout::Said;
pub use self::options::Options;
pub use self::order::disorder;
use self::progress::{Rows, Tell};
pub use self::question::{Question, QuestionKind, UNCLEAR_OPTIONS};
pub use self::repair::Repaired;
pub(crate) use self::scan::Scan;
use windrow_base::runtime::blocking;
use windrow_config::Pipeline;

/// Scans all rows of a file, without a pipeline file.
///
/// # Errors
/// The file cannot be read, is not a table, or is UTF-16.
pub async fn scan(path: PathBuf, said: Said, tell: Tell) -> Result<Scan, InspectionError> {
    blocking(move || Scan::read(&path, said, Rows(&*tell))).await
}

/// Writes the text of a pipeline file for a scanned dataset. `file` is the future path of the pipeline file, and
/// `command` the command line to repeat in messages.
///
/// # Errors
/// An option is missing or not valid, or the dataset must be repaired first.
pub async fn draft(
    scan: Arc<Scan>,
    options: Options,
    file: PathBuf,
    command: String,
    tell: Tell,
) -> Result<Draft, InspectionError> {
    blocking(move || draft::draft(&scan, &options, &file, &command, Rows(&*tell))).await
}

/// Writes a repaired copy of a file. Returns `None` and writes nothing if the file does not need a repair.
///
/// # Errors
/// The file cannot be read, the copy cannot be written, or the user must say what the time is.
pub async fn repair(
    path: PathBuf,
    copy: PathBuf,
    options: Options,
    tell: Tell,
) -> Result<Option<Repaired>, InspectionError> {
    blocking(move || repair::repair(&path, &copy, &options, Rows(&*tell))).await
}

/// Reads the whole dataset with a pipeline file, and reports whether the two fit.
///
/// # Errors
/// The dataset cannot be read, or lacks a column that the pipeline names.
pub async fn check(pipeline: Pipeline, tell: Tell) -> Result<Check, InspectionError> {
    blocking(move || check::check(&pipeline, Rows(&*tell))).await
}
