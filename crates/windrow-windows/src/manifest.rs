//! The manifest of a sealed window, and the summary of a stream.

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::{EventRange, MessageCounts, OffsetRange, RowRange, TimeSpan};
use windrow_base::files;
use windrow_config::WindowPolicy;
use windrow_record::{Offset, Partition, RunId, WindowIndex};

/// The version of the files' format. A reader rejects other versions.
pub(crate) const FORMAT: u32 = 6;
/// A limit above the number of messages in any window, so that a damaged manifest cannot make a reader allocate without
/// bound.
const MAX_MESSAGES: u64 = 1 << 32;
/// The largest share of an event window's span before its first row for which the window counts as whole. Data of a
/// month may begin on its third day.
const MAX_MISSING_SHARE: f64 = 0.1;

/// The contents of a sealed window. The manifest is written next to the batch file, and the consumer resumes from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format: [`FORMAT`].
    pub format: u32,
    /// The index of the window.
    pub window: WindowIndex,
    /// The replay that sent the rows. `None` for other producers.
    pub run: Option<RunId>,
    /// The reason for the sealing.
    pub sealed: SealReason,
    /// The event times of the rows, and the bounds of an event window.
    pub times: WindowTimes,
    /// The rows in the batch file.
    pub rows: StoredRows,
    /// The messages in the quarantine file.
    pub quarantine: QuarantinedMessages,
    /// The messages of the topic that the window accounts for.
    pub messages: AccountedMessages,
}

/// The rows in a batch file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRows {
    /// The number of rows.
    pub count: u64,
    /// The number of rows that have a target.
    pub labelled: u64,
    /// The row numbers, ascending.
    pub numbers: Vec<RowRange>,
    /// The length and digest of the batch file.
    pub file: FileDigest,
}

/// The messages in a quarantine file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedMessages {
    /// The number of messages.
    pub count: u64,
    /// The row numbers of these messages, ascending. Messages without a number are left out.
    pub numbers: Vec<RowRange>,
    /// The length and digest of the quarantine file, if it exists.
    pub file: Option<FileDigest>,
}

/// The length and digest of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// The length of the file, in bytes.
    pub bytes: u64,
    /// The sha256 of the file, in hexadecimal.
    pub sha256: String,
}

/// The messages of the topic that a window accounts for, by partition, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountedMessages {
    /// The log that the offsets belong to, if Windrow started the broker and the log ends with it. `None` for an
    /// external broker.
    pub log: Option<String>,
    /// The messages in the batch file and in the quarantine file.
    pub offsets: Vec<OffsetRange>,
    /// The messages that repeat a row that had already arrived. They are in no file. A repeat belongs to the window of
    /// the next row of its partition; for event windows, to the window that its partition has reached.
    pub repeated: Vec<OffsetRange>,
    /// The messages that the broker had deleted before they were read, found since the previous window was sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<OffsetRange>,
    /// The points from which reading continues after this window.
    pub resume: Vec<ResumePoint>,
}

/// The times of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowTimes {
    /// The earliest and the latest event time of the rows in the batch file, if the pipeline names a time column.
    pub events: Option<EventRange>,
    /// The bounds of an event window.
    pub span: Option<TimeSpan>,
    /// The newest time of the partition, if this is a partial event window of a group that only the end of the
    /// partition sealed. A last row that no later one has confirmed does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<i64>,
}

impl FileDigest {
    /// Reads a file to its end, and returns its length and digest.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(file: impl Read) -> io::Result<Self> {
        files::digest(file).map(|(bytes, sha256)| Self { bytes, sha256 })
    }
}

impl Manifest {
    /// Checks that the ranges do not list more than the files can contain.
    ///
    /// # Errors
    /// A description of the excess, as part of a sentence.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { rows, quarantine, messages, .. } = self;
        let bytes = rows.file.bytes.saturating_add(quarantine.file.as_ref().map_or(0, |file| file.bytes));
        // A row in a Parquet file can take less than a byte.
        let messages_at_most = bytes.max(rows.count).saturating_add(quarantine.count).min(MAX_MESSAGES);
        let sums = [
            ("rows", sum(self.row_ranges().map(RowRange::count)), messages_at_most),
            ("offsets", sum(messages.offsets.iter().map(OffsetRange::count)), messages_at_most),
            ("repeated messages", sum(messages.repeated.iter().map(OffsetRange::count)), MAX_MESSAGES),
        ];
        let excess = sums.iter().find(|(_, listed, most)| listed.is_none_or(|listed| listed > *most));
        excess.map_or(Ok(()), |(what, ..)| Err(format!("it lists more {what} than are possible")))
    }

    /// The ranges of all row numbers: those in the batch file, then those in the quarantine file.
    pub fn row_ranges(&self) -> impl Iterator<Item = &RowRange> {
        self.rows.numbers.iter().chain(&self.quarantine.numbers)
    }

    /// The messages of the window, counted by outcome.
    #[must_use]
    pub fn counts(&self) -> MessageCounts {
        let repeated = self.messages.repeated.iter().filter_map(OffsetRange::count).sum();
        MessageCounts { stored: self.rows.count, quarantined: self.quarantine.count, repeated }
    }
}

impl AccountedMessages {
    /// The messages in the files of the window, then those that repeat a row.
    pub fn all(&self) -> impl Iterator<Item = &OffsetRange> {
        self.offsets.iter().chain(&self.repeated)
    }
}

impl WindowTimes {
    /// The beginning of an event window, in seconds since 1970. `None` for other windows.
    #[must_use]
    pub fn start(&self) -> Option<i64> {
        self.span.map(|span| span.from)
    }

    /// The name of the window's period, as [`WindowPolicy::period`] gives it.
    #[must_use]
    pub fn period(&self, policy: WindowPolicy) -> Option<String> {
        policy.period(self.start(), self.events.map(|events| (events.first, events.last)))
    }

    /// Returns true if the first row of an event window comes after more than a tenth of its span. If no window is
    /// before it, the data begin within the window.
    #[must_use]
    pub fn begins_late(&self) -> bool {
        self.span.zip(self.events).is_some_and(|(span, events)| {
            let (missing, length) = (events.first.saturating_sub(span.from), span.until.saturating_sub(span.from));
            missing as f64 > MAX_MISSING_SHARE * length as f64
        })
    }
}

/// The sum of the counts. `None` if one of them is `None`, or if the sum overflows.
fn sum(mut counts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    counts.try_fold(0_u64, |sum, count| sum.checked_add(count?))
}

/// The point from which a partition is read again after a window. Partitions have one after a window accounts for a
/// message of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The partition that the point belongs to.
    pub partition: Partition,
    /// The offset to read next.
    pub offset: Offset,
    /// The newest event time of the partition before this offset, for event windows. It decides which later rows are
    /// late.
    pub newest: Option<i64>,
    /// The highest row number of the partition before this offset, for windows that row numbers decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_row: Option<i64>,
    /// The point after the last message that sealed windows account for, if it is later than `offset`. The messages in
    /// between are read again because some of them belong to open windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounted: Option<Accounted>,
}

/// The point after the last message of a partition that sealed windows account for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounted {
    /// The offset to read next.
    pub offset: Offset,
    /// The newest time or the highest row number of the partition before that offset.
    pub at: Option<i64>,
}

/// The reason why a window was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealReason {
    /// All rows of the window have arrived.
    Complete,
    /// Rows of the window are missing, and later rows have arrived.
    Passed,
    /// The time of the window is over, for windows by the clock.
    Time,
    /// The watermark of every partition has passed the end of the window. So further rows of it would be late, also if
    /// the stream had gone on.
    Watermark,
    /// The stream ended. If it had gone on, the window could have got more rows: it is opened again if the dataset
    /// grows.
    End,
}

impl SealReason {
    /// The reason for a window that row numbers decide. `is_followed` is true if a later row was sent.
    pub(crate) fn by_rows(is_complete: bool, is_followed: bool) -> Self {
        match (is_complete, is_followed) {
            (true, _) => Self::Complete,
            (false, true) => Self::Passed,
            (false, false) => Self::End,
        }
    }

    /// The reason for a window that times decide. `is_over` is true if every partition has passed the window.
    pub(crate) fn by_time(is_over: bool) -> Self {
        if is_over { Self::Watermark } else { Self::End }
    }
}

impl fmt::Display for SealReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "all its rows have arrived",
            Self::Passed => "rows are missing, and later rows have arrived",
            Self::Time => "its time was over",
            Self::Watermark => "the watermark passed",
            Self::End => "the stream ended",
        })
    }
}

/// The summary of a stream that has ended (`batches/end.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEnd {
    /// The version of the format: [`FORMAT`].
    pub format: u32,
    /// The number of sealed windows.
    pub windows: u32,
    /// The number of rows stored in all windows.
    pub rows: u64,
    /// The number of messages in quarantine in all windows.
    pub quarantined: u64,
    /// The number of messages that repeat a row, in the whole stream.
    pub repeated: u64,
    /// The repeats after the last row of their partition.
    pub repeated_offsets: Vec<OffsetRange>,
    /// The rows that the replay sent, according to its end markers. `None` for other producers.
    pub sent: Option<RowRange>,
    /// All messages that the broker had deleted before they were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<OffsetRange>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"{
        "format": 6, "window": 2, "run": "5f0c", "sealed": "complete",
        "times": {"events": {"first": 1357017300, "last": 1357018200}, "span": null},
        "rows": {
            "count": 3, "labelled": 2, "numbers": [{"first": 5, "last": 6}, {"first": 8, "last": 8}],
            "file": {"bytes": 120, "sha256": "00ff"}
        },
        "quarantine": {"count": 1, "numbers": [], "file": null},
        "messages": {
            "log": null, "offsets": [{"partition": 0, "first": 4, "last": 7}],
            "repeated": [{"partition": 0, "first": 2, "last": 3}], "resume": [{"partition": 0, "offset": 8}]
        }
    }"#;

    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let manifest: Manifest = serde_json::from_str(MANIFEST).expect("a manifest");
        assert_eq!((manifest.window.get(), manifest.sealed), (2, SealReason::Complete));
        assert_eq!(manifest.counts(), MessageCounts { stored: 3, quarantined: 1, repeated: 2 });
        let written = serde_json::to_string(&manifest).expect("JSON");
        assert_eq!(serde_json::from_str::<Manifest>(&written).expect("JSON"), manifest);
        assert_eq!(manifest.check(), Ok(()));
    }

    #[test]
    fn a_window_has_the_period_of_its_rows_and_may_begin_late() {
        let manifest: Manifest = serde_json::from_str(MANIFEST).expect("a manifest");
        let rows = WindowPolicy::Rows(std::num::NonZeroU64::MIN);
        assert_eq!(manifest.times.period(rows).as_deref(), Some("2013-01-01 05:15 to 05:30"));
        let none = WindowTimes { events: None, span: None, reached: None };
        assert_eq!((none.period(rows), none.begins_late()), (None, false));
        assert!(!manifest.times.begins_late(), "only an event window has a beginning");
        let begins_late = |first: i64| {
            let (events, span) = (EventRange { first, last: 990 }, TimeSpan { from: 0, until: 1000 });
            WindowTimes { events: Some(events), span: Some(span), reached: None }.begins_late()
        };
        assert_eq!([0, 100, 101, 990].map(begins_late), [false, false, true, true]);
    }

    fn offsets(first: i64, last: i64) -> Vec<OffsetRange> {
        vec![OffsetRange { partition: Partition(0), first: Offset(first), last: Offset(last) }]
    }

    #[test]
    fn impossible_ranges_are_reported() {
        let breaks: [fn(&mut Manifest); 6] = [
            |one| one.rows.numbers = vec![RowRange::new(1, u64::MAX)],
            |one| one.rows.numbers = vec![RowRange { first: 1, last: 9, step: 0 }],
            |one| one.quarantine.numbers = vec![RowRange::new(9, 8)],
            |one| (one.messages.offsets, one.rows.file.bytes) = (offsets(0, i64::MAX), u64::MAX),
            |one| one.messages.offsets = offsets(i64::MIN, i64::MAX),
            |one| one.messages.repeated = offsets(0, 1 << 40),
        ];
        for damage in breaks {
            let mut manifest: Manifest = serde_json::from_str(MANIFEST).expect("a manifest");
            damage(&mut manifest);
            assert!(manifest.check().is_err_and(|fault| fault.starts_with("it lists more")), "{manifest:?}");
        }
    }
}
