//! Tests of logs that are killed, cut, damaged and out of room. Each acknowledged message must be in the log exactly
//! once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::*;
use crate::batch::{HEADER, Header, batch_of, check};
use crate::disk::{self, Disk, RecoveryError};
use crate::log::partition::Bounds;

const KEEP_ALL: Retention = Retention { segment_bytes: 1_000, age: None, bytes: None };

fn open(folder: &Path, disk: &Arc<Disk>) -> Result<(PartitionLog, bool), RecoveryError> {
    PartitionLog::open(folder.join("log"), Arc::clone(disk), KEEP_ALL, 0, 0)
}

fn append(log: &PartitionLog, count: i32, producer: Option<(i64, i16, i32)>, time: i64) -> Result<i64, ResponseError> {
    let mut bytes = batch_of(count, producer, time);
    let header = check(&bytes).expect("a good batch");
    log.append(&mut bytes, header, 0).map(|appended| appended.base_offset)
}

/// Creates an empty log on a disk that can fail.
fn fresh(disk: Disk) -> (tempfile::TempDir, Arc<Disk>, PartitionLog) {
    let (folder, disk) = (tempfile::tempdir().expect("a folder"), Arc::new(disk));
    let log = open(folder.path(), &disk).expect("a new log").0;
    (folder, disk, log)
}

/// Creates a log of three batches with two messages each. Returns its folder, its segment, and the bytes of the
/// segment.
fn three_batches() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let (folder, _, log) = fresh(Disk::default());
    for _ in 0..3 {
        append(&log, 2, None, 0).expect("room");
    }
    let path = folder.path().join("log").join(segment::name(0));
    let whole = fs::read(&path).expect("a segment");
    (folder, path, whole)
}

/// Returns the first offset of each batch that can be read from `offset` on.
fn read(log: &PartitionLog, mut offset: i64) -> Vec<i64> {
    let mut bases = Vec::new();
    while let Some(range) = log.read(offset, 300).expect("readable") {
        let bytes = disk::read(&range.file, range.position, range.length).expect("readable");
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let header = Header::read(rest).expect("a whole batch");
            assert!(header.is_intact(rest) && header.size >= HEADER);
            bases.push(header.base_offset);
            offset = header.next_offset();
            rest = &rest[header.size..];
        }
    }
    bases
}

#[test]
fn offsets_are_found_within_batches_and_across_segments() {
    let (folder, disk, log) = fresh(Disk::default());
    let bases: Vec<i64> = (0..40).map(|index| append(&log, 3, None, 10 * index).expect("room")).collect();
    assert_eq!(bases, (0..40).map(|index| 3 * index).collect::<Vec<_>>());
    for round in 0..3 {
        for offset in [0, 1, 2, 3, 59, 60, 117, 119] {
            let first = usize::try_from(offset / 3).expect("small");
            assert_eq!(read(&log, offset), bases[first..], "from {offset}, round {round}");
        }
        assert_eq!(log.read(120, 1).map(|range| range.is_none()), Ok(true));
        assert_eq!(log.read(121, 1).map(drop), Err(ResponseError::OffsetOutOfRange));
        assert_eq!(log.since(Some(155)).map(|found| found.map(|record| record.offset)), Ok(Some(48)));
        assert_eq!(log.since(Some(151)).map(|found| found.map(|record| record.offset)), Ok(Some(46)));
        assert_eq!(log.since(None).map(|found| found.map(|record| record.offset)), Ok(Some(119)));
        assert_eq!(log.since(Some(1_000)), Ok(None));
        log.seal();
        assert!(!log.is_unsealed());
        if round == 1 {
            // A damaged side file is computed again.
            for entry in fs::read_dir(folder.path().join("log")).expect("a folder") {
                let path = entry.expect("readable").path();
                if path.extension().is_some_and(|extension| extension == "index") {
                    let mut bytes = fs::read(&path).expect("a file");
                    *bytes.last_mut().expect("not empty") ^= 1;
                    fs::write(&path, bytes).expect("a file");
                }
            }
            let again = open(folder.path(), &disk).expect("its side files are made again").0;
            assert_eq!(read(&again, 0), bases);
        }
    }
}

#[test]
fn a_tail_cut_at_any_byte_loses_only_the_torn_batch() {
    let (folder, path, whole) = three_batches();
    let one = whole.len() / 3;
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("a file");
        let (log, lost_messages) = open(folder.path(), &Arc::default()).expect("repaired");
        let batches = length / one;
        assert_eq!(log.bounds().end, 2 * i64::try_from(batches).expect("small"));
        assert_eq!(lost_messages, length % one != 0, "{length} bytes");
        assert_eq!(append(&log, 1, None, 0), Ok(2 * i64::try_from(batches).expect("small")));
    }
}

#[test]
fn damage_before_good_batches_is_refused_with_file_and_byte() {
    let (folder, path, whole) = three_batches();
    let one = whole.len() / 3;
    // The checksum does not cover the leader epoch, which follows the length and has no meaning.
    for byte in (one..2 * one).filter(|byte| !(12..16).contains(&(byte - one))) {
        let mut damaged = whole.clone();
        damaged[byte] ^= 1;
        fs::write(&path, damaged).expect("a file");
        match open(folder.path(), &Arc::default()) {
            Err(RecoveryError::Damaged { position, .. }) => assert_eq!(position, one as u64),
            other => panic!("byte {byte}: {other:?}"),
        }
    }
}

#[test]
fn writes_fail_on_a_full_disk_and_resume_when_there_is_room() {
    let (folder, disk, log) = fresh(Disk::default());
    let (mut expected, mut next) = (Vec::new(), 0);
    for room in 0..200 {
        disk.faults.set_room(Some(room));
        let refused = append(&log, 1, Some((1, 0, next)), 0);
        disk.faults.set_room(None);
        if refused.is_err() {
            assert_eq!(refused, Err(ResponseError::KafkaStorageError), "{room} bytes");
            assert_eq!(read(&log, 0), expected, "nothing is half written");
            assert_eq!(append(&log, 1, Some((1, 0, next)), 0), Ok(i64::from(next)));
        }
        expected.push(i64::from(next));
        next += 1;
    }
    assert!(next >= 100);
    let (again, lost_messages) = open(folder.path(), &Arc::default()).expect("whole");
    assert_eq!((read(&again, 0), lost_messages), (expected, false));
}

#[test]
fn a_write_that_cannot_be_undone_closes_the_partition_to_writers() {
    let (folder, disk, log) = fresh(Disk::default());
    append(&log, 1, None, 0).expect("room");
    disk.faults.set_room(Some(30));
    disk.faults.fail_to_truncate(true);
    assert_eq!(append(&log, 1, None, 0), Err(ResponseError::KafkaStorageError));
    disk.faults.set_room(None);
    assert_eq!(append(&log, 1, None, 0), Err(ResponseError::KafkaStorageError), "what is there is not known");
    assert_eq!(read(&log, 0), [0]);
    let log = open(folder.path(), &Arc::default()).expect("the torn batch is cut off").0;
    assert_eq!(append(&log, 1, None, 0), Ok(1));
}

#[test]
fn a_stop_at_any_step_keeps_acknowledged_batches_and_detects_repeats() {
    for steps in 0..60 {
        let (folder, disk, log) = fresh(Disk::default());
        disk.faults.stop_after(steps);
        let mut acknowledged = 0;
        while acknowledged < 25 && append(&log, 2, Some((7, 0, 2 * acknowledged)), 0).is_ok() {
            acknowledged += 1;
            if acknowledged % 9 == 0 {
                log.seal();
            }
        }
        drop(log);
        let log = open(folder.path(), &Arc::default()).expect("whole").0;
        let found = read(&log, 0);
        let least = usize::try_from(acknowledged).expect("small");
        assert!(found.len() >= least, "{steps} steps: {} of {least}", found.len());
        // The client sends the batches that may be missing, and also one that was acknowledged.
        for index in least.saturating_sub(1)..25 {
            let sequence = i32::try_from(2 * index).expect("small");
            assert_eq!(append(&log, 2, Some((7, 0, sequence)), 0), Ok(i64::from(sequence)), "{steps} steps");
        }
        assert_eq!(read(&log, 0), (0..25).map(|index| 2 * index).collect::<Vec<_>>());
    }
}

#[test]
fn an_orderly_end_is_continued_and_numbers_never_go_back() {
    let (folder, disk, log) = fresh(Disk::default());
    for index in 0..30 {
        append(&log, 2, Some((1, 0, 2 * index)), 1_000 + i64::from(index)).expect("room");
    }
    log.close().expect("closed");
    assert_eq!(append(&log, 1, None, 0), Err(ResponseError::KafkaStorageError));
    let retention = Retention { segment_bytes: 1_000, age: Some(10), bytes: None };
    let again =
        |start| PartitionLog::open(folder.path().join("log"), Arc::clone(&disk), retention, start, 0).expect("whole").0;
    let log = again(0);
    assert_eq!(append(&log, 2, Some((1, 0, 58)), 0), Ok(58), "a batch that comes again is known");
    let start = log.expired(1_000_000).expect("all is old");
    assert_eq!(start, 60);
    log.delete_before(start);
    for log in [log, again(60), again(60)] {
        assert_eq!(log.bounds(), Bounds { start: 60, end: 60, bytes: 0 });
        assert_eq!(log.read(59, 1).map(drop), Err(ResponseError::OffsetOutOfRange));
    }
    assert_eq!(append(&again(60), 1, Some((1, 0, 60)), 0), Ok(60));
}

#[tokio::test]
async fn with_sync_nothing_is_read_or_acknowledged_that_a_power_cut_takes() {
    let (folder, disk, log) = fresh(Disk::new(true));
    for index in 0..20 {
        append(&log, 1, Some((1, 0, index)), 0).expect("room");
        if index < 15 {
            log.synced(i64::from(index) + 1).await.expect("synced");
        }
    }
    let visible = log.bounds().end;
    assert!((15..20).contains(&visible), "{visible}");
    disk.faults.fail_to_sync(true);
    assert_eq!(log.synced(20).await, Err(ResponseError::KafkaStorageError));
    disk.faults.fail_to_sync(false);
    assert_eq!(log.synced(20).await, Err(ResponseError::KafkaStorageError), "what failed once is never acknowledged");
    drop(log);
    disk.faults.cut_power();
    let log = open(folder.path(), &Arc::default()).expect("whole").0;
    assert!(log.bounds().end >= visible, "{} of {visible}", log.bounds().end);
}

#[tokio::test]
async fn waiting_ends_when_enough_has_come() {
    let (_folder, _, log) = fresh(Disk::default());
    let size = batch_of(1, None, 0).len();
    let waiter = Waiter::new(2 * size);
    log.register(&waiter);
    let is_woken =
        async || tokio::select! { biased; () = waiter.woken() => true, () = tokio::task::yield_now() => false };
    append(&log, 1, None, 0).expect("room");
    assert!(!is_woken().await);
    append(&log, 1, None, 0).expect("room");
    assert!(is_woken().await);
    log.delete();
    assert_eq!(log.read(0, 1).map(drop), Err(ResponseError::UnknownTopicOrPartition));
    assert!(is_woken().await);
}
