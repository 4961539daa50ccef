//! Atomic writes of files. A file is written under another name, synced and renamed, so that a crash leaves the old
//! file or the new one.
//!
//! A killed process leaves its temporary files. A writer holds a lock on such a file until it is renamed, so the next
//! process can remove the files that no process writes any more ([`remove_abandoned`]).
//!
//! All functions return the error of the first file operation that fails.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// The mode of a file that other programs may read. The umask still applies.
const FILE_MODE: u32 = 0o666;
const DIGEST_CHUNK: usize = 256 * 1024;
/// The beginning and the end of the name of a temporary file. No other program uses such names.
const TEMP_NAME: [&str; 2] = [".windrow-", ".tmp"];

/// Writes a file atomically and durably, and creates its folder if necessary. Returns the open file.
pub fn write_durable(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = temp_file_beside(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    persist(file, path)
}

/// Creates a temporary file next to `path`, and the folder if necessary. The file is deleted on drop unless it was
/// persisted.
pub fn temp_file_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let [prefix, suffix] = TEMP_NAME;
    let mode = Permissions::from_mode(FILE_MODE);
    loop {
        let file =
            tempfile::Builder::new().prefix(prefix).suffix(suffix).permissions(mode.clone()).tempfile_in(folder)?;
        // Without locks, as on some network file systems, temporary files are not removed either.
        let is_locked = file.as_file().lock().is_ok();
        // Before the file was locked, another process may have removed it as abandoned.
        if !is_locked || file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Removes the temporary files in a folder that no process writes any more, such as those of a killed process. Other
/// files and links are not touched. Returns the folders in it.
pub fn remove_abandoned(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() {
            folders.push(path);
        } else if kind.is_file() && is_temporary(&entry.file_name().to_string_lossy()) {
            // The writer may have renamed it. NFS locks only files that are open for writing.
            let Ok(file) = File::options().write(true).open(&path) else { continue };
            if file.try_lock().is_ok() {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
    }
    Ok(folders)
}

/// Does the same as [`remove_abandoned`], in all folders below `folder` too.
pub fn remove_abandoned_below(folder: &Path) -> io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        match remove_abandoned(&folder) {
            Ok(below) => folders.extend(below),
            // Another process may have removed the folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_temporary(name: &str) -> bool {
    let [prefix, suffix] = TEMP_NAME;
    name.strip_prefix(prefix).is_some_and(|rest| rest.ends_with(suffix))
}

/// Renames a complete, synced file to `path` and syncs the folder. Returns the open file.
pub fn persist(file: NamedTempFile, path: &Path) -> io::Result<File> {
    let file = rename(file, path)?;
    sync_folder(folder_of(path))?;
    Ok(file)
}

/// Writes a file atomically without a sync. Readers see only a complete file, but a power cut can lose it.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temp_file_beside(path)?;
    file.write_all(bytes)?;
    rename(file, path).map(drop)
}

/// Renames a temporary file, and unlocks it. The lock shows only that the file is being written.
fn rename(file: NamedTempFile, path: &Path) -> io::Result<File> {
    let file = file.persist(path).map_err(|error| error.error)?;
    // The file is not locked if the file system has no locks.
    let _ = file.unlock();
    Ok(file)
}

/// Moves a complete, synced file from `from` to `to` and syncs the folder of `to`.
pub fn move_durable(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder(folder_of(to))
}

/// Returns the length of a file in bytes and its SHA-256 digest in hexadecimal.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn digest(file: impl Read) -> io::Result<(u64, String)> {
    let (mut file, mut digest, mut length) = (BufReader::with_capacity(DIGEST_CHUNK, file), Sha256::new(), 0);
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            return Ok((length, hex::encode(digest.finalize())));
        }
        digest.update(bytes);
        let count = bytes.len();
        length += count as u64;
        file.consume(count);
    }
}

/// Syncs all plain files and folders below a folder, and the folder itself.
pub fn sync_below(folder: &Path) -> io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                File::open(entry.path())?.sync_all()?;
            }
        }
        sync_folder(&folder)?;
    }
    Ok(())
}

/// Syncs a folder. The creation, move or removal of a file in it then survives a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_no_process_writes_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (inner, path) = (folder.path().join("models/window-1"), folder.path().join("models/window-1/model.json"));
        let mut written = temp_file_beside(&path).expect("a file");
        written.write_all(b"half").expect("room on the disk");
        let left = [folder.path().join(".windrow-abc123.tmp"), inner.join(".windrow-x.tmp")];
        let others = [".tmpabc123", ".windrow-abc123", "windrow-abc123.tmp"].map(|name| inner.join(name));
        left.iter().chain(&others).for_each(|path| fs::write(path, "x").expect("a file"));
        for _ in 0..2 {
            remove_abandoned_below(folder.path()).expect("a folder");
            assert!(left.iter().all(|path| !path.exists()), "the process that wrote them was killed");
            assert!(others.iter().all(|path| path.exists()), "other programs wrote them");
            assert!(written.path().exists(), "it is being written");
        }
        let _whole = persist(written, &path).expect("room on the disk");
        File::open(&path).expect("a file").try_lock().expect("a file that is whole is not locked");
        remove_abandoned_below(&folder.path().join("none")).expect("nothing to remove");
        assert_eq!(fs::read(&path).expect("a file"), b"half");
    }

    #[test]
    fn files_are_written_while_another_process_removes_abandoned_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for number in 0..300 {
                    replace(&folder.path().join("status.json"), number.to_string().as_bytes()).expect("a file");
                }
            });
            while !writer.is_finished() {
                remove_abandoned(folder.path()).expect("a folder");
            }
        });
        assert_eq!(fs::read(folder.path().join("status.json")).expect("a file"), b"299");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
