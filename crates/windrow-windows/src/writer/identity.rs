//! Which rows and messages have come already, and whose stream it is.
//!
//! What makes a row the same row: its replay and its number; for a producer that is not Windrow, its offset.

use roaring::RoaringTreemap;

use crate::open::Offsets;
use crate::{Manifest, RowRange};
use windrow_record::{Offset, Partition, RowNumber, RunId};

/// Who sends the rows of a store: one replay, or other producers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The replay of this name.
    Replay(RunId),
    /// Producers that are not Windrow.
    Foreign,
}

impl Source {
    fn of(run: Option<&str>) -> Self {
        run.map_or(Self::Foreign, |run| Self::Replay(RunId::new(run)))
    }

    fn is(&self, run: Option<&str>) -> bool {
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
pub(super) struct Identity {
    /// The one replay whose rows may come; rows that name none may come too, as long as it has not begun.
    expected: Option<RunId>,
    source: Option<Source>,
    /// The rows that the replay sent, as its end marker says.
    sent: Option<RowRange>,
    /// Row numbers that are in a window, in quarantine or held back.
    rows: RoaringTreemap,
    /// All numbers below this one are taken.
    free: u64,
    /// Messages that windows sealed before this start account for.
    settled: Offsets,
    /// The messages that repeat a row and that those windows account for.
    repeats: Offsets,
}

impl Identity {
    /// Of the replays, only this one's rows are taken.
    pub(super) fn expect(&mut self, run: RunId) {
        self.expected = Some(run);
    }

    /// Only rows of the expected replay are taken, also while none has come.
    pub(super) fn bind_to_expected(&mut self) {
        self.source = self.source.take().or_else(|| self.expected.clone().map(Source::Replay));
    }

    /// The first sender of a row decides whose stream this is.
    pub(super) fn bind(&mut self, run: Option<&str>) {
        self.source.get_or_insert_with(|| Source::of(run));
    }

    /// The end marker of the expected replay shows whose stream this is, also if no row of it came.
    pub(super) fn bind_by_end(&mut self, run: Option<&str>) {
        if run.is_some() && run == self.expected.as_ref().map(RunId::as_str) {
            self.bind(run);
        }
    }

    /// Why a message of this sender does not belong here, if it does not.
    pub(super) fn foreign_run(&self, run: Option<&str>) -> Option<String> {
        // The expected replay gives the same reason before its first row and after it.
        let expected = || self.expected.clone().filter(|_| run.is_some()).map(Source::Replay);
        let source = self.source.clone().or_else(expected).filter(|source| !source.is(run))?;
        Some(format!("it is of {}, while this directory is for {}", Source::of(run).name(), source.name()))
    }

    pub(super) fn is_ours(&self, run: Option<&str>) -> bool {
        self.source.as_ref().is_some_and(|source| source.is(run))
    }

    pub(super) fn run(&self) -> Option<RunId> {
        match &self.source {
            Some(Source::Replay(run)) => Some(run.clone()),
            _ => None,
        }
    }

    pub(super) fn has(&self, row: RowNumber) -> bool {
        self.rows.contains(row.get())
    }

    /// Keeps the rows that an end marker says were sent; the first marker that says so counts.
    pub(super) fn note_sent(&mut self, sent: Option<RowRange>) {
        self.sent = self.sent.or(sent);
    }

    /// The last row that an end marker says was sent.
    pub(super) fn last_sent(&self) -> Option<u64> {
        self.sent.map(|sent| sent.last)
    }

    /// The rows that the replay sent; none for other producers.
    pub(super) fn sent_by_replay(&self) -> Option<RowRange> {
        self.sent.filter(|_| self.run().is_some())
    }

    /// How many of the rows that were sent have not come, and how many were sent, as far as an end marker says.
    pub(super) fn missing_rows(&self) -> Option<(u64, u64)> {
        let (sent, all) = (self.sent?, self.sent?.count()?);
        Some((all - self.rows.range_cardinality(sent.first..=sent.last), all))
    }

    /// Whether a row was not there before.
    pub(super) fn insert(&mut self, row: RowNumber) -> bool {
        self.rows.insert(row.get())
    }

    pub(super) fn forget(&mut self, row: RowNumber) {
        self.rows.remove(row.get());
        self.free = self.free.min(row.get());
    }

    /// The smallest number that no row has: after a kill, rows that are read again get the numbers that they had.
    pub(super) fn free_number(&mut self) -> RowNumber {
        self.free = self.free.max(1);
        while self.rows.contains(self.free) {
            self.free += 1;
        }
        RowNumber::new(self.free).unwrap_or(RowNumber::FIRST)
    }

    /// Returns true if a message is in a file of a window that was sealed before this start.
    pub(super) fn is_settled(&self, partition: Partition, offset: Offset) -> bool {
        self.settled.get(&partition).is_some_and(|settled| settled.contains(offset.bits()))
    }

    /// Returns true if such a window accounts for a message as a repeat.
    pub(super) fn is_settled_repeat(&self, partition: Partition, offset: Offset) -> bool {
        self.repeats.get(&partition).is_some_and(|repeats| repeats.contains(offset.bits()))
    }

    /// Takes over what a sealed window accounts for; its offsets, where they are of this log.
    pub(super) fn recall(&mut self, manifest: &Manifest, is_this_log: bool) {
        manifest.row_ranges().for_each(|range| range.insert_into(&mut self.rows));
        if is_this_log {
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
                Some(run) => Some(Source::Replay(run.clone())),
                None => (manifest.rows.count > 0).then_some(Source::Foreign),
            };
        }
    }
}
