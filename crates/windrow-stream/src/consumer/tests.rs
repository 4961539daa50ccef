//! Tests what `windrow check` promises: the consumer puts the same rows in the same windows, and refuses the same rows.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use crate::consumer::fetcher::Incoming;
use crate::consumer::ingest::ingest;
use crate::consumer::intake::Intake;
use windrow_config::{Cut, Pipeline, Schema, WindowPolicy, partition_of_row};
use windrow_dataset::{DatasetReader, inspection};
use windrow_record::{Envelope, Offset, Partition, RowNumber};
use windrow_windows::{BatchStore, BatchWriter, CsvFormat, Manifest, Quarantined};

const RUN: Option<&str> = Some("run");

/// The lengths of windows as in the pipeline file, and their approximate seconds.
const SPANS: [(&str, i64); 5] = [("30s", 30), ("7m", 420), ("day", 86_400), ("week", 604_800), ("month", 2_629_800)];

fn policy() -> impl Strategy<Value = (String, i64)> {
    let event = (0..SPANS.len(), 0_i64..4).prop_map(|(index, late)| {
        let (span, seconds) = SPANS[index];
        (format!("event = \"{span}\"\nlateness = \"{}s\"", late * seconds / 2), seconds)
    });
    let rows = (1_u32..40).prop_map(|rows| (format!("rows = {rows}"), 60));
    let parts = (1_u32..12).prop_map(|parts| (format!("parts = {parts}"), 60));
    prop_oneof![3 => event, 1 => rows, 1 => parts]
}

/// The text of a dataset. Most rows are a fraction of a window apart. The other rows have distant times or cannot be
/// read.
fn dataset(rows: &[(u8, i64)], window: i64) -> String {
    let mut text = "at,late,miles\n".to_owned();
    let mut now = 1_600_000_000;
    for (kind, part) in rows {
        now += part * window / 100;
        let at = match kind {
            0 => (now + 12 * window).to_string(),
            1 => (now - 12 * window).to_string(),
            2 => (now + 200_000 * window).to_string(),
            3 => (now - 200_000 * window).to_string(),
            4 => String::new(),
            5 => "soon".to_owned(),
            6 => (now - 3 * part * window / 100).to_string(),
            7 => {
                now += 8 * window;
                now.to_string()
            }
            _ => now.to_string(),
        };
        let late = ["", "0", "1"][part.unsigned_abs() as usize % 3];
        let miles = if *kind == 8 { "far" } else { "7" };
        text.push_str(&format!("{at},{late},{miles}{}\n", if *kind == 9 { ",more" } else { "" }));
    }
    text
}

/// Consumes the dataset in row order; returns the manifests, and the row and the reason of each refused message.
fn consume(folder: &Path, pipeline: &Pipeline) -> (Vec<Manifest>, Vec<(Option<u64>, String)>) {
    let mut reader = DatasetReader::open(&pipeline.dataset).expect("a dataset");
    let rows = DatasetReader::open(&pipeline.dataset).and_then(DatasetReader::count).expect("a dataset");
    let schema = Arc::new(Schema::bind(pipeline, reader.columns()).expect("all columns"));
    let store = BatchStore::open(folder).expect("a store");
    let count = pipeline.stream.partitions.get();
    let partitions: Vec<Partition> = (0..count).map(|partition| Partition(partition as i32)).collect();
    let (lock, cut) = (store.lock().expect("no other writer"), Cut::new(pipeline.window, Some(rows)));
    let form = CsvFormat { columns: &schema.columns, delimiter: schema.delimiter };
    let (mut writer, _) =
        BatchWriter::resume(store.clone(), lock, cut, form, &partitions, None).expect("an empty store");
    let mut intake = Intake::new(Arc::clone(&schema), matches!(pipeline.window, WindowPolicy::Event { .. }));
    let (now, mut offsets) = (Instant::now(), vec![0; count as usize]);
    let mut send = |writer: &mut BatchWriter, partition: usize, envelope: Envelope<'_>, value: &[u8]| {
        let offset = Offset(offsets[partition]);
        offsets[partition] += 1;
        let incoming = Incoming { partition: partitions[partition], offset, envelope: Ok(envelope), value };
        ingest(&mut intake, writer, incoming, now).expect("room on the disk");
        while writer.seal_next(now).expect("room on the disk").is_some() {}
    };
    while let Some(row) = reader.next_row().expect("readable") {
        let partition = partition_of_row(row.number, RowNumber::FIRST, u64::from(count)) as usize;
        send(&mut writer, partition, Envelope::Row { row: row.number, run: RUN }, row.bytes);
    }
    for partition in 0..count as usize {
        let end = Envelope::End { run: RUN, first: RowNumber::FIRST, rows: Some(rows) };
        send(&mut writer, partition, end, b"");
    }
    writer.finish().expect("room on the disk");
    while writer.seal_next(now).expect("room on the disk").is_some() {}
    let manifests = store.manifests().expect("whole");
    let mut refused = Vec::new();
    for manifest in manifests.iter().filter(|manifest| manifest.quarantine.count > 0) {
        let file = File::open(store.quarantine_path(manifest.window)).expect("a quarantine file");
        let visit = |message: Quarantined| refused.push((message.row.map(RowNumber::get), message.reason));
        store.quarantined(manifest.window, file, visit).expect("whole");
    }
    (manifests, refused)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn check_and_the_consumer_agree_about_each_row(
        (window, seconds) in policy(),
        partitions in 1_u32..4,
        rows in prop::collection::vec((0_u8..40, 0_i64..150), 1..90),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("d.csv"), dataset(&rows, seconds)).expect("a file");
        let text = format!(
            "name = \"p\"\n[dataset]\npath = \"d.csv\"\ntime = {{ column = \"at\", format = \"seconds\" }}\n[target]\n\
             column = \"late\"\nequals = \"1\"\n[features]\nnumeric = [\"miles\"]\n[stream]\npartitions = {partitions}\n\
             [window]\n{window}\n"
        );
        let pipeline = Pipeline::parse(&folder.path().join("p.toml"), &text).expect("a good pipeline");
        let check = inspection::check(&pipeline, &|_| ()).expect("a dataset");
        let (manifests, refused) = consume(&folder.path().join("work"), &pipeline);

        let period = |manifest: &Manifest| manifest.times.period(pipeline.window);
        let consumed = manifests.iter().map(|manifest| (period(manifest), manifest.rows.count, manifest.rows.labelled));
        let checked = check.windows.iter().map(|window| (window.period.clone(), window.counts.rows, window.counts.labelled));
        // If no window has a row, the consumer still seals one for the refused messages.
        let has_rows = manifests.iter().any(|manifest| manifest.rows.count > 0) || !check.windows.is_empty();
        prop_assert!(!has_rows || checked.eq(consumed), "{:?}\n{manifests:?}", check.windows);

        prop_assert_eq!(check.rows - check.accepted_rows(), refused.len() as u64, "{:?}", refused);
        let json = serde_json::to_value(&check).expect("a report");
        for (kind, reason) in [("late", "late: "), ("at (outlier)", "outlier: ")] {
            let found: Vec<u64> = refused.iter().filter(|(_, found)| found.starts_with(reason)).filter_map(|(row, _)| *row).collect();
            let listed = &json["refused"][kind];
            prop_assert_eq!(listed["rows"].as_u64().unwrap_or(0), found.len() as u64, "{}: {:?}", kind, refused);
            prop_assert!(found.is_empty() || found.contains(&listed["first"].as_u64().unwrap_or(0)), "{}: {:?}", kind, refused);
        }
    }
}
