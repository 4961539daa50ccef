//! A folder for temporary files of one process. It is removed at its end, or by the next process if it was killed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tempfile::TempDir;

use crate::files::remove_abandoned;

/// The file whose lock shows that a process uses the folder.
const LOCK: &str = "lock";
/// The beginning of the folder's name. No other program uses such names.
const PREFIX: &str = ".windrow-scratch-";

/// A folder for temporary files of one process, below a parent folder that several processes may use.
#[derive(Debug)]
pub struct ScratchFolder {
    folder: TempDir,
    _lock: File,
    next: AtomicU64,
}

impl ScratchFolder {
    /// Creates a folder in `parent`, and `parent` if necessary. Removes the folders of killed processes.
    ///
    /// # Errors
    /// Returns the error of the first file operation that fails.
    pub fn new(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        remove_unused(parent)?;
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            let path = folder.path().join(LOCK);
            let lock = match File::create(&path) {
                // Another process took the folder for one of a killed process.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                lock => lock?,
            };
            // Without locks, as on some network file systems, another process may remove the folder.
            let _ = lock.lock();
            if path.exists() {
                return Ok(Self { folder, _lock: lock, next: AtomicU64::new(1) });
            }
        }
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns `true` if no other process has a folder in the parent folder.
    ///
    /// # Errors
    /// Returns an error if the parent folder cannot be listed.
    pub fn is_alone(&self) -> io::Result<bool> {
        let Some(parent) = self.path().parent() else { return Ok(false) };
        for entry in fs::read_dir(parent)? {
            let path = entry?.path();
            if is_scratch(&path) && path.file_name() != self.path().file_name() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Creates an empty folder in this one, with a new name.
    ///
    /// # Errors
    /// Returns an error if it cannot be created.
    pub fn subfolder(&self) -> io::Result<PathBuf> {
        let path = self.path().join(format!("folder-{}", self.next.fetch_add(1, Relaxed)));
        fs::create_dir(&path)?;
        Ok(path)
    }
}

/// Returns `true` if a path has the name of a scratch folder.
fn is_scratch(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
}

/// Removes the folders in `parent` that no process uses any more.
///
/// Other temporary files in `parent` are removed if no process has a folder there.
fn remove_unused(parent: &Path) -> io::Result<()> {
    let mut has_process = false;
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        if !is_scratch(&path) {
            continue;
        }
        // NFS locks only files that are open for writing.
        let lock = match File::options().write(true).open(path.join(LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            lock => Some(lock?),
        };
        let is_used = lock.as_ref().is_some_and(|lock| lock.try_lock().is_err());
        has_process |= is_used;
        if !is_used {
            match fs::remove_dir_all(&path) {
                // A child of the killed process may still write there for a moment. The next process removes the rest.
                Err(error) if ![io::ErrorKind::NotFound, io::ErrorKind::DirectoryNotEmpty].contains(&error.kind()) => {
                    return Err(error);
                }
                _ => {}
            }
        }
    }
    if has_process { Ok(()) } else { remove_abandoned(parent).map(drop) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_removed_at_its_end_or_by_the_next_process() {
        let work = tempfile::tempdir().expect("a folder");
        let parent = work.path().join("learner");
        // A killed process has left these.
        let left = [parent.join(".windrow-scratch-a"), parent.join(".windrow-scratch-b")];
        left.iter().for_each(|path| fs::create_dir_all(path.join("model")).expect("a folder"));
        fs::write(left[0].join(LOCK), "").expect("a file");
        let other = parent.join("notes");
        fs::create_dir(&other).expect("a folder");
        let scores = parent.join(".windrow-scores-1-2.tmp");
        fs::write(&scores, "half").expect("a file");
        let first = ScratchFolder::new(&parent).expect("a folder");
        assert!(!scores.exists());
        fs::write(&scores, "half").expect("a file");
        assert!(left.iter().all(|path| !path.exists()) && other.exists());
        assert!(first.is_alone().expect("a folder"));
        let second = ScratchFolder::new(&parent).expect("a folder");
        assert!(!first.is_alone().expect("a folder") && !second.is_alone().expect("a folder"));
        assert!(scores.exists(), "the first process may use it");
        assert_ne!(first.path(), second.path());
        assert!(first.path().exists(), "a process uses it");
        let [one, two] = [first.subfolder(), first.subfolder()].map(|path| path.expect("a folder"));
        assert_ne!(one, two);
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists() && second.path().exists() && parent.exists());
        drop(second);
        let left: Vec<_> =
            fs::read_dir(&parent).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        assert!(left.len() == 2 && left.contains(&other) && left.contains(&scores), "{left:?}");
    }
}
