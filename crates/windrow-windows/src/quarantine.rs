//! Messages that were refused: one JSON object per line, with the reason.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::BatchError;
use windrow_record::{Offset, Partition, RowNumber};

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    partition: Partition,
    offset: Offset,
    row: Option<RowNumber>,
    reason: Cow<'a, str>,
    /// The value as text. Bytes that are not UTF-8 become U+FFFD; in that case `raw_hex` contains all bytes.
    raw: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_hex: Option<String>,
}

/// Returns the line of a message as JSON text, without a line end.
pub(crate) fn line(
    (partition, offset): (Partition, Offset),
    row: Option<RowNumber>,
    reason: &str,
    raw: &[u8],
) -> serde_json::Result<Vec<u8>> {
    let is_text = std::str::from_utf8(raw).is_ok();
    let raw_hex = (!is_text).then(|| hex::encode(raw));
    let (reason, raw) = (reason.into(), String::from_utf8_lossy(raw));
    serde_json::to_vec(&Line { partition, offset, row, reason, raw, raw_hex })
}

/// A message in quarantine.
#[derive(Debug)]
pub struct Quarantined {
    /// The partition of the message.
    pub partition: Partition,
    /// The offset of the message.
    pub offset: Offset,
    /// The row number, if the message has one.
    pub row: Option<RowNumber>,
    /// The reason for the refusal.
    pub reason: String,
    /// All bytes of the value.
    pub raw: Vec<u8>,
}

/// Reads the quarantined messages of a file in order. `path` is only used in errors.
pub(crate) fn read(file: impl Read, path: &Path, mut visit: impl FnMut(Quarantined)) -> Result<(), BatchError> {
    for line in BufReader::new(file).lines() {
        let line = line.map_err(BatchError::read(path))?;
        let damaged = |reason: String| BatchError::Damaged { path: path.to_owned(), reason };
        let line: Line<'_> = serde_json::from_str(&line).map_err(|error| damaged(error.to_string()))?;
        let raw = match &line.raw_hex {
            None => line.raw.into_owned().into_bytes(),
            Some(text) => hex::decode(text).map_err(|error| damaged(format!("raw_hex: {error}")))?,
        };
        let Line { partition, offset, row, reason, .. } = line;
        visit(Quarantined { partition, offset, row, reason: reason.into_owned(), raw });
    }
    Ok(())
}
