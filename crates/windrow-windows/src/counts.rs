//! Counts of messages, of a window or of a stream.

use std::ops::AddAssign;

/// Message counts by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageCounts {
    /// Rows stored in windows.
    pub stored: u64,
    /// Messages written to quarantine.
    pub quarantined: u64,
    /// Messages that repeat a row which had already arrived.
    pub repeated: u64,
}

impl AddAssign for MessageCounts {
    fn add_assign(&mut self, more: Self) {
        self.stored += more.stored;
        self.quarantined += more.quarantined;
        self.repeated += more.repeated;
    }
}
