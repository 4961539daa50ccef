//! Labels that arrived after their window was sealed. They are in a file next to the batch file. The batch file and its
//! manifest do not change.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::store::{json, read_json};
use crate::{BatchError, BatchStore};
use windrow_base::files;
use windrow_record::{RecordParser, RowNumber, WindowIndex, write_record};

/// A label that arrived after its window was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The number of the row.
    pub row: RowNumber,
    /// The cell of the target's column, in the form of the batch files.
    pub cell: String,
    /// The number of the extract that has brought it, from 1.
    pub extract: u32,
}

/// The labels of one window that arrived after it was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// The version of the format.
    format: u32,
    /// The window of the rows.
    window: WindowIndex,
    /// The labels, ascending by row, one for a row.
    labels: Vec<Label>,
}

impl Labels {
    fn none(window: WindowIndex) -> Self {
        Self { format: crate::manifest::FORMAT, window, labels: Vec::new() }
    }

    /// The number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns true if there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns true if the same rows have the same labels, whichever extract brought them.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let cells = |labels: &Self| -> Vec<(RowNumber, String)> {
            labels.labels.iter().map(|label| (label.row, label.cell.clone())).collect()
        };
        cells(self) == cells(other)
    }

    /// Returns the labels, ascending by row.
    #[must_use]
    pub fn into_vec(self) -> Vec<Label> {
        self.labels
    }

    /// Returns the cell of the target's column that a row has by now. `None` if no label has arrived.
    #[must_use]
    pub fn get(&self, row: u64) -> Option<&str> {
        let index = self.labels.binary_search_by_key(&row, |label| label.row.get()).ok()?;
        self.labels.get(index).map(|label| label.cell.as_str())
    }

    /// Returns a record with its label, if one has arrived. `column` is the position of the target's column.
    #[must_use]
    pub fn labelled(
        &self,
        row: u64,
        record: &[u8],
        column: usize,
        delimiter: u8,
        parser: &mut RecordParser,
    ) -> Option<Vec<u8>> {
        let label = self.get(row)?;
        let fields = parser.parse(record).ok()?;
        let cells = fields.iter().enumerate().map(|(index, cell)| if index == column { label } else { cell });
        Some(write_record(cells, delimiter))
    }

    fn merge(&mut self, new: &[Label]) {
        self.labels.extend_from_slice(new);
        // Stable, so the first label of a row counts.
        self.labels.sort_by_key(|label| label.row);
        self.labels.dedup_by_key(|label| label.row);
    }
}

impl BatchStore {
    /// The path of a window's labels. The file exists only if a label arrived after the window was sealed.
    #[must_use]
    pub fn labels_path(&self, window: WindowIndex) -> PathBuf {
        self.folder().join(format!("{}.labels.json", window.file_stem()))
    }

    /// Returns the labels of a window that arrived after it was sealed.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is of another version of Windrow.
    pub fn labels(&self, window: WindowIndex) -> Result<Labels, BatchError> {
        let path = self.labels_path(window);
        let Some(labels) = read_json::<Labels>(&path)? else { return Ok(Labels::none(window)) };
        let is_sorted = labels.labels.is_sorted_by(|one, next| one.row < next.row);
        if labels.window == window && is_sorted {
            return Ok(labels);
        }
        let reason = "its labels are not those of its window, in the order of the rows".to_owned();
        Err(BatchError::Damaged { path, reason })
    }

    /// Adds labels of a window. A row keeps a label that it has already.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn add_labels(&self, window: WindowIndex, new: &[Label]) -> Result<(), BatchError> {
        let path = self.labels_path(window);
        let mut labels = self.labels(window)?;
        labels.merge(new);
        let text = json(&labels).map_err(|error| BatchError::write(&path)(error.into()))?;
        files::write_durable(&path, &text).map(drop).map_err(BatchError::write(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(row: u64, cell: &str, extract: u32) -> Label {
        Label { row: RowNumber::new(row).expect("from 1"), cell: cell.to_owned(), extract }
    }

    #[test]
    fn labels_are_added_once_and_replace_only_the_target() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BatchStore::open(folder.path()).expect("a store");
        assert!(store.labels(WindowIndex::FIRST).expect("no file").is_empty());
        for extract in [2, 3] {
            let new = [label(9, "20", extract), label(7, "1,5", extract)];
            store.add_labels(WindowIndex::FIRST, &new).expect("room on the disk");
        }
        let labels = store.labels(WindowIndex::FIRST).expect("a file");
        assert_eq!(labels.labels, [label(7, "1,5", 2), label(9, "20", 2)]);
        let mut parser = RecordParser::new(b',');
        let labelled = labels.labelled(7, b"a,,\"b\"\"c\"", 1, b',', &mut parser);
        assert_eq!(labelled.as_deref(), Some(&b"a,\"1,5\",\"b\"\"c\""[..]));
        assert_eq!(labels.labelled(8, b"a,,b", 1, b',', &mut parser), None);
    }

    #[test]
    fn a_file_of_another_window_is_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BatchStore::open(folder.path()).expect("a store");
        store.add_labels(WindowIndex::FIRST, &[label(1, "1", 2)]).expect("room on the disk");
        let second = WindowIndex::FIRST.next();
        std::fs::copy(store.labels_path(WindowIndex::FIRST), store.labels_path(second)).expect("a file");
        assert!(matches!(store.labels(second), Err(BatchError::Damaged { .. })));
        assert!(store.windows_with("json").expect("a folder").is_empty(), "labels are no manifest");
    }
}
