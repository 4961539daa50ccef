//! The differences in the data: the extracts, and what is in the windows.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::app::diff::pair::Pair;
use crate::app::diff::sides::Side;
use crate::app::error::Result;
use windrow_config::{Batch, BatchFormat, NoWindow};
use windrow_record::WindowIndex;
use windrow_windows::{BatchError, BatchStore, CellForm, Labels, Manifest, batch_file_name, has_same_cells};

/// The number of attempts to read the windows of a directory in which a process seals windows, or opens them again.
const ATTEMPTS: u32 = 3;

/// The differences in the data.
#[derive(Debug, Serialize)]
pub(crate) struct DataDiff {
    /// The sha256 of the dataset's extracts, oldest first. Empty if the dataset was missing.
    pub(crate) extracts: Pair<Vec<String>>,
    /// `true` if the stream has ended.
    pub(crate) has_ended: Pair<bool>,
    /// The number of sealed windows.
    pub(crate) windows: Pair<u64>,
    /// The number of rows in the batch files.
    pub(crate) rows: Pair<u64>,
    /// The number of these rows with a target.
    pub(crate) labelled: Pair<u64>,
    /// The number of labels that arrived after their window was sealed.
    pub(crate) late_labels: Pair<u64>,
    /// The number of messages in quarantine.
    pub(crate) quarantined: Pair<u64>,
    /// The number of these messages that were late for their window.
    pub(crate) late: Pair<u64>,
    /// The number of windows of which only the row numbers were compared: the batch files are in an object store, and
    /// their bytes also depend on their format or on the features.
    pub(crate) only_numbers: u64,
    /// The number of windows that both have.
    pub(crate) in_both: u64,
    /// Those of them whose rows, labels or quarantined rows differ.
    pub(crate) differing: Vec<WindowIndex>,
}

impl DataDiff {
    /// Returns `true` if anything differs.
    pub(super) fn differs(&self) -> bool {
        let counts = [&self.windows, &self.rows, &self.labelled, &self.late_labels, &self.quarantined, &self.late];
        counts.into_iter().any(Pair::differs)
            || self.extracts.differs()
            || self.has_ended.differs()
            || !self.differing.is_empty()
    }
}

/// The result of comparing one window of both directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    SameRows,
    /// The row numbers are the same, and the cells cannot be read.
    SameNumbers,
    OtherRows,
}

/// The windows with the same rows and with different bytes, with the sha256 of both files.
#[derive(Debug, Default)]
pub(super) struct SameRows(BTreeMap<WindowIndex, Pair<String>>);

impl SameRows {
    /// Returns one window, with the sha256 of its files.
    #[cfg(test)]
    pub(super) fn of(window: WindowIndex, a: &str, b: &str) -> Self {
        Self(BTreeMap::from([(window, Pair { a: a.to_owned(), b: b.to_owned() })]))
    }

    /// Returns `true` if two batch files of a window, given by their sha256, have the same rows.
    pub(super) fn has(&self, window: WindowIndex, a: &str, b: &str) -> bool {
        a == b || self.0.get(&window).is_some_and(|files| (files.a.as_str(), files.b.as_str()) == (a, b))
    }
}

/// The content of one directory's windows.
struct Windows {
    manifests: Vec<Manifest>,
    /// The labels of each window that arrived later.
    labels: Vec<Labels>,
    late: u64,
    has_ended: bool,
    /// The folder of the batch files.
    folder: PathBuf,
    form: CellForm,
    /// The version and the settings that the bytes of Parquet files depend on.
    layout: Value,
}

impl Windows {
    fn sum(&self, count: fn(&Manifest) -> u64) -> u64 {
        self.manifests.iter().map(count).sum()
    }
}

/// Compares the data of two directories. Also returns the windows with the same rows in different files. A process may
/// change the windows at the same time, so a failure may be one of this moment.
pub(super) fn compare(sides: &Pair<Side>) -> Result<(DataDiff, SameRows)> {
    for _ in 1..ATTEMPTS {
        match compare_once(sides) {
            Err(BatchError::Missing { .. } | BatchError::Read { .. }) => {}
            compared => return Ok(compared?),
        }
    }
    Ok(compare_once(sides)?)
}

fn compare_once(sides: &Pair<Side>) -> Result<(DataDiff, SameRows), BatchError> {
    let windows = sides.try_map(read)?;
    let (mut same, mut differing, mut only_numbers, mut in_both) = (SameRows::default(), Vec::new(), 0, 0);
    let manifests = windows.a.manifests.iter().zip(&windows.b.manifests);
    for ((a, b), (labels_of_a, labels_of_b)) in manifests.zip(windows.a.labels.iter().zip(&windows.b.labels)) {
        let compared = windows.compare(a, b)?;
        in_both += 1;
        only_numbers += u64::from(compared == Comparison::SameNumbers);
        if compared == Comparison::OtherRows || !labels_of_a.is_same(labels_of_b) {
            differing.push(a.window);
        }
        if compared != Comparison::OtherRows && a.rows.file != b.rows.file {
            same.0.insert(a.window, Pair { a: a.rows.file.sha256.clone(), b: b.rows.file.sha256.clone() });
        }
    }
    let data = DataDiff {
        extracts: sides.map(|side| side.run.extracts.iter().map(|extract| extract.sha256.clone()).collect::<Vec<_>>()),
        has_ended: windows.map(|windows| windows.has_ended),
        windows: windows.map(|windows| windows.manifests.len() as u64),
        rows: windows.map(|windows| windows.sum(|manifest| manifest.rows.count)),
        labelled: windows.map(|windows| windows.sum(|manifest| manifest.rows.labelled)),
        late_labels: windows.map(|windows| windows.labels.iter().map(|labels| labels.len() as u64).sum::<u64>()),
        quarantined: windows.map(|windows| windows.sum(|manifest| manifest.quarantine.count)),
        late: windows.map(|windows| windows.late),
        only_numbers,
        in_both,
        differing,
    };
    Ok((data, same))
}

impl Pair<Windows> {
    /// Compares a window of both: its rows, and the row numbers in quarantine. The offsets may differ, because they belong
    /// to the topic.
    fn compare(&self, a: &Manifest, b: &Manifest) -> Result<Comparison, BatchError> {
        let counts = |manifest: &Manifest| (manifest.rows.count, manifest.rows.labelled, manifest.quarantine.count);
        if counts(a) != counts(b) || a.rows.numbers != b.rows.numbers || a.quarantine.numbers != b.quarantine.numbers {
            return Ok(Comparison::OtherRows);
        }
        if a.rows.file == b.rows.file {
            return Ok(Comparison::SameRows);
        }
        let files = self.map(|windows| {
            let batch = Batch { format: windows.form.format, url: None };
            windows.folder.join(batch_file_name(&batch, a.window, &a.rows.file.sha256))
        });
        if files.a.is_file() && files.b.is_file() {
            let is_same = has_same_cells((&files.a, &self.a.form), (&files.b, &self.b.form))?;
            return Ok(if is_same { Comparison::SameRows } else { Comparison::OtherRows });
        }
        Ok(if self.has_comparable_bytes() { Comparison::OtherRows } else { Comparison::SameNumbers })
    }

    /// Returns `true` if files with the same rows have the same bytes. Those of a CSV file depend on its rows and on the
    /// delimiter only.
    fn has_comparable_bytes(&self) -> bool {
        let (a, b) = (&self.a, &self.b);
        match (a.form.format, b.form.format) {
            (BatchFormat::Csv, BatchFormat::Csv) => a.form.delimiter == b.form.delimiter,
            (BatchFormat::Parquet, BatchFormat::Parquet) => a.layout == b.layout,
            _ => false,
        }
    }
}

/// Reads the windows of a directory.
fn read(side: &Side) -> Result<Windows, BatchError> {
    let store = BatchStore::existing(&side.workdir);
    let (folder, form, layout) = (store.folder().to_owned(), side.cell_form(), side.layout());
    // The first window is not sealed yet.
    if !folder.is_dir() {
        let (manifests, labels) = (Vec::new(), Vec::new());
        return Ok(Windows { manifests, labels, late: 0, has_ended: false, folder, form, layout });
    }
    // The end is written last, so it is read first: a stream that has ended has all its windows.
    let has_ended = store.end()?.is_some();
    let manifests = store.manifests()?;
    let labels = manifests.iter().map(|manifest| store.labels(manifest.window)).collect::<Result<_, _>>()?;
    let late = manifests.iter().map(|manifest| late(&store, manifest)).sum::<Result<u64, _>>()?;
    Ok(Windows { manifests, labels, late, has_ended, folder, form, layout })
}

/// Returns the number of a window's messages that were late.
fn late(store: &BatchStore, manifest: &Manifest) -> Result<u64, BatchError> {
    if manifest.quarantine.file.is_none() {
        return Ok(0);
    }
    let path = store.quarantine_path(manifest.window);
    let file = File::open(&path).map_err(|source| BatchError::Read { path, source })?;
    let reason = NoWindow::Late.to_string();
    let mut late = 0;
    store.quarantined(manifest.window, file, |message| late += u64::from(message.reason == reason))?;
    Ok(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_an_object_store_are_compared_if_they_depend_only_on_the_rows() {
        let windows = |format, layout: &str| Windows {
            manifests: Vec::new(),
            labels: Vec::new(),
            late: 0,
            has_ended: true,
            folder: PathBuf::new(),
            form: CellForm { format, delimiter: b',', null: Vec::new(), time: None },
            layout: Value::from(layout),
        };
        let (csv, parquet) = (BatchFormat::Csv, BatchFormat::Parquet);
        for (a, b, expected) in [
            ((csv, "one"), (csv, "two"), true),
            ((parquet, "one"), (parquet, "one"), true),
            ((parquet, "one"), (parquet, "two"), false),
            ((parquet, "one"), (csv, "one"), false),
        ] {
            let pair = Pair { a: windows(a.0, a.1), b: windows(b.0, b.1) };
            assert_eq!(pair.has_comparable_bytes(), expected, "{a:?} {b:?}");
        }
        let mut pair = Pair { a: windows(csv, "one"), b: windows(csv, "one") };
        pair.b.form.delimiter = b';';
        assert!(!pair.has_comparable_bytes(), "each line has other bytes");
    }
}
