//! The pairs of model and window whose losses the ladder has.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use windrow_evaluation::{WindowLosses, is_kept, needed_pairs};
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::Purpose;

use crate::rule::Rule;
use crate::study::{Study, WINDOWS};

type Pairs = BTreeSet<(WindowIndex, ModelId)>;

fn windows() -> impl Iterator<Item = WindowIndex> {
    (1..=WINDOWS).filter_map(WindowIndex::new)
}

/// Returns the pairs of a window and a model of the ladder whose losses are stored.
fn stored(study: &Study) -> Pairs {
    let evidence = study.registry().evidence().clone();
    let losses = windows().filter_map(|window| {
        evidence.losses(Purpose::Advice, window, &study.sha256(window.get())).expect("a valid file")
    });
    losses.flat_map(|losses| losses.models.into_iter().map(move |model| (losses.window, model.model))).collect()
}

/// Returns the pairs on which losses can be kept, of the models of the ladder.
fn kept(study: &Study) -> Pairs {
    let evidence = study.registry().evidence().clone();
    let models = windows().flat_map(|window| {
        let ladder = evidence.ladder(window, &study.sha256(window.get())).expect("a valid file");
        ladder.models.into_keys().map(move |history| ModelId::new(window, history))
    });
    let pairs = models.flat_map(|model| windows().map(move |window| (window, model)));
    pairs.filter(|(window, model)| is_kept(model.window, *window)).collect()
}

/// Returns the bytes of the stored losses, by window.
fn files(study: &Study) -> Vec<Option<Vec<u8>>> {
    windows().map(|window| fs::read(study.path(&format!("advice/losses/{}.json", window.file_stem()))).ok()).collect()
}

#[test]
fn only_pairs_that_the_advice_needs_are_scored() {
    let (study, rule) = (Study::new(""), Arc::new(Rule::default()));
    study.train(&rule).expect("the rule learns");
    study.advise(&rule).expect("the rule learns");
    // The last 2 windows from window 3 on, and the last 4 from window 5 on.
    let (kept, stored) = (kept(&study), stored(&study));
    assert_eq!(kept.len(), 91 + 66);
    // 12 windows are judged, so the longest refit period has 4 windows.
    let rule = needed_pairs(WINDOWS, None, 0);
    let needed: Pairs = kept.iter().filter(|(window, model)| rule.has(model.window, *window)).copied().collect();
    assert_eq!(needed.len(), 101);
    assert!(stored.is_superset(&needed), "{:?}", needed.difference(&stored).collect::<Vec<_>>());
    assert!(stored.is_subset(&kept) && stored.len() < kept.len(), "{} of {}", stored.len(), kept.len());
}

#[test]
fn the_stored_losses_do_not_depend_on_what_was_scored_before() {
    let (whole, rule) = (Study::new(""), Arc::new(Rule::default()));
    whole.train(&rule).expect("the rule learns");
    whole.advise(&rule).expect("the rule learns");
    let (expected, advice) = (files(&whole), fs::read(whole.path("advice.json")).expect("the advice"));

    // The longest refit period is shorter with four windows less.
    let grown = Study::without_windows("");
    for windows in [WINDOWS - 4, WINDOWS] {
        grown.end_after(windows);
        grown.train(&rule).expect("the rule learns");
        grown.advise(&rule).expect("the rule learns");
        if windows < WINDOWS {
            assert!(needed_pairs(windows, None, 0) != needed_pairs(WINDOWS, None, 0));
            assert!(files(&grown) != expected);
        }
    }
    assert!(files(&grown) == expected && fs::read(grown.path("advice.json")).expect("the advice") == advice);

    // Another question needs models of other ages. Its losses are removed with the next answer to the own question.
    let own = stored(&whole);
    assert!(whole.ask(&rule, 4).is_some_and(|asked| asked.basis.label_delay == 4));
    let both = stored(&whole);
    assert!(both.is_superset(&own) && both.len() > own.len());
    assert!(whole.ask(&rule, 0).is_some());
    assert!(files(&whole) == expected && fs::read(whole.path("advice.json")).expect("the advice") == advice);

    // A file, or some losses in a file, are missing: they are computed again. A file that nothing needs is removed.
    let lost = whole.path("advice/losses/window-00009.json");
    fs::remove_file(lost).expect("a file");
    let evidence = whole.registry().evidence().clone();
    let window = WindowIndex::new(12).expect("not 0");
    let mut losses = evidence.losses(Purpose::Advice, window, &whole.sha256(12)).expect("a file").expect("losses");
    losses.models.truncate(2);
    evidence.put_losses(Purpose::Advice, &losses).expect("a file");
    let first = evidence.losses(Purpose::Serving, WindowIndex::FIRST, &whole.sha256(1)).expect("a file");
    let unneeded = WindowLosses { models: losses.models, ..first.expect("losses") };
    evidence.put_losses(Purpose::Advice, &unneeded).expect("a file");
    whole.advise(&rule).expect("the rule learns");
    assert!(files(&whole) == expected && fs::read(whole.path("advice.json")).expect("the advice") == advice);
}
