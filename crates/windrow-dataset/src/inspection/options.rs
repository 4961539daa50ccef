//! What a person said of a file.

use crate::inspection::layout::Said;

/// What a person said.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub target: Option<String>,
    /// `COLUMN`, `COLUMN=FORMAT` or `none`.
    pub time: Option<String>,
    pub numeric: Vec<String>,
    pub categorical: Vec<String>,
    pub leave_out: Vec<String>,
    /// Columns that stay although they seem to give the target away.
    pub keep: Vec<String>,
    /// Further texts that mean 'missing'.
    pub null: Vec<String>,
    /// As in the pipeline file: `week`, `parts=12`, `rows=5000`.
    pub window: Option<String>,
    pub name: Option<String>,
    pub said: Said,
}
