//! The bounds of a model folder, and its digest.
//!
//! A model of a learner is a folder of plain files. Its bounds keep a hostile learner from filling the work directory.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};

/// The most files in a model folder, and the most folders in it.
pub const MAX_FILES: usize = 1_000;
/// The most bytes of all files of a model folder together.
pub const MAX_BYTES: u64 = 1 << 30;
/// The most bytes of the path of a file or folder in a model folder.
pub const MAX_PATH: usize = 200;
const DIGEST_CHUNK: usize = 256 * 1024;

/// The content of a model folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderDigest {
    /// The sha256 over the sorted paths, lengths and sha256 of the files, in hexadecimal.
    pub digest: String,
    /// The number of files.
    pub files: u64,
    /// The number of bytes of all files.
    pub bytes: u64,
}

/// The reason why a folder is not a model.
#[derive(Debug, thiserror::Error)]
pub enum FolderFault {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The path of the file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The folder has something else than plain files and folders.
    #[error("{} is neither a plain file nor a folder", .0.display())]
    NotPlain(PathBuf),
    /// A path is longer than [`MAX_PATH`], or is not UTF-8.
    #[error("the path {} in the model folder is longer than {MAX_PATH} bytes, or not UTF-8", .0.display())]
    Path(PathBuf),
    /// The folder has more than [`MAX_FILES`] files or folders.
    #[error("the model folder has more than {MAX_FILES} files or folders")]
    TooMany,
    /// The files have more than [`MAX_BYTES`].
    #[error("the files of the model folder have more than 1 GiB together")]
    TooLarge,
    /// The folder has no file.
    #[error("the model folder is empty")]
    Empty,
    /// A file was changed while it was read.
    #[error("{} was changed while it was read", .0.display())]
    Changed(PathBuf),
}

/// Checks a model folder and returns its digest.
///
/// # Errors
/// The folder breaks a bound, has something else than plain files and folders, or cannot be read.
pub fn inspect_folder(folder: &Path) -> Result<FolderDigest, FolderFault> {
    let mut files = files_of(folder)?;
    files.sort_unstable();
    let (mut whole, mut bytes) = (Sha256::new(), 0);
    for (name, length) in &files {
        let path = folder.join(name);
        let (read, digest) =
            digest_of(&path, *length).map_err(|source| FolderFault::Read { path: path.clone(), source })?;
        if read != *length {
            return Err(FolderFault::Changed(path));
        }
        bytes += length;
        // The length of the path comes first, so that no two lists of files have the same text.
        whole.update(format!("{}:{name}:{length}:{digest}\n", name.len()));
    }
    Ok(FolderDigest { digest: hex::encode(whole.finalize()), files: files.len() as u64, bytes })
}

/// Checks a model folder like [`inspect_folder`], without reading the files. Returns the number of files and of their
/// bytes.
///
/// # Errors
/// As [`inspect_folder`].
pub fn measure_folder(folder: &Path) -> Result<(u64, u64), FolderFault> {
    let files = files_of(folder)?;
    Ok((files.len() as u64, files.iter().map(|(_, length)| length).sum()))
}

/// Returns the files below a folder, each with its path and length.
fn files_of(folder: &Path) -> Result<Vec<(String, u64)>, FolderFault> {
    let (mut files, mut folders, mut bytes, mut known_folders) = (Vec::new(), vec![String::new()], 0_u64, 0);
    while let Some(below) = folders.pop() {
        let path = if below.is_empty() { folder.to_owned() } else { folder.join(&below) };
        let unreadable = |source| FolderFault::Read { path: path.clone(), source };
        for entry in fs::read_dir(&path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| FolderFault::Path(entry.path()))?;
            let name = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            if name.len() > MAX_PATH {
                return Err(FolderFault::Path(PathBuf::from(name)));
            }
            // The metadata of an entry are those of a link, not of its target.
            let metadata = entry.metadata().map_err(unreadable)?;
            if metadata.is_dir() {
                known_folders += 1;
                folders.push(name);
            } else if metadata.is_file() {
                bytes = bytes.saturating_add(metadata.len());
                files.push((name, metadata.len()));
            } else {
                return Err(FolderFault::NotPlain(entry.path()));
            }
            if files.len() > MAX_FILES || known_folders > MAX_FILES {
                return Err(FolderFault::TooMany);
            }
            if bytes > MAX_BYTES {
                return Err(FolderFault::TooLarge);
            }
        }
    }
    if files.is_empty() { Err(FolderFault::Empty) } else { Ok(files) }
}

/// Returns the number of bytes of a file and their sha256 in hexadecimal. Reads at most one byte more than `length`.
fn digest_of(path: &Path, length: u64) -> io::Result<(u64, String)> {
    let mut file = open_plain(path)?.take(length.saturating_add(1));
    let (mut digest, mut read, mut buffer) = (Sha256::new(), 0, vec![0; DIGEST_CHUNK]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((read, hex::encode(digest.finalize())));
        }
        digest.update(&buffer[..count]);
        read += count as u64;
    }
}

/// Opens a plain file. A learner may have put a link or a pipe in its place: the link is not followed, and the pipe does
/// not block the caller.
fn open_plain(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file any more"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_digest_is_of_paths_and_bytes() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let write = |folder: &Path, name: &str, text: &str| {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        for (folder, names) in [(&first, ["a", "b/c"]), (&second, ["b/c", "a"])] {
            names.iter().for_each(|name| write(folder.path(), name, name));
        }
        let found = inspect_folder(first.path()).expect("a model");
        assert_eq!((found.files, found.bytes, found.digest.len()), (2, 4, 64));
        assert_eq!(found, inspect_folder(second.path()).expect("a model"), "the order of the files does not count");
        assert_eq!(measure_folder(first.path()).expect("a model"), (2, 4));
        write(second.path(), "a", "b");
        assert_ne!(found.digest, inspect_folder(second.path()).expect("a model").digest);
        write(first.path(), "d", "");
        assert_ne!(found.digest, inspect_folder(first.path()).expect("a model").digest);
    }

    #[test]
    fn a_pipe_or_a_link_in_the_place_of_a_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let [pipe, link, plain] = ["pipe", "link", "plain"].map(|name| folder.path().join(name));
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("a program of each Unix").success());
        fs::write(&plain, "abc").expect("a file");
        symlink(&plain, &link).expect("a link");
        let (send, receive) = mpsc::channel();
        // A reader of a pipe waits for a writer, if it is not opened with care.
        thread::spawn(move || send.send([pipe, link, plain].map(|path| digest_of(&path, 3).is_ok())));
        let found = receive.recv_timeout(Duration::from_secs(60)).expect("the pipe does not block");
        assert_eq!(found, [false, false, true]);
    }

    #[test]
    fn a_folder_that_breaks_a_bound_is_no_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let fault = || inspect_folder(folder.path()).expect_err("no model");
        fs::create_dir(folder.path().join("empty")).expect("a folder");
        assert!(matches!(fault(), FolderFault::Empty));
        fs::write(folder.path().join("model"), "x").expect("a file");
        let link = folder.path().join("link");
        symlink(folder.path().join("model"), &link).expect("a link");
        assert!(matches!(fault(), FolderFault::NotPlain(path) if path == link));
        fs::remove_file(&link).expect("a link");
        let long = folder.path().join("empty").join("x".repeat(MAX_PATH));
        fs::write(&long, "").expect("a file");
        assert!(matches!(fault(), FolderFault::Path(_)));
        fs::remove_file(&long).expect("a file");
        for number in 0..MAX_FILES {
            fs::write(folder.path().join(number.to_string()), "").expect("a file");
        }
        assert!(matches!(fault(), FolderFault::TooMany));
        assert!(matches!(inspect_folder(&link).expect_err("no folder"), FolderFault::Read { .. }));
        // The file takes no room on the disk.
        let large = tempfile::tempdir().expect("a folder");
        File::create(large.path().join("model")).expect("a file").set_len(MAX_BYTES + 1).expect("a long file");
        assert!(matches!(inspect_folder(large.path()), Err(FolderFault::TooLarge)));
    }
}
