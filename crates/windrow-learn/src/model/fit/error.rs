//! Why there is no model.

use std::io;

use crate::model::fit::remote::RemoteError;

/// Fewer rows to train on than this say nothing.
pub(super) const FEWEST_ROWS: usize = 10;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The windows cannot be learned from.
    #[error(transparent)]
    Unlearnable(#[from] Unlearnable),
    /// Their rows cannot be read again.
    #[error("cannot read the encoded rows again: {0}")]
    Read(#[from] io::Error),
    /// They are read elsewhere, and there is no optimum from there.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// Why windows cannot be learned from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlearnable {
    /// Nothing to compare with.
    #[error("none of the {0} rows has a target")]
    NoLabels(usize),
    /// Too little.
    #[error("there are {0} rows to train on, and fewer than {FEWEST_ROWS} say nothing")]
    TooFewRows(usize),
    /// Nothing to tell apart.
    #[error("all {rows} rows to train on are {}: a classifier needs both classes", class_name(*positive))]
    OneClass {
        /// Labelled rows.
        rows: usize,
        /// Their class.
        positive: bool,
    },
    /// More than can be solved for.
    #[error(
        "the features make {columns} columns, and at most {most} can be trained by this solver: raise \
         features.min_count, leave out a categorical column of many values, or leave train.solver out"
    )]
    TooManyColumns {
        /// Columns after encoding.
        columns: usize,
        /// The most there may be.
        most: usize,
    },
    /// Numbers at both ends of the range of `f64`.
    #[error(
        "the numbers of {0} lie too far apart to be standardised: put the column under features.log or leave it out"
    )]
    TooFarApart(String),
    /// The solver gave no answer at all.
    #[error("{0}")]
    Solver(String),
    /// Windows and pipeline do not belong together.
    #[error("a window was read with other features than the pipeline has now: read it again")]
    OtherFeatures,
}

fn class_name(positive: bool) -> &'static str {
    if positive { "positive" } else { "negative" }
}
