//! Plans which rows to send and to which partition. It does no I/O.
//!
//! The rows of a replay go round the partitions, beginning with its first row. So a row's partition depends only on its
//! number, and a continued replay sends each row to the same partition as before.

use crate::producer::error::ProducerError;
use crate::producer::replay::Replay;
use crate::producer::share::Share;
use windrow_config::partition_of_row;
use windrow_kafka::PartitionContents;
use windrow_record::{Partition, RowNumber};

#[derive(Debug)]
pub(crate) struct ReplayPlan {
    /// The first row of the replay.
    pub(crate) from: RowNumber,
    /// The last row of the replay. `None` if it has no end.
    pub(crate) last: Option<u64>,
    /// The row number of the file's first row.
    pub(crate) begins: RowNumber,
    /// The number of rows of the dataset: row r of the replay is row (r - 1) mod `round` + 1 of the dataset.
    pub(crate) round: u64,
    /// The first row to send: all rows of this process before it are in the topic or in files.
    pub(crate) start: RowNumber,
    /// The partitions of this process.
    share: Share,
    contents: Vec<PartitionContents>,
}

impl ReplayPlan {
    /// Creates a plan. `dataset` is the number of the dataset's last row, and `contents` has the contents of each
    /// partition of `topic`.
    pub(crate) fn new(
        replay: &Replay,
        dataset: u64,
        contents: Vec<PartitionContents>,
        topic: &str,
    ) -> Result<Self, ProducerError> {
        let from = replay.from;
        if from.get() > dataset.max(1) && !replay.again {
            return Err(ProducerError::BeyondDataset { from, rows: dataset });
        }
        let limited = replay.limit.map(|limit| (from.get() - 1).saturating_add(limit));
        let last = match (replay.again && dataset > 0, limited) {
            (true, limited) => limited,
            (false, Some(limited)) => Some(limited.min(dataset)),
            (false, None) => Some(dataset),
        };
        let is_empty = contents.iter().all(|contents| contents.last().is_none() && contents.end.is_none());
        let turns = contents.len() as u64;
        for (index, contents) in contents.iter().enumerate() {
            let share = from.get() + index as u64;
            // Sealed rows were not sent again after the topic was lost. So the partition may begin with a later row, if
            // the row before it is sealed.
            let is_later = |first: RowNumber| {
                let begins_sealed = replay.sealed_to.is_some_and(|row| first.get() < row.get().saturating_add(turns));
                first.get() > share && (first.get() - share).is_multiple_of(turns) && begins_sealed
            };
            if let Some(first) = contents.first().filter(|first| first.get() != share && !is_later(*first)) {
                let begins = first.get().saturating_sub(index as u64);
                return Err(ProducerError::OtherStart { topic: topic.to_owned(), begins, from });
            }
            let Some(end) = contents.end else { continue };
            let ended = end.rows.map(|rows| end.first.get() - 1 + rows);
            let has_grown = replay.grows && ended.zip(last).is_some_and(|(ended, last)| ended < last);
            if end.first != from || ended != last && !has_grown {
                return Err(ProducerError::Ended { topic: topic.to_owned(), first: end.first, last: ended });
            }
        }
        let base = match replay.sealed_to {
            Some(sealed) if is_empty => sealed.max(from),
            // Every partition of this process has all of its rows up to there.
            _ => {
                let ours = contents.iter().enumerate().filter(|(slot, _)| replay.share.has(*slot));
                let whole_to = ours.map(|(_, contents)| contents.complete_to()).min().unwrap_or(0);
                let next = whole_to.checked_add(1).and_then(RowNumber::new);
                next.map_or(from, |row| row.max(from).max(replay.sealed_to.unwrap_or(from)))
            }
        };
        let mut plan =
            Self { from, last, begins: replay.begins, round: dataset, start: base, share: replay.share, contents };
        while plan.is_within(plan.start) && (plan.has(plan.start) || !plan.is_assigned(plan.start)) {
            plan.start = plan.start.next();
        }
        if plan.start < plan.begins && plan.is_within(plan.start) {
            return Err(ProducerError::Gone { row: plan.start, begins: plan.begins });
        }
        Ok(plan)
    }

    /// Returns true if the row is not after the end of the replay.
    pub(crate) fn is_within(&self, row: RowNumber) -> bool {
        self.last.is_none_or(|last| row.get() <= last)
    }

    /// Returns the index of the partition that a row belongs to.
    #[inline]
    pub(crate) fn slot(&self, row: RowNumber) -> usize {
        // Divisions of 64 bits are slow on older processors.
        if self.contents.len() <= 1 {
            return 0;
        }
        // The result is less than the number of partitions.
        usize::try_from(partition_of_row(row, self.from, self.contents.len() as u64)).unwrap_or(0)
    }

    /// Returns true if this process sends the row.
    pub(crate) fn is_assigned(&self, row: RowNumber) -> bool {
        self.share.has(self.slot(row))
    }

    /// Returns true if the topic has the row.
    pub(crate) fn has(&self, row: RowNumber) -> bool {
        self.contents.get(self.slot(row)).is_some_and(|contents| contents.has(row))
    }

    /// The contents of each partition, in round-robin order.
    pub(crate) fn contents(&self) -> &[PartitionContents] {
        &self.contents
    }

    /// The partitions of this process that have no end marker of this replay yet. A marker of an earlier extract, which
    /// had fewer rows, does not count.
    pub(crate) fn without_end(&self) -> impl Iterator<Item = Partition> {
        let ours = self.contents.iter().enumerate().filter(|(slot, _)| self.share.has(*slot));
        let is_missing = |contents: &PartitionContents| contents.end.is_none_or(|end| end.rows != self.rows());
        ours.filter(move |(_, contents)| is_missing(contents)).map(|(_, contents)| contents.partition)
    }

    /// The number of this process's rows before `row`.
    pub(crate) fn assigned_before(&self, row: RowNumber) -> u64 {
        let before = row.get().saturating_sub(self.from.get());
        let partitions = self.contents.len().max(1) as u64;
        let in_round = |length: u64| (0..length).filter(|slot| self.share.has(*slot as usize)).count() as u64;
        before / partitions * in_round(partitions) + in_round(before % partitions)
    }

    /// The number of this process's rows. `None` if the replay has no end.
    pub(crate) fn assigned_rows(&self) -> Option<u64> {
        self.last.map(|last| RowNumber::new(last.saturating_add(1)).map_or(0, |end| self.assigned_before(end)))
    }

    /// The number of rows of the whole replay. `None` if it has no end.
    pub(crate) fn rows(&self) -> Option<u64> {
        self.last.map(|last| (last + 1).saturating_sub(self.from.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_kafka::ContentsEnd;

    fn row(number: u64) -> RowNumber {
        RowNumber::new(number).expect("from 1")
    }

    fn holding(partition: i32, rows: &[u64], end: Option<ContentsEnd>) -> PartitionContents {
        let [first, last] = [rows.first(), rows.last()].map(|number| number.map(|number| row(*number)));
        PartitionContents::without_gap(Partition(partition), first, last, end)
    }

    /// Three partitions that hold the given numbers of their rows.
    fn contents(counts: [u64; 3], from: u64, end: Option<(u64, u64)>) -> Vec<PartitionContents> {
        let partition = |(index, count): (usize, u64)| {
            let rows = (0..count).map(|turn| from + index as u64 + turn * 3).collect::<Vec<u64>>();
            let end = end.map(|(first, rows)| ContentsEnd { first: row(first), rows: Some(rows) });
            holding(index as i32, &rows, end)
        };
        counts.into_iter().enumerate().map(partition).collect()
    }

    /// The rows that are still to be sent, each with the index of its partition.
    fn missing(plan: &ReplayPlan) -> Vec<(u64, usize)> {
        let rows = std::iter::successors(Some(plan.start), |row| Some(row.next()));
        let rows = rows.take_while(|row| plan.is_within(*row)).filter(|row| !plan.has(*row));
        rows.map(|row| (row.get(), plan.slot(row))).collect()
    }

    #[test]
    fn missing_rows_are_sent_to_their_partitions() {
        let all = Replay::default();
        let later = Replay { from: row(4), ..Replay::default() };
        let some = Replay { limit: Some(2), ..Replay::default() };
        let round = Replay { limit: Some(7), again: true, ..Replay::default() };
        let lost = Replay { sealed_to: Some(row(5)), ..Replay::default() };
        /// The name of the case, the replay, the number of rows in each partition, and the rows that are still to be
        /// sent.
        type Case<'a> = (&'a str, &'a Replay, [u64; 3], &'a [(u64, usize)]);
        let cases: [Case<'_>; 7] = [
            ("an empty topic", &all, [0, 0, 0], &[(1, 0), (2, 1), (3, 2), (4, 0), (5, 1), (6, 2)]),
            ("partitions that are unevenly far", &all, [2, 0, 1], &[(2, 1), (5, 1), (6, 2)]),
            ("everything but the end", &all, [2, 2, 2], &[]),
            ("from a later row", &later, [0, 0, 0], &[(4, 0), (5, 1), (6, 2)]),
            ("a limit", &some, [1, 0, 0], &[(2, 1)]),
            ("round and round", &round, [2, 1, 1], &[(5, 1), (6, 2), (7, 0)]),
            ("a topic that was lost", &lost, [0, 0, 0], &[(5, 1), (6, 2)]),
        ];
        for (what, replay, counts, expected) in cases {
            let plan = ReplayPlan::new(replay, 6, contents(counts, 1, None), "t").expect(what);
            assert_eq!(missing(&plan), expected, "{what}");
        }
    }

    #[test]
    fn a_topic_that_begins_after_the_sealed_rows_is_continued() {
        let of = |partition: i32, rows: &[u64]| holding(partition, rows, None);
        let sealed_to = |sealed| Replay { sealed_to: Some(row(sealed)), ..Replay::default() };
        // Rows 1 to 12 are on three partitions. The first four were sealed, and then the topic was lost. After that,
        // rows 5, 6 and 8 were sent.
        let topic = || vec![of(0, &[]), of(1, &[5, 8]), of(2, &[6])];
        let plan = ReplayPlan::new(&sealed_to(5), 12, topic(), "t").expect("a plan");
        assert_eq!(missing(&plan), [(7, 0), (9, 2), (10, 0), (11, 1), (12, 2)]);
        // One more window was sealed in between.
        let plan = ReplayPlan::new(&sealed_to(7), 12, topic(), "t").expect("a plan");
        assert_eq!(missing(&plan), [(7, 0), (9, 2), (10, 0), (11, 1), (12, 2)]);
        // Row 5 is missing, or the rows belong to another replay.
        let others = [(5, vec![of(0, &[]), of(1, &[8]), of(2, &[6])]), (9, vec![of(0, &[]), of(1, &[6]), of(2, &[])])];
        for (sealed, topic) in others {
            assert!(ReplayPlan::new(&sealed_to(sealed), 12, topic, "t").is_err());
        }
    }

    #[test]
    fn a_replay_of_a_newer_extract_goes_on_after_the_end() {
        let grown = Replay { grows: true, ..Replay::default() };
        let plan = ReplayPlan::new(&grown, 8, contents([2, 2, 2], 1, Some((1, 6))), "t").expect("a plan");
        assert_eq!(missing(&plan), [(7, 0), (8, 1)]);
        assert_eq!(plan.without_end().count(), 3, "every partition ends again");
        let done = ReplayPlan::new(&grown, 6, contents([2, 2, 2], 1, Some((1, 6))), "t").expect("a plan");
        assert_eq!((missing(&done), done.without_end().count()), (vec![], 0));
        let shorter = ReplayPlan::new(&grown, 5, contents([2, 2, 2], 1, Some((1, 6))), "t");
        assert!(shorter.expect_err("shorter").to_string().contains("ended with row 6"));
    }

    #[test]
    fn a_replay_that_cannot_be_continued_is_reported() {
        let all = Replay::default();
        let later = Replay { from: row(4), ..Replay::default() };
        let beyond = Replay { from: row(7), ..Replay::default() };
        let some = Replay { limit: Some(5), ..Replay::default() };
        let done = contents([2, 2, 2], 1, Some((1, 6)));
        assert_eq!(ReplayPlan::new(&all, 6, done.clone(), "t").map(|plan| missing(&plan)).ok(), Some(vec![]));
        let gone = Replay { begins: row(3), ..Replay::default() };
        let lost = Replay { sealed_to: Some(row(3)), ..gone.clone() };
        let plan = ReplayPlan::new(&lost, 6, contents([0, 0, 0], 1, None), "t").expect("row 3 is in the file");
        assert_eq!(missing(&plan), [(3, 2), (4, 0), (5, 1), (6, 2)]);
        let cases = [
            (ReplayPlan::new(&gone, 6, contents([1, 0, 0], 1, None), "t"), "row 2 must be sent again"),
            (ReplayPlan::new(&beyond, 6, contents([0, 0, 0], 1, None), "t"), "the dataset has 6 rows"),
            (ReplayPlan::new(&later, 6, contents([1, 1, 1], 1, None), "t"), "begins at row 1"),
            (ReplayPlan::new(&some, 6, done, "t"), "ended with row 6"),
        ];
        for (plan, message) in cases {
            let error = plan.expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
