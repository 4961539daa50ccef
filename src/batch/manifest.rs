//! What is written beside a batch file when it is sealed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{Offset, Partition, RunId, WindowIndex};

/// The version of the files' form. A reader refuses a higher one.
pub const FORMAT: u32 = 2;

/// All that is known of one sealed window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the form: [`FORMAT`].
    pub format: u32,
    /// Which window.
    pub window: WindowIndex,
    /// Rows in the batch file.
    pub rows: u64,
    /// Of these, rows that have a target.
    pub labelled: u64,
    /// Messages in the quarantine file.
    pub quarantined: u64,
    /// Messages that brought a row which was there already; they are in no file.
    #[serde(default)]
    pub repeated: u64,
    /// The replay that sent the rows; none for other producers.
    pub run: Option<RunId>,
    /// The numbers of the rows in the file, ascending.
    pub row_numbers: Vec<RowRange>,
    /// The numbers of the rows in the quarantine file, ascending; what has no number is not among them.
    #[serde(default)]
    pub quarantined_rows: Vec<RowRange>,
    /// Which life of the topic the offsets belong to, where Windrow started the broker itself and the topic ended with
    /// it; none for a cluster that is there already.
    #[serde(default)]
    pub log: Option<String>,
    /// The messages in the batch file and in the quarantine file, by partition, ascending.
    pub offsets: Vec<OffsetRange>,
    /// The messages that are counted in `repeated`, by partition, ascending.
    #[serde(default)]
    pub repeated_offsets: Vec<OffsetRange>,
    /// Where reading goes on behind this window.
    pub resume: Vec<ResumePoint>,
    /// When its rows happened, where the pipeline names a time.
    pub event_time: Option<EventRange>,
    /// The bounds of an event window.
    pub span: Option<TimeSpan>,
    /// Why it was sealed.
    pub sealed: SealReason,
    /// The length of the batch file.
    pub bytes: u64,
    /// The sha256 of the batch file, in hexadecimal.
    pub sha256: String,
    /// The quarantine file, if there is one. Format 1 did not tell.
    #[serde(default)]
    pub quarantine: Option<FileDigest>,
}

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Its length.
    pub bytes: u64,
    /// Its sha256, in hexadecimal.
    pub sha256: String,
}

/// Row numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRange {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// Offsets of one partition, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetRange {
    /// The partition.
    pub partition: Partition,
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
}

/// The next offset to be read of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The partition.
    pub partition: Partition,
    /// The offset.
    pub offset: Offset,
    /// The newest time among the partition's messages before this offset: what is late behind it follows from that.
    #[serde(default)]
    pub newest: Option<i64>,
}

/// Times in seconds since 1970-01-01 00:00 UTC, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRange {
    /// The earliest.
    pub first: i64,
    /// The latest.
    pub last: i64,
}

/// Times in seconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// The beginning, included.
    pub from: i64,
    /// The end, excluded.
    pub until: i64,
}

/// Why a window was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealReason {
    /// All its rows have come.
    Complete,
    /// Every partition has moved beyond it; rows of it are missing.
    Passed,
    /// Its time by the clock was over.
    Time,
    /// The watermark passed its end.
    Watermark,
    /// The stream ended.
    End,
}

impl fmt::Display for SealReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "all its rows have come",
            Self::Passed => "every partition has moved beyond it",
            Self::Time => "its time was over",
            Self::Watermark => "the watermark passed its end",
            Self::End => "the stream ended",
        })
    }
}

/// What is written when the stream is through (`batches/end.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEnd {
    /// The version of the form: [`FORMAT`].
    pub format: u32,
    /// Windows sealed.
    pub windows: u32,
    /// Rows stored in all of them.
    pub rows: u64,
    /// Messages in quarantine in all of them.
    pub quarantined: u64,
    /// Messages that brought a row again, in all of the stream.
    #[serde(default)]
    pub repeated: u64,
    /// Of these, the ones behind the last window's manifest.
    #[serde(default)]
    pub repeated_offsets: Vec<OffsetRange>,
    /// The rows that the replay sent, as its end markers say; none for other producers.
    #[serde(default)]
    pub sent: Option<RowRange>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 1 wrote it.
    const VERSION_1: &str = r#"{
        "format": 1, "window": 2, "rows": 3, "labelled": 2, "quarantined": 1, "run": "5f0c",
        "row_numbers": [{"first": 5, "last": 6}, {"first": 8, "last": 8}],
        "offsets": [{"partition": 0, "first": 4, "last": 7}],
        "resume": [{"partition": 0, "offset": 8}],
        "event_time": {"first": 1357017300, "last": 1357018200},
        "span": null, "sealed": "complete", "bytes": 120, "sha256": "00ff"
    }"#;

    #[test]
    fn a_manifest_of_version_1_is_read() {
        let manifest: Manifest = serde_json::from_str(VERSION_1).expect("version 1");
        assert_eq!((manifest.window.get(), manifest.rows, manifest.sealed), (2, 3, SealReason::Complete));
        let written = serde_json::to_string(&manifest).expect("JSON");
        assert_eq!(serde_json::from_str::<Manifest>(&written).expect("JSON"), manifest);
    }
}
