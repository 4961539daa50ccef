//! How windows are stored, and where.

use serde::Serialize;

/// The `[batch]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Batch {
    /// What a batch file is.
    pub format: BatchFormat,
    /// The object store that the files are in, as `s3://bucket/prefix` or `file:///folder`; the work directory where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Batch {
    /// Runs from before there was a choice say nothing of it.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a batch file is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchFormat {
    /// CSV: the records as they came.
    #[default]
    Csv,
    /// Parquet: typed columns.
    Parquet,
}
