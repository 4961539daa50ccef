//! Compares the files of each window with its manifest and with the dataset.

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::Path;

use crate::audit::dataset::DatasetHashes;
use crate::audit::report::Ledger;
use crate::audit::{Finding, FindingKind, WindowAccount};
use crate::growth::Extract;
use windrow_config::{Schema, WindowPolicy};
use windrow_record::display::{counted, thousands};
use windrow_record::{Offset, Partition, RecordParser, RowNumber, WindowIndex};
use windrow_windows::{BatchError, BatchStore, FileDigest, Manifest, MessageCounts, RowFormat, RowRange};

/// The maximum number of different rows that are listed per file.
const MAX_LISTED_ROWS: usize = 3;

#[derive(Debug, Default)]
pub(crate) struct WindowFiles {
    /// The number of records in the batch file.
    stored: u64,
    /// The number of lines in the quarantine file.
    quarantined: u64,
    /// The row numbers in the quarantine file.
    quarantined_rows: Vec<RowNumber>,
    /// Messages in quarantine that are not rows of the replay, whatever their headers say.
    unnumbered: Vec<(Partition, Offset)>,
    findings: Vec<Finding>,
}

/// The windows to check, and what their files are compared with.
pub(crate) struct Checker<'a> {
    pub(crate) store: &'a BatchStore,
    pub(crate) schema: &'a Schema,
    pub(crate) extracts: &'a [Extract],
    pub(crate) policy: WindowPolicy,
    pub(crate) original: &'a DatasetHashes,
}

impl WindowFiles {
    fn find(&mut self, manifest: &Manifest, kind: FindingKind, path: &Path, fault: String) {
        self.findings.push(Finding::of(kind, fault).of_window(manifest.window).in_file(path));
    }

    fn compare(
        &mut self,
        manifest: &Manifest,
        path: &Path,
        read: io::Result<FileDigest>,
        promised: Option<&FileDigest>,
    ) {
        let fault = match (read, promised) {
            (Err(error), _) => format!("it cannot be read: {error}"),
            (Ok(_), None) => "its manifest does not have its SHA-256".to_owned(),
            (Ok(found), Some(promised)) if found.bytes != promised.bytes => {
                format!("it has {} bytes, but its manifest says {}", found.bytes, promised.bytes)
            }
            (Ok(found), Some(promised)) if found.sha256 != promised.sha256 => {
                "its SHA-256 differs from its manifest: it was changed after it was sealed".to_owned()
            }
            (Ok(_), Some(_)) => return,
        };
        self.find(manifest, FindingKind::File, path, fault);
    }
}

impl Checker<'_> {
    pub(crate) fn check(&self, manifest: &Manifest) -> WindowFiles {
        let mut files = WindowFiles::default();
        let path = self.store.batch_location(manifest);
        let read = self.read_batch(manifest, &path, &mut files);
        files.compare(manifest, &path, read, Some(&manifest.rows.file));
        if manifest.quarantine.count > 0 || manifest.quarantine.file.is_some() {
            let path = self.store.quarantine_path(manifest.window);
            let read = self.read_quarantine(manifest, &path, &mut files);
            files.compare(manifest, &path, read, manifest.quarantine.file.as_ref());
        }
        files
    }

    fn read_batch(&self, manifest: &Manifest, path: &Path, files: &mut WindowFiles) -> io::Result<FileDigest> {
        let Self { store, schema, original, .. } = self;
        let other = |error: BatchError| match error {
            BatchError::Read { source, .. } => source,
            error => io::Error::other(error.to_string()),
        };
        let mut file = store.batch_file(manifest).map_err(other)?;
        let digest = FileDigest::of(&file)?;
        file.rewind()?;
        let labels = store.labels(manifest.window).map_err(other)?;
        let mut records = store.format().read(file, path, schema.delimiter).map_err(other)?;
        let broken = |error: windrow_record::ReadError| io::Error::other(error.to_string());
        let header = records.next_record().map_err(broken)?.map(|record| record.bytes.to_vec());
        let mut parser = RecordParser::new(schema.delimiter);
        let is_header = header.as_deref().is_some_and(|header| {
            parser.parse(header).is_ok_and(|fields| fields.iter().eq(schema.columns.iter().map(String::as_str)))
        });
        if !is_header {
            let fault = "its first line does not have the columns of the dataset".to_owned();
            files.find(manifest, FindingKind::File, path, fault);
        }
        let mut numbers = manifest.rows.numbers.iter().flat_map(RowRange::numbers);
        let mut comparison = original.comparison(schema);
        let mut differing = Vec::new();
        while let Some(record) = records.next_record().map_err(broken)? {
            files.stored += 1;
            let number = numbers.next().and_then(RowNumber::new).filter(|_| differing.len() < MAX_LISTED_ROWS);
            let label = number.and_then(|number| labels.get(number.get()));
            let number = number.filter(|number| !comparison.matches(*number, record.bytes, label));
            differing.extend(number.map(|number| (number, record.line)));
        }
        let listed: u64 = manifest.rows.numbers.iter().filter_map(RowRange::count).sum();
        let promised = manifest.rows.count;
        if files.stored != promised || listed != promised {
            let (stored, promised) = (counted(files.stored, "row", "rows"), thousands(promised));
            let fault = format!("it has {stored}, but its manifest says {promised} and lists {}", thousands(listed));
            files.find(manifest, FindingKind::File, path, fault);
        }
        for (number, line) in differing {
            let fault = format!("line {line} differs from row {number} of the dataset");
            files.find(manifest, FindingKind::Dataset, path, fault);
        }
        Ok(digest)
    }

    fn read_quarantine(&self, manifest: &Manifest, path: &Path, files: &mut WindowFiles) -> io::Result<FileDigest> {
        let mut file = File::open(path)?;
        let digest = FileDigest::of(&file)?;
        file.rewind()?;
        let mut comparison = self.original.comparison(self.schema);
        let mut faults = Vec::new();
        let read = self.store.quarantined(manifest.window, file, |line| {
            files.quarantined += 1;
            let Some(row) = line.row else {
                files.unnumbered.push((line.partition, line.offset));
                return;
            };
            files.quarantined_rows.push(row);
            if !comparison.matches_refused(row, &line.raw) {
                faults.push(format!("its row {row} differs from row {row} of the dataset"));
            }
        });
        read.map_err(|error| io::Error::other(error.to_string()))?;
        for fault in faults.into_iter().take(MAX_LISTED_ROWS) {
            files.find(manifest, FindingKind::Dataset, path, fault);
        }
        let promised = manifest.quarantine.count;
        if files.quarantined != promised {
            let lines = counted(files.quarantined, "line", "lines");
            let fault = format!("it has {lines}, but its manifest says {}", thousands(promised));
            files.find(manifest, FindingKind::File, path, fault);
        }
        let listed: Vec<u64> = manifest.quarantine.numbers.iter().flat_map(RowRange::numbers).collect();
        let mut found: Vec<u64> = files.quarantined_rows.iter().map(|row| row.get()).collect();
        found.sort_unstable();
        if listed != found {
            let fault = "its rows are not the rows that its manifest lists".to_owned();
            files.find(manifest, FindingKind::File, path, fault);
        }
        Ok(digest)
    }

    pub(crate) fn account(&self, ledger: &mut Ledger, windows: Vec<WindowFiles>) -> Result<(), BatchError> {
        let (mut bytes, mut files) = (0, 0);
        let manifests = std::mem::take(&mut ledger.manifests);
        for (manifest, found) in manifests.iter().zip(windows) {
            let intact = found.findings.is_empty();
            bytes += manifest.rows.file.bytes + manifest.quarantine.file.as_ref().map_or(0, |file| file.bytes);
            files += 1 + u64::from(manifest.quarantine.count > 0);
            found.findings.into_iter().for_each(|finding| ledger.find(finding));
            for range in manifest.row_ranges() {
                let doubled = crate::audit::rows::insert_range(&mut ledger.accounted, *range);
                if !doubled.is_empty() {
                    let fault = "already in a file or in quarantine".to_owned();
                    ledger
                        .find(Finding::of(FindingKind::DoubledRow, fault).of_window(manifest.window).of_rows(doubled));
                }
            }
            ledger.unnumbered.extend(found.unnumbered);
            ledger.totals.stored += found.stored;
            ledger.totals.quarantined += found.quarantined_rows.len() as u64;
            ledger.totals.foreign += found.quarantined - found.quarantined_rows.len() as u64;
            let MessageCounts { repeated, .. } = manifest.counts();
            ledger.totals.repeated += repeated;
            ledger.windows.push(WindowAccount {
                window: manifest.window,
                period: manifest.times.period(self.policy),
                stored: found.stored,
                quarantined: found.quarantined,
                repeated,
                sealed: manifest.sealed,
                reopened: reopened(self.extracts, manifest.window),
                intact,
            });
        }
        ledger.manifests = manifests;
        unsealed(ledger, self.store)?;
        let (files, bytes) = (counted(files, "file", "files"), counted(bytes, "byte", "bytes"));
        ledger.check("files", FindingKind::File, format!("{files}, {bytes}, each as its manifest says"));
        if self.original.rows() > 0 {
            let rows = match self.original.before() {
                0 => "every stored row".to_owned(),
                before => format!("every stored row from row {} on", thousands(before + 1)),
            };
            let unit = match self.store.format() {
                RowFormat::Csv if !self.original.is_by_value() => "byte for byte",
                RowFormat::Csv | RowFormat::Parquet(_) => "value for value",
            };
            let text = format!("{rows} is the same as in the dataset, {unit}");
            ledger.check("dataset", FindingKind::Dataset, text);
        }
        Ok(())
    }
}

/// Returns the times at which a window was opened again.
fn reopened(extracts: &[Extract], window: WindowIndex) -> Vec<String> {
    let of_window = extracts.iter().filter(|extract| extract.reopened.contains(&window));
    of_window.map(|extract| extract.at.clone()).collect()
}

/// Finds batch files without a manifest, if the stream has ended. A killed consumer or a user may have left them.
fn unsealed(ledger: &mut Ledger, store: &BatchStore) -> Result<(), BatchError> {
    for window in store.windows_with(store.format().extension())? {
        if ledger.end.is_some() && ledger.manifests.iter().all(|manifest| manifest.window != window) {
            let fault = "it has no manifest, although the stream has ended".to_owned();
            ledger.find(Finding::of(FindingKind::File, fault).of_window(window).in_file(&store.batch_path(window)));
        }
    }
    Ok(())
}
