//! The formats of the tables.

/// What a table is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Typed columns.
    Parquet,
    /// Text, with a header line.
    Csv,
}

impl TableFormat {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}
