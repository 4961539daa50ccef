//! Tests of the aliases that users give, and of the models that an alias keeps.

use super::{artifact, author, folder, id, open, rejected, report};
use crate::{AliasChange, AliasError, AliasName, Registry};
use windrow_record::WindowIndex;

fn prod() -> AliasName {
    "prod".parse().expect("a name")
}

#[test]
fn an_alias_is_promoted_rolled_back_and_noticed_by_another_registry() {
    let folder = folder();
    let (writer, reader) = (open(&folder), open(&folder));
    for (id, loss) in [("window-1", Some(0.5)), ("window-2", Some(0.4)), ("window-3", None)] {
        writer.publish(&artifact(id, loss)).expect("room on the disk");
    }
    let promote = |model: &str| writer.promote(prod(), id(model), author(""), &|| true);
    assert!(matches!(writer.roll_back(prod(), author(""), &|| true), Err(AliasError::Unknown { .. })));
    promote("window-1").expect("a model");
    assert!(matches!(writer.roll_back(prod(), author(""), &|| true), Err(AliasError::NothingBefore { .. })));
    promote("window-2").expect("a model");
    for id in ["window-3", "window-9"] {
        assert!(matches!(promote(id), Err(AliasError::NoModel { .. })), "{id}");
    }
    let stands_for = |registry: &Registry| {
        registry.refresh().expect("readable");
        registry.snapshot().resolve("prod").ok().map(|model| model.name().to_owned())
    };
    assert_eq!(stands_for(&reader).as_deref(), Some("window-2"));
    // Both registries can change the alias, and both read the whole journal.
    let change = reader.roll_back(prod(), author(""), &|| true).expect("a model before");
    assert_eq!((change.from, change.to), ("window-2".parse().ok(), "window-1".parse().ok()));
    assert_eq!(stands_for(&writer).as_deref(), Some("window-1"));
    writer.remove_alias(prod(), author(""), &|| true).expect("an alias");
    assert_eq!((stands_for(&reader), reader.snapshot().aliases().history().len()), (None, 4));
}

#[test]
fn a_repeated_promotion_changes_nothing_and_a_rejected_model_gets_no_alias() {
    let folder = folder();
    let registry = open(&folder);
    for model in [artifact("window-1", Some(0.5)), artifact("window-2", Some(0.4)), rejected("window-3")] {
        registry.publish(&model).expect("room on the disk");
    }
    let promote = |model: &str, why: &str| registry.promote(prod(), id(model), author(why), &|| true);
    promote("window-1", "first").expect("a model");
    let change = promote("window-2", "second").expect("a model");
    assert_eq!(promote("window-2", "again").expect("a model"), change, "the change that made it so");
    let refused = promote("window-3", "").expect_err("it was rejected");
    assert!(refused.to_string().contains("window-3 cannot have an alias: it was rejected because its"), "{refused}");
    let given_up = registry.promote(prod(), id("window-1"), author(""), &|| false);
    assert!(matches!(given_up, Err(AliasError::Abandoned)));
    assert_eq!(registry.snapshot().aliases().history().len(), 2);
    let back = registry.roll_back(prod(), author(""), &|| true).expect("a model before");
    assert_eq!((back.from, back.to), ("window-2".parse().ok(), "window-1".parse().ok()));
}

#[test]
fn a_rollback_passes_over_models_that_are_gone() {
    let folder = folder();
    let registry = open(&folder);
    for window in 1..=5 {
        registry.publish(&artifact(&format!("window-{window}"), Some(0.5))).expect("room on the disk");
    }
    registry.publish_window(&report(5, &[("window-5", 0.3)])).expect("room on the disk");
    for window in ["window-1", "window-2", "window-3"] {
        registry.promote(prod(), id(window), author(""), &|| true).expect("a model");
    }
    // The alias's model and the one that a rollback would return to are kept. The other old models are removed.
    let retired = registry.retire_before(WindowIndex::new(5).expect("not 0")).expect("room on the disk");
    assert_eq!(retired.iter().map(ToString::to_string).collect::<Vec<_>>(), ["window-1", "window-4"]);
    let to = |change: Result<AliasChange, AliasError>| change.ok().and_then(|change| change.to);
    assert_eq!(to(registry.roll_back(prod(), author(""), &|| true)), "window-2".parse().ok());
    assert!(matches!(registry.roll_back(prod(), author(""), &|| true), Err(AliasError::NothingBefore { .. })));
    std::fs::remove_dir_all(folder.path().join("models/window-2")).expect("a folder");
    registry.promote(prod(), id("window-5"), author(""), &|| true).expect("a model");
    registry.refresh().expect("readable");
    assert!(matches!(registry.roll_back(prod(), author(""), &|| true), Err(AliasError::NothingBefore { .. })));
}

#[test]
fn two_servers_that_change_aliases_at_once_know_all_of_it() {
    let folder = folder();
    let registries = [(); 2].map(|()| open(&folder));
    for id in ["window-1", "window-2"] {
        registries[0].publish(&artifact(id, Some(0.5))).expect("room on the disk");
    }
    registries[1].refresh().expect("readable");
    std::thread::scope(|scope| {
        for (registry, name) in registries.iter().zip(["blue", "green"]) {
            scope.spawn(move || {
                for round in 0..200 {
                    let id = id(&format!("window-{}", 1 + round % 2));
                    registry.promote(name.parse().expect("a name"), id, author(""), &|| true).expect("a model");
                    registry.refresh().expect("readable");
                }
            });
        }
    });
    for registry in &registries {
        registry.refresh().expect("readable");
        assert_eq!(registry.snapshot().aliases().history().len(), 400);
    }
}

#[test]
fn old_models_without_an_alias_are_retired() {
    let folder = folder();
    let (writer, reader) = (open(&folder), open(&folder));
    for window in 1..=5 {
        let id = format!("window-{window}");
        // Windows 3 to 5 are rejected, so that window 2 is the champion.
        let model = if window > 2 { rejected(&id) } else { artifact(&id, Some(0.5)) };
        writer.publish(&model).expect("room on the disk");
    }
    reader.refresh().expect("readable");
    reader.promote(prod(), id("window-1"), author(""), &|| true).expect("a model");
    let retired = writer.retire_before(WindowIndex::new(5).expect("not 0")).expect("room on the disk");
    assert_eq!(retired.iter().map(ToString::to_string).collect::<Vec<_>>(), ["window-3", "window-4"]);
    for registry in [&writer, &reader] {
        registry.refresh().expect("readable");
        let kept: Vec<_> = registry.snapshot().models().map(|model| model.name().to_owned()).collect();
        assert_eq!(kept, ["window-1", "window-2", "window-5"]);
    }
    assert!(!folder.path().join("models/window-3").exists());
    // A registry that has not refreshed since then must not promote a removed model.
    writer.publish(&artifact("window-6", Some(0.5))).expect("room on the disk");
    reader.refresh().expect("readable");
    std::fs::remove_dir_all(folder.path().join("models/window-6")).expect("a folder");
    let gone = reader.promote(prod(), id("window-6"), author(""), &|| true);
    assert!(matches!(gone, Err(AliasError::NoModel { .. })), "{gone:?}");
}
