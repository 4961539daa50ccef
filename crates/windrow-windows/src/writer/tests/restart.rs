//! A restarted writer: what it restores, and how it handles files or topics that have changed.

use std::time::Instant;

use crate::writer::tests::streams::{Binding, Message, ONE_BY_ONE, consume, deliver, settle, topic};
use crate::writer::tests::{RUN, contents, finish, fresh, in_memory, open, resume, row, rows_of, take};
use crate::{Arrival, BatchError, BatchStore, BatchWriter, Content, MessageOutcome};
use windrow_config::Cut;
use windrow_record::{Offset, Partition, RowNumber, WindowIndex};

#[test]
fn leftovers_of_a_killed_writer_are_removed_and_damage_is_reported() {
    let folder = in_memory();
    let cut = Cut::new(rows_of(2), None);
    consume(folder.path(), cut, &topic(4, 1, &[], &[3], &[]), Binding::Expected, &ONE_BY_ONE);
    let batches = folder.path().join("batches");
    std::fs::remove_file(batches.join("end.json")).expect("was there");
    std::fs::remove_file(batches.join("window-00002.json")).expect("was there");
    std::fs::write(batches.join(".open/window-00003.0.csv"), "half").expect("a file");
    let (writer, next) = open(folder.path(), cut, 1);
    assert_eq!(next, [1], "reading continues after the first window, with one message to recognise the topic");
    for left in ["window-00002.csv", ".open/window-00003.0.csv", "../quarantine/window-00002.jsonl"] {
        assert!(!batches.join(left).exists(), "{left}");
    }
    let store = BatchStore::open(folder.path()).expect("a store");
    assert!(matches!(store.lock(), Err(BatchError::Locked { .. })));
    drop(writer);
    drop(store.lock().expect("free again"));

    let first = batches.join("window-00001.json");
    let text = std::fs::read_to_string(&first).expect("a manifest");
    for (expected, text) in [
        ("has format 5, but this version of Windrow reads format 6", text.replace("\"format\": 6", "\"format\": 5")),
        ("is damaged", text[..text.len() / 2].to_owned()),
    ] {
        std::fs::write(&first, &text).expect("a file");
        let error = store.manifest(WindowIndex::FIRST).expect_err(expected).to_string();
        assert!(error.contains(expected) && error.contains("window-00001.json"), "{error}");
        std::fs::write(batches.join("end.json"), &text).expect("a file");
        let error = store.end().expect_err(expected).to_string();
        assert!(error.contains(expected) && error.contains("end.json"), "{error}");
    }
    std::fs::write(batches.join("window-00002.json"), &text).expect("a file");
    std::fs::remove_file(&first).expect("was there");
    assert!(matches!(store.manifests(), Err(BatchError::Missing { window, .. }) if window.get() == 1));
}

#[test]
fn an_end_marker_that_came_before_a_kill_is_read_again() {
    let folder = in_memory();
    let cut = Cut::new(rows_of(2), None);
    let topic = topic(3, 2, &[], &[], &[]);
    let (mut writer, _) = open(folder.path(), cut, 2);
    // Partition 1 has only row 2 and ends. Then window 1 is sealed, and the writer is killed.
    let mut sealed = Vec::new();
    for (partition, offset) in [(1, 0), (1, 1), (0, 0)] {
        deliver(&mut writer, partition, offset, &topic[partition][offset]);
        sealed.extend(settle(&mut writer));
    }
    assert_eq!(sealed.len(), 1);
    drop(writer);
    let (mut writer, next) = open(folder.path(), cut, 2);
    assert_eq!(next, [0, 0], "after row 1, and at the end marker of partition 1; one message before each");
    for (partition, offset) in [(0, 1), (1, 1), (0, 2)] {
        deliver(&mut writer, partition, offset, &topic[partition][offset]);
        settle(&mut writer);
    }
    assert_eq!(writer.end().map(|end| (end.windows, end.rows)), Some((2, 3)));
}

#[test]
fn a_stream_that_had_ended_goes_on_behind_its_end_marker() {
    let (grown, whole) = (in_memory(), in_memory());
    let cut = Cut::new(rows_of(2), None);
    let row = |number| Message::Row { number, time: 0 };
    let end = |rows| Message::End { run: Some(RUN), rows: Some(rows) };
    let topic = [row(1), row(2), row(3), end(3), row(4), row(5), end(5)];
    let read = |writer: &mut BatchWriter, from: usize, until: usize| {
        for (offset, message) in topic.iter().enumerate().take(until).skip(from) {
            deliver(writer, 0, offset, message);
            settle(writer);
        }
    };
    let (mut writer, _) = open(grown.path(), cut, 1);
    read(&mut writer, 0, 4);
    assert_eq!(writer.end().map(|end| (end.windows, end.rows)), Some((2, 3)));
    drop(writer);
    let store = BatchStore::open(grown.path()).expect("a store");
    let first = BatchStore::first_unproven(&store.manifests().expect("whole"), cut.policy);
    assert_eq!(first.map(WindowIndex::get), Some(2));
    // Repeated, as after a kill.
    (0..2).for_each(|_| store.reopen(first).expect("removable"));
    let (writer, next) = open(grown.path(), cut, 1);
    let mut writer = writer.ending_at(Some(5));
    read(&mut writer, next[0], 7);
    drop(writer);
    let (writer, _) = open(whole.path(), cut, 1);
    read(&mut writer.ending_at(Some(5)), 0, 7);
    let [grown, whole] = [grown, whole].map(|folder| contents(folder.path()));
    assert_eq!(grown.1, [vec![1, 2], vec![3, 4], vec![5]]);
    assert_eq!(grown.0, whole.0, "the manifests are those of a consumer that read all at once");
}

#[test]
fn a_quarantined_foreign_message_does_not_decide_the_run_of_the_stream() {
    let folder = in_memory();
    let cut = Cut::new(rows_of(2), None);
    let (mut writer, _) = open(folder.path(), cut, 1);
    deliver(&mut writer, 0, 0, &Message::Foreign { run: None, number: None, time: None });
    for row in [1, 2, 3] {
        let taken = take(&mut writer, row, Some(RUN), Some(row as u64), 0);
        assert!(matches!(taken, MessageOutcome::Stored { .. }), "{taken:?}");
        settle(&mut writer);
    }
    drop(writer);
    let (mut writer, _) = open(folder.path(), cut, 1);
    assert!(matches!(take(&mut writer, 3, Some(RUN), Some(3), 0), MessageOutcome::Stored { .. }));
}

#[test]
fn a_failed_writer_accepts_no_more_messages() {
    let folder = in_memory();
    let cut = Cut::new(rows_of(2), None);
    let (mut writer, _) = open(folder.path(), cut, 1);
    take(&mut writer, 0, Some(RUN), Some(1), 0);
    // A folder blocks the name of the batch file.
    let obstacle = folder.path().join("batches/window-00001.csv");
    std::fs::create_dir(&obstacle).expect("a folder");
    take(&mut writer, 1, Some(RUN), Some(2), 0);
    let error = writer.seal_next(Instant::now()).expect_err("cannot be written").to_string();
    assert!(error.contains("window-00001.csv"), "{error}");
    assert!(matches!(writer.finish(), Err(BatchError::Stopped)), "an empty window in its place would be a loss");
    drop(writer);
    std::fs::remove_dir(&obstacle).expect("was there");
    let (mut writer, next) = open(folder.path(), cut, 1);
    assert_eq!(next, [0]);
    take(&mut writer, 0, Some(RUN), Some(1), 0);
    take(&mut writer, 1, Some(RUN), Some(2), 0);
    assert_eq!(settle(&mut writer).iter().map(|one| one.rows.count).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_topic_that_was_made_anew_is_noticed() {
    let folder = in_memory();
    let cut = Cut::new(rows_of(2), None);
    let (mut writer, _) = open(folder.path(), cut, 1);
    for row in [1, 2, 3] {
        take(&mut writer, row - 1, Some(RUN), Some(row as u64), 0);
        settle(&mut writer);
    }
    drop(writer);
    let other: [(Option<&str>, u64); 3] = [(Some(RUN), 7), (Some("another"), 2), (None, 2)];
    for (run, number) in other {
        let (mut writer, next) = open(folder.path(), cut, 1);
        assert_eq!(next, [1]);
        let outcome = writer.take(row(0, 1, run, run.map(|_| number), None));
        // A message without a number is recognised only by its offset.
        match run {
            Some(RUN) => assert!(matches!(outcome, Err(BatchError::OtherTopic { .. })), "{outcome:?}"),
            _ => assert!(matches!(outcome, Ok(MessageOutcome::Known)), "{outcome:?}"),
        }
    }
}

#[test]
fn rows_of_a_recreated_topic_are_recognised_by_their_numbers() {
    let folder = in_memory();
    let cut = Cut::new(rows_of(2), None);
    let topic = topic(5, 2, &[], &[2], &[]);
    for epoch in ["first", "second"] {
        let (mut writer, next) = resume(folder.path(), cut, 0..2, Some(epoch)).expect("resumes");
        assert_eq!(next, [0, 0], "offsets of another epoch say nothing");
        let mut all: Vec<_> = (0..2).flat_map(|one| (0..topic[one].len()).map(move |at| (one, at))).collect();
        if epoch == "first" {
            all.truncate(2);
            all.push((1, 0));
        }
        for (partition, offset) in all {
            deliver(&mut writer, partition, offset, &topic[partition][offset]);
            settle(&mut writer);
        }
        assert_eq!(writer.end().is_some(), epoch == "second");
    }
    let (manifests, windows, aside) = contents(folder.path());
    assert_eq!((windows, aside), (vec![vec![1], vec![3, 4], vec![5]], vec![2]));
    let logs: Vec<_> = manifests.iter().map(|one| one.messages.log.as_deref()).collect();
    assert_eq!(logs, ["first", "second", "second"].map(Some));
    assert_eq!(manifests[1].counts().repeated, 2, "rows 1 and 2 came once more");
}

#[test]
fn a_message_delivered_twice_is_stored_once() {
    let (_folder, mut writer) = fresh(rows_of(10), 1);
    for offset in [0, 1, 0, 1, 2] {
        take(&mut writer, offset, None, None, 0);
    }
    let sealed = finish(&mut writer, Instant::now());
    assert_eq!((sealed[0].counts().stored, sealed[0].counts().repeated), (3, 0));
    let late = row(0, 3, None, None, None);
    assert!(matches!(writer.take(late), Err(BatchError::AfterEnd { .. })), "it would never be sealed");
}

#[test]
fn a_batch_file_cut_short_or_gone_is_noticed_at_the_start() {
    let folder = in_memory();
    let cut = Cut::new(rows_of(2), None);
    consume(folder.path(), cut, &topic(4, 1, &[], &[3], &[]), Binding::Expected, &ONE_BY_ONE);
    for file in ["batches/window-00001.csv", "quarantine/window-00002.jsonl"] {
        let path = folder.path().join(file);
        let whole = std::fs::read(&path).expect("a file");
        std::fs::write(&path, &whole[..whole.len() - 1]).expect("a file");
        let error = resume(folder.path(), cut, 0..1, None).expect_err("cut short").to_string();
        assert!(error.contains("but its manifest says") && error.contains(file), "{error}");
        std::fs::remove_file(&path).expect("was there");
        assert!(matches!(resume(folder.path(), cut, 0..1, None), Err(BatchError::Damaged { .. })));
        std::fs::write(&path, whole).expect("a file");
    }
    assert!(resume(folder.path(), cut, 0..1, None).is_ok());
}

#[test]
fn thousands_of_windows_can_be_open_at_once() {
    let folder = in_memory();
    let cut = Cut::new(rows_of(2), None);
    let (mut writer, _) = open(folder.path(), cut, 2);
    let now = Instant::now();
    let rows = 6_000_u64;
    // All odd rows (partition 0) arrive before the first even row (partition 1).
    let mut sealed = 0;
    for first in [1, 2] {
        for row in (first..=rows).step_by(2) {
            let text = format!("{row},\"{}\"", "x".repeat(12_000));
            let (partition, offset) = (Partition(first as i32 - 1), Offset((row as i64 - 1) / 2));
            let content = Content::Row { labelled: true, time: None, record: text.as_bytes() };
            let arrival = Arrival { partition, offset, run: Some(RUN), row: RowNumber::new(row), content, now };
            writer.take(arrival).expect("no more handles than are allowed");
            sealed += settle(&mut writer).len() as u64;
        }
    }
    assert_eq!(sealed, rows / 2);
}
