//! The differences in the data: the extracts, and what is in the windows.

use std::fs::File;

use serde::Serialize;

use crate::app::diff::pair::Pair;
use crate::app::diff::sides::Side;
use crate::app::error::Result;
use windrow_config::NoWindow;
use windrow_record::WindowIndex;
use windrow_windows::{BatchError, BatchStore, Labels, Manifest};

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
    /// `true` if the batch files have the same format. Otherwise the row numbers are compared, and not the bytes.
    pub(crate) is_same_format: bool,
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

/// The content of one directory's windows.
struct Windows {
    manifests: Vec<Manifest>,
    /// The labels of each window that arrived later.
    labels: Vec<Labels>,
    late: u64,
    has_ended: bool,
}

impl Windows {
    fn sum(&self, count: fn(&Manifest) -> u64) -> u64 {
        self.manifests.iter().map(count).sum()
    }
}

/// Compares the data of two directories.
pub(super) fn compare(sides: &Pair<Side>, is_same_format: bool) -> Result<DataDiff> {
    let windows = sides.try_map(read)?;
    let pairs =
        || windows.a.manifests.iter().zip(&windows.b.manifests).zip(windows.a.labels.iter().zip(&windows.b.labels));
    let is_other = |((a, b), (labels_of_a, labels_of_b)): &((&Manifest, &Manifest), (&Labels, &Labels))| {
        !is_same(a, b, is_same_format) || !labels_of_a.is_same(labels_of_b)
    };
    Ok(DataDiff {
        extracts: sides.map(|side| side.run.extracts.iter().map(|extract| extract.sha256.clone()).collect::<Vec<_>>()),
        has_ended: windows.map(|windows| windows.has_ended),
        windows: windows.map(|windows| windows.manifests.len() as u64),
        rows: windows.map(|windows| windows.sum(|manifest| manifest.rows.count)),
        labelled: windows.map(|windows| windows.sum(|manifest| manifest.rows.labelled)),
        late_labels: windows.map(|windows| windows.labels.iter().map(|labels| labels.len() as u64).sum::<u64>()),
        quarantined: windows.map(|windows| windows.sum(|manifest| manifest.quarantine.count)),
        late: windows.map(|windows| windows.late),
        is_same_format,
        in_both: pairs().count() as u64,
        differing: pairs().filter(is_other).map(|((manifest, _), _)| manifest.window).collect(),
    })
}

/// Returns `true` if two windows have the same rows, and the same row numbers in quarantine. The offsets may differ: they
/// belong to the topic.
fn is_same(a: &Manifest, b: &Manifest, is_same_format: bool) -> bool {
    (a.rows.count, a.rows.labelled, a.quarantine.count) == (b.rows.count, b.rows.labelled, b.quarantine.count)
        && a.rows.numbers == b.rows.numbers
        && a.quarantine.numbers == b.quarantine.numbers
        && (!is_same_format || a.rows.file == b.rows.file)
}

/// Reads the windows of a directory. A process may change them at the same time, so a failure may be one of this moment.
fn read(side: &Side) -> Result<Windows, BatchError> {
    for _ in 1..ATTEMPTS {
        match read_once(side) {
            Err(BatchError::Missing { .. } | BatchError::Read { .. }) => {}
            read => return read,
        }
    }
    read_once(side)
}

fn read_once(side: &Side) -> Result<Windows, BatchError> {
    let store = BatchStore::existing(&side.workdir);
    // The first window is not sealed yet.
    if !store.folder().is_dir() {
        return Ok(Windows { manifests: Vec::new(), labels: Vec::new(), late: 0, has_ended: false });
    }
    // The end is written last, so it is read first: a stream that has ended has all its windows.
    let has_ended = store.end()?.is_some();
    let manifests = store.manifests()?;
    let labels = manifests.iter().map(|manifest| store.labels(manifest.window)).collect::<Result<_, _>>()?;
    let late = manifests.iter().map(|manifest| late(&store, manifest)).sum::<Result<u64, _>>()?;
    Ok(Windows { manifests, labels, late, has_ended })
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
