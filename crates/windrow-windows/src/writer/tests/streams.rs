//! Streams for the tests of the writer: the messages of a topic, with disturbances, and a reader of them.

use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;

use crate::writer::tests::{RUN, record, resume, seal};
use crate::{Arrival, BatchWriter, Content, EndMark, Manifest, RowRange};
use windrow_config::Cut;
use windrow_record::{Offset, Partition, RowNumber, RunId};

/// A row, a row that cannot be read, a message of another client or another replay (a row if it has a time), or an end
/// marker with the number of the replay's rows.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Row { number: u64, time: i64 },
    Broken { number: u64 },
    Foreign { run: Option<&'static str>, number: Option<u64>, time: Option<i64> },
    End { run: Option<&'static str>, rows: Option<u64> },
}

/// A disturbance at a position of a partition, or an end marker without the number of rows.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    Again,
    ForeignMessage { number: Option<u64> },
    OtherReplay { number: u64, time: Option<i64> },
    OtherEnd,
    Swap { by: usize },
    UncountedEnd,
}

/// A topic: the messages of each partition, in order.
pub(super) type Topic = Vec<Vec<Message>>;

/// A step of a run: takes some messages of one partition, after a kill if `is_kill` is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunStep {
    pub(super) partition: usize,
    /// The number of messages before windows are sealed.
    pub(super) messages: usize,
    pub(super) is_kill: bool,
}

/// One message at a time, partition after partition.
pub(super) const ONE_BY_ONE: [RunStep; 1] = [RunStep { partition: 0, messages: 1, is_kill: false }];

pub(super) fn steps() -> impl Strategy<Value = Vec<RunStep>> {
    let messages = prop_oneof![4 => 1_usize..4, 2 => 4_usize..40, 1 => Just(10_000)];
    let step = (0_usize..4, messages, prop::bool::weighted(0.05));
    let step = step.prop_map(|(partition, messages, is_kill)| RunStep { partition, messages, is_kill });
    prop::collection::vec(step, 1..60)
}

/// Returns a replay of `rows` rows over `partitions`. Without faults, event times are at most 4 s out of order.
pub(super) fn topic(rows: u64, partitions: usize, missing: &[u64], broken: &[u64], faults: &[(u64, Fault)]) -> Topic {
    let mut topic: Topic = vec![Vec::new(); partitions];
    for number in (1..=rows).filter(|number| !missing.contains(number)) {
        let time = i64::try_from(number / 4 + number % 5).expect("small");
        let row = if broken.contains(&number) { Message::Broken { number } } else { Message::Row { number, time } };
        topic[(number as usize - 1) % partitions].push(row);
    }
    for (at, fault) in faults {
        let messages = &mut topic[*at as usize % partitions];
        let (from, count) = (*at as usize % (messages.len() + 1), messages.len());
        match fault {
            Fault::Again if from < count => messages.insert((from + 1 + from % 7).min(count), messages[from].clone()),
            Fault::Swap { by } if from < count => messages.swap(from, (from + by).min(count - 1)),
            Fault::Again | Fault::Swap { .. } | Fault::UncountedEnd => {}
            Fault::ForeignMessage { number } => {
                messages.insert(from, Message::Foreign { run: None, number: *number, time: None });
            }
            Fault::OtherReplay { number, time } => {
                messages.insert(from, Message::Foreign { run: Some("other"), number: Some(*number), time: *time });
            }
            Fault::OtherEnd => messages.insert(from, Message::End { run: Some("other"), rows: Some(rows) }),
        }
    }
    for (partition, messages) in topic.iter_mut().enumerate() {
        let mut own = faults.iter().filter(|(at, _)| *at as usize % partitions == partition);
        let is_counted = !own.any(|(_, fault)| matches!(fault, Fault::UncountedEnd));
        messages.push(Message::End { run: Some(RUN), rows: is_counted.then_some(rows) });
    }
    // A message after the end marker, which a run may read or not.
    topic[0].push(Message::Foreign { run: None, number: None, time: None });
    topic
}

/// Passes a message to a writer, without sealing windows.
pub(super) fn deliver(writer: &mut BatchWriter, partition: usize, offset: usize, message: &Message) {
    let (partition, offset, now) = (Partition(partition as i32), Offset(offset as i64), Instant::now());
    let text;
    let (run, number, content) = match message {
        Message::End { run, rows } => {
            let sent = rows.map(|rows| RowRange::new(1, rows));
            let mark = EndMark { partition, offset, run: *run, sent, now };
            assert_eq!(writer.end_partition(mark).expect("room on the disk"), *run == Some(RUN));
            return;
        }
        Message::Row { number, time } => {
            text = record(*number);
            let (labelled, time) = (number % 2 == 0, Some(*time));
            (Some(RUN), Some(*number), Content::Row { labelled, time, record: text.as_bytes() })
        }
        Message::Broken { number } => {
            (Some(RUN), Some(*number), Content::Rejected { reason: "broken".to_owned(), raw: b"broken\xff" })
        }
        Message::Foreign { run, number, time: None } => {
            (*run, *number, Content::Rejected { reason: "no row".to_owned(), raw: b"anything" })
        }
        Message::Foreign { run, number, time } => {
            (*run, *number, Content::Row { labelled: true, time: *time, record: b"1,foreign" })
        }
    };
    let row = number.and_then(RowNumber::new);
    writer.take(Arrival { partition, offset, run, row, content, now }).expect("room on the disk");
}

/// Seals the windows that are due: all of them if every partition has ended. Returns their manifests.
pub(super) fn settle(writer: &mut BatchWriter) -> Vec<Manifest> {
    if writer.has_all_ends() && writer.end().is_none() {
        writer.finish().expect("room on the disk");
    }
    seal(writer, Instant::now())
}

/// The replay that a writer is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Binding {
    /// None before the first row, like a consumer that expects no replay.
    FirstRow,
    /// The replay that it expects, if the first row is of that replay.
    Expected,
    /// The replay of its group, from the start.
    Member,
}

/// A writer of some partitions, and the next offset to read in each.
pub(super) struct Reader<'a> {
    folder: &'a Path,
    cut: Cut,
    pub(super) partitions: Range<usize>,
    binding: Binding,
    writer: BatchWriter,
    next: Vec<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn open(folder: &'a Path, cut: Cut, partitions: Range<usize>, binding: Binding) -> Self {
        let (writer, next) = resume(folder, cut, partitions.clone(), None).expect("resumes");
        let writer = match binding {
            Binding::FirstRow => writer,
            Binding::Expected => writer.expecting(RunId::new(RUN)),
            Binding::Member => writer.of_replay(RunId::new(RUN)),
        };
        Self { folder, cut, partitions, binding, writer, next }
    }

    pub(super) fn kill(self) -> Self {
        let Self { folder, cut, partitions, binding, writer, .. } = self;
        drop(writer);
        Self::open(folder, cut, partitions, binding)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.writer.end().is_some()
    }

    /// Takes up to `messages` messages, and then seals windows, as the consumer does.
    pub(super) fn take(&mut self, topic: &Topic, partition: usize, messages: usize) {
        for _ in 0..messages {
            let next = &mut self.next[partition - self.partitions.start];
            let Some(message) = topic[partition].get(*next) else { break };
            deliver(&mut self.writer, partition, *next, message);
            *next += 1;
            if self.writer.has_all_ends() {
                break;
            }
        }
        settle(&mut self.writer);
    }
}

/// Runs one consumer of all partitions.
pub(super) fn consume(folder: &Path, cut: Cut, topic: &Topic, binding: Binding, steps: &[RunStep]) {
    let mut reader = Reader::open(folder, cut, 0..topic.len(), binding);
    let (mut steps, mut kills) = (steps.iter().cycle(), 0);
    while !reader.has_ended() {
        let step = steps.next().expect("a cycle");
        // A stream that is killed at each step would not end.
        if step.is_kill && kills < 8 {
            kills += 1;
            reader = reader.kill();
        }
        // A partition that is read to its end is replaced by another one.
        let going: Vec<usize> = (0..topic.len()).filter(|one| reader.next[*one] < topic[*one].len()).collect();
        assert!(!going.is_empty(), "everything is delivered, and the stream has not ended");
        reader.take(topic, going[step.partition % going.len()], step.messages);
    }
}
