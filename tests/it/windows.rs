//! Windows by count, processing time, event time and equal parts, seen from their files.

use serde_json::Value;
use windrow_testing::{assert_same, batch_rows, fixture_rows, json, run_once, sample_with};

/// Runs the sample with another window policy. Returns the manifests and the stored rows.
fn cut(policy: &str) -> (Vec<Value>, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work");
    run_once(&sample_with(folder.path(), policy, ""), &workdir, &[]);
    let end = json(&workdir.join("batches/end.json"));
    let windows = end["windows"].as_u64().expect("a count");
    let manifests = (1..=windows).map(|window| json(&workdir.join(format!("batches/window-{window:05}.json"))));
    (manifests.collect(), batch_rows(&workdir))
}

fn rows(manifests: &[Value]) -> Vec<u64> {
    manifests.iter().map(|manifest| manifest["rows"]["count"].as_u64().expect("a count")).collect()
}

#[test]
fn by_equal_parts() {
    let (manifests, stored) = cut("parts = 4");
    assert_eq!(rows(&manifests), [2005, 2005, 2005, 2004]);
    assert_same(&stored, &fixture_rows());
}

#[test]
fn by_count_with_a_last_partial_window() {
    let (manifests, stored) = cut("rows = 3000");
    assert_eq!(rows(&manifests), [3000, 3000, 2019]);
    assert_same(&stored, &fixture_rows());
}

#[test]
fn by_event_time() {
    let (manifests, stored) = cut("event = \"30d\"\nlateness = \"1d\"");
    // The rows are from 1 January to 31 December 2013. The spans of 30 days are aligned to 1970, so 365 days touch 13
    // of them.
    assert_eq!(manifests.len(), 13);
    assert_eq!(rows(&manifests).iter().sum::<u64>(), 8019);
    assert_same(&stored, &fixture_rows());
}
