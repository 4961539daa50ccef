//! Tests of models of a learner outside of this program, which are folders next to their model files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{artifact, author, folder, id, open};
use crate::model_folder;
use crate::{AliasName, Ladder, LadderFolder, LadderModel, Outdated, Registry, remove_unpublished};
use windrow_learn::learner::{FolderDigest, LearnerIdentity, LearnerSchema, inspect_folder};
use windrow_learn::model::{Artifact, Fitted, Foreign, Inputs, Outcome, Recalibration};
use windrow_record::{ModelId, Scheme, WindowIndex};

/// Writes a folder as a learner leaves it.
fn left(work: &TempDir, content: &str) -> (PathBuf, FolderDigest) {
    let path = work.path().join(format!("left-{content}"));
    fs::create_dir_all(path.join("trees")).expect("a folder");
    fs::write(path.join("trees/first"), content).expect("a file");
    let found = inspect_folder(&path).expect("a model");
    (path, found)
}

fn foreign(model: &str, found: &FolderDigest) -> Artifact {
    let mut artifact = artifact(model, Some(0.5));
    let Outcome::Learned(learned) = &mut artifact.outcome else { panic!("a model") };
    let learner = LearnerIdentity { name: "trees".to_owned(), versions: BTreeMap::new(), digest: "00".to_owned() };
    learned.fitted = Fitted::Foreign(Foreign {
        learner,
        schema: LearnerSchema { target: "y".to_owned(), features: Vec::new() },
        inputs: Inputs::default(),
        digest: found.digest.clone(),
        files: found.files,
        bytes: found.bytes,
        seed: 7,
        seconds: 1.5,
        calibration: None,
    });
    artifact
}

/// Publishes a model with this content.
fn publish(work: &TempDir, registry: &Registry, model: &str, content: &str) -> Artifact {
    let (path, found) = left(work, content);
    registry.put_learner_folder(id(model), &path, &found.digest).expect("room on the disk");
    assert!(!path.exists(), "it was moved");
    let artifact = foreign(model, &found);
    registry.publish(&artifact).expect("room on the disk");
    artifact
}

/// Returns a model that is recalibrated on a later window.
fn recalibrated(fit: &Artifact, on: u32) -> Artifact {
    let on = WindowIndex::new(on).expect("not 0");
    let mut recalibrated = Artifact { id: fit.id.recalibrated(on).expect("a later window"), ..fit.clone() };
    recalibrated.is_for_advice = true;
    recalibrated.lineage.recalibration = Some(Recalibration {
        model: fit.id,
        lineage: fit.lineage.id.clone(),
        window: on,
        rows: 10,
        positives: 5,
        held_share: 0.0,
        intercept: 0.1,
        slope: 0.9,
    });
    recalibrated
}

#[test]
fn a_model_is_read_with_its_folder_and_not_without_it() {
    let work = folder();
    let writer = open(&work);
    let artifact = publish(&work, &writer, "window-2", "abc");
    let reader = open(&work);
    assert_eq!(reader.snapshot().get(artifact.id).map(|model| model.artifact().clone()), Some(artifact.clone()));
    let place = reader.learner_folder(&artifact).expect("a folder");
    assert!(place.starts_with(work.path().join("models/window-2/learner")));
    assert_eq!(fs::read(place.join("trees/first")).expect("a file"), b"abc");
    assert!(reader.snapshot().get(artifact.id).is_some_and(|model| model.predictor().is_none()));
    for damage in ["changed in length", ""] {
        if damage.is_empty() { fs::remove_dir_all(&place) } else { fs::write(place.join("trees/first"), damage) }
            .expect("the folder exists");
        assert!(open(&work).snapshot().get(artifact.id).is_none(), "{damage}");
    }
    // A digest that is a path is not followed.
    let (_, found) = left(&work, "x");
    let outside = foreign("window-3", &FolderDigest { digest: "../../x".to_owned(), ..found });
    let text = serde_json::to_vec(&outside).expect("JSON");
    fs::create_dir_all(work.path().join("models/window-3")).expect("a folder");
    fs::write(work.path().join("models/window-3/model.json"), text).expect("a file");
    assert!(open(&work).snapshot().get(outside.id).is_none());
}

#[test]
fn a_model_that_is_made_again_has_another_place() {
    let work = folder();
    let registry = open(&work);
    let first = publish(&work, &registry, "window-2", "abc");
    let before = registry.learner_folder(&first).expect("a folder");
    let (path, found) = left(&work, "abcd");
    registry.put_learner_folder(first.id, &path, &found.digest).expect("room on the disk");
    assert!(before.exists(), "the model file still names it");
    let second = foreign("window-2", &found);
    registry.publish(&second).expect("room on the disk");
    let after = registry.learner_folder(&second).expect("a folder");
    assert!(after != before && after.exists() && !before.exists());
    // The same files again: those that are there stay.
    let file = after.join("trees/first");
    let identity = || fs::metadata(&file).expect("a file").ino();
    let known = identity();
    let again = publish(&work, &registry, "window-2", "abcd");
    assert_eq!((registry.learner_folder(&again), identity()), (Some(after.clone()), known));
    // Damaged files are replaced.
    fs::write(&file, "abcx").expect("a file");
    publish(&work, &registry, "window-2", "abcd");
    assert_eq!(fs::read(&file).expect("a file"), b"abcd");
    assert_eq!(open(&work).snapshot().get(again.id).map(|model| model.artifact().clone()), Some(again));
    // A folder without a model file does not count as a model.
    let (path, found) = left(&work, "y");
    registry.put_learner_folder(id("window-9"), &path, &found.digest).expect("room on the disk");
    assert!(open(&work).snapshot().get(id("window-9")).is_none());
    registry.discard_unpublished(id("window-9")).expect("a folder");
    registry.discard_unpublished(id("window-2")).expect("a folder");
    assert!(!work.path().join("models/window-9").exists() && work.path().join("models/window-2").exists());
}

#[test]
fn files_that_were_changed_after_the_check_are_not_published() {
    let work = folder();
    let registry = open(&work);
    let (path, found) = left(&work, "abc");
    fs::write(path.join("trees/first"), "abd").expect("a file");
    let error = registry.put_learner_folder(id("window-2"), &path, &found.digest).expect_err("other files");
    assert!(error.to_string().contains("let it close them before it answers"), "{error}");
    let place = registry.learner_folder(&foreign("window-2", &found)).expect("a folder");
    assert!(!place.exists());
    // The next fit is not affected.
    publish(&work, &registry, "window-2", "abc");
    assert!(open(&work).snapshot().get(id("window-2")).is_some());
}

#[test]
fn the_fit_of_a_recalibrated_model_is_kept_with_it() {
    let work = folder();
    let registry = open(&work);
    let fit = publish(&work, &registry, "window-1", "abc");
    for number in 2..=6 {
        publish(&work, &registry, &format!("window-{number}"), &number.to_string());
    }
    let recalibrated = recalibrated(&fit, 5);
    registry.publish(&recalibrated).expect("room on the disk");
    assert_eq!(registry.learner_folder(&recalibrated), registry.learner_folder(&fit));
    let retired = registry.retire_before(WindowIndex::new(4).expect("not 0")).expect("room on the disk");
    assert_eq!(retired, [id("window-2"), id("window-3")], "the fit of window 1 is in use");
    assert!(open(&work).snapshot().get(recalibrated.id).is_some());
    // The fit of a recalibrated model stays without a model file. Other files without one are removed.
    fs::remove_file(work.path().join("models/window-1/model.json")).expect("a file");
    let (path, found) = left(&work, "z");
    registry.put_learner_folder(id("window-9"), &path, &found.digest).expect("room on the disk");
    remove_unpublished(work.path()).expect("folders");
    assert!(!work.path().join("models/window-9").exists());
    assert!(open(&work).snapshot().get(recalibrated.id).is_some(), "its files are there");
    registry.publish(&fit).expect("room on the disk");
    // An alias to another model changes nothing about it.
    let prod: AliasName = "prod".parse().expect("a name");
    registry.promote(prod, id("window-6"), author(""), &|| true).expect("a model");
    let retired = registry.retire_before(WindowIndex::new(6).expect("not 0")).expect("room on the disk");
    assert_eq!(retired, [fit.id, id("window-4"), id("window-5"), recalibrated.id], "both are too old");
}

#[test]
fn a_fit_is_kept_until_its_recalibrated_model_is_published() {
    let work = folder();
    let registry = open(&work);
    let fit = publish(&work, &registry, "window-1", "abc");
    publish(&work, &registry, "window-2", "abcd");
    publish(&work, &registry, "window-6", "abcde");
    let retire = || registry.retire_before(WindowIndex::new(4).expect("not 0")).expect("room on the disk");
    let recalibrated = recalibrated(&fit, 5);
    {
        let _kept = [registry.keep(fit.id), registry.keep(fit.id)];
        assert_eq!(retire(), [id("window-2")], "the other stage removes models");
        registry.publish(&recalibrated).expect("room on the disk");
    }
    assert!(retire().is_empty(), "the recalibrated model uses the files of its fit");
    assert!(open(&work).snapshot().get(recalibrated.id).is_some(), "its files are there");
    // A folder that is kept is not discarded before its model file is written.
    let (path, found) = left(&work, "z");
    registry.put_learner_folder(id("window-3"), &path, &found.digest).expect("room on the disk");
    let kept = registry.keep(id("window-3"));
    registry.discard_unpublished(id("window-3")).expect("a folder");
    assert!(work.path().join("models/window-3").exists());
    drop(kept);
    registry.discard_unpublished(id("window-3")).expect("a folder");
    assert!(!work.path().join("models/window-3").exists());
    // Without a recalibrated model, the fit is removed when it is not kept any more.
    let kept = [registry.keep(id("window-7")), registry.keep(id("window-7"))];
    publish(&work, &registry, "window-7", "y");
    publish(&work, &registry, "window-8", "x");
    let retire = || registry.retire_before(WindowIndex::new(8).expect("not 0")).expect("room on the disk");
    assert!(!retire().contains(&id("window-7")));
    let [first, second] = kept;
    drop(first);
    assert!(!retire().contains(&id("window-7")), "another caller keeps it");
    drop(second);
    assert_eq!(retire(), [id("window-7")]);
}

#[test]
fn a_folder_that_is_removed_before_the_lock_is_taken_is_put_again() {
    let work = folder();
    let to = work.path().join("models/window-1/learner/0123456789abcdef");
    let put = |content: &str, is_removed: bool| {
        let (from, found) = left(&work, content);
        let locked = model_folder::put(&from, &to, &found.digest, || {
            assert!(from.exists(), "nothing is moved before the lock is taken");
            if is_removed {
                fs::remove_dir_all(&to).expect("a folder");
            }
        });
        locked.expect("room on the disk");
        assert!(!from.exists());
        assert_eq!(inspect_folder(&to).expect("a model").digest, found.digest);
    };
    put("abc", false);
    let stays = fs::metadata(&to).expect("a folder").ino();
    put("abc", false);
    assert_eq!(fs::metadata(&to).expect("a folder").ino(), stays, "the same files are there");
    put("abc", true);
    put("abcd", false);
}

#[test]
fn models_that_are_found_are_kept_until_their_user_ends() {
    let work = folder();
    let registry = open(&work);
    for number in 1..=4 {
        publish(&work, &registry, &format!("window-{number}"), &number.to_string());
    }
    let retire = || registry.retire_before(WindowIndex::new(4).expect("not 0")).expect("room on the disk");
    let (snapshot, kept) = registry
        .keep_found(|snapshot| snapshot.models().map(|model| model.id()).filter(|id| id.window.get() <= 2).collect());
    assert_eq!((snapshot.models().count(), kept.len()), (4, 2));
    assert_eq!(retire(), [id("window-3")], "no user has asked for it");
    drop(kept);
    assert_eq!(retire(), [id("window-1"), id("window-2")]);
}

#[test]
fn the_ladder_keeps_models_whose_folders_are_whole() {
    let work = folder();
    let registry = open(&work);
    let evidence = registry.evidence();
    let window = WindowIndex::new(3).expect("not 0");
    let mut ladder = Ladder::new(window, "00");
    let mut folders = Vec::new();
    for (scheme, content) in [(Scheme::Cumulative, "all"), (Scheme::Window, "one")] {
        let (path, found) = left(&work, content);
        let model = ModelId::new(window, scheme);
        evidence.put_ladder_folder(model, &path, &found.digest).expect("room on the disk");
        folders.push(evidence.ladder_folder(model, &found.digest));
        ladder.models.insert(scheme, Some(LadderModel::Foreign(LadderFolder::new(found, 1.5))));
    }
    evidence.put_ladder(&ladder).expect("room on the disk");
    assert_eq!(evidence.ladder(window, "00").expect("a file"), ladder);
    assert!(evidence.ladder(window, "other rows").expect("a file").models.is_empty());
    fs::remove_dir_all(&folders[0]).expect("a folder");
    let found = evidence.ladder(window, "00").expect("a file");
    assert_eq!(found.models.keys().copied().collect::<Vec<_>>(), [Scheme::Window]);
    // A window that is opened again loses the files of its models.
    let outdated = Outdated { reopened: Some(window), ..Outdated::default() };
    outdated.remove(work.path()).expect("room on the disk");
    assert!(!folders[1].exists() && !work.path().join("advice/models/window-3").exists());
}
