//! Tests of what a registry reads: models and reports of another process, and files that cannot be read.

use super::{artifact, folder, id, open, report};
use crate::{EvidenceStore, ModelFiles, Purpose, Registry, RegistryError, files};
use windrow_record::WindowIndex;

#[test]
fn another_registry_finds_published_models() {
    let folder = folder();
    let (writer, reader) = (open(&folder), open(&folder));
    let mut changes = reader.changes();
    let published = artifact("cumulative-1", Some(0.5));
    writer.publish(&published).expect("room on the disk");
    assert_eq!(writer.snapshot().get(published.id).map(|model| model.artifact().clone()), Some(published.clone()));
    assert!(reader.snapshot().get(published.id).is_none());
    reader.refresh().expect("readable");
    assert_eq!(reader.snapshot().get(published.id).map(|model| model.artifact().clone()), Some(published));
    assert!(changes.has_changed().expect("the registry lives"));
    changes.mark_unchanged();
    reader.refresh().expect("readable");
    assert!(!changes.has_changed().expect("the registry lives"), "nothing is new");
}

#[test]
fn an_unreadable_model_does_not_hide_the_others() {
    let folder = folder();
    let writer = open(&folder);
    writer.publish(&artifact("window-1", Some(0.5))).expect("room on the disk");
    let good = std::fs::read_to_string(folder.path().join("models/window-1/model.json")).expect("a file");
    let cases = [
        ("window-2", "{".to_owned()),
        ("window-3", good.replace("\"format\": 5", "\"format\": 9")),
        ("window-4", good.clone()),
        ("window-5", good.replace(
                "\"coefficients\": []",
                "\"coefficients\": [{\"name\": \"x\", \"weight\": 1.0, \"standard_error\": null, \"odds_ratio\": null}]",
            )),
        ("notes", good),
    ];
    for (name, text) in cases {
        std::fs::create_dir(folder.path().join("models").join(name)).expect("a folder");
        std::fs::write(folder.path().join("models").join(name).join("model.json"), text).expect("a file");
    }
    let reader = open(&folder);
    let ids: Vec<String> = reader.snapshot().models().map(|model| model.id().to_string()).collect();
    assert_eq!(ids, ["window-1"]);
    let unknown = reader.snapshot().resolve("window-9").map(|model| model.id()).expect_err("there is none");
    let names = ["window-1", "latest", "champion", "advised"].map(str::to_owned);
    assert_eq!((unknown.given.as_str(), unknown.known), ("window-9", names.into()));
}

#[test]
fn a_folder_that_is_a_file_is_reported() {
    for name in ["models", "windows"] {
        let folder = folder();
        std::fs::write(folder.path().join(name), "").expect("a file");
        assert!(matches!(Registry::open(folder.path()), Err(RegistryError::Read { .. })), "{name}");
    }
}

#[test]
fn a_window_report_that_cannot_be_read_is_passed_over() {
    let folder = folder();
    let registry = open(&folder);
    registry.publish_window(&report(1, &[])).expect("room on the disk");
    let path = |name: &str| folder.path().join("windows").join(name);
    let good = std::fs::read_to_string(path("window-00001.json")).expect("a file");
    let cases =
        [("window-00002.json", good.as_str()), ("window-00003.json", "{"), ("window-00000.json", &good), ("x", &good)];
    for (name, text) in cases {
        std::fs::write(path(name), text).expect("a file");
    }
    std::fs::write(path("window-00004.json"), good.replace("\"format\": 2", "\"format\": 9")).expect("a file");
    let read = open(&folder).snapshot();
    assert_eq!(read.windows().map(|report| report.window.get()).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_file_of_another_format_is_refused() {
    let folder = folder();
    let names = [
        "models/window-1/model.json",
        "windows/window-00001.json",
        "losses/window-00001.json",
        "advice/losses/window-00001.json",
        "advice/models/window-00001.json",
        "advice/recalibrated-0.json",
        "advice/auc.json",
        "advice.json",
    ];
    for name in names {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, "{\"format\": 9}").expect("a file");
    }
    let (evidence, window) = (EvidenceStore::new(folder.path()), WindowIndex::FIRST);
    let errors = [
        files::read(&folder.path().join("models"), id("window-1")).err(),
        files::read_window(&folder.path().join("windows"), window).err(),
        evidence.losses(Purpose::Serving, window, "00").err(),
        evidence.losses(Purpose::Advice, window, "00").err(),
        evidence.ladder(window, "00").err(),
        evidence.recalibrations(0).err(),
        evidence.model_aucs().err(),
        evidence.advice().err(),
    ];
    for (name, error) in names.into_iter().zip(errors) {
        let error = error.expect(name).to_string();
        assert!(error.contains(&format!("{name} has format 9, but this version of Windrow reads format ")), "{error}");
        assert!(error.contains("start again with `windrow run --fresh`"), "{error}");
    }
}

#[test]
fn a_reader_never_sees_half_a_model() {
    let folder = folder();
    let (writer, reader) = (open(&folder), open(&folder));
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for window in 1..=50 {
                writer.publish(&artifact(&format!("window-{window}"), Some(0.5))).expect("room on the disk");
            }
        });
        while !writing.is_finished() {
            reader.refresh().expect("readable");
        }
    });
    // A reader that saw a half-written file would have skipped it, and would not have read it again.
    reader.refresh().expect("readable");
    assert_eq!(reader.snapshot().models().count(), 50);
}

#[test]
fn model_files_are_read_without_a_registry_and_a_damaged_one_is_an_error() {
    let folder = folder();
    let files = ModelFiles::new(folder.path());
    assert!(files.ids().expect("no folder").is_empty());
    let published = [artifact("window-2", Some(0.5)), artifact("window-1", None)];
    let writer = open(&folder);
    published.iter().for_each(|model| writer.publish(model).expect("room on the disk"));
    assert_eq!(files.ids().expect("readable"), [id("window-1"), id("window-2")]);
    assert_eq!(files.read(id("window-2")).expect("readable").as_ref(), Some(&published[0]));
    assert_eq!(files.read(id("window-3")).expect("no file"), None);
    std::fs::write(folder.path().join("models/window-1/model.json"), "{\"format\": 1}").expect("a file");
    assert!(matches!(files.read(id("window-1")), Err(RegistryError::OtherFormat(_))));
}
