//! The reasons why two directories cannot be compared.

use std::path::PathBuf;

/// The reason why two directories cannot be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiffError {
    #[error("there is no directory {}: give the work directory of a run, as in .windrow/NAME", path.display())]
    NoDirectory { path: PathBuf },
    #[error(
        "{} is not the work directory of a run: it has no run.json; give one that `windrow run` or `windrow consume` \
         has filled, as in .windrow/NAME",
        path.display()
    )]
    NotAWorkdir { path: PathBuf },
    #[error("{} and {} are the same directory: give two", a.display(), b.display())]
    Same { a: PathBuf, b: PathBuf },
}
