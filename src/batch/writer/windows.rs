//! When a window is done.

use crate::batch::writer::{BatchWriter, Reading};
use crate::batch::{SealReason, TimeSpan};
use crate::record::WindowIndex;

/// How many rows of a partition a producer may have on the way at once, and so how far behind its place a row can come
/// where a broker takes a retry late: librdkafka's five requests of 10,000 messages.
const ON_THE_WAY: u64 = 50_000;

impl BatchWriter {
    /// The newest time of the slowest partition that has not ended, less the lateness; `None` while one has sent nothing.
    fn watermark(&self) -> Option<i64> {
        let going = self.partitions.values().filter(|reading| reading.end.is_none());
        let newest = going.map(|reading| reading.newest).collect::<Option<Vec<i64>>>()?;
        newest.into_iter().min().map(|newest| newest.saturating_sub(self.cut.lateness()))
    }

    /// Why a window can be sealed now, if it can.
    pub(super) fn is_done(&self, window: WindowIndex) -> Option<SealReason> {
        // Nothing stands in the way of any window then, not even of those that nothing will ever come for.
        if self.has_all_ends() {
            return None;
        }
        if let (Some((_, last)), Some(size)) = (self.cut.rows_of_window(window), self.cut.size_of_window(window)) {
            let come = self.open.get(&window).map_or(0, |open| open.numbered);
            // A replay that began with a later row may share its rows out another way: then the last one must have come too.
            let stride = self.cut.stride();
            let is_last = |reading: &Reading| reading.last_row.saturating_add(stride) > last;
            let is_whole = stride == 1 || self.partitions.values().all(is_last);
            if come == size && size > 0 && is_whole {
                return Some(SealReason::Complete);
            }
            let slack = ON_THE_WAY.saturating_mul(self.partitions.len() as u64);
            let passed = |reading: &Reading| reading.end.is_some() || reading.last_row > last.saturating_add(slack);
            return self.partitions.values().all(passed).then_some(SealReason::Passed);
        }
        let until = self.span_of(window)?.until;
        (self.watermark()? >= until).then_some(SealReason::Watermark)
    }

    /// The bounds of an event window.
    pub(super) fn span_of(&self, window: WindowIndex) -> Option<TimeSpan> {
        let (length, first) = (self.cut.span()?, self.first_span?);
        let from = (first + i64::from(window.get()) - 1).saturating_mul(length);
        Some(TimeSpan { from, until: from.saturating_add(length) })
    }
}
