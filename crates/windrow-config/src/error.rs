//! The errors of a pipeline file.

use std::path::{Path, PathBuf};

use crate::lines::Lines;

/// The reason why a file cannot be read as a [`Pipeline`](crate::Pipeline).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the pipeline file {}: {source}", path.display())]
    Read {
        /// The path of the pipeline file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file seems to be a data file, not a pipeline file.
    #[error("{0} is not a pipeline file; for a data file, `windrow init {0}` writes one", path.display())]
    Data {
        /// The path of the data file.
        path: PathBuf,
    },
    /// The contents of the file are not valid.
    #[error("{}", report(path, faults))]
    Invalid {
        /// The path of the pipeline file.
        path: PathBuf,
        /// The faults, in the order of their lines.
        faults: Vec<Fault>,
    },
}

/// One fault of a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1. For a missing key, the line of the table around it; `None` if that is the whole file.
    pub line: Option<usize>,
    /// The dotted key. Empty for a file that is not TOML.
    pub key: String,
    /// The problem, and what a valid value is.
    pub problem: String,
}

fn report(path: &Path, faults: &[Fault]) -> String {
    let sentence = |Fault { line, key, problem }: &Fault| {
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        let key = if key.is_empty() { String::new() } else { format!(": {key}") };
        format!("{}{line}{key}: {problem}", path.display())
    };
    faults.iter().map(sentence).collect::<Vec<_>>().join("\n")
}

/// Collects faults, so that all of them are reported at once.
pub(crate) struct Faults<'a> {
    lines: &'a Lines,
    pub(crate) list: Vec<Fault>,
}

impl<'a> Faults<'a> {
    pub(crate) fn of(lines: &'a Lines) -> Self {
        Self { lines, list: Vec::new() }
    }

    /// Returns `true` if the file has a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.lines.has(key)
    }

    pub(crate) fn add(&mut self, key: &str, problem: impl Into<String>) {
        self.list.push(Fault { line: self.lines.line(key), key: key.to_owned(), problem: problem.into() });
    }
}
