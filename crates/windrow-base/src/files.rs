//! Files that appear whole: written beside their place, synced, and moved there, so that a crash leaves the file before or
//! the file after.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// As any file that a program leaves for others to read; the umask still takes away what it does.
const READABLE: u32 = 0o666;
const DIGEST_CHUNK: usize = 256 * 1024;

/// Writes a file whole, with its folder where that is not there; gives the file.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = beside(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    place(file, path)
}

/// A file beside a place, to be filled and put there, with the folder where that is not there; gone where it is not put there.
pub fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    tempfile::Builder::new().permissions(Permissions::from_mode(READABLE)).tempfile_in(folder)
}

/// Puts a file that is whole and synced in its place, and makes that last; gives the file.
pub fn place(file: NamedTempFile, path: &Path) -> io::Result<File> {
    let file = file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))?;
    Ok(file)
}

/// The same without waiting for the disk: whole for every reader, and gone after a loss of power at worst.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Moves a file that is whole and synced to its place, and makes that last.
pub fn move_whole(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder(folder_of(to))
}

/// The length of a file and its sha256, in hexadecimal.
///
/// # Errors
/// It cannot be read.
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

/// Makes what was created, moved or removed in a folder last.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
