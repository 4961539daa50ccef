//! Which window a row belongs to, and when a window is done.

use crate::batch::writer::{BatchWriter, LONGEST_LEAP, Progress};
use crate::batch::{BatchError, SealReason, TimeSpan};
use crate::record::{RowNumber, WindowIndex};

impl BatchWriter {
    /// The window that a row belongs to; `None` for one from before the first.
    pub(crate) fn place(&mut self, row: RowNumber, time: Option<i64>) -> Result<Option<WindowIndex>, BatchError> {
        if let Some(window) = self.cut.window_of_row(row) {
            return Ok(Some(window));
        }
        let Some(span) = time.and_then(|time| self.cut.span_of_time(time)) else { return Ok(Some(self.next)) };
        let first = *self.first_span.get_or_insert(span);
        let leap = span - first + 1 - i64::from(self.next.get());
        if leap.abs() > LONGEST_LEAP {
            return Err(BatchError::TimeLeap { row: row.get(), windows: leap });
        }
        if span < first && self.next == WindowIndex::FIRST && !self.has_passed(span) {
            self.begin_earlier(first - span);
            self.first_span = Some(span);
            return Ok(Some(WindowIndex::FIRST));
        }
        Ok(u32::try_from(span - first + 1).ok().and_then(WindowIndex::new))
    }

    /// Makes room for a window before the first, while none is sealed: the first row that arrives need not be the
    /// earliest, and with several partitions it often is not.
    fn begin_earlier(&mut self, windows: i64) {
        let shifted = |window: WindowIndex| {
            let index = i64::from(window.get()) + windows;
            u32::try_from(index).ok().and_then(WindowIndex::new).unwrap_or(window)
        };
        self.open = std::mem::take(&mut self.open).into_iter().map(|(window, open)| (shifted(window), open)).collect();
    }

    /// Whether the watermark is beyond a span.
    fn has_passed(&self, span: i64) -> bool {
        let end = self.cut.span().map(|length| (span + 1).saturating_mul(length));
        self.watermark().zip(end).is_some_and(|(watermark, end)| watermark >= end)
    }

    /// The newest time of the slowest partition that has not ended, less the lateness; `None` while one has sent nothing.
    fn watermark(&self) -> Option<i64> {
        let going = self.partitions.values().filter(|progress| progress.end.is_none());
        let newest = going.map(|progress| progress.newest).collect::<Option<Vec<i64>>>()?;
        newest.into_iter().min().map(|newest| newest - self.cut.lateness())
    }

    /// Why a window can be sealed now, if it can.
    pub(crate) fn is_done(&self, window: WindowIndex) -> Option<SealReason> {
        if let Some((first, last)) = self.cut.rows_of_window(window) {
            let size = last.saturating_add(1).saturating_sub(first);
            let come = self.open.get(&window).map_or(0, |open| open.numbered);
            if come == size && size > 0 {
                return Some(SealReason::Complete);
            }
            let passed = |progress: &Progress| progress.end.is_some() || progress.last_row > last;
            return self.partitions.values().all(passed).then_some(SealReason::Passed);
        }
        let until = self.span_of(window)?.until;
        (self.watermark()? >= until).then_some(SealReason::Watermark)
    }

    /// The bounds of an event window.
    pub(crate) fn span_of(&self, window: WindowIndex) -> Option<TimeSpan> {
        let (length, first) = (self.cut.span()?, self.first_span?);
        let from = (first + i64::from(window.get()) - 1).saturating_mul(length);
        Some(TimeSpan { from, until: from.saturating_add(length) })
    }
}
