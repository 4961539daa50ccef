//! The source of the program texts: the disk, or memory in tests.

use std::io;
use std::path::Path;

/// A map from paths to texts.
pub(crate) trait Sources {
    /// Returns the text of a file, or `None` if there is no such file.
    fn read(&self, path: &Path) -> io::Result<Option<String>>;
}

/// The file system of this machine.
pub(crate) struct Disk;

impl Sources for Disk {
    fn read(&self, path: &Path) -> io::Result<Option<String>> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
