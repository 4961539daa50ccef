//! Counts of messages, of a window or of a stream.

use std::ops::AddAssign;

/// Messages by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageCounts {
    /// Rows in windows.
    pub stored: u64,
    /// Messages in quarantine.
    pub quarantined: u64,
    /// Messages that brought a row again.
    pub repeated: u64,
}

impl AddAssign for MessageCounts {
    fn add_assign(&mut self, more: Self) {
        self.stored += more.stored;
        self.quarantined += more.quarantined;
        self.repeated += more.repeated;
    }
}
