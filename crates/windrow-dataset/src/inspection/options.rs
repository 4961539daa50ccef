//! What a person said of a file.

use crate::inspection::layout::Said;

/// What a person said.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The target column, with or without its rule.
    pub target: Option<String>,
    /// `COLUMN`, `COLUMN=FORMAT` or `none`.
    pub time: Option<String>,
    /// Columns to read as numbers.
    pub numeric: Vec<String>,
    /// Columns to read as categories.
    pub categorical: Vec<String>,
    /// Columns to exclude from the features.
    pub leave_out: Vec<String>,
    /// Columns that stay although they seem to give the target away.
    pub keep: Vec<String>,
    /// Further texts that mean 'missing'.
    pub null: Vec<String>,
    /// As in the pipeline file: `week`, `parts=12`, `rows=5000`.
    pub window: Option<String>,
    /// The pipeline's name.
    pub name: Option<String>,
    /// Delimiter and header.
    pub said: Said,
}
