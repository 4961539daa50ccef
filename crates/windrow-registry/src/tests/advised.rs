//! Tests of the alias `advised`.

use super::{artifact, author, folder, id, open, rejected, report};
use crate::{AliasAction, AliasError, AliasName, EvidenceStore, Registry, RegistryError};
use windrow_evaluation::RecalibratedModel;
use windrow_learn::model::Artifact;
use windrow_record::{Scheme, WindowIndex};

/// Returns a model that only the advice needs.
fn for_advice(id: &str) -> Artifact {
    Artifact { is_for_advice: true, ..artifact(id, Some(0.5)) }
}

fn advised(registry: &Registry) -> String {
    let snapshot = registry.snapshot();
    let named = snapshot.named().find(|(name, _)| *name == "advised").map(|(_, model)| model.name().to_owned());
    let resolved = snapshot.resolve("advised").ok().map(|model| model.name().to_owned());
    assert_eq!(resolved, named);
    named.unwrap_or_default()
}

#[test]
fn before_there_is_advice_the_alias_is_the_champion() {
    let folder = folder();
    let registry = open(&folder);
    assert_eq!((advised(&registry), registry.snapshot().alias(&AliasName::advised())), (String::new(), None));
    registry.publish(&artifact("cumulative-1", Some(0.5))).expect("room on the disk");
    registry.publish(&artifact("window-2", Some(0.5))).expect("room on the disk");
    assert_eq!(advised(&registry), "window-2");
    assert_eq!(registry.snapshot().alias(&AliasName::advised()), Some(id("window-2")));
    assert_eq!(registry.snapshot().aliases().last_advised(), None);
    assert!(registry.snapshot().aliases().history().is_empty(), "the champion leaves no line");
}

#[test]
fn a_model_is_published_and_named_in_one_step_and_survives_a_restart() {
    let folder = folder();
    let registry = open(&folder);
    registry.publish(&artifact("cumulative-20", Some(0.5))).expect("room on the disk");
    let new = for_advice("sliding2-20");
    let change = registry.promote_advised(new.id, Some(&new), author("named after window 20")).expect("a model");
    assert_eq!((change.action, change.from, change.to), (AliasAction::Advised, None, Some(new.id)));
    let again = open(&folder);
    for registry in [&registry, &again] {
        let snapshot = registry.snapshot();
        assert_eq!(advised(registry), "sliding2-20");
        assert_eq!(snapshot.aliases().last_advised(), Some(new.id));
        assert_eq!(snapshot.get(new.id).map(|model| model.artifact()), Some(&new));
        let names: Vec<&str> = snapshot.named().map(|(name, _)| name).collect();
        assert_eq!(names, ["latest", "champion", "advised"], "the alias is listed once");
    }
    for unfit in [rejected("window-20"), artifact("window-21", None)] {
        let refused = registry.promote_advised(unfit.id, Some(&unfit), author(""));
        let is_refused =
            matches!(refused, Err(RegistryError::Aliases(AliasError::Rejected { .. } | AliasError::NoModel { .. })));
        assert!(is_refused, "{refused:?}");
    }
    assert_eq!(advised(&registry), "sliding2-20");
}

#[test]
fn a_rollback_by_a_user_is_not_a_change_by_the_advice() {
    let folder = folder();
    let registry = open(&folder);
    for window in [20, 22] {
        let new = for_advice(&format!("sliding2-{window}"));
        registry.promote_advised(new.id, Some(&new), author("")).expect("a model");
    }
    let back = registry.roll_back(AliasName::advised(), author("worse"), &|| true).expect("a model before");
    assert_eq!(back.to, Some(id("sliding2-20")));
    assert_eq!(advised(&registry), "sliding2-20");
    assert_eq!(registry.snapshot().aliases().last_advised(), Some(id("sliding2-22")));
    registry.remove_alias(AliasName::advised(), author(""), &|| true).expect("an alias");
    assert_eq!(advised(&registry), "", "there is no champion");
}

#[test]
fn a_model_for_the_advice_is_neither_latest_nor_champion_and_is_kept_while_it_is_named() {
    let folder = folder();
    let registry = open(&folder);
    for window in 1..=5 {
        registry.publish(&artifact(&format!("window-{window}"), Some(0.5))).expect("room on the disk");
        registry.publish_window(&report(window, &[])).expect("room on the disk");
    }
    for name in ["cumulative-2", "cumulative-3", "cumulative-5"] {
        let new = for_advice(name);
        registry.promote_advised(new.id, Some(&new), author("")).expect("a model");
    }
    let snapshot = registry.snapshot();
    assert_eq!(snapshot.latest().map(|model| model.name()), Some("window-5"));
    assert_eq!(snapshot.champion().map(|model| model.name()), Some("window-5"));
    let retired = registry.retire_before(WindowIndex::new(5).expect("not 0")).expect("room on the disk");
    let retired: Vec<String> = retired.iter().map(ToString::to_string).collect();
    assert_eq!(retired, ["window-1", "cumulative-2", "window-2", "window-3", "window-4"]);
    assert_eq!(advised(&registry), "cumulative-5");
}

#[test]
fn a_recalibrated_model_has_a_name_of_its_own_and_is_removed_like_any_model() {
    let folder = folder();
    let registry = open(&folder);
    for window in 1..=8 {
        registry.publish(&artifact(&format!("cumulative-{window}"), Some(0.5))).expect("room on the disk");
        registry.publish_window(&report(window, &[])).expect("room on the disk");
    }
    for on in 4..=8 {
        let new = for_advice(&format!("cumulative-3-recalibrated-{on}"));
        registry.promote_advised(new.id, Some(&new), author("")).expect("a model");
    }
    let snapshot = registry.snapshot();
    let names: Vec<&str> = snapshot.models().map(|model| model.name()).collect();
    let first = ["cumulative-1", "cumulative-2", "cumulative-3", "cumulative-4", "cumulative-3-recalibrated-4"];
    assert_eq!(names[..5], first, "models are in the order in which they can exist");
    assert_eq!(snapshot.latest().map(|model| model.name()), Some("cumulative-8"), "it is neither latest nor champion");
    assert_eq!(snapshot.champion().map(|model| model.name()), Some("cumulative-8"));
    let found = snapshot.resolve("cumulative-3-recalibrated-7").expect("a model");
    assert_eq!(found.id().fit(), id("cumulative-3"));
    assert_eq!(advised(&open(&folder)), "cumulative-3-recalibrated-8", "another process reads it");

    let retired = registry.retire_before(WindowIndex::new(9).expect("not 0")).expect("room on the disk");
    assert_eq!(retired.len(), 9, "{retired:?}");
    let kept: Vec<String> = registry.snapshot().models().map(|model| model.name().to_owned()).collect();
    let expected = ["cumulative-3", "cumulative-3-recalibrated-7", "cumulative-8", "cumulative-3-recalibrated-8"];
    assert_eq!(kept, expected, "the fit, the model of a rollback, the champion and the model of the alias");
    let back = registry.roll_back(AliasName::advised(), author("worse"), &|| true).expect("a model before");
    assert_eq!(back.to, Some(id("cumulative-3-recalibrated-7")));
    assert!("cumulative-3-recalibrated-8".parse::<AliasName>().is_err(), "a model id is no alias");
}

#[test]
fn the_sums_of_a_model_are_those_of_its_recalibration() {
    let folder = folder();
    let store = EvidenceStore::new(folder.path());
    let of = |on: Option<u32>, window: u32| RecalibratedModel { history: Scheme::Cumulative, model: 3, on, window };
    let mut sums = store.recalibrations(2).expect("nothing yet");
    for (place, on) in [(1.5, None), (2.5, Some(5)), (3.5, Some(6))] {
        sums.insert(of(on, 9), [place; 4]);
    }
    store.put_recalibrations(&sums).expect("room on the disk");
    let read = store.recalibrations(2).expect("readable");
    let found = [None, Some(5), Some(6), Some(7)].map(|on| read.sums(of(on, 9)).map(|sums| sums[0]));
    assert_eq!(found, [Some(1.5), Some(2.5), Some(3.5), None]);
    assert_eq!(read.sums(of(Some(5), 8)), None, "another window");
    assert_eq!(store.recalibrations(0).expect("readable").sums(of(None, 9)), None, "another label delay");
}
