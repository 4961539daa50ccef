//! The program file and the variables with which the processes of a learner are started.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The program file and the variables with which the processes of a learner are started.
#[derive(Clone, Default)]
pub(crate) struct LearnerHost {
    /// The file of this program, which supervises each process.
    pub(crate) executable: PathBuf,
    /// The variables of this process.
    pub(crate) environment: Arc<[(OsString, OsString)]>,
}

impl fmt::Debug for LearnerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variables may have secrets.
        f.debug_struct("LearnerHost").field("executable", &self.executable).finish_non_exhaustive()
    }
}
