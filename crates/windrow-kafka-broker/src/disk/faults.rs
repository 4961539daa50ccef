//! Faults that a test injects into a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::DiskOperation;

/// The faults of one disk. Clones share their state.
#[derive(Debug, Clone, Default)]
pub(crate) struct InjectedFaults {
    state: Arc<Mutex<DiskState>>,
}

#[derive(Debug, Default)]
struct DiskState {
    /// The number of bytes that can still be written; `None` for no limit.
    room: Option<usize>,
    fails_to_sync: bool,
    fails_to_truncate: bool,
    /// The number of steps before all steps fail, as if the process were killed.
    steps_left: Option<usize>,
    /// The length of each file that would survive a power cut.
    synced: BTreeMap<PathBuf, u64>,
    /// The names whose folder was synced after their creation.
    named: BTreeSet<PathBuf>,
    /// All names that were created.
    made: BTreeSet<PathBuf>,
}

impl InjectedFaults {
    fn with<T>(&self, change: impl FnOnce(&mut DiskState) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_room(&self, bytes: Option<usize>) {
        self.with(|state| state.room = bytes);
    }

    pub(crate) fn fail_to_sync(&self, fails: bool) {
        self.with(|state| state.fails_to_sync = fails);
    }

    pub(crate) fn fail_to_truncate(&self, fails: bool) {
        self.with(|state| state.fails_to_truncate = fails);
    }

    pub(crate) fn stop_after(&self, steps: usize) {
        self.with(|state| state.steps_left = Some(steps));
    }

    pub(crate) fn allow(&self, step: DiskOperation<'_>) -> io::Result<usize> {
        self.with(|state| state.allow(step))
    }

    /// Simulates a power cut: only synced names and bytes remain in the directory.
    pub(crate) fn cut_power(&self) {
        self.with(|state| {
            for path in state.made.difference(&state.named) {
                let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            }
            for path in &state.named {
                let kept = state.synced.get(path).copied().unwrap_or(0);
                if let Ok(file) = OpenOptions::new().write(true).open(path)
                    && file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() > kept)
                {
                    file.set_len(kept).expect("a file that can be cut");
                }
            }
        });
    }
}

impl DiskState {
    fn allow(&mut self, step: DiskOperation<'_>) -> io::Result<usize> {
        if let Some(left) = &mut self.steps_left {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("stopped"))?;
        }
        let has_no_room = self.room == Some(0);
        match step {
            DiskOperation::Create(_) if has_no_room => return Err(io::ErrorKind::StorageFull.into()),
            DiskOperation::Create(path) => {
                self.made.insert(path.to_owned());
                self.synced.remove(path);
            }
            DiskOperation::Write { length, .. } => {
                let Some(room) = &mut self.room else { return Ok(length) };
                let taken = length.min(*room);
                *room -= taken;
                return Ok(taken);
            }
            DiskOperation::Truncate(path) => {
                if self.fails_to_truncate {
                    return Err(io::Error::other("cannot cut"));
                }
                self.synced.remove(path);
            }
            DiskOperation::Sync { path, length } => {
                if self.fails_to_sync {
                    return Err(io::Error::other("cannot sync"));
                }
                self.synced.insert(path.to_owned(), length);
            }
            DiskOperation::SyncFolder(folder) => {
                let inside = |path: &&PathBuf| path.parent() == Some(folder);
                self.named.extend(self.made.iter().filter(inside).cloned().collect::<Vec<_>>());
            }
            DiskOperation::Rename { from, to } => {
                let length = self.synced.remove(from);
                self.forget(from);
                self.made.insert(to.to_owned());
                self.synced.extend(length.map(|length| (to.to_owned(), length)));
            }
            DiskOperation::Remove(path) => self.forget(path),
        }
        Ok(0)
    }

    fn forget(&mut self, path: &Path) {
        self.made.retain(|made| !made.starts_with(path));
        self.named.retain(|named| !named.starts_with(path));
    }
}
