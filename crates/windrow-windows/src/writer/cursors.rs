//! How far each partition is, and which messages move it.
//!
//! A message that lies far ahead of those before it in its own partition may be a mistake: a wrong clock, a foreign producer's
//! header. It is held back until the next message of the partition lies near it, and goes to quarantine when that does
//! not. What is believed follows from a partition's own messages alone, so it is the same on every run over the same
//! topic, however partitions interleave.

use std::collections::BTreeMap;

use crate::Cut;
use crate::open::{Needed, Place};
use windrow_record::{Offset, Partition, RowNumber};

/// So many windows between a message and those before it are no gap in the data but a mistake in them.
pub(super) const LONGEST_GAP: i64 = 100_000;
/// A partition's first two messages lie nearer to each other than so many windows, or the first is a mistake.
const FIRST_GAP: i64 = 1000;
/// How many rows of a partition a producer may have on the way at once, and so how far behind its place a row can come
/// where a broker takes a retry late: librdkafka's five requests of 10,000 messages.
const ON_THE_WAY: u64 = 50_000;

/// How far a partition has been read.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// Where the manifests say that reading goes on.
    pub(super) resumed_at: Option<Offset>,
    /// Behind the last message since this process began.
    pub(super) next: Option<Offset>,
    /// The furthest position that is believed.
    pub(super) at: Option<i64>,
    /// A message whose position is not believed yet.
    pub(super) pending: Option<Pending>,
    /// Where its end marker stands, once that has come.
    pub(super) end: Option<Offset>,
    /// It was added while others were read: until it sends something, nobody waits for it.
    pub(super) is_added: bool,
}

/// A message far ahead of those before it.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) position: i64,
    pub(super) needed: Needed,
    /// `None` for a message that is accounted for already.
    pub(super) row: Option<HeldRow>,
}

/// A row that is held back.
#[derive(Debug)]
pub(super) struct HeldRow {
    pub(super) place: Place,
    pub(super) row: RowNumber,
    pub(super) labelled: bool,
    pub(super) time: Option<i64>,
    pub(super) record: Vec<u8>,
}

/// What a message's position says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It lies where one of its partition's next messages lies.
    Near,
    /// Only the next message shows whether it is right.
    Ahead,
    /// It cannot be meant.
    Beyond {
        /// How far it lies from those before it.
        windows: i64,
    },
}

/// What the message behind it says of a pending one.
#[derive(Debug)]
pub(super) enum Outcome {
    Believed(Pending),
    Contradicted { pending: Pending, windows: i64 },
}

impl Cursor {
    /// Judges a position, when nothing is pending any more or the position says nothing of it.
    pub(super) fn judge(&self, position: i64, cut: &Cut, slack: i64) -> Step {
        let Some(at) = self.at else { return Step::Ahead };
        if position <= at.saturating_add(slack) {
            return Step::Near;
        }
        let windows = cut.window_of_position(position).saturating_sub(cut.window_of_position(at));
        if windows > LONGEST_GAP { Step::Beyond { windows } } else { Step::Ahead }
    }

    /// Holds the next message's position against the pending one; `None` when nothing is pending or that says nothing.
    pub(super) fn resolve(&mut self, position: i64, cut: &Cut, slack: i64) -> Option<Outcome> {
        let pending = self.pending.as_ref()?;
        let window = |position| cut.window_of_position(position);
        let windows = window(position).saturating_sub(window(pending.position));
        let is_near = match self.at {
            None => windows.saturating_abs() <= FIRST_GAP,
            // What cannot be meant itself says nothing, nor does what comes late.
            Some(at) if position < at || window(position).saturating_sub(window(at)) > LONGEST_GAP => return None,
            Some(_) => position >= pending.position.saturating_sub(slack),
        };
        let pending = self.pending.take()?;
        Some(if is_near { self.believe(pending) } else { Outcome::Contradicted { pending, windows } })
    }

    /// Nothing more will come that could contradict it.
    pub(super) fn believe_pending(&mut self) -> Option<Outcome> {
        let pending = self.pending.take()?;
        Some(self.believe(pending))
    }

    fn believe(&mut self, pending: Pending) -> Outcome {
        self.at = self.at.max(Some(pending.position));
        Outcome::Believed(pending)
    }

    /// Whether its only positions are those of one pending message.
    pub(super) fn is_undecided(&self) -> bool {
        self.at.is_none() && self.pending.is_some()
    }

    /// Whether nobody need wait for it yet.
    pub(super) fn is_silent(&self) -> bool {
        self.is_added && self.next.is_none()
    }

    /// The point to read it from again if a row is held back.
    pub(super) fn needed(&self) -> Option<Needed> {
        self.pending.as_ref().filter(|pending| pending.row.is_some()).map(|pending| pending.needed)
    }
}

/// All partitions of the topic.
#[derive(Debug, Default)]
pub(super) struct Cursors(pub(super) BTreeMap<Partition, Cursor>);

impl Cursors {
    pub(super) fn get(&mut self, partition: Partition) -> &mut Cursor {
        self.0.entry(partition).or_default()
    }

    /// How far ahead of its partition a position is believed at once, and how far behind its place a message can still come.
    pub(super) fn slack(&self, cut: &Cut) -> i64 {
        let most = LONGEST_GAP.saturating_mul(cut.length());
        match cut.span() {
            Some(span) => span.longest().saturating_add(cut.lateness()).min(most),
            None => {
                let rows = ON_THE_WAY.saturating_mul((self.0.len() as u64).max(cut.stride()));
                i64::try_from(rows).unwrap_or(most).min(most)
            }
        }
    }

    pub(super) fn has_all_ends(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(|cursor| cursor.end.is_some())
    }

    /// The furthest position of any partition.
    pub(super) fn furthest(&self) -> Option<i64> {
        self.0.values().filter_map(|cursor| cursor.at).max()
    }

    /// The newest time of the slowest partition that has not ended, less the lateness; `None` while one has sent nothing
    /// that is believed.
    pub(super) fn watermark(&self, cut: &Cut) -> Option<i64> {
        let going = self.0.values().filter(|cursor| cursor.end.is_none() || cursor.is_undecided());
        let newest =
            going.filter(|cursor| !cursor.is_silent()).map(|cursor| cursor.at).collect::<Option<Vec<i64>>>()?;
        newest.into_iter().min().map(|newest| newest.saturating_sub(cut.lateness()))
    }
}
