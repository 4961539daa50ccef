//! The faults that an audit finds.

use std::path::{Path, PathBuf};

use serde::Serialize;

use windrow_record::display::window_name;
use windrow_record::{Offset, Partition, WindowIndex};
use windrow_windows::RowRange;

/// A fault and its location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind of the fault.
    pub kind: FindingKind,
    /// The window that has the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowIndex>,
    /// The period of that window, for example `week of 2013-04-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// The path of the file that has the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The rows that have the fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowRange>,
    /// The partition of the topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// The offset in the partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
    /// The fault as text, without its location.
    pub fault: String,
}

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A fault of a manifest or of `end.json`.
    Manifest,
    /// A batch file or a quarantine file that does not match its manifest.
    File,
    /// A row that is not in any file.
    MissingRow,
    /// A row that is stored twice, or that the replay never sent.
    DoubledRow,
    /// A message that two windows account for.
    Offset,
    /// A row that differs from the dataset's row.
    Dataset,
    /// An extract that does not go on after the one before.
    Extract,
    /// A difference between the topic and the files.
    Topic,
}

impl Finding {
    pub(crate) fn of(kind: FindingKind, fault: String) -> Self {
        Self { kind, window: None, period: None, file: None, rows: Vec::new(), partition: None, offset: None, fault }
    }

    pub(crate) fn in_file(self, file: &Path) -> Self {
        Self { file: Some(file.to_owned()), ..self }
    }

    pub(crate) fn of_window(self, window: WindowIndex) -> Self {
        Self { window: Some(window), ..self }
    }

    pub(crate) fn of_rows(self, rows: Vec<RowRange>) -> Self {
        Self { rows, ..self }
    }

    pub(crate) fn at(self, partition: Partition, offset: Offset) -> Self {
        Self { partition: Some(partition), offset: Some(offset), ..self }
    }

    /// The fault and its location, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut location = Vec::new();
        location.extend(self.file.as_ref().map(|file| file.display().to_string()));
        match (&self.file, self.window, &self.period) {
            (None, Some(window), period) => location.push(window_name(window.get(), period.as_deref())),
            (Some(_), _, Some(period)) => location.push(period.clone()),
            _ => {}
        }
        location.extend(self.partition.map(|partition| format!("partition {partition}")));
        location.extend(self.offset.map(|offset| format!("offset {offset}")));
        if !self.rows.is_empty() {
            location.push(describe_rows(&self.rows));
        }
        if location.is_empty() { self.fault.clone() } else { format!("{}: {}", location.join(", "), self.fault) }
    }
}

/// The maximum number of row ranges that a sentence lists.
const MAX_LISTED_RANGES: usize = 3;

fn describe_rows(rows: &[RowRange]) -> String {
    let one = |range: &RowRange| match range.last - range.first {
        0 => range.first.to_string(),
        _ => format!("{} to {}", range.first, range.last),
    };
    let count: u64 = rows.iter().map(|range| range.last - range.first + 1).sum();
    let listed = rows.iter().take(MAX_LISTED_RANGES).map(one).collect::<Vec<_>>().join(", ");
    let more = if rows.len() > MAX_LISTED_RANGES { format!(" and more, {count} in all") } else { String::new() };
    format!("{} {listed}{more}", if count == 1 { "row" } else { "rows" })
}
