//! Access to files: the only module of the broker that touches them.
//!
//! Guarantees: a failed write is logged and reported, and the number of open files is bounded. In tests, a disk can run
//! out of room, fail to sync, stop at any step, and lose data that was not synced.

#[cfg(test)]
pub(super) mod faults;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// The maximum number of files that stay open while they are not in use.
const MAX_IDLE_FILES: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Disk {
    /// If true, acknowledged data survives a power cut, and not only the end of this process.
    pub(super) is_durable: bool,
    /// The open files, the newest last.
    open: Mutex<VecDeque<Arc<File>>>,
    /// The time of the first failed write and its error, until a write succeeds again.
    write_failure: Mutex<Option<(Instant, String)>>,
    is_failing: AtomicBool,
    #[cfg(test)]
    pub(super) faults: faults::InjectedFaults,
}

/// The reason why stored data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// A file or a folder cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The path of the file or the folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A batch or a line is damaged, and valid ones follow it.
    #[error(
        "{} is damaged at byte {position}, and valid {followers} follow: restore it, or remove the data directory to \
         start without data",
        path.display()
    )]
    Damaged {
        /// The path of the file.
        path: PathBuf,
        /// The position of the damage, in bytes from the start of the file.
        position: u64,
        /// What follows: batches or lines.
        followers: &'static str,
    },
    /// A segment is missing.
    #[error(
        "{} does not begin with offset {expected}, the end of the file before it: a file is missing",
        path.display()
    )]
    Gap {
        /// The path of the segment after the gap.
        path: PathBuf,
        /// The offset with which the segment should begin.
        expected: i64,
    },
}

#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "tests look at which step is to fail"))]
pub(super) enum DiskOperation<'a> {
    Create(&'a Path),
    Write { length: usize },
    Truncate(&'a Path),
    Sync { path: &'a Path, length: u64 },
    SyncFolder(&'a Path),
    Rename { from: &'a Path, to: &'a Path },
    Remove(&'a Path),
}

/// A file that is opened when it is used, and may be closed between two uses.
#[derive(Debug)]
pub(super) struct Handle {
    path: PathBuf,
    file: Mutex<Weak<File>>,
}

impl Handle {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Disk {
    pub(super) fn new(is_durable: bool) -> Self {
        Self { is_durable, ..Self::default() }
    }

    /// Returns the number of bytes that a write may write, or the error of a step that fails.
    #[cfg(test)]
    fn allow(&self, step: DiskOperation<'_>) -> io::Result<usize> {
        self.faults.allow(step)
    }

    #[cfg(not(test))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as in tests, where steps fail")]
    fn allow(&self, step: DiskOperation<'_>) -> io::Result<usize> {
        Ok(if let DiskOperation::Write { length, .. } = step { length } else { 0 })
    }

    /// Returns the open file. Opens it if necessary.
    pub(super) fn file(&self, handle: &Handle) -> io::Result<Arc<File>> {
        let mut known = handle.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = known.upgrade() {
            return Ok(file);
        }
        let file = Arc::new(OpenOptions::new().read(true).write(true).open(&handle.path)?);
        *known = Arc::downgrade(&file);
        self.cache(&file);
        Ok(file)
    }

    fn cache(&self, file: &Arc<File>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(Arc::clone(file));
        // A file that is dropped here is closed when its last reader is done.
        let dropped = if open.len() > MAX_IDLE_FILES { open.pop_front() } else { None };
        drop(open);
        drop(dropped);
    }

    /// Creates an empty file. Truncates an existing one.
    pub(super) fn create(&self, handle: &Handle) -> io::Result<()> {
        let opened = self
            .allow(DiskOperation::Create(&handle.path))
            .and_then(|_| OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&handle.path));
        let file = Arc::new(opened.inspect_err(|error| self.log_write_result(&handle.path, Err(error)))?);
        *handle.file.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&file);
        self.cache(&file);
        Ok(())
    }

    /// Returns the time of the first failed write and its error; `None` if the last write succeeded.
    pub(super) fn write_failure(&self) -> Option<(Instant, String)> {
        self.write_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Logs the first write that fails, and the first one that succeeds again.
    fn log_write_result(&self, path: &Path, written: Result<(), &io::Error>) {
        if written.is_ok() && !self.is_failing.load(Ordering::Relaxed) {
            return;
        }
        let path = path.display();
        let mut write_failure = self.write_failure.lock().unwrap_or_else(PoisonError::into_inner);
        match (written, write_failure.is_some()) {
            (Err(error), false) => {
                tracing::warn!(%error, %path, "the embedded broker cannot write; it continues when it can");
                *write_failure = Some((Instant::now(), format!("{path}: {error}")));
            }
            (Ok(()), true) => {
                tracing::info!(%path, "the embedded broker can write again");
                *write_failure = None;
            }
            _ => {}
        }
        self.is_failing.store(write_failure.is_some(), Ordering::Relaxed);
    }

    /// Writes all of `bytes` at position `at`. After an error, some of them may be written.
    pub(super) fn write(&self, handle: &Handle, bytes: &[u8], at: u64) -> io::Result<()> {
        let written = self.try_write(handle, bytes, at);
        self.log_write_result(&handle.path, written.as_ref().copied());
        written
    }

    fn try_write(&self, handle: &Handle, bytes: &[u8], at: u64) -> io::Result<()> {
        let file = self.file(handle)?;
        let allowed = self.allow(DiskOperation::Write { length: bytes.len() })?;
        file.write_all_at(bytes.get(..allowed).unwrap_or(bytes), at)?;
        if allowed < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn truncate(&self, handle: &Handle, length: u64) -> io::Result<()> {
        self.allow(DiskOperation::Truncate(&handle.path))?;
        self.file(handle)?.set_len(length)
    }

    /// Syncs a file: returns when its contents would survive a power cut.
    pub(super) fn sync(&self, handle: &Handle) -> io::Result<()> {
        let file = self.file(handle)?;
        self.allow(DiskOperation::Sync { path: &handle.path, length: file.metadata()?.len() })?;
        file.sync_data()
    }

    /// Syncs a folder: returns when the names in it would survive a power cut.
    pub(super) fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.allow(DiskOperation::SyncFolder(folder))?;
        let here = Path::new(".");
        File::open(if folder.as_os_str().is_empty() { here } else { folder })?.sync_all()
    }

    /// Writes a file atomically: writes and syncs a temporary file next to it, renames that, and syncs the folder.
    pub(super) fn publish(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let beside = Handle::new(path.with_extension("new"));
        self.create(&beside)?;
        self.write(&beside, bytes, 0)?;
        self.sync(&beside)?;
        self.allow(DiskOperation::Rename { from: &beside.path, to: path })?;
        fs::rename(&beside.path, path)?;
        path.parent().map_or(Ok(()), |folder| self.sync_folder(folder))
    }

    /// Creates a folder and its parents. If the disk is durable, syncs their names.
    pub(super) fn create_folder(&self, folder: &Path) -> io::Result<()> {
        // The parent of a relative path with one part is empty: the current directory.
        if folder.as_os_str().is_empty() || folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            self.create_folder(above)?;
        }
        self.allow(DiskOperation::Create(folder))?;
        let made = fs::create_dir(folder);
        made.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })?;
        match folder.parent() {
            Some(above) if self.is_durable => self.sync_folder(above),
            _ => Ok(()),
        }
    }

    /// Removes a file, or a folder with its contents. Succeeds if it does not exist.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        self.allow(DiskOperation::Remove(path))?;
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }

    /// Returns the sorted names in a folder; none if the folder does not exist.
    pub(super) fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names = entries.map(|entry| entry.map(name)).collect::<io::Result<Vec<String>>>()?;
        names.sort();
        Ok(names)
    }
}

/// Reads up to `length` bytes from position `at`. Returns fewer if the file ends before.
pub(super) fn read(file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let (mut bytes, mut read) = (vec![0; length], 0);
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

pub(super) fn read_exact(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(bytes, at)
}
