//! The folders of a work directory that contain windows, and reading from them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use roaring::RoaringTreemap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::manifest::FORMAT;
use crate::names::file_name;
use crate::objects::Objects;
use crate::quarantine::{self, Quarantined};
use crate::spill::CompleteFile;
use crate::{BatchError, BatchRows, FileDigest, Manifest, OffsetRange, RowFormat, StreamEnd};
use windrow_base::{files, versioned};
use windrow_record::{Offset, Partition, RowNumber, WindowIndex};

/// The file that is written when the stream has ended.
pub(crate) const END_FILE: &str = "end.json";
/// The file that a consumer locks.
const LOCK_FILE: &str = ".lock";
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The folders `batches` and `quarantine` of one work directory.
#[derive(Debug, Clone)]
pub struct BatchStore {
    batches: PathBuf,
    quarantine: PathBuf,
    format: RowFormat,
    objects: Option<Arc<Objects>>,
}

/// The lock of the one consumer that writes to a store. The operating system releases it when the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl BatchStore {
    /// Opens the store of a work directory, and creates its folders if they do not exist.
    ///
    /// # Errors
    /// A folder cannot be created.
    pub fn open(workdir: &Path) -> Result<Self, BatchError> {
        let store = Self::existing(workdir);
        for folder in [&store.batches, &store.quarantine] {
            fs::create_dir_all(folder).map_err(BatchError::write(folder))?;
        }
        Ok(store)
    }

    /// Returns the store of a work directory to read from. Creates nothing. If the folders do not exist, reading fails.
    #[must_use]
    pub fn existing(workdir: &Path) -> Self {
        let (batches, quarantine) = (workdir.join("batches"), workdir.join("quarantine"));
        Self { batches, quarantine, format: RowFormat::Csv, objects: None }
    }

    /// Returns the store with another row format.
    #[must_use]
    pub fn with_format(self, format: RowFormat) -> Self {
        Self { format, ..self }
    }

    /// Returns the store with its files in an object store. The folders then contain copies of the manifests and the
    /// quarantine files.
    #[must_use]
    pub fn with_objects(self, objects: Option<Arc<Objects>>) -> Self {
        Self { objects, ..self }
    }

    /// The URL of the files, if they are in an object store.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.objects.as_deref().map(Objects::url)
    }

    pub(crate) fn objects(&self) -> Option<&Arc<Objects>> {
        self.objects.as_ref()
    }

    /// The row format of the batch files.
    pub fn format(&self) -> &RowFormat {
        &self.format
    }

    /// Locks the store for one consumer.
    ///
    /// # Errors
    /// [`BatchError::Locked`] if another consumer has the lock, or an error if the lock file cannot be created.
    pub fn lock(&self) -> Result<Lock, BatchError> {
        let path = self.batches.join(LOCK_FILE);
        for _ in 0..LOCK_TRIES {
            let file = File::create(&path).map_err(BatchError::write(&path))?;
            match file.try_lock() {
                // Before the file was locked, another process may have removed it with its folder.
                Ok(()) if file.metadata().map_err(BatchError::write(&path))?.nlink() == 0 => {}
                Ok(()) => return Ok(Lock(file)),
                // A child process that is just being started shares our open files until it runs its own program. Until
                // then it also keeps a lock that we have released.
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(fs::TryLockError::Error(source)) => return Err(BatchError::write(&path)(source)),
            }
        }
        Err(BatchError::Locked { path: self.batches.clone() })
    }

    /// Removes all files of the batch folder except that of the lock: a process that waits for it would otherwise get a
    /// lock that no other one sees.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn clear(&self, _held: &Lock) -> Result<(), BatchError> {
        for entry in fs::read_dir(&self.batches).map_err(BatchError::read(&self.batches))? {
            let path = entry.map_err(BatchError::read(&self.batches))?.path();
            if path.ends_with(LOCK_FILE) {
                continue;
            }
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(BatchError::write(&path))?;
        }
        Ok(())
    }

    /// Returns the manifests of all sealed windows, in order.
    ///
    /// # Errors
    /// A manifest is damaged, missing, or of another version of Windrow.
    pub fn manifests(&self) -> Result<Vec<Manifest>, BatchError> {
        let mut manifests = Vec::new();
        let mut next = WindowIndex::FIRST;
        while let Some(manifest) = self.manifest(next)? {
            manifests.push(manifest);
            next = next.next();
        }
        match self.windows_with("json")?.into_iter().find(|window| *window > next) {
            Some(_) => Err(BatchError::Missing { path: self.batches.clone(), window: next }),
            None => Ok(manifests),
        }
    }

    /// Returns the first row, starting at `from`, that none of these manifests accounts for.
    #[must_use]
    pub fn first_missing(manifests: &[Manifest], from: RowNumber) -> RowNumber {
        let mut rows = RoaringTreemap::new();
        manifests.iter().flat_map(Manifest::row_ranges).for_each(|range| range.insert_into(&mut rows));
        let mut row = from;
        while rows.contains(row.get()) {
            row = row.next();
        }
        row
    }

    /// Returns the manifest of a window. `None` if the window is not sealed.
    ///
    /// # Errors
    /// The manifest is damaged, or of another version of Windrow.
    pub fn manifest(&self, window: WindowIndex) -> Result<Option<Manifest>, BatchError> {
        self.copy_manifest(window)?;
        let path = self.manifest_path(window);
        let manifest: Option<Manifest> = read_json(&path)?;
        if let Some(Err(reason)) = manifest.as_ref().map(Manifest::check) {
            return Err(BatchError::Damaged { path, reason });
        }
        Ok(manifest)
    }

    /// Returns the summary of the stream. `None` if the stream has not ended.
    ///
    /// # Errors
    /// The summary is damaged, or of another version of Windrow.
    pub fn end(&self) -> Result<Option<StreamEnd>, BatchError> {
        self.copy_end()?;
        read_json(&self.end_path())
    }

    /// Returns the rows of a sealed window, without the header line.
    ///
    /// # Errors
    /// The file cannot be read, or it has no header line.
    pub fn rows(&self, manifest: &Manifest, delimiter: u8) -> Result<BatchRows, BatchError> {
        let path = self.batch_location(manifest);
        let mut records = self.format.read(self.batch_file(manifest)?, &path, delimiter)?;
        match records.next_record() {
            Ok(Some(_)) => Ok(records),
            Ok(None) => Err(BatchError::Damaged { path, reason: "it has no header line".to_owned() }),
            Err(error) => Err(BatchError::Damaged { path, reason: error.to_string() }),
        }
    }

    /// The path of a window's batch file, if the batch files are in a folder.
    #[must_use]
    pub fn batch_path(&self, window: WindowIndex) -> PathBuf {
        self.batches.join(file_name(window, self.format.extension(), None))
    }

    /// The path of a window's quarantine file. The file exists only if a message of the window was refused.
    #[must_use]
    pub fn quarantine_path(&self, window: WindowIndex) -> PathBuf {
        self.quarantine.join(format!("{}.jsonl", window.file_stem()))
    }

    /// The path of a window's manifest. The file exists only if the window is sealed.
    pub fn manifest_path(&self, window: WindowIndex) -> PathBuf {
        self.batches.join(format!("{}.json", window.file_stem()))
    }

    pub(crate) fn end_path(&self) -> PathBuf {
        self.batches.join(END_FILE)
    }

    /// Reads the messages of a window's quarantine file from `file`, in order.
    ///
    /// # Errors
    /// The file cannot be read, or a line is damaged.
    pub fn quarantined(
        &self,
        window: WindowIndex,
        file: impl io::Read,
        visit: impl FnMut(Quarantined),
    ) -> Result<(), BatchError> {
        quarantine::read(file, &self.quarantine_path(window), visit)
    }

    /// Returns true if a message is in quarantine without a row number. The message itself may have a number.
    pub(crate) fn is_unnumbered(&self, partition: Partition, offset: Offset) -> Result<bool, BatchError> {
        let holds = |range: &OffsetRange| range.partition == partition && (range.first..=range.last).contains(&offset);
        for manifest in self.manifests()?.iter().filter(|manifest| manifest.quarantine.count > 0) {
            if !manifest.messages.offsets.iter().any(holds) {
                continue;
            }
            let path = self.quarantine_path(manifest.window);
            let file = File::open(&path).map_err(BatchError::read(&path))?;
            let mut is_there = false;
            quarantine::read(file, &path, |line| {
                is_there |= line.partition == partition && line.offset == offset && line.row.is_none();
            })?;
            if is_there {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The folder of the quarantine files.
    #[must_use]
    pub fn quarantine_folder(&self) -> &Path {
        &self.quarantine
    }

    /// The folder of the batch files.
    pub fn folder(&self) -> &Path {
        &self.batches
    }

    /// The folder of files that are not complete yet.
    pub(crate) fn open_folder(&self) -> PathBuf {
        self.batches.join(".open")
    }

    /// Deletes the files that a killed writer left: those that no manifest seals. `sealed` is the number of sealed
    /// windows.
    pub(crate) fn delete_unsealed(&self, sealed: usize) -> Result<(), BatchError> {
        let open = self.open_folder();
        match fs::remove_dir_all(&open) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(BatchError::write(&open)(error)),
            _ => {}
        }
        fs::create_dir_all(&open).map_err(BatchError::write(&open))?;
        for (folder, kind) in [(&self.batches, self.format.extension()), (&self.quarantine, "jsonl")] {
            for window in self.windows_named(folder, kind)? {
                if window.get() as usize > sealed {
                    let path = folder.join(format!("{}.{kind}", window.file_stem()));
                    fs::remove_file(&path).map_err(BatchError::write(&path))?;
                }
            }
        }
        Ok(())
    }

    /// Writes a small JSON file that appears whole.
    pub(crate) fn write_json(&self, value: &impl Serialize, to: &Path) -> Result<(), BatchError> {
        let path = self.open_folder().join(to.file_name().unwrap_or_default());
        let text = json(value).map_err(|error| BatchError::write(&path)(error.into()))?;
        let mut file = File::create(&path).map_err(BatchError::write(&path))?;
        file.write_all(&text).map_err(BatchError::write(&path))?;
        sync_and_move(&file, &path, to)
    }

    /// Returns the windows that have a file of this kind among the batch files, ascending. `kind` is the extension
    /// without the dot.
    pub fn windows_with(&self, kind: &str) -> Result<Vec<WindowIndex>, BatchError> {
        match &self.objects {
            Some(objects) => Ok(windows_among(objects.list()?.into_keys(), kind)),
            None => self.windows_named(&self.batches, kind),
        }
    }

    /// Returns the windows whose manifests are in the work directory, ascending.
    pub(crate) fn copies(&self) -> Result<Vec<WindowIndex>, BatchError> {
        self.windows_named(&self.batches, "json")
    }

    fn windows_named(&self, folder: &Path, kind: &str) -> Result<Vec<WindowIndex>, BatchError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(BatchError::read(folder))? {
            names.push(entry.map_err(BatchError::read(folder))?.file_name().to_string_lossy().into_owned());
        }
        Ok(windows_among(names, kind))
    }
}

/// Syncs a complete file, moves it to its final place, and syncs the folder.
pub(crate) fn persist(whole: CompleteFile, to: &Path) -> Result<FileDigest, BatchError> {
    sync_and_move(&whole.file, &whole.path, to)?;
    Ok(whole.digest)
}

fn sync_and_move(file: &File, from: &Path, to: &Path) -> Result<(), BatchError> {
    file.sync_all().map_err(BatchError::write(from))?;
    files::move_durable(from, to).map_err(BatchError::write(to))
}

/// Returns the windows of the files of a kind, from the file names. In an object store, a name ends with `-` and a
/// digest: window-00001-ab12.csv.
fn windows_among(names: impl IntoIterator<Item = String>, kind: &str) -> Vec<WindowIndex> {
    let window_of = |name: String| {
        let name = name.strip_prefix("window-")?.strip_suffix(kind)?.strip_suffix('.')?;
        WindowIndex::new(name.split_once('-').map_or(name, |(number, _)| number).parse().ok()?)
    };
    let mut windows: Vec<WindowIndex> = names.into_iter().filter_map(window_of).collect();
    windows.sort();
    windows.dedup();
    windows
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, BatchError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(BatchError::read(path)(error)),
    };
    parse(&text, path).map(Some)
}

/// Parses a manifest or the summary of the stream.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8], path: &Path) -> Result<T, BatchError> {
    let damaged = |error: serde_json::Error| BatchError::Damaged { path: path.to_owned(), reason: error.to_string() };
    versioned::parse(text, FORMAT, path.display(), damaged)
}

/// Returns the text of a small JSON file: indented, with a line end.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}
