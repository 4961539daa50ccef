//! The data directory: its only owner, its format, and the id that changes if messages may have been lost.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::disk::Disk;

const FORMAT: u32 = 1;
const DESCRIPTION_FILE: &str = "broker.json";
const LOCK_FILE: &str = "lock";
/// The file with the id of the current boot of the machine. Only Linux has it.
const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";

/// A data directory that this process owns.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    description: Description,
    /// The lock is held until this value is dropped. A kill releases it as well.
    _lock: File,
    /// True if the directory is removed at an orderly end.
    is_ephemeral: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Description {
    format: u32,
    id: Uuid,
    boot: Option<String>,
    /// True if everything was synced at the end.
    is_closed: bool,
}

/// The reason why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another broker uses the directory.
    #[error("another broker uses the directory {}: stop that broker, or choose another directory", .0.display())]
    InUse(PathBuf),
    /// The directory holds other data.
    #[error(
        "the directory {} is not empty, and does not contain the data of a broker: choose another directory",
        .0.display()
    )]
    Foreign(PathBuf),
    /// Another version of this program wrote the directory.
    #[error(
        "{} has format {format}, but this version reads format {FORMAT}: remove its directory, or use the version that \
         wrote it",
        path.display()
    )]
    OtherFormat {
        /// The path of the description.
        path: PathBuf,
        /// The format version in the description.
        format: u32,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system, or of the decoder.
        source: io::Error,
    },
    /// A file or a folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The path of the file or the folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = path.to_owned();
    move |source| DirectoryError::Write { path, source }
}

impl Directory {
    /// Opens and locks a directory. Creates it if it does not exist.
    pub(super) fn open(path: &Path, disk: &Disk) -> Result<Self, DirectoryError> {
        disk.create_folder(path).map_err(failed(path))?;
        let file = path.join(DESCRIPTION_FILE);
        let names = disk.names(path).map_err(failed(path))?;
        let is_ours = names.iter().any(|name| name == DESCRIPTION_FILE);
        // A kill during the first start can leave the lock, or the temporary file of the description.
        if !is_ours && names.iter().any(|name| name != LOCK_FILE && name != "broker.new") {
            return Err(DirectoryError::Foreign(path.to_owned()));
        }
        let lock = take_lock(path)?;
        let description = if is_ours {
            let text = std::fs::read(&file).map_err(|source| DirectoryError::Read { path: file.clone(), source })?;
            let broken = |error| DirectoryError::Read { path: file.clone(), source: io::Error::other(error) };
            let format: Format = serde_json::from_slice(&text).map_err(broken)?;
            if format.format != FORMAT {
                return Err(DirectoryError::OtherFormat { path: file, format: format.format });
            }
            serde_json::from_slice(&text).map_err(broken)?
        } else {
            Description { format: FORMAT, id: Uuid::new_v4(), boot: None, is_closed: true }
        };
        let mut directory = Self { path: path.to_owned(), description, _lock: lock, is_ephemeral: false };
        if !is_ours {
            // Before all other files: a kill during the first start leaves a directory that the next start recognizes.
            directory.write(disk, true)?;
        }
        Ok(directory)
    }

    /// Creates a new directory within `parent`. Removes directories in `parent` that have no owner any more.
    pub(super) fn ephemeral(parent: &Path, disk: &Disk) -> Result<Self, DirectoryError> {
        disk.create_folder(parent).map_err(failed(parent))?;
        let _parent_lock = lock_parent(parent)?;
        for name in disk.names(parent).map_err(failed(parent))? {
            let left = parent.join(name);
            if Uuid::parse_str(&left.file_name().unwrap_or_default().to_string_lossy()).is_ok()
                && let Ok(_lock) = take_lock(&left)
                && let Err(error) = disk.remove(&left)
            {
                tracing::warn!(%error, folder = %left.display(), "cannot remove the directory of a killed broker");
            }
        }
        let mut directory = Self::open(&parent.join(Uuid::new_v4().to_string()), disk)?;
        directory.is_ephemeral = true;
        Ok(directory)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the id of the data. Data with other offsets has another id.
    pub(super) fn id(&self) -> Uuid {
        self.description.id
    }

    /// Marks the directory as in use. Changes its id if messages that clients have read may be lost.
    pub(super) fn begin(&mut self, disk: &Disk, lost_messages: bool) -> Result<(), DirectoryError> {
        let boot = std::fs::read_to_string(BOOT_ID_FILE).ok().map(|id| id.trim().to_owned());
        let had_power_cut = self.description.boot != boot && !self.description.is_closed && !disk.is_durable;
        if lost_messages || had_power_cut {
            tracing::warn!(directory = %self.path.display(), "messages may have been lost: the log gets a new id");
            self.description.id = Uuid::new_v4();
        }
        self.description.boot = boot;
        self.write(disk, false)
    }

    /// Marks everything as synced, or removes an ephemeral directory.
    pub(super) fn end(mut self, disk: &Disk) -> Result<(), DirectoryError> {
        if self.is_ephemeral {
            let _parent_lock = self.path.parent().map(lock_parent).transpose()?;
            return disk.remove(&self.path).map_err(failed(&self.path));
        }
        self.write(disk, true)
    }

    fn write(&mut self, disk: &Disk, is_closed: bool) -> Result<(), DirectoryError> {
        self.description.is_closed = is_closed;
        let path = self.path.join(DESCRIPTION_FILE);
        let text = serde_json::to_vec_pretty(&self.description).map_err(|error| failed(&path)(error.into()))?;
        disk.publish(&path, &text).map_err(failed(&path))
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Locks `parent`, so that only one process at a time creates or removes directories in it. Without this lock, a
/// directory without a lock could be new or about to be removed.
fn lock_parent(parent: &Path) -> Result<File, DirectoryError> {
    let folder = File::open(parent).map_err(failed(parent))?;
    folder.lock().map_err(failed(parent))?;
    Ok(folder)
}

/// Returns true if a running broker uses a directory.
#[must_use]
pub fn is_in_use(folder: &Path) -> bool {
    File::open(folder.join(LOCK_FILE)).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn take_lock(folder: &Path) -> Result<File, DirectoryError> {
    let path = folder.join(LOCK_FILE);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(&path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_owner_and_keeps_its_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, disk) = (folder.path().join("data"), Disk::default());
        let mut first = Directory::open(&path, &disk).expect("a new directory");
        first.begin(&disk, false).expect("room");
        let id = first.id();
        assert!(matches!(Directory::open(&path, &disk), Err(DirectoryError::InUse(_))));
        assert!(is_in_use(&path) && !is_in_use(&folder.path().join("none")));
        first.end(&disk).expect("room");
        assert!(!is_in_use(&path));
        for (lost, is_same) in [(false, true), (true, false)] {
            let mut again = Directory::open(&path, &disk).expect("free");
            again.begin(&disk, lost).expect("room");
            assert_eq!(again.id() == id, is_same);
        }
    }

    #[test]
    fn foreign_directories_and_other_formats_are_rejected() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("holiday.jpg"), "x").expect("a file");
        let disk = Disk::default();
        assert!(matches!(Directory::open(folder.path(), &disk), Err(DirectoryError::Foreign(_))));
        std::fs::write(folder.path().join(DESCRIPTION_FILE), "{\"format\": 2}").expect("a file");
        assert!(matches!(Directory::open(folder.path(), &disk), Err(DirectoryError::OtherFormat { format: 2, .. })));
        std::fs::write(folder.path().join(DESCRIPTION_FILE), "{").expect("a file");
        assert!(matches!(Directory::open(folder.path(), &disk), Err(DirectoryError::Read { .. })));
    }

    #[test]
    fn a_kill_during_the_first_start_leaves_a_directory_that_is_recognized() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, disk) = (folder.path().join("data"), Disk::default());
        let killed = Directory::open(&path, &disk).expect("a new directory");
        let id = killed.id();
        std::fs::write(path.join("journal"), "").expect("a file");
        drop(killed);
        assert_eq!(Directory::open(&path, &disk).expect("its own").id(), id);
    }

    #[test]
    fn leftovers_of_a_kill_are_removed_at_the_next_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::default();
        let killed = Directory::ephemeral(folder.path(), &disk).expect("a new directory");
        let left = killed.path().to_owned();
        let living = Directory::ephemeral(folder.path(), &disk).expect("a new directory");
        assert!(left.is_dir(), "its owner lives");
        drop(killed);
        let next = Directory::ephemeral(folder.path(), &disk).expect("a new directory");
        assert!(!left.exists() && living.path().is_dir());
        next.end(&disk).expect("removed");
        living.end(&disk).expect("removed");
        assert_eq!(disk.names(folder.path()).expect("a folder"), [] as [String; 0]);
    }

    #[test]
    fn brokers_that_start_at_once_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let disk = Disk::default();
                    for _ in 0..20 {
                        let mut own = Directory::ephemeral(folder.path(), &disk).expect("a new directory");
                        own.begin(&disk, false).expect("it is there");
                        own.end(&disk).expect("it is there still");
                    }
                });
            }
        });
    }
}
