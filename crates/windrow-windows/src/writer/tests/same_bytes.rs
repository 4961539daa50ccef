//! Property tests of the files: the same stream makes the same bytes, in whatever order its messages arrive.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;

use crate::writer::tests::streams::{
    Binding, Fault, Message, ONE_BY_ONE, Reader, RunStep, Topic, consume, deliver, settle, steps, topic,
};
use crate::writer::tests::{RUN, columns, event, in_memory, open, parts_of, rows_of};
use crate::{Assembly, BatchStore, BatchWriter, CsvFormat, RowRange, SealReason, partial_folder};
use windrow_config::{Cut, EventSpan, WindowPolicy};
use windrow_record::Partition;

/// Runs a group: a consumer of each partition, and an assembly that advances now and then.
fn consume_as_group(folder: &Path, cut: Cut, topic: &Topic, steps: &[RunStep]) {
    let partitions = 0..topic.len();
    let folders: Vec<_> = partitions.clone().map(|one| partial_folder(folder, Partition(one as i32))).collect();
    let of = |one: usize| cut.for_partition(one as u64, topic.len() as u64);
    let mut readers: Vec<Option<Reader<'_>>> =
        partitions.map(|one| Some(Reader::open(&folders[one], of(one), one..one + 1, Binding::Member))).collect();
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
            *slot = (!reader.has_ended()).then_some(reader);
        } else if let Some(other) = readers.iter_mut().flatten().next() {
            let partition = other.partitions.start;
            other.take(topic, partition, step.messages);
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

/// No end marker lacks the number of rows: a member of a group has no other way to know that a window is not the last.
fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::Again),
        3 => prop::option::of(1_u64..130).prop_map(|number| Fault::ForeignMessage { number }),
        2 => (prop_oneof![1_u64..130, Just(40_000), Just(u64::MAX)], prop::option::of(prop_oneof![0_i64..40, Just(1_000_000)]))
            .prop_map(|(number, time)| Fault::OtherReplay { number, time }),
        1 => Just(Fault::OtherEnd),
        3 => (1_usize..40).prop_map(|by| Fault::Swap { by }),
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
        let plain = in_memory();
        consume(plain.path(), cut, &topic, Binding::Expected, &ONE_BY_ONE);
        let expected = files(plain.path());
        let mut found = Vec::new();
        for steps in &runs {
            let folder = in_memory();
            consume(folder.path(), cut, &topic, Binding::Expected, steps);
            found.push(("one consumer", files(folder.path())));
        }
        let folder = in_memory();
        consume_as_group(folder.path(), cut, &topic, &group);
        found.push(("a group", files(folder.path())));
        for (who, found) in &found {
            for (name, text) in &expected {
                prop_assert_eq!(Some(text), found.get(name), "{}: {}", who, name);
            }
            prop_assert_eq!(expected.len(), found.len());
        }
    }
}

/// Rows 1 to 4 in windows of two. The end marker arrives together with the last row or later.
#[test]
fn a_window_with_all_rows_is_complete() {
    for handfuls in [vec![5], vec![4, 1], vec![2, 3], vec![1; 5]] {
        let folder = in_memory();
        let topic = topic(4, 1, &[], &[], &[]);
        let mut reader = Reader::open(folder.path(), Cut::new(rows_of(2), None), 0..1, Binding::Expected);
        for messages in &handfuls {
            reader.take(&topic, 0, *messages);
        }
        let manifests = BatchStore::open(folder.path()).expect("a store").manifests().expect("whole");
        let reasons: Vec<SealReason> = manifests.iter().map(|manifest| manifest.sealed).collect();
        assert_eq!(reasons, [SealReason::Complete; 2], "{handfuls:?}");
    }
}

/// Row 3 comes before row 1 in its partition, so reading continues from row 3 after window 1. Until row 3 has been read
/// again, no window may be sealed: its manifest would say that reading continues after row 3.
#[test]
fn a_row_of_an_open_window_survives_two_kills() {
    let folder = in_memory();
    let row = |number: u64| Message::Row { number, time: 0 };
    let end = Message::End { run: Some(RUN), rows: Some(3) };
    let topic = vec![vec![row(3), row(1), end.clone()], vec![row(2), end]];
    let mut reader = Reader::open(folder.path(), Cut::new(rows_of(1), None), 0..2, Binding::Expected);
    reader.take(&topic, 0, 2);
    reader = reader.kill();
    reader.take(&topic, 1, 1);
    reader = reader.kill();
    for partition in [0, 1] {
        reader.take(&topic, partition, 3);
    }
    let manifests = BatchStore::open(folder.path()).expect("a store").manifests().expect("whole");
    let rows: Vec<&[RowRange]> = manifests.iter().map(|manifest| manifest.rows.numbers.as_slice()).collect();
    assert_eq!(rows, [[RowRange::new(1, 1)], [RowRange::new(2, 2)], [RowRange::new(3, 3)]]);
}

/// The last row of partition 0 is 190 windows ahead. Its partition may end before the other one or after it, and a kill
/// may come between any two windows that the end of the stream seals.
#[test]
fn a_last_row_far_ahead_makes_the_same_files_in_any_order() {
    let cut = Cut::new(event(2, 5), Some(60));
    let mut topic = topic(60, 2, &[], &[], &[]);
    let last = topic[0].iter_mut().rev().find_map(|message| match message {
        Message::Row { time, .. } => Some(time),
        _ => None,
    });
    *last.expect("a row") = 400;
    let step = |partition, messages, is_kill| RunStep { partition, messages, is_kill };
    let orders: [&[RunStep]; 4] = [
        &ONE_BY_ONE,
        &[step(1, 10_000, false), step(0, 1, false)],
        &[step(0, 10_000, false), step(1, 1, false)],
        &[step(0, 7, true), step(1, 5, true)],
    ];
    let mut found = Vec::new();
    for steps in orders {
        let folder = in_memory();
        consume(folder.path(), cut, &topic, Binding::Expected, steps);
        found.push(files(folder.path()));
    }
    let folder = in_memory();
    consume_as_group(folder.path(), cut, &topic, &[step(0, 1, false), step(1, 2, false)]);
    found.push(files(folder.path()));
    let expected = found.remove(0);
    let windows = expected.keys().filter(|name| name.starts_with("batches/window-") && name.ends_with(".json")).count();
    assert!(windows < 20, "{windows} windows");
    assert!(expected.values().any(|text| text.contains("no later row confirms it")), "{expected:?}");
    for sealed in 0..=windows {
        let folder = in_memory();
        let read = |next: &[usize], mut writer: BatchWriter| {
            for (partition, messages) in topic.iter().enumerate() {
                for (offset, message) in messages.iter().enumerate().skip(next[partition]) {
                    deliver(&mut writer, partition, offset, message);
                }
            }
            writer
        };
        let (writer, next) = open(folder.path(), cut, 2);
        let mut writer = read(&next, writer);
        writer.finish().expect("room on the disk");
        for _ in 0..sealed {
            assert!(writer.seal_next(Instant::now()).expect("room on the disk").is_some());
        }
        drop(writer);
        let (writer, next) = open(folder.path(), cut, 2);
        settle(&mut read(&next, writer));
        found.push(files(folder.path()));
    }
    assert!(found.iter().all(|found| *found == expected), "{expected:?}");
}
