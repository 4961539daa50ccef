//! The rows and messages that have arrived, and the producer that the stream belongs to.
//!
//! A row is identified by its replay and its number. For a producer that is not Windrow, the offset identifies it.

use crate::numbers::NumberSet;
use crate::open::Offsets;
use crate::{Manifest, RowRange};
use windrow_record::{RowNumber, RunId};

/// The producer of a store's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MessageSource {
    /// The replay with this id.
    Replay(RunId),
    /// Producers that are not Windrow.
    Foreign,
}

impl MessageSource {
    fn of(run: Option<&str>) -> Self {
        run.map_or(Self::Foreign, |run| Self::Replay(RunId::new(run)))
    }

    fn matches(&self, run: Option<&str>) -> bool {
        match self {
            Self::Replay(id) => run == Some(id.as_str()),
            Self::Foreign => run.is_none(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Replay(id) => format!("the replay {id}"),
            Self::Foreign => "a producer that is not Windrow".to_owned(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct StreamIdentity {
    /// The only replay whose rows are taken. Rows without a replay are also taken, unless a row of this one came first.
    pub(super) expected: Option<RunId>,
    source: Option<MessageSource>,
    /// The rows that the replay sent, according to its end marker.
    sent: Option<RowRange>,
    /// The row numbers that are in a window, in quarantine or held back.
    rows: NumberSet,
    /// A lower bound for free numbers: all numbers below it are taken.
    free: u64,
    /// The messages in the files of windows that were sealed before this start.
    pub(super) settled: Offsets,
    /// The messages that repeat a row, in windows that were sealed before this start.
    pub(super) repeats: Offsets,
}

impl StreamIdentity {
    /// Binds the stream to the expected replay before its first row, so rows of other producers are refused too.
    pub(super) fn bind_to_expected(&mut self) {
        self.source = self.source.take().or_else(|| self.expected.clone().map(MessageSource::Replay));
    }

    /// Binds the stream to the sender of its first row.
    pub(super) fn bind(&mut self, run: Option<&str>) {
        self.source.get_or_insert_with(|| MessageSource::of(run));
    }

    /// Binds the stream to the expected replay at its end marker, because the replay may have sent no row.
    pub(super) fn bind_by_end(&mut self, run: Option<&str>) {
        if run.is_some() && run == self.expected.as_ref().map(RunId::as_str) {
            self.bind(run);
        }
    }

    /// Returns the reason why a message of this sender does not belong to the stream. `None` if it belongs to it.
    pub(super) fn other_sender(&self, run: Option<&str>) -> Option<String> {
        let is_of_stream = match (&self.source, &self.expected) {
            (Some(source), _) => source.matches(run),
            // The expected replay must give the same reason before its first row as after it.
            (None, Some(expected)) => run.is_none_or(|run| run == expected.as_str()),
            (None, None) => true,
        };
        // Nearly every message ends here, so nothing is copied before.
        if is_of_stream {
            return None;
        }
        let source = self.source.clone().or_else(|| self.expected.clone().map(MessageSource::Replay))?;
        Some(format!("it comes from {}, but this directory is for {}", MessageSource::of(run).name(), source.name()))
    }

    pub(super) fn is_from_sender(&self, run: Option<&str>) -> bool {
        self.source.as_ref().is_some_and(|source| source.matches(run))
    }

    pub(super) fn run(&self) -> Option<RunId> {
        match &self.source {
            Some(MessageSource::Replay(run)) => Some(run.clone()),
            _ => None,
        }
    }

    pub(super) fn has(&self, row: RowNumber) -> bool {
        self.rows.contains(row.get())
    }

    /// Records the rows that were sent, according to an end marker. The first marker with this number counts.
    pub(super) fn record_sent(&mut self, sent: Option<RowRange>) {
        self.sent = self.sent.or(sent);
    }

    /// The last row that was sent, according to an end marker.
    pub(super) fn last_sent(&self) -> Option<u64> {
        self.sent.map(|sent| sent.last)
    }

    /// The rows that the replay sent. `None` for other producers.
    pub(super) fn sent_by_replay(&self) -> Option<RowRange> {
        self.sent.filter(|_| self.run().is_some())
    }

    /// The number of sent rows that have not arrived, and the number of sent rows. `None` if no end marker has named
    /// them.
    pub(super) fn missing_rows(&self) -> Option<(u64, u64)> {
        let (sent, all) = (self.sent?, self.sent?.count()?);
        Some((all - self.rows.count_in(sent.first..=sent.last), all))
    }

    /// Adds a row number.
    pub(super) fn insert(&mut self, row: RowNumber) {
        self.rows.insert(row.get());
    }

    pub(super) fn forget(&mut self, row: RowNumber) {
        self.rows.remove(row.get());
        self.free = self.free.min(row.get());
    }

    /// Returns the smallest free number. Rows that are read again after a kill thus get the same numbers as before.
    pub(super) fn free_number(&mut self) -> RowNumber {
        self.free = self.free.max(1);
        while self.rows.contains(self.free) {
            self.free += 1;
        }
        RowNumber::new(self.free).unwrap_or(RowNumber::FIRST)
    }

    /// Restores the rows of a sealed window, and its offsets if they belong to this log.
    pub(super) fn restore(&mut self, manifest: &Manifest, is_same_log: bool) {
        manifest.row_ranges().for_each(|range| self.rows.insert_range(range));
        if is_same_log {
            for (settled, ranges) in
                [(&mut self.settled, &manifest.messages.offsets), (&mut self.repeats, &manifest.messages.repeated)]
            {
                for range in ranges {
                    range.insert_into(settled.entry(range.partition).or_default());
                }
            }
        }
        if self.source.is_none() {
            self.source = match &manifest.run {
                Some(run) => Some(MessageSource::Replay(run.clone())),
                None => (manifest.rows.count > 0).then_some(MessageSource::Foreign),
            };
        }
    }
}
