//! The reasons why a crate cannot be checked.

use std::fmt;
use std::path::{Path, PathBuf};

/// The file or folder, what is wrong with it, and what to do.
#[derive(Debug)]
pub(crate) struct Fault {
    path: PathBuf,
    message: String,
}

impl Fault {
    pub(crate) fn new(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.to_path_buf(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for Fault {}
