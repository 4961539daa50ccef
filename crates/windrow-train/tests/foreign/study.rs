//! A finished stream of windows in a work directory, with the stages that learn from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use windrow_base::telemetry::Progress;
use windrow_config::{Pipeline, Schema, WindowDelay};
use windrow_evaluation::Advice;
use windrow_learn::learner::{Learner, LearnerSchema};
use windrow_record::WindowIndex;
use windrow_registry::Registry;
use windrow_train::advisor::Advisor;
use windrow_train::trainer::Trainer;
use windrow_train::{ForeignLearner, ForeignSettings, Learning, TrainError};
use windrow_windows::BatchStore;

use crate::rule::{Row, Rule};

pub(crate) const WINDOWS: u32 = 16;
/// The number of rows of each window.
pub(crate) const ROWS: usize = 80;

pub(crate) struct Study {
    folder: TempDir,
    pipeline: Arc<Pipeline>,
    repeats: Arc<Mutex<Vec<f64>>>,
}

impl Study {
    /// Creates a finished stream. `train` are further keys of the table `train`.
    pub(crate) fn new(train: &str) -> Self {
        let study = Self::without_windows(train);
        study.end_after(WINDOWS);
        study
    }

    /// Creates a work directory without windows.
    pub(crate) fn without_windows(train: &str) -> Self {
        let text = format!(
            "name = \"sample\"\n[dataset]\npath = \"sample.csv\"\n[target]\ncolumn = \"y\"\nequals = \"1\"\n\
             [features]\nnumeric = [\"x\"]\ncategorical = [\"c\"]\n[window]\nrows = {ROWS}\n\
             [train]\nsolver = \"command\"\ncommand = {{ run = [\"none\"] }}\n{train}"
        );
        let pipeline = Arc::new(Pipeline::parse(Path::new("sample.toml"), &text).expect("a good pipeline file"));
        Self { folder: tempfile::tempdir().expect("a folder"), pipeline, repeats: Arc::default() }
    }

    /// Seals windows up to this one, and ends the stream after it. Windows that are there stay the same.
    pub(crate) fn end_after(&self, windows: u32) {
        let store = BatchStore::open(self.folder.path()).expect("a folder");
        for number in 1..=windows {
            self.seal(&store, number);
        }
        let end = json!({
            "format": 6, "windows": windows, "rows": u64::from(windows) * ROWS as u64, "quarantined": 0,
            "repeated": 0, "repeated_offsets": [], "sent": null,
        });
        fs::write(store.folder().join("end.json"), end.to_string()).expect("a file");
    }

    fn seal(&self, store: &BatchStore, number: u32) {
        let window = WindowIndex::new(number).expect("from 1");
        let line = |row: &Row| {
            let (x, c) = (row.x.map_or_else(String::new, |x| x.to_string()), row.c.clone().unwrap_or_default());
            format!("{},{x},{c}\n", u8::from(row.y))
        };
        let text: String = std::iter::once("y,x,c\n".to_owned()).chain(self.rows(number).iter().map(line)).collect();
        fs::write(store.batch_path(window), &text).expect("a file");
        let (bytes, sha256) = windrow_base::files::digest(text.as_bytes()).expect("memory");
        let last = u64::from(number) * ROWS as u64;
        let manifest = json!({
            "format": 6, "window": number, "run": null, "sealed": "complete",
            "times": { "events": null, "span": null },
            "rows": {
                "count": ROWS, "labelled": ROWS, "numbers": [{ "first": last - ROWS as u64 + 1, "last": last }],
                "file": { "bytes": bytes, "sha256": sha256 },
            },
            "quarantine": { "count": 0, "numbers": [], "file": null },
            "messages": { "log": null, "offsets": [], "repeated": [], "resume": [] },
        });
        fs::write(store.manifest_path(window), manifest.to_string()).expect("a file");
    }

    /// Returns the rows of a window. They are the same each time.
    pub(crate) fn rows(&self, window: u32) -> Vec<Row> {
        let mut state = 97 * u64::from(window) + 13;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let row = |_| {
            let c = ["a", "b", "c", ""][usize::try_from(next(4)).expect("small")];
            let chance = match c {
                "a" => 80,
                "b" => 40,
                _ => 15,
            };
            let x = (next(8) > 0).then(|| next(100) as f64 / 4.0);
            Row { x, c: (!c.is_empty()).then(|| c.to_owned()), y: next(100) < chance }
        };
        (0..ROWS).map(row).collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn registry(&self) -> Registry {
        Registry::open(self.folder.path()).expect("a registry")
    }

    pub(crate) fn sha256(&self, window: u32) -> String {
        let store = BatchStore::existing(self.folder.path());
        let manifest = store.manifest(WindowIndex::new(window).expect("from 1")).expect("a file").expect("a manifest");
        manifest.rows.file.sha256
    }

    /// Returns the differences of equal fits that were reported.
    pub(crate) fn repeats(&self) -> Vec<f64> {
        self.repeats.lock().expect("no test thread panics").clone()
    }

    /// Runs the trainer to the end of the stream.
    pub(crate) fn train(&self, rule: &Arc<Rule>) -> Result<(), TrainError> {
        train(self.learning(rule))
    }

    /// Asks for the advice with another label delay, in windows.
    pub(crate) fn ask(&self, rule: &Arc<Rule>, windows: u32) -> Option<Advice> {
        let label_delay = WindowDelay { windows, duration: None };
        let advisor = Advisor { learning: self.learning(rule), label_delay, cost: None };
        runtime().block_on(advisor.once(CancellationToken::new())).expect("the rule scores")
    }

    /// Runs the advisor to the end of the stream.
    pub(crate) fn advise(&self, rule: &Arc<Rule>) -> Result<(), TrainError> {
        self.advise_with(self.learning(rule))
    }

    /// Runs the advisor to the end of the stream, in a process that may go on.
    pub(crate) fn advise_with(&self, learning: Learning) -> Result<(), TrainError> {
        let advisor = Advisor { learning, label_delay: self.pipeline.label_delay(), cost: None };
        runtime().block_on(advisor.run(CancellationToken::new()))
    }

    /// Returns the names of the files that the only process with a learner has now.
    pub(crate) fn learner_files(&self) -> Vec<String> {
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
            entries.map(|name| name.to_string_lossy().into_owned()).collect()
        };
        let folder = self.path("learner");
        let processes = names(&folder);
        assert_eq!(processes.len(), 1, "{processes:?}");
        names(&folder.join(&processes[0]))
    }

    /// Returns the inputs of a stage. A process has them as long as it makes models.
    pub(crate) fn learning(&self, rule: &Arc<Rule>) -> Learning {
        let columns = ["y", "x", "c"].map(str::to_owned);
        let schema = Arc::new(Schema::bind(&self.pipeline, &columns).expect("all columns"));
        let repeats = Arc::clone(&self.repeats);
        let repeat = self.repeats().is_empty().then(|| -> windrow_train::RepeatReport {
            Box::new(move |apart| repeats.lock().expect("no test thread panics").push(apart))
        });
        let (workdir, stop) = (self.folder.path(), CancellationToken::new());
        let settings = ForeignSettings { workdir, pipeline: "sample", workers: 3, repeat, stop: &stop };
        let learner: Arc<dyn Learner> = Arc::<Rule>::clone(rule);
        let identity = learner.identity().expect("an identity");
        let learner = ForeignLearner::new(learner, identity, LearnerSchema::of(&schema), settings);
        Learning {
            pipeline: Arc::clone(&self.pipeline),
            schema,
            store: BatchStore::open(self.folder.path()).expect("a folder"),
            registry: Arc::new(self.registry()),
            memory: usize::MAX,
            folder: self.folder.path().to_owned(),
            remote: None,
            learner: Some(Arc::new(learner.expect("a folder").expect("no stop"))),
            progress: Progress::default(),
            clock: || "2026-01-01T00:00:00Z".to_owned(),
        }
    }
}

/// Runs the trainer to the end of the stream.
pub(crate) fn train(learning: Learning) -> Result<(), TrainError> {
    runtime().block_on(Trainer { learning, dataset_rows: None }.run(CancellationToken::new()))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}
