//! Tests of the aliases `latest` and `champion`.

use super::{artifact, folder, id, open, rejected, report};
use crate::Registry;
use windrow_record::WindowIndex;

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
