//! Inspects a file before anything is made from it: what it holds (`windrow init`), and whether a pipeline file fits it
//! (`windrow check`).
//!
//! Two passes over all rows. Memory is bounded by the number of columns, and one byte per row.
//!
//! - The first pass (`scan`) knows only bytes: `layout` finds the delimiter and the header, and `column` finds what the
//!   cells of each column could be, with `times` and `order` for times.
//! - `plan` is what follows from the scan and from the user's [`Options`], or the [`Question`]s that are left; `target`
//!   reads the target rule, `roles` chooses the features.
//! - The second pass (`survey`) reads the rows as a pipeline would: which rows are refused, the order of their times, and
//!   which columns give the target away (`leaks`). `placer` decides which rows are in a window, as the consumer does, and `windows`
//!   counts the rows of each.
//! - `draft` writes a pipeline file, `check` compares one with its dataset, `repair` writes a copy that can be replayed.
//! - Below them: `error`, `question` and `progress`.
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

/// Takes the first look at a file.
///
/// # Errors
/// It cannot be read, is no table, or is in an encoding of two bytes a letter.
pub async fn scan(path: PathBuf, said: Said, tell: Tell) -> Result<Scan, InspectionError> {
    blocking(move || Scan::read(&path, said, Rows(&*tell))).await
}

/// Writes the text of a pipeline file for a scanned dataset; `file` is where it is to stand, `command` what asked for it.
///
/// # Errors
/// Something must be said first, cannot be, or the dataset must be repaired.
pub async fn draft(
    scan: Arc<Scan>,
    options: Options,
    file: PathBuf,
    command: String,
    tell: Tell,
) -> Result<Draft, InspectionError> {
    blocking(move || draft::draft(&scan, &options, &file, &command, Rows(&*tell))).await
}

/// Writes a repaired copy of a file; `None`, and no copy, where there is nothing to repair.
///
/// # Errors
/// The file cannot be read, the copy cannot be written, or it must be said what the time is.
pub async fn repair(
    path: PathBuf,
    copy: PathBuf,
    options: Options,
    tell: Tell,
) -> Result<Option<Repaired>, InspectionError> {
    blocking(move || repair::repair(&path, &copy, &options, Rows(&*tell))).await
}

/// Reads the whole dataset against a pipeline file.
///
/// # Errors
/// The dataset cannot be read, or has not the columns that the pipeline names.
pub async fn check(pipeline: Pipeline, tell: Tell) -> Result<Check, InspectionError> {
    blocking(move || check::check(&pipeline, Rows(&*tell))).await
}
