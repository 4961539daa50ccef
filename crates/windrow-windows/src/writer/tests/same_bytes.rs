//! Property tests of the files: the same stream makes the same bytes, in whatever order its messages arrive.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;

use crate::writer::tests::{event, in_memory, parts_of, record, rows_of};
use crate::{
    Arrival, Assembly, BatchStore, BatchWriter, Content, CsvFormat, EndMark, RowRange, SealReason, partial_folder,
};
use windrow_config::{Cut, EventSpan, WindowPolicy};
use windrow_record::{Offset, Partition, RowNumber, RunId};

const RUN: &str = "run";

#[derive(Debug, Clone)]
enum Message {
    Row {
        number: u64,
        time: i64,
    },
    /// A row that cannot be read.
    Broken {
        number: u64,
    },
    /// A message of another client or another replay: a row if it has a time.
    Foreign {
        run: Option<&'static str>,
        number: Option<u64>,
        time: Option<i64>,
    },
    End {
        run: &'static str,
    },
}

/// A disturbance at a position of a partition.
#[derive(Debug, Clone)]
enum Fault {
    Again,
    Stranger { number: Option<u64> },
    OtherReplay { number: u64, time: Option<i64> },
    OtherEnd,
    Swap { by: usize },
}

type Topic = Vec<Vec<Message>>;

/// A step of a run: takes some messages of one partition, after a kill if `is_kill` is set.
#[derive(Debug, Clone, Copy)]
struct Step {
    partition: usize,
    /// The number of messages before windows are sealed.
    messages: usize,
    is_kill: bool,
}

fn topic(rows: u64, partitions: usize, missing: &[u64], broken: &[u64], faults: &[(u64, Fault)]) -> Topic {
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
            Fault::Again | Fault::Swap { .. } => {}
            Fault::Stranger { number } => {
                messages.insert(from, Message::Foreign { run: None, number: *number, time: None });
            }
            Fault::OtherReplay { number, time } => {
                messages.insert(from, Message::Foreign { run: Some("other"), number: Some(*number), time: *time });
            }
            Fault::OtherEnd => messages.insert(from, Message::End { run: "other" }),
        }
    }
    for messages in &mut topic {
        messages.push(Message::End { run: RUN });
    }
    // A message after the end marker, which a run may read or not.
    topic[0].push(Message::Foreign { run: None, number: None, time: None });
    topic
}

/// A writer of some partitions, and the next offset to read in each.
struct Reader<'a> {
    folder: &'a Path,
    cut: Cut,
    partitions: Vec<usize>,
    rows: u64,
    is_member: bool,
    writer: BatchWriter,
    next: BTreeMap<usize, usize>,
}

fn columns() -> [String; 2] {
    ["id".to_owned(), "text".to_owned()]
}

impl<'a> Reader<'a> {
    fn open(folder: &'a Path, cut: Cut, partitions: Vec<usize>, rows: u64, is_member: bool) -> Self {
        let store = BatchStore::open(folder).expect("a store");
        let lock = store.lock().expect("nobody else");
        let read: Vec<Partition> = partitions.iter().map(|partition| Partition(*partition as i32)).collect();
        let form = CsvFormat { columns: &columns(), delimiter: b',' };
        let (writer, resumed) = BatchWriter::resume(store, lock, cut, form, &read, None).expect("resumes");
        // A member of a group is bound to its replay from the start.
        let run = RunId::new(RUN);
        let writer = if is_member { writer.of_replay(run) } else { writer.expecting(run) };
        let next = resumed.positions.iter();
        let next = next.map(|(partition, offset)| (partition.0 as usize, (offset.0 as usize).saturating_sub(1)));
        Self { folder, cut, rows, is_member, writer, next: next.collect(), partitions }
    }

    fn kill(self) -> Self {
        let Self { folder, cut, partitions, rows, is_member, writer, .. } = self;
        drop(writer);
        Self::open(folder, cut, partitions, rows, is_member)
    }

    fn has_ended(&self) -> bool {
        self.writer.end().is_some()
    }

    fn seal(&mut self) {
        if self.writer.has_all_ends() && self.writer.end().is_none() {
            self.writer.finish().expect("room on the disk");
        }
        while self.writer.seal_next(Instant::now()).expect("room on the disk").is_some() {}
    }

    /// Takes up to `messages` messages. As in the consumer, windows are sealed only after them.
    fn take(&mut self, topic: &Topic, partition: usize, messages: usize) {
        for _ in 0..messages {
            let next = self.next.get_mut(&partition).expect("is ours");
            let Some(message) = topic[partition].get(*next) else { return };
            let offset = *next;
            *next += 1;
            self.deliver(partition, offset, message);
            if self.writer.has_all_ends() {
                return;
            }
        }
    }

    fn deliver(&mut self, partition: usize, offset: usize, message: &Message) {
        let (partition, offset) = (Partition(partition as i32), Offset(offset as i64));
        let now = Instant::now();
        let text;
        let (run, number, content) = match message {
            Message::End { run } => {
                let sent = Some(RowRange::new(1, self.rows));
                let mark = EndMark { partition, offset, run: Some(run), sent, now };
                assert_eq!(self.writer.end_partition(mark).expect("room on the disk"), *run == RUN);
                return;
            }
            Message::Row { number, time } => {
                text = record(*number);
                let (labelled, time) = (number % 2 == 0, Some(*time));
                (Some(RUN), Some(*number), Content::Row { labelled, time, record: text.as_bytes() })
            }
            Message::Broken { number } => {
                (Some(RUN), Some(*number), Content::Rejected { reason: "broken".to_owned(), raw: b"\xff" })
            }
            Message::Foreign { run, number, time: None } => {
                let reason = "no row".to_owned();
                (*run, *number, Content::Rejected { reason, raw: b"anything" })
            }
            Message::Foreign { run, number, time } => {
                (*run, *number, Content::Row { labelled: true, time: *time, record: b"1,foreign" })
            }
        };
        let row = number.and_then(RowNumber::new);
        self.writer.take(Arrival { partition, offset, run, row, content, now }).expect("room on the disk");
    }
}

/// Runs one consumer of all partitions.
fn consume(folder: &Path, cut: Cut, topic: &Topic, rows: u64, steps: &[Step]) {
    let mut reader = Reader::open(folder, cut, (0..topic.len()).collect(), rows, false);
    let (mut steps, mut kills) = (steps.iter().cycle(), 0);
    while !reader.has_ended() {
        let step = steps.next().expect("a cycle");
        if step.is_kill && kills < 8 {
            kills += 1;
            reader = reader.kill();
        }
        // A partition that is read to its end is replaced by another one.
        let going: Vec<usize> = (0..topic.len()).filter(|one| reader.next[one] < topic[*one].len()).collect();
        assert!(!going.is_empty(), "everything is delivered, and the stream has not ended");
        reader.take(topic, going[step.partition % going.len()], step.messages);
        reader.seal();
    }
}

/// Runs a group: a consumer of each partition, and an assembly that advances now and then.
fn consume_as_group(folder: &Path, cut: Cut, topic: &Topic, rows: u64, steps: &[Step]) {
    let places = 0..topic.len();
    let folders: Vec<_> = places.clone().map(|one| partial_folder(folder, Partition(one as i32))).collect();
    let of = |one: usize| cut.of_partition(one as u64, topic.len() as u64);
    let mut readers: Vec<Option<Reader<'_>>> =
        places.map(|one| Some(Reader::open(&folders[one], of(one), vec![one], rows, true))).collect();
    let whole = BatchStore::open(folder).expect("a store");
    let columns = columns();
    let assembly = || {
        let partials = folders.iter().map(|folder| BatchStore::open(folder).expect("a store"));
        Assembly::new(whole.clone(), partials.collect(), cut, CsvFormat { columns: &columns, delimiter: b',' })
    };
    let mut member = assembly();
    for (turn, step) in steps.iter().cycle().enumerate() {
        assert!(turn < 100_000, "everything is delivered, and the stream has not ended");
        if (turn / steps.len() + step.messages).is_multiple_of(3) {
            member.advance(&|| false).expect("room on the disk");
            if whole.end().expect("whole").is_some() {
                return;
            }
        }
        let Some(slot) = readers.get_mut(step.partition % topic.len()) else { continue };
        if let Some(mut reader) = slot.take() {
            if step.is_kill && turn < 100 {
                reader = reader.kill();
                member = assembly();
            }
            reader.take(topic, step.partition % topic.len(), step.messages);
            reader.seal();
            *slot = (!reader.has_ended()).then_some(reader);
        } else if let Some(other) = readers.iter_mut().flatten().next() {
            let partition = other.partitions[0];
            other.take(topic, partition, step.messages);
            other.seal();
            let has_ended = other.has_ended();
            readers[partition] = readers[partition].take().filter(|_| !has_ended);
        }
    }
}

/// Returns the contents of all files of a store, by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for part in ["batches", "quarantine"] {
        for entry in fs::read_dir(folder.join(part)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = format!("{part}/{}", path.file_name().expect("a name").to_string_lossy());
                files.insert(name, String::from_utf8_lossy(&fs::read(&path).expect("readable")).into_owned());
            }
        }
    }
    files.remove("batches/.lock");
    files
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let messages = prop_oneof![4 => 1_usize..4, 2 => 4_usize..40, 1 => Just(10_000)];
    let step = (0_usize..4, messages, prop::bool::weighted(0.05));
    let step = step.prop_map(|(partition, messages, is_kill)| Step { partition, messages, is_kill });
    prop::collection::vec(step, 1..60)
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::Again),
        3 => prop::option::of(1_u64..130).prop_map(|number| Fault::Stranger { number }),
        2 => (prop_oneof![1_u64..130, Just(40_000), Just(u64::MAX)], prop::option::of(prop_oneof![0_i64..40, Just(1_000_000)]))
            .prop_map(|(number, time)| Fault::OtherReplay { number, time }),
        1 => Just(Fault::OtherEnd),
        3 => (1_usize..9).prop_map(|by| Fault::Swap { by }),
    ]
}

fn policy() -> impl Strategy<Value = WindowPolicy> {
    let calendar = (0_u64..3).prop_map(|lateness| WindowPolicy::Event {
        span: EventSpan::Month,
        lateness: std::time::Duration::from_secs(lateness),
    });
    prop_oneof![
        4 => (1_u64..40).prop_map(rows_of),
        3 => (1_u32..6).prop_map(parts_of),
        4 => (1_u64..9, 0_u64..5).prop_map(|(span, lateness)| event(span, lateness)),
        1 => calendar,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn the_same_stream_makes_the_same_files(
        rows in 1_u64..120,
        partitions in 1_usize..5,
        policy in policy(),
        missing in prop::collection::vec(1_u64..120, 0..3),
        broken in prop::collection::vec(1_u64..120, 0..4),
        faults in prop::collection::vec((0_u64..120, fault()), 0..12),
        runs in prop::collection::vec(steps(), 2),
        group in steps(),
    ) {
        let cut = Cut::new(policy, Some(rows));
        let topic = topic(rows, partitions, &missing, &broken, &faults);
        // The reference run takes one message at a time, partition after partition.
        let plain = in_memory();
        consume(plain.path(), cut, &topic, rows, &[Step { partition: 0, messages: 1, is_kill: false }]);
        let expected = files(plain.path());
        for steps in &runs {
            let folder = in_memory();
            consume(folder.path(), cut, &topic, rows, steps);
            let found = files(folder.path());
            for (name, text) in &expected {
                prop_assert_eq!(Some(text), found.get(name), "{}", name);
            }
            prop_assert_eq!(expected.len(), found.len());
        }
        let folder = in_memory();
        consume_as_group(folder.path(), cut, &topic, rows, &group);
        let found = files(folder.path());
        for (name, text) in &expected {
            prop_assert_eq!(Some(text), found.get(name), "a group: {}", name);
        }
        prop_assert_eq!(expected.len(), found.len());
    }
}

/// Rows 1 to 4 in windows of two. The end marker arrives together with the last row or later.
#[test]
fn a_window_whose_rows_have_all_come_is_complete_whether_the_end_came_with_them_or_later() {
    for handfuls in [vec![5], vec![4, 1], vec![2, 3], vec![1; 5]] {
        let folder = in_memory();
        let topic = topic(4, 1, &[], &[], &[]);
        let mut reader = Reader::open(folder.path(), Cut::new(rows_of(2), None), vec![0], 4, false);
        for messages in &handfuls {
            reader.take(&topic, 0, *messages);
            reader.seal();
        }
        let manifests = BatchStore::open(folder.path()).expect("a store").manifests().expect("whole");
        let reasons: Vec<SealReason> = manifests.iter().map(|manifest| manifest.sealed).collect();
        assert_eq!(reasons, [SealReason::Complete; 2], "{handfuls:?}");
    }
}

/// Row 3 comes before row 1 in its partition, so reading continues from row 3 after window 1. Until row 3 has been read
/// again, no window may be sealed: its manifest would say that reading continues after row 3.
#[test]
fn a_row_of_an_open_window_survives_two_kills_whichever_partition_is_read_first() {
    let folder = in_memory();
    let row = |number: u64| Message::Row { number, time: 0 };
    let end = Message::End { run: RUN };
    let topic = vec![vec![row(3), row(1), end.clone()], vec![row(2), end]];
    let mut reader = Reader::open(folder.path(), Cut::new(rows_of(1), None), vec![0, 1], 3, false);
    reader.take(&topic, 0, 2);
    reader.seal();
    reader = reader.kill();
    reader.take(&topic, 1, 1);
    reader.seal();
    reader = reader.kill();
    for partition in [0, 1] {
        reader.take(&topic, partition, 3);
        reader.seal();
    }
    let manifests = BatchStore::open(folder.path()).expect("a store").manifests().expect("whole");
    let rows: Vec<&[RowRange]> = manifests.iter().map(|manifest| manifest.rows.numbers.as_slice()).collect();
    assert_eq!(rows, [[RowRange::new(1, 1)], [RowRange::new(2, 2)], [RowRange::new(3, 3)]]);
}
