//! Tests of the aliases `latest` and `champion`.

use std::collections::BTreeSet;

use super::{artifact, folder, id, open, rejected, report};
use crate::Registry;
use windrow_learn::model::WindowReport;
use windrow_record::{Scheme, WindowIndex};

#[test]
fn aliases_name_the_newest_and_the_best_that_were_accepted() {
    let folder = folder();
    let (registry, reader) = (open(&folder), open(&folder));
    let aliases = || {
        reader.refresh().expect("readable");
        let snapshot = reader.snapshot();
        let name = |alias| snapshot.resolve(alias).ok().map(|model| model.id().to_string()).unwrap_or_default();
        [name("latest"), name("champion")]
    };
    let publish = |id: &str, log_loss| registry.publish(&artifact(id, log_loss)).expect("room on the disk");
    assert_eq!(aliases(), ["", ""]);
    publish("window-1", None);
    assert_eq!(aliases(), ["", ""]);
    publish("window-1", Some(0.4));
    publish("cumulative-1", Some(0.5));
    assert_eq!(aliases(), ["cumulative-1", "cumulative-1"], "too few windows to rank by");
    // The model of the last window has a lower log-loss than the cumulative one in each of 12 windows. Both are one
    // window old.
    for window in 2..=13 {
        let (all, last) = (format!("cumulative-{}", window - 1), format!("window-{}", window - 1));
        let noise = f64::from(window % 3) / 100.0;
        registry.publish_window(&report(window, &[(&all, 0.6 + noise), (&last, 0.5)])).expect("room on the disk");
        publish(&format!("window-{window}"), Some(0.4));
        publish(&format!("cumulative-{window}"), Some(0.5));
        if window < 13 {
            let newest = format!("cumulative-{window}");
            assert_eq!(aliases(), [newest.as_str(), newest.as_str()], "{window}");
        }
    }
    assert_eq!(aliases(), ["cumulative-13", "window-13"]);
    let before = |window| {
        let window = WindowIndex::new(window).expect("not 0");
        registry.snapshot().champion_before(window).map(|model| model.name().to_owned()).unwrap_or_default()
    };
    assert_eq!([before(13), before(14)], ["cumulative-12", "window-13"], "as it was then");
    registry.publish(&rejected("window-13")).expect("room on the disk");
    assert_eq!(aliases(), ["cumulative-13", "window-12"], "the newest that was accepted");
}

#[test]
fn the_champion_follows_from_windows_whose_labels_are_known() {
    let folder = folder();
    let open = |delay| Registry::open_with_label_delay(folder.path(), delay).expect("opens");
    let champion = |registry: &Registry| {
        let snapshot = registry.snapshot();
        snapshot.champion().map(|model| model.id().to_string()).unwrap_or_default()
    };
    // At an age of one window, the cumulative model loses less than that of a single window. At three windows, it loses
    // more.
    let losses = |window: u32, age: u32| {
        let (model, noise) = (window - age, f64::from(window % 3) / 100.0);
        let all = if age == 1 { 0.4 } else { 0.6 };
        [(format!("cumulative-{model}"), all + noise), (format!("window-{model}"), 0.5)]
    };
    let registry = open(2);
    let publish = |window: u32, ages: &[u32]| {
        let found: Vec<(String, f64)> = ages.iter().flat_map(|age| losses(window, *age)).collect();
        let scores: Vec<(&str, f64)> = found.iter().map(|(id, loss)| (id.as_str(), *loss)).collect();
        registry.publish_window(&report(window, &scores)).expect("room on the disk");
        for scheme in ["cumulative", "window"] {
            registry.publish(&artifact(&format!("{scheme}-{window}"), Some(0.5))).expect("room on the disk");
        }
    };
    for window in 1..=17 {
        let ages: &[u32] = if window > 3 { &[1, 3] } else { &[] };
        publish(window, ages);
        let scheme = if window < 17 { "cumulative" } else { "window" };
        let expected = if window > 2 { format!("{scheme}-{}", window - 2) } else { String::new() };
        // The models in use are three windows old. Windows 4 to 15 are the first 12 with such models and known labels.
        assert_eq!(champion(&registry), expected, "window {window}");
    }
    assert_eq!(champion(&open(0)), "cumulative-17", "labels that are not late");
    assert_eq!(champion(&open(3)), "cumulative-14", "no model was scored at an age of four windows");
    // The models that may become the champion are kept.
    let retired = registry.retire_before(WindowIndex::new(17).expect("not 0")).expect("room on the disk");
    assert!(retired.contains(&id("cumulative-14")) && retired.iter().all(|id| id.window.get() < 15), "{retired:?}");
}

#[test]
fn a_scheme_that_was_added_or_removed_counts_from_the_next_window_on() {
    let folder = folder();
    let registry = open(&folder);
    let window = |number: u32| WindowIndex::new(number).expect("not 0");
    let champion = || registry.snapshot().champion().map(|model| model.name().to_owned()).unwrap_or_default();
    let scheme = |text: &str| text.parse::<Scheme>().expect("a scheme");
    // The models of the last two windows predict best, those of one window worst.
    let losses = [("cumulative", 0.6), ("window", 0.7), ("sliding2", 0.5)];
    let scores = |number: u32, schemes: &[&str]| {
        let noise = |scheme: &str| if scheme == "window" { f64::from(number % 3) / 100.0 } else { 0.0 };
        let of = losses.iter().filter(|(scheme, _)| number > 1 && schemes.contains(scheme));
        of.map(|(scheme, loss)| (format!("{scheme}-{}", number - 1), loss + noise(scheme))).collect::<Vec<_>>()
    };
    let report_of = |number: u32, schemes: &[&str], trained: &[&str]| {
        let found = scores(number, schemes);
        let found: Vec<(&str, f64)> = found.iter().map(|(id, loss)| (id.as_str(), *loss)).collect();
        let trained: BTreeSet<Scheme> = trained.iter().map(|text| scheme(text)).collect();
        WindowReport { schemes: trained, ..report(number, &found) }
    };
    let publish_models = |number: u32, schemes: &[&str]| {
        for scheme in schemes {
            registry.publish(&artifact(&format!("{scheme}-{number}"), Some(0.5))).expect("room on the disk");
        }
    };
    let (before, after, all) = (["cumulative", "window"], ["window", "sliding2"], ["cumulative", "window", "sliding2"]);
    for number in 1..=13 {
        publish_models(number, &before);
        registry.publish_window(&report_of(number, &before, &before)).expect("room on the disk");
    }
    assert_eq!(champion(), "cumulative-13");
    assert_eq!(registry.snapshot().unmade(&after.map(scheme)), Some((scheme("sliding2"), window(1))));

    // The models of an added scheme are made and scored; the champion stays, however far that has come.
    for number in 1..=13 {
        publish_models(number, &["sliding2"]);
        let trained = after.map(scheme).into_iter().collect();
        let snapshot = registry.snapshot();
        let stored = snapshot.window(window(number)).expect("a report");
        let added = stored.with_added(&trained, report_of(number, &all, &before).scores);
        assert_eq!((added.schemes.len(), &added.added), (2, &BTreeSet::from([scheme("sliding2")])));
        registry.publish_window(&added).expect("room on the disk");
        assert_eq!(champion(), "cumulative-13", "while window {number} is done");
        assert_eq!(
            registry.snapshot().unmade(&after.map(scheme)).map(|(_, window)| window.get()),
            (number < 13).then_some(number + 1)
        );
    }
    let before_window = |number: u32| registry.snapshot().champion_before(window(number)).map(|model| model.id());
    assert_eq!(before_window(14), Some(id("cumulative-13")), "as it was");

    // From the next window on, all of its scores count, and a removed scheme does not.
    publish_models(14, &after);
    assert_eq!(champion(), "cumulative-13", "the window has no report yet");
    registry.publish_window(&report_of(14, &all, &after)).expect("room on the disk");
    assert_eq!(champion(), "sliding2-14");
    assert_eq!(before_window(14), Some(id("cumulative-13")), "the past does not change");
    assert_eq!(open(&folder).snapshot().champion().map(|model| model.id()), Some(id("sliding2-14")), "as read again");
}
