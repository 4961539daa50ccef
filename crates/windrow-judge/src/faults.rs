//! The faults of a table, each with its row.

use std::path::{Path, PathBuf};

use crate::error::JudgeError;

/// The number of faults after which reading stops.
const MAX_FAULTS: usize = 10;

/// The place of a row: the index of its file, and the row number in it, from 1. The header line does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) row: u64,
}

/// The faults that were found so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    files: Vec<PathBuf>,
    list: Vec<String>,
}

impl Faults {
    pub(crate) fn new(files: &[PathBuf]) -> Self {
        Self { files: files.to_vec(), list: Vec::new() }
    }

    /// Returns the files of the table, in the order of [`Place::file`].
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns the name of a place, as in `predictions.csv, row 12`.
    pub(crate) fn name(&self, place: Place) -> String {
        let file = self.files.get(place.file).map_or(Path::new("?"), PathBuf::as_path);
        format!("{}, row {}", file.display(), place.row)
    }

    pub(crate) fn add(&mut self, place: Place, problem: impl AsRef<str>) {
        let sentence = format!("{}: {}", self.name(place), problem.as_ref());
        if !self.is_full() {
            self.list.push(sentence);
        }
    }

    /// Returns `true` if no more faults are listed.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= MAX_FAULTS
    }

    /// Returns the error for the faults, if there are any.
    ///
    /// # Errors
    /// There is at least one fault.
    pub(crate) fn check(&self) -> Result<(), JudgeError> {
        if self.list.is_empty() {
            return Ok(());
        }
        Err(JudgeError::Faults { faults: self.list.clone(), is_cut: self.is_full() })
    }
}
