//! What a person said of a file.

use crate::inspection::layout::Said;

/// What a person said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) target: Option<String>,
    /// `COLUMN`, `COLUMN=FORMAT` or `none`.
    pub(crate) time: Option<String>,
    pub(crate) numeric: Vec<String>,
    pub(crate) categorical: Vec<String>,
    pub(crate) leave_out: Vec<String>,
    /// Columns that stay although they seem to give the target away.
    pub(crate) keep: Vec<String>,
    /// Further texts that mean 'missing'.
    pub(crate) null: Vec<String>,
    /// As in the pipeline file: `week`, `parts=12`, `rows=5000`.
    pub(crate) window: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) said: Said,
}
