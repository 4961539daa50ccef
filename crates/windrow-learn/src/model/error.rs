//! The errors of a fit.

use std::io;

use windrow_config::MIN_TRAINING_ROWS;
use windrow_record::display::counted;

/// The reason why a fit gives no model.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// No model can be learned from the windows.
    #[error(transparent)]
    Unlearnable(#[from] Unlearnable),
    /// The encoded rows cannot be read again.
    #[error("cannot read the encoded rows again: {0}")]
    Read(#[from] io::Error),
    /// The remote solver found no optimum.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// The reason why no model can be learned from some windows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlearnable {
    /// No row has a target. Holds the number of rows.
    #[error("{} a target", no_row_has(*.0))]
    NoLabels(usize),
    /// There are too few rows to train on. Holds the number of rows.
    #[error("there {} to train on; at least {MIN_TRAINING_ROWS} are needed", only_rows(*.0))]
    TooFewRows(usize),
    /// All rows have the same class.
    #[error("all {rows} rows to train on are {}: a classifier needs both classes", class_name(*positive))]
    OneClass {
        /// The number of labelled rows.
        rows: usize,
        /// `true` if their class is positive.
        positive: bool,
    },
    /// The encoded features have more columns than the solver can take.
    #[error(
        "the features have {columns} columns after encoding, but this solver supports at most {most}: raise \
         features.min_count, remove a categorical column with many values, or remove train.solver"
    )]
    TooManyColumns {
        /// The number of columns after encoding.
        columns: usize,
        /// The most columns that the solver can take.
        most: usize,
    },
    /// The range of a column's numbers is beyond `f64`. Holds the column.
    #[error("the range of the column {0} is too large to standardise it: move it to features.log or remove it")]
    TooFarApart(String),
    /// The solver gave no result, with the reason in a sentence.
    #[error("{0}")]
    Solver(String),
    /// The windows were read with other features than the pipeline has now.
    #[error("a window was read with other features than the pipeline has now: read it again")]
    OtherFeatures,
}

/// The reason why a remote solver found no optimum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The solver was stopped before it finished.
    #[error("the fit was stopped before it finished")]
    Stopped,
    /// The solver failed, with the reason in a sentence.
    #[error("{0}")]
    Failed(String),
}

fn no_row_has(rows: usize) -> String {
    if rows == 1 { "the only row does not have".to_owned() } else { format!("none of the {rows} rows has") }
}

fn only_rows(rows: usize) -> String {
    let verb = if rows == 1 { "is" } else { "are" };
    format!("{verb} only {}", counted(rows as u64, "row", "rows"))
}

fn class_name(positive: bool) -> &'static str {
    if positive { "positive" } else { "negative" }
}
