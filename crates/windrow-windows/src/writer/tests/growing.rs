//! Streams that go on after their end: which windows are opened again, also after a kill while the end seals windows.

use std::path::Path;
use std::time::Instant;

use crate::writer::tests::streams::{Message, deliver, settle};
use crate::writer::tests::{RUN, contents, event, in_memory, open};
use crate::{BatchStore, BatchWriter, SealReason};
use windrow_config::Cut;
use windrow_record::WindowIndex;

use SealReason::{End, Watermark};

fn row(number: u64, time: i64) -> Message {
    Message::Row { number, time }
}

fn end(rows: u64) -> Message {
    Message::End { run: Some(RUN), rows: Some(rows) }
}

/// Reads partitions whose rows have these times, in windows of 10 seconds; returns the reasons of the windows.
/// `is_settled` is true to seal windows after each message, and not only at the end.
fn reasons(lateness: u64, times: &[&[i64]], order: &[usize], is_settled: bool) -> Vec<SealReason> {
    let folder = in_memory();
    let (mut writer, _) = open(folder.path(), Cut::new(event(10, lateness), None), times.len());
    for partition in order {
        let of = |index: usize| (index * times.len() + partition + 1) as u64;
        let rows = times[*partition].iter().enumerate().map(|(index, time)| row(of(index), *time));
        let messages = rows.chain([Message::End { run: Some(RUN), rows: None }]);
        for (offset, message) in messages.enumerate() {
            deliver(&mut writer, *partition, offset, &message);
            if is_settled {
                settle(&mut writer);
            }
        }
    }
    settle(&mut writer);
    let manifests = BatchStore::open(folder.path()).expect("a store").manifests().expect("whole");
    manifests.iter().map(|manifest| manifest.sealed).collect()
}

/// The name of the case, the lateness, the times of each partition, and the expected reasons.
type Case<'a> = (&'a str, u64, &'a [&'a [i64]], &'a [SealReason]);

#[test]
fn a_window_is_proven_only_if_every_partition_has_passed_it() {
    let plain: &[i64] = &[1, 9, 11, 19, 21, 24];
    let cases: [Case<'_>; 9] = [
        ("a later row has come", 0, &[plain], &[Watermark, Watermark, End]),
        ("a row of window 2 can still be in time", 5, &[plain], &[Watermark, End, End]),
        ("every partition", 0, &[plain, &[2, 8, 12, 20]], &[Watermark, Watermark, End]),
        ("the slower partition has not passed window 2", 0, &[plain, &[2, 8, 12, 18, 19]], &[Watermark, End, End]),
        ("a partition had no message", 0, &[plain, &[]], &[End, End, End]),
        ("the only row of a partition can be a mistake", 0, &[plain, &[22]], &[End, End, End]),
        ("the last row is far ahead", 0, &[&[1, 9, 12, 15, 34]], &[Watermark, End, End, End]),
        ("the row far ahead was confirmed", 0, &[&[1, 9, 12, 15, 34, 36]], &[Watermark, Watermark, Watermark, End]),
        ("a slower partition, and late rows", 5, &[plain, &[2, 8, 12, 20, 16]], &[Watermark, End, End]),
    ];
    for (what, lateness, times, expected) in cases {
        let forward: Vec<usize> = (0..times.len()).collect();
        let backward: Vec<usize> = (0..times.len()).rev().collect();
        for order in [forward, backward] {
            for is_settled in [true, false] {
                assert_eq!(reasons(lateness, times, &order, is_settled), expected, "{what}: {order:?} {is_settled}");
            }
        }
    }
}

/// Passes the messages of the only partition from an offset on to a writer.
fn read(writer: &mut BatchWriter, topic: &[Message], from: usize) {
    for (offset, message) in topic.iter().enumerate().skip(from) {
        deliver(writer, 0, offset, message);
        settle(writer);
    }
}

/// Opens again what only the end had sealed, and reads the whole topic to its new end, row `last`.
fn grow(folder: &Path, cut: Cut, topic: &[Message], last: u64) -> Option<u32> {
    let store = BatchStore::open(folder).expect("a store");
    let first = BatchStore::first_unproven(&store.manifests().expect("whole"), cut.policy);
    store.reopen(first).expect("removable");
    let (writer, next) = open(folder, cut, 1);
    read(&mut writer.ending_at(Some(last)), topic, next[0]);
    first.map(WindowIndex::get)
}

/// The lateness of 5 seconds allows a row of window 2 after the old end, although a row of window 3 has come.
#[test]
fn a_kill_while_the_end_seals_windows_changes_nothing_when_the_stream_goes_on() {
    let cut = Cut::new(event(10, 5), None);
    let old = [row(1, 1), row(2, 9), row(3, 12), row(4, 18), row(5, 21), row(6, 24), end(6)];
    let new = [row(7, 17), row(8, 31), row(9, 33), end(9)];
    let topic: Vec<Message> = old.iter().chain(&new).cloned().collect();
    let whole = in_memory();
    read(&mut open(whole.path(), cut, 1).0.ending_at(Some(9)), &topic, 0);
    let whole = contents(whole.path());
    assert_eq!(whole.1, [vec![1, 2], vec![3, 4, 7], vec![5, 6], vec![8, 9]]);
    for sealed in 0..=3 {
        let folder = in_memory();
        let (mut writer, _) = open(folder.path(), cut, 1);
        for (offset, message) in old.iter().enumerate() {
            deliver(&mut writer, 0, offset, message);
        }
        writer.finish().expect("room on the disk");
        for _ in 0..sealed {
            assert!(writer.seal_next(Instant::now()).expect("room on the disk").is_some());
        }
        drop(writer);
        let path = folder.path().join("batches/window-00001.json");
        let first = std::fs::read(&path).ok();
        let opened = grow(folder.path(), cut, &topic, 9);
        assert_eq!(opened, (sealed > 1).then_some(2), "after {sealed} windows");
        assert!(first.is_none_or(|first| std::fs::read(&path).is_ok_and(|now| now == first)), "window 1 stays");
        assert!(contents(folder.path()) == whole, "after {sealed} windows");
    }
}

#[test]
fn a_last_row_far_ahead_leaves_the_quarantine_if_later_rows_confirm_it() {
    let cut = Cut::new(event(10, 0), None);
    let old = [row(1, 1), row(2, 9), row(3, 12), row(4, 15), row(5, 1500), end(5)];
    let cases: [(&str, [Message; 3], usize, &[u64]); 2] = [
        ("confirmed", [row(6, 1503), row(7, 1512), end(7)], 152, &[]),
        ("contradicted", [row(6, 19), row(7, 22), end(7)], 3, &[5]),
    ];
    for (what, new, windows, expected) in cases {
        let topic: Vec<Message> = old.iter().chain(&new).cloned().collect();
        let (grown, whole) = (in_memory(), in_memory());
        let (mut writer, _) = open(grown.path(), cut, 1);
        read(&mut writer, &old, 0);
        drop(writer);
        let (_, rows, refused) = contents(grown.path());
        assert_eq!((rows, refused), (vec![vec![1, 2], vec![3, 4]], vec![5]), "{what}");
        assert_eq!(grow(grown.path(), cut, &topic, 7), Some(2), "{what}");
        read(&mut open(whole.path(), cut, 1).0.ending_at(Some(7)), &topic, 0);
        let grown = contents(grown.path());
        assert_eq!((grown.0.len(), grown.2.as_slice()), (windows, expected), "{what}");
        assert!(grown == contents(whole.path()), "{what}");
    }
}
