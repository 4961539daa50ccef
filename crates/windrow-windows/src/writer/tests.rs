//! Property tests of the writer: each row is stored once, in row order, for any interleaving, repeats and kills.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tempfile::TempDir;

use crate::{Arrival, BatchError, BatchStore, BatchWriter, Content, CsvFormat, EndMark, Manifest, SealReason, Taken};
use windrow_config::{Cut, EventSpan, WindowPolicy};
use windrow_record::{Offset, Partition, RowNumber};

mod mistakes;
mod restart;
mod same_bytes;

const RUN: &str = "run";

/// A message of a replay, in the order of its partition.
#[derive(Debug, Clone)]
enum Message {
    Row { number: u64, good: bool },
    End,
}

/// A topic: the messages of each partition.
type Topic = Vec<Vec<Message>>;

/// Creates a folder in memory if the system has one. On a disk, thousands of synced files would take most of the time.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

fn record(number: u64) -> String {
    format!("{number},\"row {number}\"")
}

/// Returns a replay of `rows` rows over `partitions`. The broken rows cannot be read, and each repeated row is sent
/// twice in a row.
fn topic(rows: u64, partitions: usize, broken: &[u64], repeated: &[u64]) -> Topic {
    let mut topic: Topic = vec![Vec::new(); partitions];
    for number in 1..=rows {
        let partition = (number as usize - 1) % partitions;
        let message = Message::Row { number, good: !broken.contains(&number) };
        topic[partition].push(message.clone());
        if repeated.contains(&number) {
            topic[partition].push(message);
        }
    }
    for partition in &mut topic {
        partition.push(Message::End);
    }
    topic
}

/// Simulates late retries: swaps messages with later ones of their partition. The end marker stays last.
fn reorder(topic: &mut Topic, swaps: &[(usize, usize)]) {
    for messages in topic {
        let rows = messages.len() - 1;
        for (from, by) in swaps {
            if rows > 0 {
                messages.swap(from % rows, (from % rows + by).min(rows - 1));
            }
        }
    }
}

fn open(folder: &Path, cut: Cut, partitions: usize) -> (BatchWriter, Vec<usize>) {
    resume(folder, cut, partitions, None).expect("resumes")
}

fn resume(
    folder: &Path,
    cut: Cut,
    partitions: usize,
    log: Option<&str>,
) -> Result<(BatchWriter, Vec<usize>), BatchError> {
    let store = BatchStore::open(folder).expect("a store");
    let lock = store.lock().expect("nobody else");
    let partitions: Vec<Partition> = (0..partitions).map(|partition| Partition(partition as i32)).collect();
    let columns = ["id".to_owned(), "text".to_owned()];
    let log = log.map(str::to_owned);
    let (writer, resumed) =
        BatchWriter::resume(store, lock, cut, CsvFormat { columns: &columns, delimiter: b',' }, &partitions, log)?;
    // The consumer also starts one message before the resume point.
    Ok((writer, resumed.positions.iter().map(|(_, offset)| (offset.0 as usize).saturating_sub(1)).collect()))
}

/// Seals the windows that are due, and returns their manifests.
fn seal(writer: &mut BatchWriter, now: Instant) -> Vec<Manifest> {
    std::iter::from_fn(|| writer.seal_next(now).expect("room on the disk")).collect()
}

fn finish(writer: &mut BatchWriter, now: Instant) -> Vec<Manifest> {
    writer.finish().expect("room on the disk");
    seal(writer, now)
}

fn end(writer: &mut BatchWriter, partition: i32, offset: i64, run: Option<&str>) {
    let (partition, offset, now) = (Partition(partition), Offset(offset), Instant::now());
    writer.end_partition(EndMark { partition, offset, run, sent: None, now }).expect("room on the disk");
    seal(writer, now);
    if writer.has_all_ends() {
        finish(writer, now);
    }
}

fn deliver(
    writer: &mut BatchWriter,
    partition: usize,
    offset: usize,
    message: &Message,
    now: Instant,
) -> Vec<Manifest> {
    let (partition, offset) = (Partition(partition as i32), Offset(offset as i64));
    let (number, content) = match message {
        Message::End => {
            end(writer, partition.0, offset.0, Some(RUN));
            return Vec::new();
        }
        Message::Row { number, good: false } => {
            (*number, Content::Rejected { reason: "broken".to_owned(), raw: b"broken\xff" })
        }
        // Event time: ten rows a second, a little out of order.
        Message::Row { number, good: true } => {
            let time = Some(i64::try_from(number / 10 + number % 3).expect("small"));
            let (record, labelled) = (record(*number), number % 2 == 0);
            let content = Content::Row { labelled, time, record: record.as_bytes() };
            let arrival = Arrival { partition, offset, run: Some(RUN), row: RowNumber::new(*number), content, now };
            writer.take(arrival).expect("room on the disk");
            return seal(writer, now);
        }
    };
    let arrival = Arrival { partition, offset, run: Some(RUN), row: RowNumber::new(number), content, now };
    writer.take(arrival).expect("room on the disk");
    seal(writer, now)
}

/// Delivers a topic in the order of `choices`, and kills the writer where a choice demands it.
fn run(folder: &Path, cut: Cut, topic: &Topic, choices: &[(usize, bool)]) {
    let now = Instant::now();
    let (mut writer, mut next) = open(folder, cut, topic.len());
    let mut choices = choices.iter().cycle();
    let mut kills = 0;
    while writer.end().is_none() {
        let (choice, kill) = choices.next().expect("a cycle");
        // A stream that is killed at each step would not end.
        if *kill && kills < 8 {
            kills += 1;
            drop(writer);
            (writer, next) = open(folder, cut, topic.len());
        }
        let ready: Vec<usize> =
            (0..topic.len()).filter(|partition| next[*partition] < topic[*partition].len()).collect();
        assert!(!ready.is_empty(), "everything is delivered, and the stream has not ended");
        let partition = ready[choice % ready.len()];
        deliver(&mut writer, partition, next[partition], &topic[partition][next[partition]], now);
        next[partition] += 1;
    }
}

/// Reads the contents of a store after the end: the manifests, the rows of each window, and the rows in quarantine.
fn contents(folder: &Path) -> (Vec<Manifest>, Vec<Vec<u64>>, Vec<u64>) {
    let store = BatchStore::open(folder).expect("a store");
    let manifests = store.manifests().expect("whole");
    let (mut windows, mut aside) = (Vec::new(), Vec::new());
    for manifest in &manifests {
        let mut records = store.rows(manifest, b',').expect("a batch file");
        let mut rows = Vec::new();
        while let Some(found) = records.next_record().expect("readable") {
            let text = String::from_utf8(found.bytes.to_vec()).expect("text");
            let number = text.split(',').next().and_then(|number| number.parse().ok()).expect("a number");
            assert_eq!(text, record(number), "the bytes are those that came");
            rows.push(number);
        }
        assert_eq!(rows.len() as u64, manifest.rows.count);
        let listed = manifest.rows.numbers.iter().flat_map(|range| range.first..=range.last).collect::<Vec<_>>();
        assert_eq!(listed, rows, "the manifest lists the rows of its file");
        let file = std::fs::read(store.batch_path(manifest.window)).expect("a batch file");
        assert_eq!(file.len() as u64, manifest.rows.file.bytes);
        assert_eq!(sha256(&file), manifest.rows.file.sha256);
        windows.push(rows);
        if manifest.quarantine.count > 0 {
            let text = std::fs::read_to_string(store.quarantine_path(manifest.window)).expect("a quarantine file");
            let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
            let kept: Vec<u64> = lines.filter_map(|line| line["row"].as_u64()).collect();
            assert_eq!(kept.len() as u64, manifest.quarantine.count);
            aside.extend(kept);
        }
    }
    aside.sort_unstable();
    let end = store.end().expect("whole").expect("the stream is through");
    assert_eq!(end.windows as usize, manifests.len());
    assert_eq!(end.rows, windows.iter().map(|rows| rows.len() as u64).sum::<u64>());
    (manifests, windows, aside)
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}

fn rows_of(size: u64) -> WindowPolicy {
    WindowPolicy::Rows(size.try_into().expect("at least 1"))
}

fn parts_of(parts: u32) -> WindowPolicy {
    WindowPolicy::Parts(parts.try_into().expect("at least 1"))
}

fn event(seconds: u64, lateness: u64) -> WindowPolicy {
    WindowPolicy::Event {
        span: EventSpan::Fixed(Duration::from_secs(seconds)),
        lateness: Duration::from_secs(lateness),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn every_row_is_stored_once_and_in_order_whatever_happens(
        rows in 1_u64..150,
        partitions in 1_usize..5,
        policy in prop_oneof![(1_u64..60).prop_map(rows_of), (1_u32..6).prop_map(parts_of), (1_u64..9).prop_map(|span| event(span, 4))],
        broken in prop::collection::vec(1_u64..150, 0..5),
        repeated in prop::collection::vec(1_u64..150, 0..10),
        swaps in prop::collection::vec((0_usize..150, 0_usize..9), 0..6),
        choices in prop::collection::vec((0_usize..4, prop::bool::weighted(0.05)), 1..200),
    ) {
        let cut = Cut::new(policy, Some(rows));
        let mut topic = topic(rows, partitions, &broken, &repeated);
        // A row out of order may be late in event time. The next test covers that.
        if !matches!(policy, WindowPolicy::Event { .. }) {
            reorder(&mut topic, &swaps);
        }
        let folder = in_memory();
        run(folder.path(), cut, &topic, &choices);
        let (manifests, windows, aside) = contents(folder.path());

        for window in &windows {
            prop_assert!(window.is_sorted(), "row order within a window: {window:?}");
        }
        let mut stored: Vec<u64> = windows.concat();
        let in_order = stored.is_sorted();
        stored.sort_unstable();
        let expected: Vec<u64> = (1..=rows).filter(|row| !broken.contains(row)).collect();
        let mut refused: Vec<u64> = broken.iter().copied().filter(|row| *row <= rows).collect();
        refused.sort_unstable();
        refused.dedup();
        prop_assert_eq!(&stored, &expected);
        prop_assert_eq!(aside, refused);

        // If row numbers decide, the order of arrival does not matter: compare with one partition without repeats or
        // kills.
        if !matches!(policy, WindowPolicy::Event { .. }) {
            prop_assert!(in_order);
            let plain = in_memory();
            run(plain.path(), cut, &self::topic(rows, 1, &broken, &[]), &[(0, false)]);
            let (other, _, _) = contents(plain.path());
            let digests = |manifests: &[Manifest]| manifests.iter().map(|one| one.rows.file.sha256.clone()).collect::<Vec<_>>();
            prop_assert_eq!(digests(&manifests), digests(&other));
        }
    }

    #[test]
    fn event_windows_are_the_same_on_every_run_over_the_same_topic(
        rows in 1_u64..150,
        partitions in 1_usize..4,
        span in 1_u64..9,
        lateness in 0_u64..3,
        broken in prop::collection::vec(1_u64..150, 0..5),
        swaps in prop::collection::vec((0_usize..150, 0_usize..40), 0..12),
        one in prop::collection::vec((0_usize..4, prop::bool::weighted(0.05)), 1..200),
        other in prop::collection::vec((0_usize..4, prop::bool::weighted(0.05)), 1..200),
    ) {
        let cut = Cut::new(event(span, lateness), None);
        let mut topic = topic(rows, partitions, &broken, &[]);
        reorder(&mut topic, &swaps);
        let mut seen = Vec::new();
        for choices in [one, other] {
            let folder = in_memory();
            run(folder.path(), cut, &topic, &choices);
            let (manifests, windows, aside) = contents(folder.path());
            let mut all: Vec<u64> = windows.concat().into_iter().chain(aside.iter().copied()).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (1..=rows).collect::<Vec<u64>>(), "each row in a window or in quarantine, once");
            let of = |one: &Manifest| (one.times.span, one.rows.file.sha256.clone(), one.quarantine.numbers.clone());
            seen.push(manifests.iter().map(of).collect::<Vec<_>>());
        }
        prop_assert_eq!(&seen[0], &seen[1]);
    }
}

fn row(
    partition: i32,
    offset: i64,
    run: Option<&str>,
    row: Option<u64>,
    time: Option<i64>,
    now: Instant,
) -> Arrival<'_> {
    let content = Content::Row { labelled: true, time, record: b"1,x" };
    let (partition, offset, row) = (Partition(partition), Offset(offset), row.and_then(RowNumber::new));
    Arrival { partition, offset, run, row, content, now }
}

fn take(
    writer: &mut BatchWriter,
    offset: i64,
    run: Option<&str>,
    number: Option<u64>,
    time: i64,
    now: Instant,
) -> Taken {
    writer.take(row(0, offset, run, number, Some(time), now)).expect("room on the disk")
}

#[test]
fn windows_by_the_clock_are_sealed_in_time_also_when_empty() {
    let folder = in_memory();
    let (mut writer, _) = open(folder.path(), Cut::new(WindowPolicy::Every(Duration::from_secs(60)), None), 1);
    let began = Instant::now();
    let at = |seconds| began + Duration::from_secs(seconds);
    assert_eq!(seal(&mut writer, at(600)).len(), 0, "time begins with the first row");
    take(&mut writer, 0, None, None, 0, at(600));
    assert_eq!(seal(&mut writer, at(659)).len(), 0);
    let mut sealed = seal(&mut writer, at(725));
    take(&mut writer, 1, None, None, 0, at(725));
    sealed.extend(finish(&mut writer, at(730)));
    let sealed: Vec<(u64, SealReason)> = sealed.iter().map(|one| (one.rows.count, one.sealed)).collect();
    assert_eq!(sealed, [(1, SealReason::Time), (0, SealReason::Time), (1, SealReason::End)]);
}

#[test]
fn late_rows_go_to_quarantine_and_empty_spans_are_recorded() {
    let folder = in_memory();
    let (mut writer, _) = open(folder.path(), Cut::new(event(10, 2), None), 1);
    let now = Instant::now();
    for (offset, time) in [15, 19, 31, 29, 45].into_iter().enumerate() {
        let taken = take(&mut writer, offset as i64, None, None, time, now);
        assert!(matches!(taken, Taken::Stored { .. } | Taken::Pending), "{time}");
    }
    let late = take(&mut writer, 5, None, None, 18, now);
    assert!(matches!(&late, Taken::Quarantined { reason } if reason.starts_with("late")), "{late:?}");
    let spans: Vec<(i64, u64, u64)> = finish(&mut writer, now)
        .iter()
        .map(|one| (one.times.start().expect("a span"), one.rows.count, one.quarantine.count))
        .collect();
    assert_eq!(spans, [(10, 2, 0), (20, 1, 0), (30, 1, 1), (40, 1, 0)]);
}

#[test]
fn rows_of_another_sender_are_kept_aside_with_both_names() {
    let folder = in_memory();
    let (mut writer, _) = open(folder.path(), Cut::new(rows_of(10), None), 1);
    let now = Instant::now();
    take(&mut writer, 0, Some("a"), Some(1), 0, now);
    for (offset, run, name) in [(1, Some("b"), "the replay b"), (2, None, "a producer that is not Windrow")] {
        let Taken::Quarantined { reason } = take(&mut writer, offset, run, Some(2), 0, now) else {
            panic!("a row of {name} was stored")
        };
        assert!(reason.contains(name) && reason.contains("the replay a"), "{reason}");
    }
    end(&mut writer, 0, 3, Some("b"));
    assert_eq!(writer.end(), None, "another replay's end is not ours");
}
