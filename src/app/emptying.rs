//! Removes a run from a work directory (`--fresh`).
//!
//! A file marks the directory until everything is removed. If the removal is interrupted, the rest of the run is refused
//! until it is removed, too. Without the mark, it would look like a run that was killed.

use std::fs;
use std::io;
use std::path::Path;

use crate::app::run_file::{lock_run_file, unwritten};
use crate::app::workdir_error::WorkdirError;
use windrow_base::files;
use windrow_windows::{BatchError, BatchStore, partials_folder};

/// The folder of the batch files. It is emptied and not removed, because it has a lock.
pub(super) const BATCHES_FOLDER: &str = "batches";
/// The file that exists while a directory is emptied.
pub(super) const EMPTYING_FILE: &str = "emptying";

/// Checks that no process was interrupted while it emptied the directory.
pub(super) fn refuse_half_empty(workdir: &Path) -> Result<(), WorkdirError> {
    let is_half_empty = workdir.join(EMPTYING_FILE).exists();
    if is_half_empty { Err(WorkdirError::HalfEmpty { path: workdir.to_owned() }) } else { Ok(()) }
}

/// Removes these entries of a directory with `remove`. Fails if another process is working in it.
///
/// It holds all locks until it returns, and their files stay. A process that waits for a lock whose file is removed
/// would get one that no other process sees.
pub(super) fn empty(
    workdir: &Path,
    entries: &[&str],
    mut remove: impl FnMut(&Path) -> io::Result<()>,
) -> Result<(), WorkdirError> {
    if !entries.iter().chain([&EMPTYING_FILE]).any(|name| workdir.join(name).exists()) {
        return Ok(());
    }
    // A consumer in this directory would otherwise write to deleted files.
    let store = BatchStore::open(workdir)?;
    let lock = store.lock()?;
    let partials = fs::read_dir(partials_folder(workdir)).into_iter().flatten().flatten();
    let partials = partials.map(|partial| partial.path()).filter(|partial| partial.join(BATCHES_FOLDER).is_dir());
    let _locks = partials.map(|partial| BatchStore::open(&partial)?.lock()).collect::<Result<Vec<_>, BatchError>>()?;
    let _run_lock = lock_run_file(workdir)?;
    let mark = workdir.join(EMPTYING_FILE);
    files::write_durable(&mark, b"").map_err(unwritten(&mark))?;
    for name in entries {
        let path = workdir.join(name);
        if *name == BATCHES_FOLDER {
            store.clear(&lock)?;
        } else {
            remove(&path).map_err(unwritten(&path))?;
        }
    }
    files::sync_folder(workdir).map_err(unwritten(workdir))?;
    fs::remove_file(&mark).map_err(unwritten(&mark))
}

/// Removes a file or a folder, if it exists.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
