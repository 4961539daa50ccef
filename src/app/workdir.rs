//! The work directory of one pipeline: fresh, used, or somebody else's.

use std::fs;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::batch::{BatchError, BatchStore};
use crate::config::Pipeline;

/// All that Windrow ever puts into a work directory; nothing else in it is touched.
const OURS: [&str; 4] = ["run.json", "batches", "quarantine", "models"];
const RUN_FILE: &str = "run.json";
/// As any file that a program leaves for others to read; the umask still takes its share.
const READABLE: u32 = 0o666;

/// What `run.json` says: what this directory was made from.
#[derive(Debug, Serialize)]
struct RunFile<'a> {
    format: u32,
    windrow: &'a str,
    created: &'a str,
    pipeline: &'a Pipeline,
}

/// Makes sure that a run may begin at the beginning here; makes nothing yet, so that a run which fails before its first
/// row leaves no trace.
///
/// # Errors
/// The directory holds a run and is not to be emptied, or somebody is at work in it.
pub(crate) fn clear(workdir: &Path, fresh: bool) -> Result<(), WorkdirError> {
    if workdir.exists() && !workdir.is_dir() {
        return Err(WorkdirError::Write { path: workdir.to_owned(), source: std::io::ErrorKind::NotADirectory.into() });
    }
    match (OURS.iter().any(|name| workdir.join(name).exists()), fresh) {
        (false, _) => Ok(()),
        (true, true) => empty(workdir),
        (true, false) => Err(WorkdirError::Used { path: workdir.to_owned() }),
    }
}

/// Writes `run.json` where it is not there yet.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn describe(workdir: &Path, pipeline: &Pipeline, created: &str) -> Result<(), WorkdirError> {
    let path = workdir.join(RUN_FILE);
    let failed = |source| WorkdirError::Write { path: path.clone(), source };
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(workdir).map_err(failed)?;
    let run = RunFile { format: 1, windrow: env!("CARGO_PKG_VERSION"), created, pipeline };
    let text = serde_json::to_vec_pretty(&run).map_err(|error| failed(error.into()))?;
    let mut file =
        tempfile::Builder::new().permissions(Permissions::from_mode(READABLE)).tempfile_in(workdir).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(&path).map(drop).map_err(|error| failed(error.error))
}

fn empty(workdir: &Path) -> Result<(), WorkdirError> {
    // Held until all is removed: a consumer at work here would go on writing into files that are gone.
    let _lock = BatchStore::open(workdir)?.lock()?;
    for name in OURS {
        let path = workdir.join(name);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(WorkdirError::Write { path, source: error });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Why a work directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkdirError {
    /// A run is in it.
    #[error(
        "the work directory {} already holds a run, and nothing in it was changed; empty it with --fresh, or choose \
         another with --workdir",
        path.display()
    )]
    Used {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}; choose another place with --workdir", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody is at work in it.
    #[error(transparent)]
    Batch(#[from] BatchError),
}
