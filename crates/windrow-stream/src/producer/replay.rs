//! The rows of the dataset that a producer sends.

use serde::Serialize;

use crate::producer::share::Share;
use windrow_record::RowNumber;

/// The rows of the dataset to replay, and their maximum rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// The first row to send.
    pub from: RowNumber,
    /// The number of rows. `None` for all rows from the first.
    pub limit: Option<u64>,
    /// True if the replay repeats the dataset, up to the limit or forever. Row numbers continue.
    pub again: bool,
    /// The maximum rate, in rows per second. `None` for no limit.
    #[serde(skip)]
    pub max_rate: Option<f64>,
    /// The first row that is not in sealed files, if the broker may have lost the rows before it. No row before it is
    /// sent.
    #[serde(skip)]
    pub sealed_to: Option<RowNumber>,
    /// The row number of the file's first row. It is not 1 if the rows before it are in sealed files, and not in the
    /// file any more.
    #[serde(skip)]
    pub begins: RowNumber,
    /// True if the topic may have ended with fewer rows, because an earlier extract had fewer.
    #[serde(skip)]
    pub grows: bool,
    /// The share of this process, if several send a replay together.
    #[serde(skip)]
    pub share: Share,
}

impl Default for Replay {
    fn default() -> Self {
        let (from, begins, share) = (RowNumber::FIRST, RowNumber::FIRST, Share::default());
        Self { from, limit: None, again: false, max_rate: None, sealed_to: None, begins, grows: false, share }
    }
}
