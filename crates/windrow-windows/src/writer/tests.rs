//! Property tests of the writer: each row is stored once, in row order, for any interleaving, repeats and kills.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tempfile::TempDir;

use self::streams::{Binding, Fault, Message, ONE_BY_ONE, consume, deliver, settle, steps, topic};
use crate::{
    Arrival, BatchError, BatchStore, BatchWriter, Content, CsvFormat, FileDigest, Manifest, MessageOutcome, RowRange,
    SealReason,
};
use windrow_config::{Cut, EventSpan, WindowPolicy};
use windrow_record::{Offset, Partition, RowNumber};

mod growing;
mod mistakes;
mod restart;
mod same_bytes;
mod streams;

const RUN: &str = "run";

/// Creates a folder in memory if the system has one. On a disk, thousands of synced files would take most of the time.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

fn record(number: u64) -> String {
    format!("{number},\"row {number}\"")
}

fn columns() -> [String; 2] {
    ["id", "text"].map(str::to_owned)
}

fn open(folder: &Path, cut: Cut, partitions: usize) -> (BatchWriter, Vec<usize>) {
    resume(folder, cut, 0..partitions, None).expect("resumes")
}

/// Creates a writer of some partitions in a new folder.
fn fresh(policy: WindowPolicy, partitions: usize) -> (TempDir, BatchWriter) {
    let folder = in_memory();
    let (writer, _) = open(folder.path(), Cut::new(policy, None), partitions);
    (folder, writer)
}

/// A writer of these partitions, and the offset to read next in each.
type Resumed = (BatchWriter, Vec<usize>);

fn resume(folder: &Path, cut: Cut, partitions: Range<usize>, log_id: Option<&str>) -> Result<Resumed, BatchError> {
    let store = BatchStore::open(folder).expect("a store");
    let lock = store.lock().expect("nobody else");
    let partitions: Vec<Partition> = partitions.map(|partition| Partition(partition as i32)).collect();
    let form = CsvFormat { columns: &columns(), delimiter: b',' };
    let (writer, resumed) = BatchWriter::resume(store, lock, cut, form, &partitions, log_id.map(str::to_owned))?;
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

/// Returns the number and the reason of each message in the quarantine of a window.
fn aside(store: &BatchStore, manifest: &Manifest) -> Vec<(Option<u64>, String)> {
    let mut aside = Vec::new();
    if manifest.quarantine.count > 0 {
        let file = File::open(store.quarantine_path(manifest.window)).expect("a quarantine file");
        let visit = |line: crate::Quarantined| aside.push((line.row.map(RowNumber::get), line.reason));
        store.quarantined(manifest.window, file, visit).expect("whole");
    }
    assert_eq!(aside.len() as u64, manifest.quarantine.count);
    aside
}

/// Reads the contents of a store after the end: the manifests, the rows of each window, and the rows in quarantine.
fn contents(folder: &Path) -> (Vec<Manifest>, Vec<Vec<u64>>, Vec<u64>) {
    let store = BatchStore::open(folder).expect("a store");
    let manifests = store.manifests().expect("whole");
    let (mut windows, mut refused) = (Vec::new(), Vec::new());
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
        let listed = manifest.rows.numbers.iter().flat_map(RowRange::numbers).collect::<Vec<_>>();
        assert_eq!(listed, rows, "the manifest lists the rows of its file");
        let file = File::open(store.batch_path(manifest.window)).and_then(FileDigest::of);
        assert_eq!(file.expect("a batch file"), manifest.rows.file);
        windows.push(rows);
        refused.extend(aside(&store, manifest).into_iter().map(|(row, _)| row.expect("a number")));
    }
    refused.sort_unstable();
    let end = store.end().expect("whole").expect("the stream is through");
    assert_eq!(end.windows as usize, manifests.len());
    assert_eq!(end.rows, windows.iter().map(|rows| rows.len() as u64).sum::<u64>());
    (manifests, windows, refused)
}

fn rows_of(size: u64) -> WindowPolicy {
    WindowPolicy::Rows(size.try_into().expect("at least 1"))
}

fn parts_of(parts: u32) -> WindowPolicy {
    WindowPolicy::Parts(parts.try_into().expect("at least 1"))
}

fn event(seconds: u64, lateness: u64) -> WindowPolicy {
    let (span, lateness) = (EventSpan::Fixed(Duration::from_secs(seconds)), Duration::from_secs(lateness));
    WindowPolicy::Event { span, lateness }
}

/// A repeat, a message out of order, or an end marker without the number of rows.
fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::Again),
        2 => (1_usize..40).prop_map(|by| Fault::Swap { by }),
        1 => Just(Fault::UncountedEnd),
    ]
}

fn binding() -> impl Strategy<Value = Binding> {
    prop_oneof![Just(Binding::FirstRow), Just(Binding::Expected), Just(Binding::Member)]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn every_row_is_stored_once_and_in_order_under_faults(
        rows in 1_u64..150,
        partitions in 1_usize..5,
        policy in prop_oneof![(1_u64..60).prop_map(rows_of), (1_u32..6).prop_map(parts_of), (1_u64..9).prop_map(|span| event(span, 4))],
        broken in prop::collection::vec(1_u64..150, 0..5),
        faults in prop::collection::vec((0_u64..150, fault()), 0..12),
        binding in binding(),
        steps in steps(),
    ) {
        let cut = Cut::new(policy, Some(rows));
        // A row out of order may be late in event time. The next test covers that.
        let is_harmless = |fault: &Fault| cut.span().is_none() || !matches!(fault, Fault::Swap { .. });
        let faults: Vec<_> = faults.into_iter().filter(|(_, fault)| is_harmless(fault)).collect();
        let folder = in_memory();
        consume(folder.path(), cut, &topic(rows, partitions, &[], &broken, &faults), binding, &steps);
        let (manifests, windows, aside) = contents(folder.path());

        for window in &windows {
            prop_assert!(window.is_sorted(), "row order within a window: {window:?}");
        }
        let mut stored: Vec<u64> = windows.concat();
        let in_order = stored.is_sorted();
        stored.sort_unstable();
        let (refused, expected): (Vec<u64>, Vec<u64>) = (1..=rows).partition(|row| broken.contains(row));
        prop_assert_eq!(&stored, &expected);
        prop_assert_eq!(aside, refused);

        // If row numbers decide, the order of arrival does not matter: compare with one partition without repeats or
        // kills.
        if cut.span().is_none() {
            prop_assert!(in_order);
            let plain = in_memory();
            consume(plain.path(), cut, &topic(rows, 1, &[], &broken, &[]), Binding::Expected, &ONE_BY_ONE);
            let (other, _, _) = contents(plain.path());
            let digests = |manifests: &[Manifest]| manifests.iter().map(|one| one.rows.file.sha256.clone()).collect::<Vec<_>>();
            prop_assert_eq!(digests(&manifests), digests(&other));
        }
    }

    /// Another test shows that the files are the same on every run over the same topic.
    #[test]
    fn every_row_is_once_in_an_event_window_or_in_quarantine(
        rows in 1_u64..150,
        partitions in 1_usize..4,
        span in 1_u64..9,
        lateness in 0_u64..3,
        broken in prop::collection::vec(1_u64..150, 0..5),
        faults in prop::collection::vec((0_u64..150, fault()), 0..12),
        binding in binding(),
        steps in steps(),
    ) {
        let folder = in_memory();
        let cut = Cut::new(event(span, lateness), None);
        consume(folder.path(), cut, &topic(rows, partitions, &[], &broken, &faults), binding, &steps);
        let (_, windows, aside) = contents(folder.path());
        let mut all = [windows.concat(), aside].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (1..=rows).collect::<Vec<u64>>(), "each row in a window or in quarantine, once");
    }
}

fn row(partition: i32, offset: i64, run: Option<&str>, row: Option<u64>, time: Option<i64>) -> Arrival<'_> {
    let content = Content::Row { labelled: true, time, record: b"1,x" };
    let (partition, offset, row) = (Partition(partition), Offset(offset), row.and_then(RowNumber::new));
    Arrival { partition, offset, run, row, content, now: Instant::now() }
}

fn take(writer: &mut BatchWriter, offset: i64, run: Option<&str>, number: Option<u64>, time: i64) -> MessageOutcome {
    writer.take(row(0, offset, run, number, Some(time))).expect("room on the disk")
}

#[test]
fn windows_by_the_clock_are_sealed_in_time_also_when_empty() {
    let (_folder, mut writer) = fresh(WindowPolicy::Every(Duration::from_secs(60)), 1);
    let began = Instant::now();
    let at = |seconds| began + Duration::from_secs(seconds);
    let take = |writer: &mut BatchWriter, offset, now| {
        writer.take(Arrival { now, ..row(0, offset, None, None, Some(0)) }).expect("room on the disk")
    };
    assert_eq!(seal(&mut writer, at(600)).len(), 0, "time begins with the first row");
    take(&mut writer, 0, at(600));
    assert_eq!(seal(&mut writer, at(659)).len(), 0);
    let mut sealed = seal(&mut writer, at(725));
    take(&mut writer, 1, at(725));
    sealed.extend(finish(&mut writer, at(730)));
    let sealed: Vec<(u64, SealReason)> = sealed.iter().map(|one| (one.rows.count, one.sealed)).collect();
    assert_eq!(sealed, [(1, SealReason::Time), (0, SealReason::Time), (1, SealReason::End)]);
}

#[test]
fn late_rows_go_to_quarantine_and_empty_spans_are_recorded() {
    let (_folder, mut writer) = fresh(event(10, 2), 1);
    for (offset, time) in [15, 19, 31, 29, 45].into_iter().enumerate() {
        let taken = take(&mut writer, offset as i64, None, None, time);
        assert!(matches!(taken, MessageOutcome::Stored { .. } | MessageOutcome::Pending), "{time}");
    }
    let late = take(&mut writer, 5, None, None, 18);
    assert!(matches!(&late, MessageOutcome::Quarantined { reason } if reason.starts_with("late")), "{late:?}");
    let of = |one: Manifest| (one.times.start().expect("a span"), one.rows.count, one.quarantine.count);
    let spans: Vec<(i64, u64, u64)> = finish(&mut writer, Instant::now()).into_iter().map(of).collect();
    assert_eq!(spans, [(10, 2, 0), (20, 1, 0), (30, 1, 1), (40, 1, 0)]);
}

#[test]
fn rows_of_another_sender_are_kept_aside_with_both_names() {
    let (_folder, mut writer) = fresh(rows_of(10), 1);
    take(&mut writer, 0, Some("a"), Some(1), 0);
    for (offset, run, name) in [(1, Some("b"), "the replay b"), (2, None, "a producer that is not Windrow")] {
        let MessageOutcome::Quarantined { reason } = take(&mut writer, offset, run, Some(2), 0) else {
            panic!("a row of {name} was stored")
        };
        assert!(reason.contains(name) && reason.contains("the replay a"), "{reason}");
    }
    deliver(&mut writer, 0, 3, &Message::End { run: Some("b"), rows: None });
    settle(&mut writer);
    assert_eq!(writer.end(), None, "another replay's end is not ours");
}
