//! Messages with a wrong number or time: their cost is bounded, and the stream continues after them.

use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;

use crate::writer::tests::streams::{Message, deliver, settle};
use crate::writer::tests::{RUN, aside, event, fresh, in_memory, open, parts_of, row, rows_of, seal, take};
use crate::{BatchStore, BatchWriter, MessageOutcome};
use windrow_config::Cut;
use windrow_record::{Partition, RunId};

/// Takes a row of the replay and seals the windows that are due. Returns their number.
fn send(writer: &mut BatchWriter, partition: i32, offset: i64, number: u64, time: i64) -> usize {
    writer.take(row(partition, offset, Some(RUN), Some(number), Some(time))).expect("room on the disk");
    seal(writer, Instant::now()).len()
}

fn end(writer: &mut BatchWriter, partition: i32, offset: i64, rows: Option<u64>) {
    deliver(writer, partition as usize, offset as usize, &Message::End { run: Some(RUN), rows });
    settle(writer);
}

/// Returns the number of rows in all windows, and the number and reason of each message in quarantine.
fn contents(folder: &Path) -> (u64, Vec<(Option<u64>, String)>) {
    let store = BatchStore::open(folder).expect("a store");
    let manifests = store.manifests().expect("whole");
    let rows = manifests.iter().map(|manifest| manifest.rows.count).sum();
    (rows, manifests.iter().flat_map(|manifest| aside(&store, manifest)).collect())
}

#[test]
fn an_outlier_row_number_seals_nothing_and_the_stream_continues() {
    for (cut, forged) in [
        (Cut::new(rows_of(1), None), 9_000_000_000_000),
        (Cut::new(rows_of(1000), None), 90_000_000),
        (Cut::new(rows_of(1000), None), 60_000),
        (Cut::new(parts_of(5), Some(40)), 9_000_000_000_000),
    ] {
        for is_row in [true, false] {
            let folder = in_memory();
            let (mut writer, _) = open(folder.path(), cut, 1);
            for number in 1..=20 {
                assert!(send(&mut writer, 0, number as i64 - 1, number, 0) <= 1);
            }
            let number = forged;
            let message = if is_row { Message::Row { number, time: 0 } } else { Message::Broken { number } };
            deliver(&mut writer, 0, 20, &message);
            assert_eq!(settle(&mut writer).len(), 0, "{forged}");
            for number in 21..=40 {
                assert!(send(&mut writer, 0, number as i64, number, 0) <= 1, "{forged}");
            }
            end(&mut writer, 0, 41, Some(40));
            assert!(writer.end().is_some_and(|end| end.windows <= 40), "no windows are made up to there");
            let (rows, aside) = contents(folder.path());
            assert_eq!((rows, aside.len(), aside[0].0), (40, 1, None), "{forged}: {aside:?}");
        }
    }
}

#[test]
fn a_forged_number_is_known_again_behind_a_restart() {
    let folder = in_memory();
    let cut = Cut::new(rows_of(2), None);
    let (mut writer, _) = open(folder.path(), cut, 1);
    for (offset, number) in [1, 9_000_000_000_000, 2, 3].into_iter().enumerate() {
        send(&mut writer, 0, offset as i64, number, 0);
    }
    drop(writer);
    let (mut writer, next) = open(folder.path(), cut, 1);
    assert_eq!(next, [2]);
    let taken = take(&mut writer, 1, Some(RUN), Some(9_000_000_000_000), 0);
    assert_eq!(taken, MessageOutcome::Known);
}

#[test]
fn a_forged_number_before_the_end_marker_is_not_of_the_replay() {
    let (_folder, mut writer) = fresh(rows_of(10), 1);
    for number in 1..=5 {
        send(&mut writer, 0, number as i64 - 1, number, 0);
    }
    send(&mut writer, 0, 5, 70_000, 0);
    end(&mut writer, 0, 6, Some(5));
    assert_eq!(writer.end().map(|end| (end.windows, end.rows, end.quarantined)), Some((1, 5, 1)));
}

#[test]
fn a_distant_jump_is_accepted_when_the_next_row_confirms_it() {
    let (_folder, mut writer) = fresh(rows_of(1000), 1);
    assert_eq!(take(&mut writer, 0, Some(RUN), Some(5_000_001), 0), MessageOutcome::Pending, "--from-row 5000001");
    let second = take(&mut writer, 1, Some(RUN), Some(5_000_002), 0);
    assert!(matches!(second, MessageOutcome::Stored { window, .. } if window.get() == 5001), "{second:?}");
    assert_eq!(writer.take_counts().stored, 2);
}

#[test]
fn a_row_number_after_the_last_goes_to_quarantine() {
    let (folder, mut writer) = fresh(rows_of(1000), 1);
    for (offset, number) in [1, 2, 3, 60_000].into_iter().enumerate() {
        send(&mut writer, 0, offset as i64, number, 0);
    }
    end(&mut writer, 0, 4, Some(3));
    let (rows, aside) = contents(folder.path());
    let reason = "outlier: its row number is after the last row of the replay";
    assert_eq!((rows, aside), (3, vec![(None, reason.to_owned())]));
}

#[test]
fn a_wrong_first_time_goes_to_quarantine_and_the_stream_recovers() {
    // A time in 1970, then times in 2013, in windows of an hour and of a day, with either partition first.
    let day = 86_400;
    let year_2013 = 15_706 * day;
    for span in [3600, 86_400] {
        for order in [[0, 1], [1, 0]] {
            let (folder, mut writer) = fresh(event(span, 0), 2);
            for partition in order {
                let number = |at: u64| partition as u64 + 1 + 2 * at;
                for at in 0..10_u64 {
                    let time = if partition == 0 && at == 0 { 7 } else { year_2013 + at as i64 * 1000 };
                    assert!(send(&mut writer, partition, at as i64, number(at), time) < 100);
                }
            }
            for partition in order {
                end(&mut writer, partition, 10, Some(20));
            }
            let (rows, aside) = contents(folder.path());
            assert_eq!((rows, aside.len()), (19, 1), "{span}, {order:?}: {aside:?}");
            assert_eq!(aside[0].0, Some(1));
            assert!(aside[0].1.contains("windows away from the next message"), "{aside:?}");
        }
    }
}

#[test]
fn a_time_in_the_future_makes_no_later_row_late() {
    let (folder, mut writer) = fresh(event(60, 0), 1);
    for number in 1..=100_u64 {
        let time = if number == 50 { 400_000 } else { number as i64 * 7 };
        assert!(send(&mut writer, 0, number as i64 - 1, number, time) <= 1);
    }
    end(&mut writer, 0, 100, Some(100));
    let (rows, aside) = contents(folder.path());
    assert_eq!((rows, aside.len(), aside[0].0), (99, 1, Some(50)), "{aside:?}");
}

#[test]
fn a_last_time_far_in_the_future_makes_no_empty_windows() {
    for (windows_ahead, is_believed) in [(90, true), (4_500, false)] {
        for kills in [false, true] {
            let folder = in_memory();
            let cut = Cut::new(event(60, 0), None);
            let (mut writer, _) = open(folder.path(), cut, 1);
            let time = |number: u64| if number == 30 { (4 + windows_ahead) * 60 } else { number as i64 * 10 };
            for number in 1..=30_u64 {
                send(&mut writer, 0, number as i64 - 1, number, time(number));
            }
            if kills {
                drop(writer);
                let (reopened, next) = open(folder.path(), cut, 1);
                writer = reopened;
                for number in next[0] as u64 + 1..=30 {
                    send(&mut writer, 0, number as i64 - 1, number, time(number));
                }
            }
            end(&mut writer, 0, 30, Some(30));
            let windows = writer.end().expect("the stream has ended").windows;
            let (rows, aside) = contents(folder.path());
            if is_believed {
                assert_eq!((rows, aside.len(), windows), (30, 0, 95));
                continue;
            }
            assert_eq!((rows, aside.len(), windows), (29, 1, 5), "{aside:?}");
            let expected = "outlier: its time is 1970-01-04 03:04, which would make 4,499 empty windows, and";
            assert!(aside[0].0 == Some(30) && aside[0].1.starts_with(expected), "{aside:?}");
        }
    }
}

#[test]
fn a_partition_with_one_row_is_placed_beside_the_others() {
    for order in [[0, 1], [1, 0]] {
        let (folder, mut writer) = fresh(event(60, 0), 2);
        for partition in order {
            let times: Vec<i64> = if partition == 0 { vec![301] } else { (0..100).map(|at| 100 + at * 10).collect() };
            for (at, time) in times.iter().enumerate() {
                send(&mut writer, partition, at as i64, at as u64 * 2 + 1 + partition as u64, *time);
            }
            end(&mut writer, partition, times.len() as i64, Some(200));
        }
        let (rows, aside) = contents(folder.path());
        assert_eq!((rows, aside), (101, Vec::new()), "{order:?}");
    }
}

#[test]
fn a_partition_too_many_windows_away_is_refused() {
    for (far, order) in [(-200_000, [0, 1]), (200_000, [0, 1]), (-200_000, [1, 0]), (200_000, [1, 0])] {
        let (folder, mut writer) = fresh(event(60, 0), 2);
        for partition in order {
            let begin = if partition == 0 { 0 } else { far * 60 };
            for at in 0..5 {
                send(&mut writer, partition, at, at as u64 * 2 + 1 + partition as u64, begin + at * 10);
            }
        }
        for partition in order {
            end(&mut writer, partition, 5, Some(10));
        }
        let (rows, aside) = contents(folder.path());
        assert_eq!((rows, aside.len()), (5, 5), "{far} {order:?}");
        let expected = "outlier: it is 200,000 windows away from the rows before it";
        assert!(aside.iter().all(|(_, reason)| reason == expected), "{aside:?}");
        let manifests = BatchStore::open(folder.path()).expect("a store").manifests().expect("whole");
        assert!(manifests.len() <= 2, "{far} {order:?}: {} windows", manifests.len());
    }
}

#[test]
fn an_end_marker_without_a_run_does_not_end_a_replay() {
    let (_folder, mut writer) = fresh(rows_of(10), 1);
    send(&mut writer, 0, 0, 1, 0);
    deliver(&mut writer, 0, 1, &Message::End { run: None, rows: None });
    assert!(!writer.has_all_ends());
}

#[test]
fn an_added_partition_blocks_nothing_before_its_first_row() {
    let (_folder, mut writer) = fresh(event(60, 0), 1);
    let sealed: usize = (0..10).map(|at| send(&mut writer, 0, at, at as u64 + 1, at * 20)).sum();
    assert_eq!(sealed, 3);
    writer.add_partition(Partition(1));
    assert_eq!((10..16).map(|at| send(&mut writer, 0, at, at as u64 + 1, at * 20)).sum::<usize>(), 2);
    assert_eq!(send(&mut writer, 1, 0, 100, 305), 0);
    let sealed: usize = (16..30).map(|at| send(&mut writer, 0, at, at as u64 + 1, at * 20)).sum();
    assert_eq!(sealed, 0, "it waits for both");
}

#[test]
fn rows_of_another_replay_than_the_expected_are_not_taken() {
    let (_folder, writer) = fresh(rows_of(10), 1);
    let mut writer = writer.expecting(RunId::new("ours"));
    let seen = take(&mut writer, 0, Some("another"), Some(1), 0);
    assert!(matches!(&seen, MessageOutcome::Quarantined { reason } if reason.contains("the replay ours")), "{seen:?}");
    deliver(&mut writer, 0, 1, &Message::End { run: Some("another"), rows: None });
    assert!(matches!(take(&mut writer, 2, None, None, 0), MessageOutcome::Stored { .. }), "others have no replay");
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(64) })]

    /// A message seals no more windows than the guard allows, whatever its number and its time, and is accounted for
    /// once. The result does not depend on the order of partitions or on kills.
    #[test]
    fn every_message_is_accounted_for_within_the_memory_limits(
        policy in prop_oneof![(700_u64..2000).prop_map(rows_of), (1_u32..6).prop_map(parts_of), (500_u64..4000).prop_map(|span| event(span, 4))],
        messages in prop::collection::vec(prop::collection::vec((0_u8..12, any::<u64>(), any::<i64>()), 1..40), 1..3),
        one in prop::collection::vec((0_usize..4, prop::bool::weighted(0.05)), 1..100),
        other in prop::collection::vec((0_usize..4, prop::bool::weighted(0.05)), 1..100),
    ) {
        let cut = Cut::new(policy, Some(100));
        let mut seen = Vec::new();
        let total: usize = messages.iter().map(Vec::len).sum();
        for choices in [one, other] {
            let folder = in_memory();
            let (mut writer, mut next) = open(folder.path(), cut, messages.len());
            let mut kills = 0;
            for (choice, kill) in choices.iter().cycle().take(100_000) {
                let left: Vec<usize> =
                    (0..messages.len()).filter(|partition| next[*partition] <= messages[*partition].len()).collect();
                if left.is_empty() {
                    break;
                }
                if *kill && kills < 8 && writer.end().is_none() {
                    kills += 1;
                    drop(writer);
                    (writer, next) = open(folder.path(), cut, messages.len());
                    continue;
                }
                let partition = left[choice % left.len()];
                let at = next[partition];
                next[partition] += 1;
                if at == messages[partition].len() {
                    end(&mut writer, partition as i32, at as i64, None);
                    continue;
                }
                let (kind, number, time) = messages[partition][at];
                // One message in twelve has any value, one in twelve is some distance away, and all others are close to
                // each other.
                let usual = (at * messages.len() + partition + 1) as u64;
                let number = match kind {
                    0 => number | 1 << 40,
                    1 => usual + 130_000,
                    _ => usual,
                };
                let time = match kind { 0 => time, 1 => usual as i64 * 10 + 50_000, _ => usual as i64 * 10 };
                // If times decide, only the time is forged: a forged number could repeat another row.
                let number = if cut.span().is_some() { usual } else { number };
                let sealed = send(&mut writer, partition as i32, at as i64, number, time);
                prop_assert!(sealed <= 200, "{sealed} windows by one message");
            }
            prop_assert!(writer.end().is_some());
            let (rows, aside) = contents(folder.path());
            let repeated = writer.end().map_or(0, |end| end.repeated);
            prop_assert_eq!(rows + aside.len() as u64 + repeated, total as u64);
            let mut aside: Vec<Option<u64>> = aside.into_iter().map(|(row, _)| row).collect();
            aside.sort_unstable();
            seen.push((rows, aside));
        }
        // If row numbers decide, two forged numbers that agree are accepted. Which rows are then late depends on the
        // order of reading.
        if cut.span().is_some() {
            prop_assert_eq!(&seen[0], &seen[1]);
        }
    }
}
