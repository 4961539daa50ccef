//! Tests of the alias `advised`.

use super::{artifact, author, folder, id, open, rejected, report};
use crate::{AliasAction, AliasError, AliasName, Registry, RegistryError};
use windrow_learn::model::Artifact;
use windrow_record::WindowIndex;

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
