//! The sealed windows. Each manifest is read once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use windrow_record::WindowIndex;
use windrow_windows::{BatchError, BatchStore, EventRange, FileDigest, Manifest, MessageCounts, StreamEnd};

/// The maximum number of reasons that are counted separately. All others are counted as [`OTHER_REASONS`].
const MAX_REASONS: usize = 30;
const OTHER_REASONS: &str = "other reasons";

/// The summary of one sealed window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedWindow {
    /// The window's number, from 1.
    pub window: WindowIndex,
    /// The number of rows in the batch file.
    pub rows: u64,
    /// The number of these rows that have a target.
    pub labelled: u64,
    /// The number of messages in the quarantine file.
    pub quarantined: u64,
    /// The number of messages that repeated a row.
    pub repeated: u64,
    /// The length and digest of the batch file.
    pub file: FileDigest,
    /// The reason for which the window was sealed.
    pub reason: String,
    /// The earliest and the latest event time; `None` if rows have no times.
    pub times: Option<EventRange>,
}

/// The reasons of quarantined rows, with the number of rows for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasons(BTreeMap<String, u64>);

impl Reasons {
    /// Adds one row with this reason.
    pub(crate) fn add(&mut self, reason: &str) {
        let known = if self.0.contains_key(reason) || self.0.len() < MAX_REASONS { reason } else { OTHER_REASONS };
        *self.0.entry(known.to_owned()).or_default() += 1;
    }

    /// Returns the reasons and their counts, the most frequent first.
    pub fn by_count(&self) -> Vec<(&str, u64)> {
        let mut reasons: Vec<(&str, u64)> = self.0.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }
}

/// A reader of the windows sealed since the last call.
#[derive(Debug, Default)]
pub(super) struct SealedReader {
    pub(super) windows: Arc<Vec<SealedWindow>>,
    pub(super) reasons: Reasons,
    pub(super) end: Option<StreamEnd>,
    /// The modification times of the first and the last manifest that were read. A different time means a different
    /// run, or that the last windows were opened again.
    read: [Option<SystemTime>; 2],
}

impl SealedReader {
    /// Reads new windows. An error is logged, and the file is read again at the next call.
    pub(super) fn read(&mut self, workdir: &Path) {
        // Opening a store would create its folders, and these mark a run.
        if !workdir.join("batches").is_dir() {
            *self = Self::default();
            return;
        }
        if let Err(error) = BatchStore::open(workdir).and_then(|store| self.read_windows(&store)) {
            tracing::debug!(%error, "cannot read the sealed windows");
        }
    }

    fn read_windows(&mut self, store: &BatchStore) -> Result<(), BatchError> {
        let modified = |window| fs::metadata(store.manifest_path(window)).and_then(|file| file.modified()).ok();
        let bounds = |windows: &[SealedWindow]| {
            [windows.first(), windows.last()].map(|window| window.and_then(|window| modified(window.window)))
        };
        if bounds(self.windows.as_slice()) != self.read {
            *self = Self::default();
        }
        let mut next = self.windows.last().map_or(WindowIndex::FIRST, |last| last.window.next());
        while let Some(manifest) = store.manifest(next)? {
            if manifest.quarantine.count > 0 {
                self.count_reasons(store, next)?;
            }
            let labels = store.labels(next)?.len() as u64;
            Arc::make_mut(&mut self.windows).push(SealedWindow::of(&manifest, labels));
            self.read = bounds(self.windows.as_slice());
            next = next.next();
        }
        self.end = store.end()?;
        Ok(())
    }

    fn count_reasons(&mut self, store: &BatchStore, window: WindowIndex) -> Result<(), BatchError> {
        let path = store.quarantine_path(window);
        let file = File::open(&path).map_err(BatchError::read(&path))?;
        let mut reasons = self.reasons.clone();
        store.quarantined(window, file, |message| reasons.add(&message.reason))?;
        self.reasons = reasons;
        Ok(())
    }
}

impl SealedWindow {
    /// Creates the summary. `labels` is the number of labels that arrived after the window was sealed.
    fn of(manifest: &Manifest, labels: u64) -> Self {
        let MessageCounts { stored: rows, quarantined, repeated } = manifest.counts();
        let (window, labelled, file) = (manifest.window, manifest.rows.labelled + labels, manifest.rows.file.clone());
        let (reason, times) = (manifest.sealed.to_string(), manifest.times.events);
        Self { window, rows, labelled, quarantined, repeated, file, reason, times }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_their_number_is_bounded() {
        let mut reasons = Reasons::default();
        for row in 0..200 {
            reasons.add("no number");
            reasons.add(&format!("row {row}"));
        }
        let counted = reasons.by_count();
        assert_eq!(counted[0], ("no number", 200));
        assert_eq!(counted[1], (OTHER_REASONS, 200 - (MAX_REASONS as u64 - 1)));
        assert_eq!(counted.len(), MAX_REASONS + 1);
    }

    #[test]
    fn no_folder_is_created_by_reading() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut reader = SealedReader::default();
        reader.read(folder.path());
        assert!(reader.windows.is_empty() && !folder.path().join("batches").exists());
    }
}
