//! Tests of publishing and reading models and reports, and of the alias rules. `advised`: the alias that the advice
//! moves.

mod advised;

use std::collections::BTreeMap;

use tempfile::TempDir;

use crate::{AliasError, AliasName, Author, EvidenceStore, Purpose, Registry, RegistryError, files};
use windrow_learn::model::{
    Acceptance, Artifact, Coefficient, ConfusionMatrix, Encoder, FORMAT, Learned, Lineage, Method, ModelScore, Outcome,
    Profile, Score, SolverReport, WINDOW_FORMAT, WindowReport,
};
use windrow_record::{ModelId, WindowIndex};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(folder: &TempDir) -> Registry {
    Registry::open(folder.path()).expect("opens")
}

fn id(text: &str) -> ModelId {
    text.parse().expect("a model id")
}

fn prod() -> AliasName {
    "prod".parse().expect("a name")
}

fn author(why: &str) -> Author {
    Author { at: "now".to_owned(), by: "ops".to_owned(), why: why.to_owned() }
}

fn score(log_loss: f64) -> Score {
    let confusion = ConfusionMatrix { true_positives: 1, false_positives: 0, true_negatives: 1, false_negatives: 0 };
    Score {
        rows: 2,
        positives: 1,
        auc: Some(1.0),
        average_precision: Some(1.0),
        log_loss,
        baseline_log_loss: 0.7,
        brier: 0.1,
        accuracy: 1.0,
        baseline_accuracy: 0.5,
        confusion,
        calibration_error: 0.0,
        reliability: Vec::new(),
    }
}

/// Returns a model with this log-loss or, without one, the record of a window that gave no model.
fn artifact(id: &str, log_loss: Option<f64>) -> Artifact {
    let solver = SolverReport {
        method: Method::Newton,
        l2: 1.0,
        passes: 4,
        iterations: 3,
        objective: 1.0,
        gradient_norm: Some(0.0),
        converged: true,
        seconds: 0.0,
    };
    let intercept = Coefficient { name: "(intercept)".to_owned(), weight: 0.5, standard_error: None, odds_ratio: None };
    let outcome = match log_loss {
        None => Outcome::Refused { reason: "all rows are negative".to_owned() },
        Some(log_loss) => Outcome::Learned(Box::new(Learned {
            encoder: Encoder { features: Vec::new() },
            intercept,
            coefficients: Vec::new(),
            penalties: Vec::new(),
            threshold: 0.5,
            solver,
            scores: BTreeMap::from([("holdout".to_owned(), score(log_loss))]),
            examples: Vec::new(),
        })),
    };
    let (lineage, windows) = ("00".to_owned(), Vec::new());
    let lineage = Lineage { id: lineage, windows, recalibration: None, fit_rows: 2, fit_positives: 1, holdout_rows: 2 };
    let created = "2026-01-01T00:00:00Z".to_owned();
    let (id, versions, verdict) = (self::id(id), BTreeMap::new(), Acceptance::Accepted);
    let (pipeline, is_for_advice) = ("p".to_owned(), false);
    Artifact { format: FORMAT, id, pipeline, created, versions, is_for_advice, lineage, verdict, outcome }
}

fn rejected(id: &str) -> Artifact {
    Artifact { verdict: Acceptance::Rejected { reason: "its AUC is 0.5".to_owned() }, ..artifact(id, Some(0.5)) }
}

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

/// Returns a report with the log-loss of models on all rows of a window.
fn report(window: u32, scores: &[(&str, f64)]) -> WindowReport {
    let of = |(id, loss): &(&str, f64)| ModelScore { model: self::id(id), window: Some(score(*loss)), holdout: None };
    WindowReport {
        format: WINDOW_FORMAT,
        window: WindowIndex::new(window).expect("not 0"),
        period: None,
        is_cut_off: false,
        sha256: "00".to_owned(),
        scores: scores.iter().map(of).collect(),
        is_evidence: true,
        drift: None,
        first_full: None,
        drift_since_first: None,
        profile: Profile { rows: 2, positives: 1, features: Vec::new() },
    }
}

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
    let to = |change: Result<crate::AliasChange, AliasError>| change.ok().and_then(|change| change.to);
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
