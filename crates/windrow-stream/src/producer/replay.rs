//! Which rows of the dataset a producer sends.

use serde::Serialize;

use crate::producer::share::Share;
use windrow_record::RowNumber;

/// Which rows of the dataset are replayed, and how fast at most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// The first one.
    pub from: RowNumber,
    /// How many; `None` for all that follow.
    pub limit: Option<u64>,
    /// Whether the dataset begins again at its first row when it is through, for ever or to the limit; row numbers go on.
    pub again: bool,
    /// Rows per second, at most.
    #[serde(skip)]
    pub max_rate: Option<f64>,
    /// Rows before this one are in files already, and the topic has forgotten them with its broker: it is the first that
    /// is sent, where the topic holds none.
    #[serde(skip)]
    pub sealed_to: Option<RowNumber>,
    /// Which partitions' rows this process sends: several share a replay.
    #[serde(skip)]
    pub share: Share,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            from: RowNumber::FIRST,
            limit: None,
            again: false,
            max_rate: None,
            sealed_to: None,
            share: Share::default(),
        }
    }
}
