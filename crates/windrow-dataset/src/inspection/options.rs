//! The options of an inspection.

use crate::inspection::layout::LayoutOptions;

/// The options of an inspection, as the user gave them.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The target column, with or without its rule.
    pub target: Option<String>,
    /// The time column: `COLUMN`, `COLUMN=FORMAT` or `none`.
    pub time: Option<String>,
    /// Columns to read as numbers.
    pub numeric: Vec<String>,
    /// Columns to read as categories.
    pub categorical: Vec<String>,
    /// Columns to exclude from the features.
    pub leave_out: Vec<String>,
    /// Columns to keep although they seem to give the target away.
    pub keep: Vec<String>,
    /// More texts that mean 'missing'.
    pub null: Vec<String>,
    /// The windows, as in `week`, `parts=12` or `rows=5000`.
    pub window: Option<String>,
    /// The name of the pipeline.
    pub name: Option<String>,
    /// The delimiter, and whether the file has a header line.
    pub layout: LayoutOptions,
}
