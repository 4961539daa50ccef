//! What is known of dataset and work directory before the stages begin.

use std::sync::Arc;

use crate::app::workdir::Origin;
use crate::batch::Cut;
use crate::config::Schema;
use crate::producer::Replay;
use crate::record::{RowNumber, RunId};

/// So many digits of the dataset's sha256 name its replay.
const RUN_ID_LENGTH: usize = 16;

/// What is known before the first row moves.
pub(super) struct RunInputs {
    pub(super) schema: Arc<Schema>,
    /// The sha256 of the dataset; none where it is not there and not needed: other producers' rows, columns by name.
    pub(super) digest: Option<String>,
    pub(super) cut: Cut,
    /// Whether this process chooses the rows that are replayed.
    pub(super) is_run: bool,
    pub(super) replay: Replay,
}

impl RunInputs {
    /// The same dataset is the same replay: rows that are sent again after a broker was lost are known again. None where the
    /// dataset is not there.
    pub(super) fn run(&self) -> Option<RunId> {
        self.digest.as_deref().and_then(|digest| digest.get(..RUN_ID_LENGTH)).map(RunId::new)
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { dataset: self.digest.as_deref(), replay: self.is_run.then_some(&self.replay) }
    }
}

/// How far a run has come.
#[derive(Debug, Default)]
pub(super) struct PriorRun {
    pub(super) is_through: bool,
    /// The first row that no sealed window accounts for, where there are any.
    pub(super) next: Option<RowNumber>,
}
