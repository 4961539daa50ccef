//! Rows that could not be taken: one JSON object a line, with the reason.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::batch::BatchError;
use crate::record::{Offset, Partition, RowNumber};

/// One line of a quarantine file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line<'a> {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    pub(crate) row: Option<RowNumber>,
    pub(crate) reason: std::borrow::Cow<'a, str>,
    /// The value as text; what is not UTF-8 in it shows as U+FFFD, and then `raw_hex` has every byte.
    pub(crate) raw: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) raw_hex: Option<String>,
}

impl<'a> Line<'a> {
    pub(crate) fn new(
        partition: Partition,
        offset: Offset,
        row: Option<RowNumber>,
        reason: &'a str,
        raw: &'a [u8],
    ) -> Self {
        let is_text = std::str::from_utf8(raw).is_ok();
        let raw_hex = (!is_text).then(|| raw.iter().map(|byte| format!("{byte:02x}")).collect());
        Self { partition, offset, row, reason: reason.into(), raw: String::from_utf8_lossy(raw), raw_hex }
    }

    /// As it stands in the file, with its line end.
    pub(crate) fn text(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// The numbers of the rows in a sealed quarantine file.
pub(crate) fn row_numbers(path: &Path) -> Result<Vec<RowNumber>, BatchError> {
    let mut rows = Vec::new();
    let file = File::open(path).map_err(BatchError::read(path))?;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(BatchError::read(path))?;
        let line: Line<'_> = serde_json::from_str(&line)
            .map_err(|error| BatchError::Damaged { path: path.to_owned(), reason: error.to_string() })?;
        rows.extend(line.row);
    }
    Ok(rows)
}
