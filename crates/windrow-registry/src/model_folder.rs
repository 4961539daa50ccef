//! The folders of models that only a learner outside of this program can read.
//!
//! A folder is written elsewhere, synced and renamed, and its name has its digest. So a model that is made again has
//! another path, and no process that has read the earlier files takes them for the new ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::RegistryError;
use windrow_base::files;
use windrow_learn::learner::{inspect_folder, measure_folder};

/// The number of digits of the digest in the name of a folder.
const NAME_LENGTH: usize = 16;
/// The number of digits of a digest.
const DIGEST_LENGTH: usize = 64;

/// Returns the path of a model's folder below the folder of all its versions.
pub(crate) fn path(versions: &Path, digest: &str) -> PathBuf {
    versions.join(digest.get(..NAME_LENGTH).unwrap_or(digest))
}

/// Returns `true` if a text is a digest. A file may be damaged, and a path is made from the text.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == DIGEST_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns `true` if a folder has this number of files and bytes. The files are not read.
pub(crate) fn is_whole(folder: &Path, files: u64, bytes: u64) -> bool {
    measure_folder(folder).is_ok_and(|measured| measured == (files, bytes))
}

/// Moves a complete folder with this digest to `to`, the path for the digest. If the same files are there already, they
/// stay, and `from` is removed. Both are in the same file system. `lock` is called before anything is moved or removed,
/// and its result is dropped at the end: to read and sync a large folder takes long.
///
/// A learner may write to `from` after it has answered. It does not know `to`, so the digest is checked there.
pub(crate) fn put<G>(from: &Path, to: &Path, digest: &str, lock: impl FnOnce() -> G) -> Result<(), RegistryError> {
    let failed = |source| RegistryError::Write { path: to.to_owned(), source };
    let sync = || files::sync_below(from).map_err(failed);
    let is_there = inspect_folder(to).is_ok_and(|found| found.digest == digest);
    if !is_there {
        sync()?;
    }
    let _writing = lock();
    // A model file may name this folder, so it must not be missing for a moment.
    if is_there && to.exists() {
        return match fs::remove_dir_all(from) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(RegistryError::Write { path: from.to_owned(), source })
            }
            _ => Ok(()),
        };
    }
    if is_there {
        // The model was removed before the lock was taken.
        sync()?;
    }
    let versions = to.parent().unwrap_or(to);
    fs::create_dir_all(versions).map_err(failed)?;
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    files::move_durable(from, to).map_err(failed)?;
    if inspect_folder(to).is_ok_and(|found| found.digest == digest) {
        return Ok(());
    }
    // If a model file names the folder, the files that were there before were damaged, so no process reads it.
    fs::remove_dir_all(to).map_err(failed)?;
    let changed = "the learner changed the files of the model after it had answered; let it close them before it \
                   answers, and start again";
    Err(failed(io::Error::new(io::ErrorKind::InvalidData, changed)))
}

/// Removes the other versions of a model.
pub(crate) fn remove_others(folder: &Path) -> Result<(), RegistryError> {
    let failed = |source| RegistryError::Write { path: folder.to_owned(), source };
    let Some(versions) = folder.parent() else { return Ok(()) };
    let entries = match fs::read_dir(versions) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path != folder {
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
    }
    Ok(())
}
