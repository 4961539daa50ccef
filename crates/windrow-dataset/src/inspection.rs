//! Looking at a file before anything is made of it: what it holds (`windrow init`), and whether a pipeline file fits it
//! (`windrow check`).
//!
//! Two passes over all rows. A scan knows nothing but bytes: delimiter, header, and for each column what its cells could
//! be. A plan is what follows from that and from what a person said, or the [`Question`]s that are left. A survey reads
//! the rows as a pipeline would: which are refused, the order of their times, what gives the target away. Memory is bounded
//! by the number of columns, and a byte a row.

mod check;
mod column;
mod draft;
mod layout;
mod leaks;
mod options;
mod order;
mod plan;
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
pub use self::layout::Said;
pub use self::options::Options;
pub use self::order::disorder;
pub use self::repair::Repaired;
pub use self::roles::quoted;
pub(crate) use self::scan::Scan;
use crate::{DatasetError, Encoding};
use windrow_base::runtime::blocking;
use windrow_config::{ConfigError, Pipeline};

/// How often it is told how far a pass is.
const ROWS_BETWEEN: u64 = 16_384;

/// Who is told how far a pass is: the rows so far.
pub(crate) type Tell = Arc<dyn Fn(u64) + Send + Sync>;

/// The same, told now and then.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a>(&'a (dyn Fn(u64) + Sync));

impl Rows<'_> {
    fn passed(self, rows: u64) {
        if rows.is_multiple_of(ROWS_BETWEEN) {
            (self.0)(rows);
        }
    }
}

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

/// Something that the file does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What the question is about.
    pub kind: QuestionKind,
    /// The question, as it is asked.
    pub text: String,
    /// The option that answers it on the command line; empty where each answer has its own.
    pub option: &'static str,
    /// Answers: what is said, and what that means.
    pub choices: Vec<(String, String)>,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq)]
pub enum QuestionKind {
    /// Which column is the target.
    Target,
    /// Which column holds the time of a row.
    Time,
    /// A column of whole numbers: left out, a number, or a category.
    Unclear(String),
}

/// The options that answer a question about an unclear column, in the order of its choices.
pub const UNCLEAR_OPTIONS: [&str; 3] = ["--leave-out", "--numeric", "--categorical"];

/// Why there is no pipeline file.
#[derive(Debug, thiserror::Error)]
pub enum InspectionError {
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The pipeline file is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file cannot be opened.
    #[error("cannot open the file {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// What was asked for cannot be.
    #[error("{0}")]
    Use(String),
    /// Something must be said first.
    #[error("{} things must be said", .0.len())]
    Questions(Vec<Question>),
    /// The file must be repaired first.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
    /// No delimiter parts the lines into the same number of fields.
    #[error("the file {} is no table: no comma, semicolon, tab or | parts its lines into the same number of fields; --delimiter names another", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
    },
    /// The file has no rows.
    #[error("the file {} has a header line and no rows; is it whole?", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("the file {} is {encoding} and not UTF-8", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        encoding: Encoding,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; choose another place", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

/// A count with its thousands set apart, as in `336,776`.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
