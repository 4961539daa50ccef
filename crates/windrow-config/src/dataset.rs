//! The `[dataset]` table: where the rows come from, and how they are written.

use std::path::PathBuf;

use serde::Serialize;

use windrow_record::TimeFormat;

/// The `[dataset]` table.
#[derive(Debug, Clone, Serialize)]
pub struct Dataset {
    /// The file, resolved against the folder of the pipeline file.
    pub path: PathBuf,
    /// Lines that stand before the header line, or before the first row where `columns` names the columns; `None` for none.
    pub skip: Option<u64>,
    /// The names of the columns, for a file without a header line, or whose header line is skipped.
    pub columns: Option<Vec<String>>,
    /// The byte between fields.
    pub delimiter: u8,
    /// The byte around fields that hold a delimiter or a line break, where it is not `"`.
    pub quote: Option<u8>,
    /// The byte before the decimals of a number, where it is not a point.
    pub decimal: Option<u8>,
    /// The texts that mean 'missing'.
    pub null: Vec<String>,
    /// The column that says when a row happened.
    pub time: Option<TimeColumn>,
}

impl Dataset {
    /// The names of all columns of a row, where the file's are `own`: a time that is made of two columns stands behind them.
    #[must_use]
    pub fn with_joined_time(&self, own: &[String]) -> Vec<String> {
        let joined = self.time.as_ref().filter(|time| time.from.is_some()).map(|time| time.column.clone());
        own.iter().cloned().chain(joined).collect()
    }
}

/// A column of times.
#[derive(Debug, Clone, Serialize)]
pub struct TimeColumn {
    /// Its name.
    pub column: String,
    /// How its times are written.
    pub format: TimeFormat,
    /// The columns of the file whose texts, with a space between them, make it up, where it is no column of the file.
    pub from: Option<[String; 2]>,
}
