//! What is published can be read, by this registry and by another; the aliases follow their rules.

use std::collections::BTreeMap;

use crate::config::Solver;
use crate::model::{Artifact, ConfusionMatrix, Encoder, FORMAT, Learned, Lineage, Outcome, Score, SolverReport};
use crate::registry::{Registry, RegistryError};

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
        reliability: Vec::new(),
    }
}

/// A model of this log-loss; without one, the record of a window that gave none.
fn artifact(id: &str, log_loss: Option<f64>) -> Artifact {
    let solver = SolverReport {
        name: Solver::Newton,
        l2: 1.0,
        iterations: 3,
        objective: 1.0,
        gradient_norm: 0.0,
        converged: true,
        seconds: 0.0,
    };
    let outcome = match log_loss {
        None => Outcome::Refused { reason: "all rows are negative".to_owned() },
        Some(log_loss) => Outcome::Learned(Box::new(Learned {
            encoder: Encoder { features: Vec::new() },
            intercept: 0.5,
            weights: Vec::new(),
            threshold: 0.5,
            solver,
            scores: BTreeMap::from([("newest_holdout".to_owned(), score(log_loss))]),
            examples: Vec::new(),
        })),
    };
    let lineage = Lineage { id: "00".to_owned(), windows: Vec::new(), fit_rows: 2, fit_positives: 1, holdout_rows: 2 };
    let id = id.parse().expect("a model id");
    let created = "2026-01-01T00:00:00Z".to_owned();
    Artifact { format: FORMAT, id, pipeline: "p".to_owned(), created, lineage, outcome }
}

#[test]
fn what_is_published_is_noticed_by_another_registry() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, reader) =
        (Registry::open(folder.path()).expect("opens"), Registry::open(folder.path()).expect("opens"));
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
fn what_cannot_be_read_does_not_take_the_rest_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = Registry::open(folder.path()).expect("opens");
    writer.publish(&artifact("window-1", Some(0.5))).expect("room on the disk");
    let good = std::fs::read_to_string(folder.path().join("window-1/model.json")).expect("a file");
    let cases = [
        ("window-2", "{".to_owned()),
        ("window-3", good.replace("\"format\": 1", "\"format\": 9")),
        ("window-4", good.clone()),
        ("window-5", good.replace("\"weights\": []", "\"weights\": [1.0]")),
        ("notes", good),
    ];
    for (name, text) in cases {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
        std::fs::write(folder.path().join(name).join("model.json"), text).expect("a file");
    }
    let reader = Registry::open(folder.path()).expect("opens");
    let ids: Vec<String> = reader.snapshot().models().map(|model| model.id().to_string()).collect();
    assert_eq!(ids, ["window-1"]);
    let unknown = reader.snapshot().resolve("window-9").map(|model| model.id()).expect_err("there is none");
    assert_eq!((unknown.given.as_str(), unknown.known), ("window-9", vec!["window-1".to_owned()]));
}

#[test]
fn a_folder_that_is_a_file_is_told() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    assert!(matches!(Registry::open(file.path()), Err(RegistryError::Read { .. })));
}

/// The models that there are, and then the latest and the champion.
type Case<'a> = (&'a [(&'a str, Option<f64>)], Option<&'a str>, Option<&'a str>);

#[test]
fn aliases_name_the_newest_and_the_best() {
    let cases: [Case<'_>; 5] = [
        (&[], None, None),
        (&[("cumulative-1", Some(0.5)), ("window-1", Some(0.4))], Some("cumulative-1"), Some("window-1")),
        // The second window is not complete yet: its one model cannot be compared.
        (
            &[("cumulative-1", Some(0.5)), ("window-1", Some(0.4)), ("cumulative-2", Some(0.1))],
            Some("cumulative-2"),
            Some("window-1"),
        ),
        // A window that gave no model of its own counts as a result.
        (
            &[("cumulative-1", Some(0.5)), ("window-1", Some(0.4)), ("cumulative-2", Some(0.6)), ("window-2", None)],
            Some("cumulative-2"),
            Some("cumulative-2"),
        ),
        (&[("cumulative-1", None), ("window-1", None)], None, None),
    ];
    for (models, latest, champion) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = Registry::open(folder.path()).expect("opens");
        for (id, log_loss) in models {
            registry.publish(&artifact(id, *log_loss)).expect("room on the disk");
        }
        let snapshot = registry.snapshot();
        let name = |alias| snapshot.resolve(alias).ok().map(|model| model.id().to_string());
        assert_eq!((name("latest").as_deref(), name("champion").as_deref()), (latest, champion), "{models:?}");
    }
}

#[test]
fn a_reader_never_sees_half_a_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = Registry::open(folder.path()).expect("opens");
    let reader = Registry::open(folder.path()).expect("opens");
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
    // A file caught half-written would have been passed over, and not been read again.
    reader.refresh().expect("readable");
    assert_eq!(reader.snapshot().models().count(), 50);
}
