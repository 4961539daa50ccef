//! What can be wrong with a pipeline file.

use std::fmt;
use std::path::PathBuf;

use crate::lines::Lines;

/// Why there is no [`Pipeline`](crate::Pipeline).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the pipeline file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A data file, where a pipeline file is asked for.
    #[error("{0} is no pipeline file; for a data file `windrow init {0}` writes one", path.display())]
    Data {
        /// The file.
        path: PathBuf,
    },
    /// What it says cannot be.
    #[error("{}", Report { path, faults })]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Each thing that is wrong, in the order of the lines.
        faults: Vec<Fault>,
    },
}

/// One thing that is wrong in a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1; `None` for a key that is not there.
    pub line: Option<usize>,
    /// The key, dotted; empty for a file that is no TOML.
    pub key: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

struct Report<'a> {
    path: &'a PathBuf,
    faults: &'a [Fault],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.path.display())?;
            if let Some(line) = fault.line {
                write!(f, ":{line}")?;
            }
            if fault.key.is_empty() {
                write!(f, ": {}", fault.problem)?;
            } else {
                write!(f, ": {}: {}", fault.key, fault.problem)?;
            }
        }
        Ok(())
    }
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

    pub(crate) fn add(&mut self, key: &str, problem: impl Into<String>) {
        self.list.push(Fault { line: self.lines.line(key), key: key.to_owned(), problem: problem.into() });
    }
}
