//! The account of one file that rows of a replay came from.

use serde::{Deserialize, Serialize};

use windrow_record::{RowNumber, WindowIndex};

/// One file that rows of a replay came from, as `run.json` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extract {
    /// The sha256 of the file, in hexadecimal.
    pub sha256: String,
    /// The time at which it was read first, in RFC 3339 format and UTC.
    pub at: String,
    /// The row number of its first row. The rows before it came from earlier extracts.
    pub begins: RowNumber,
    /// The number of the last row that earlier extracts had. 0 for the first extract.
    pub known: u64,
    /// The number of its last row that is replayed. `None` for the first extract: its rows were not counted before.
    pub last: Option<u64>,
    /// The windows that were opened again for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reopened: Vec<WindowIndex>,
    /// The number of labels that it has brought for sealed windows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub labels: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Extract {
    /// Creates the account of the first extract of a replay.
    #[must_use]
    pub fn first(sha256: &str, at: &str) -> Self {
        let (sha256, at, begins) = (sha256.to_owned(), at.to_owned(), RowNumber::FIRST);
        Self { sha256, at, begins, known: 0, last: None, reopened: Vec::new(), labels: 0 }
    }
}
