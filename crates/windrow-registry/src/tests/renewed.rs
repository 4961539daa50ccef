//! Tests of windows that were opened again, and of labels that have arrived.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{artifact, author, folder, id, open, rejected, report};
use crate::{AliasAction, AliasName, EvidenceStore, Ladder, Outdated, Purpose, Registry};
use windrow_evaluation::{LOSSES_FORMAT, RecalibratedModel, WindowLosses};
use windrow_learn::model::Artifact;
use windrow_record::{Scheme, WindowIndex};

fn alias(name: &str) -> AliasName {
    name.parse().expect("a name")
}

fn window(index: u32) -> WindowIndex {
    WindowIndex::new(index).expect("not 0")
}

/// Returns a model that was made from other rows.
fn made_again(mut artifact: Artifact) -> Artifact {
    artifact.lineage.id = "made again".to_owned();
    artifact
}

#[test]
fn an_alias_stands_for_a_model_that_was_made_again_or_goes_back() {
    let folder = folder();
    let registry = open(&folder);
    for model in ["window-1", "window-2", "window-3"] {
        registry.publish(&artifact(model, Some(0.5))).expect("room on the disk");
    }
    let promote = |name: &str, model: &str| {
        registry.promote(alias(name), id(model), author(""), &|| true).expect("a model");
    };
    promote("first", "window-1");
    promote("prod", "window-3");
    promote("back", "window-1");
    promote("back", "window-2");
    promote("none", "window-2");
    let renew = || registry.renew_aliases(&author("opened again")).expect("room on the disk");
    assert!(renew().is_empty(), "no model was made again");
    registry.publish(&made_again(artifact("window-3", Some(0.4)))).expect("room on the disk");
    registry.publish(&made_again(rejected("window-2"))).expect("room on the disk");
    let mut changes: Vec<(String, AliasAction, Option<String>)> =
        renew().iter().map(|one| (one.alias.to_string(), one.action, one.to.map(|to| to.to_string()))).collect();
    changes.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        ("back", AliasAction::RolledBack, Some("window-1")),
        ("none", AliasAction::Removed, None),
        ("prod", AliasAction::Renewed, Some("window-3")),
    ];
    let expected = expected.map(|(name, action, to)| (name.to_owned(), action, to.map(str::to_owned)));
    assert_eq!(changes, expected);
    for registry in [&registry, &open(&folder)] {
        assert_eq!(registry.snapshot().aliases().get("prod"), Some(id("window-3")));
        assert!(registry.renew_aliases(&author("")).expect("a journal").is_empty(), "each line is written once");
    }
}

#[test]
fn models_of_windows_that_did_not_come_back_are_removed() {
    let folder = folder();
    let registry = open(&folder);
    for model in ["window-1", "window-2", "window-5"] {
        registry.publish(&artifact(model, Some(0.5))).expect("room on the disk");
    }
    for (name, model) in [("prod", "window-1"), ("prod", "window-5"), ("only", "window-5"), ("old", "window-2")] {
        registry.promote(alias(name), id(model), author(""), &|| true).expect("a model");
    }
    let retire = || registry.retire_after(window(2), &author("it is gone")).expect("room on the disk");
    let mut changes: Vec<(String, AliasAction, Option<String>)> =
        retire().iter().map(|one| (one.alias.to_string(), one.action, one.to.map(|to| to.to_string()))).collect();
    changes.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("only", AliasAction::Removed, None), ("prod", AliasAction::RolledBack, Some("window-1"))];
    let expected = expected.map(|(name, action, to)| (name.to_owned(), action, to.map(str::to_owned)));
    assert_eq!(changes, expected);
    for registry in [&registry, &open(&folder)] {
        let snapshot = registry.snapshot();
        assert!(snapshot.get(id("window-5")).is_none());
        assert_eq!(snapshot.aliases().get("old"), Some(id("window-2")));
    }
    assert!(retire().is_empty(), "nothing is left to do");
}

#[test]
fn a_report_that_was_removed_is_not_shown_any_more() {
    let folder = folder();
    let registry = open(&folder);
    for index in [2, 3] {
        registry.publish_window(&report(index, &[("window-1", 0.5)])).expect("room on the disk");
    }
    fs::remove_file(folder.path().join("windows/window-00003.json")).expect("a report");
    registry.refresh().expect("readable");
    let snapshot = registry.snapshot();
    assert!(snapshot.window(window(2)).is_some() && snapshot.window(window(3)).is_none());
}

fn losses(index: u32, registry: &Registry) {
    let losses = WindowLosses {
        format: LOSSES_FORMAT,
        window: window(index),
        sha256: "00".to_owned(),
        unlabelled: 0,
        rows: [1; 8],
        positives: [0; 8],
        models: Vec::new(),
    };
    for purpose in [Purpose::Serving, Purpose::Advice] {
        registry.evidence().put_losses(purpose, &losses).expect("room on the disk");
    }
    registry.evidence().put_ladder(&Ladder::new(window(index), "00")).expect("room on the disk");
}

/// Returns the windows that have a file in a folder.
fn windows(workdir: &Path, folder: &str) -> Vec<u32> {
    let index = |name: String| name.strip_prefix("window-")?.strip_suffix(".json")?.parse().ok();
    let entries = fs::read_dir(workdir.join(folder)).expect("a folder");
    let mut found: Vec<u32> = entries
        .filter_map(|entry| index(entry.expect("readable").file_name().to_string_lossy().into_owned()))
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn what_was_computed_from_outdated_windows_is_removed() {
    let folder = folder();
    let registry = open(&folder);
    for index in 1..=6 {
        registry.publish(&artifact(&format!("window-{index}"), Some(0.5))).expect("room on the disk");
        let scored = format!("window-{}", index.max(2) - 1);
        registry.publish_window(&report(index, &[(&scored, 0.5)])).expect("room on the disk");
        losses(index, &registry);
    }
    let store = EvidenceStore::new(folder.path());
    let sums = |model: u32, window: u32| RecalibratedModel { history: Scheme::Cumulative, model, on: None, window };
    let mut recalibrations = store.recalibrations(0).expect("no file");
    let all = [sums(1, 2), sums(1, 3), sums(2, 4), sums(2, 6), sums(6, 7)];
    all.iter().for_each(|model| recalibrations.insert(*model, [0.0; 4]));
    store.put_recalibrations(&recalibrations).expect("room on the disk");
    let outdated = Outdated { reopened: Some(window(6)), relabelled: BTreeSet::from([window(3)]) };
    // The second time, nothing is left to do.
    for _ in 0..2 {
        outdated.remove(folder.path()).expect("removable");
        let kept = ["losses", "advice/losses", "advice/models", "windows"].map(|name| windows(folder.path(), name));
        assert_eq!(kept, [vec![1, 2, 4, 5], vec![1, 2, 4, 5], vec![1, 2, 3, 4, 5], vec![1, 2, 3, 4, 5]]);
        let is_outdated = |index: u32| {
            let report = crate::files::read_window(&folder.path().join("windows"), window(index)).expect("a report");
            report.sha256.is_empty()
        };
        assert_eq!([1, 2, 3, 4, 5].map(is_outdated), [false, false, true, true, true]);
        assert!(folder.path().join("models/window-6/model.json").exists(), "models stay until they are made again");
        let left = store.recalibrations(0).expect("a file");
        let left: Vec<bool> = all.iter().map(|model| left.sums(*model).is_some()).collect();
        assert_eq!(left, [true, false, true, false, false]);
    }
}

#[test]
fn losses_of_models_that_were_removed_are_kept() {
    let folder = folder();
    let registry = open(&folder);
    for index in 1..=3 {
        registry.publish_window(&report(index, &[("window-9", 0.5)])).expect("room on the disk");
        losses(index, &registry);
    }
    let outdated = Outdated { reopened: None, relabelled: BTreeSet::from([window(2)]) };
    outdated.remove(folder.path()).expect("nothing to remove");
    assert_eq!((windows(folder.path(), "losses"), windows(folder.path(), "windows")), (vec![1, 2, 3], vec![1, 2, 3]));
}
