//! Atomic writes of files. A file is written under another name, synced and renamed, so that a crash leaves the old
//! file or the new one.
//!
//! All functions return the error of the first file operation that fails.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// The mode of a file that other programs may read. The umask still applies.
const FILE_MODE: u32 = 0o666;
const DIGEST_CHUNK: usize = 256 * 1024;

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
    tempfile::Builder::new().permissions(Permissions::from_mode(FILE_MODE)).tempfile_in(folder)
}

/// Renames a complete, synced file to `path` and syncs the folder. Returns the open file.
pub fn persist(file: NamedTempFile, path: &Path) -> io::Result<File> {
    let file = file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))?;
    Ok(file)
}

/// Writes a file atomically without a sync. Readers see only a complete file, but a power cut can lose it.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temp_file_beside(path)?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
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
