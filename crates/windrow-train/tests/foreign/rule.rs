//! A learner in Rust: the share of positives by category, read from the files as any learner would.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Map, Value};
use windrow_columnar::{TypedCell, TypedReader};
use windrow_learn::learner::{FitTask, Learner, LearnerError, LearnerIdentity, LearnerStatus};
use windrow_record::WindowIndex;
use windrow_registry::Registry;

/// The longest wait for the other fit of a window.
const LONG: Duration = Duration::from_secs(60);

/// A row as the learner sees it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) x: Option<f64>,
    pub(crate) c: Option<String>,
    pub(crate) y: bool,
}

/// A fit that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    pub(crate) model: String,
    pub(crate) rows: usize,
}

/// The rule, with a record of its fits.
#[derive(Debug, Default)]
pub(crate) struct Rule {
    fits: Mutex<Vec<Fit>>,
    refused: Mutex<Option<String>>,
    failing: Mutex<Option<String>>,
    empty: Mutex<Option<String>>,
    /// `true` if each fit waits for the other one of its window. The first fit is repeated by itself, so those of the first
    /// window do not wait.
    pub(crate) meets: AtomicBool,
    /// The number of fits that have waited or wait.
    met: Mutex<usize>,
    is_met: Condvar,
    /// `true` if each fit differs a little.
    pub(crate) varies: AtomicBool,
    count: AtomicUsize,
    /// The most files of rows that existed at once.
    pub(crate) most_files: AtomicUsize,
    /// The folder of the published models, each of which is removed when it is held for the first time.
    removes_from: Mutex<Option<PathBuf>>,
    removed: Mutex<BTreeSet<String>>,
    /// The model at whose fits all models in the folder are removed.
    empties_at: Mutex<Option<(String, PathBuf)>>,
    /// The window at whose examples older models are retired from the registry.
    retires_at: Mutex<Option<(WindowIndex, Arc<Registry>)>>,
    /// The number of times that models were retired.
    pub(crate) retirements: AtomicUsize,
}

impl Rule {
    pub(crate) fn fits(&self) -> Vec<Fit> {
        lock(&self.fits).clone()
    }

    /// Refuses to learn this model.
    pub(crate) fn refuse(&self, model: &str) {
        *lock(&self.refused) = Some(model.to_owned());
    }

    /// Fails at this model.
    pub(crate) fn fail(&self, model: &str) {
        *lock(&self.failing) = Some(model.to_owned());
    }

    /// Leaves an empty folder for this model.
    pub(crate) fn leave_nothing(&self, model: &str) {
        *lock(&self.empty) = Some(model.to_owned());
    }

    /// Removes each model from this folder when it is held and scored for the first time, as `train.keep` may do.
    pub(crate) fn remove_from(&self, models: PathBuf) {
        *lock(&self.removes_from) = Some(models);
    }

    /// Removes all models in this folder when a model is fitted, as another process may do.
    pub(crate) fn empty_at(&self, model: &str, models: PathBuf) {
        *lock(&self.empties_at) = Some((model.to_owned(), models));
    }

    /// Retires the models of earlier windows when examples of this one are scored, as the advisor may do.
    pub(crate) fn retire_at(&self, window: WindowIndex, registry: &Arc<Registry>) {
        *lock(&self.retires_at) = Some((window, Arc::clone(registry)));
    }

    /// Returns the ids of the models that were removed.
    pub(crate) fn removed(&self) -> BTreeSet<String> {
        lock(&self.removed).clone()
    }

    /// Waits for the other fit of the same window.
    fn meet(&self, model: &str) {
        if !self.meets.load(Relaxed) || model.ends_with("-1") {
            return;
        }
        let mut met = lock(&self.met);
        *met += 1;
        self.is_met.notify_all();
        let is_alone = |met: &mut usize| !met.is_multiple_of(2);
        let waited = self.is_met.wait_timeout_while(met, LONG, is_alone).expect("no test thread panics").1;
        assert!(!waited.timed_out(), "{model} is fitted without another one");
    }

    /// Removes the published model that is held in a folder.
    fn remove_published(&self, held: &Path) {
        let Some(models) = lock(&self.removes_from).clone() else { return };
        let name = held.file_name().expect("a folder").to_string_lossy().into_owned();
        let Some((id, _)) = name.strip_prefix("held-").and_then(|name| name.rsplit_once('-')) else { return };
        if lock(&self.removed).insert(id.to_owned()) {
            fs::remove_dir_all(models.join(id)).expect("a published model");
        }
    }

    /// Retires models, if a file has examples of the window that was named.
    fn retire(&self, file: &Path) {
        let Some((window, registry)) = lock(&self.retires_at).clone() else { return };
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        if name.starts_with(&format!("{}-examples-", window.file_stem())) {
            registry.retire_before(window).expect("a folder");
            self.retirements.fetch_add(1, Relaxed);
        }
    }

    /// Returns the probabilities of a model for some rows.
    pub(crate) fn probabilities(folder: &Path, rows: &[Row]) -> Vec<f64> {
        let text = fs::read(folder.join("shares.json")).expect("a model");
        let shares: BTreeMap<String, f64> = serde_json::from_slice(&text).expect("shares");
        let of = |row: &Row| {
            let share = row.c.as_ref().and_then(|c| shares.get(c)).or_else(|| shares.get("")).expect("a share");
            // A larger number makes a row a little more likely.
            (share + row.x.map_or(0.0, |x| x / 1e4)).clamp(0.0, 1.0)
        };
        rows.iter().map(of).collect()
    }
}

impl Learner for Rule {
    fn identity(&self) -> Result<LearnerIdentity, LearnerError> {
        let versions = BTreeMap::from([("rules".to_owned(), "1.0".to_owned())]);
        Ok(LearnerIdentity { name: "rule".to_owned(), versions, digest: "00".to_owned() })
    }

    fn fit(&self, task: &FitTask<'_>) -> Result<(), LearnerError> {
        assert_eq!(fs::read_dir(task.folder).expect("a folder").count(), 0, "the folder is empty");
        let levels = &task.levels["c"];
        let rows: Vec<Row> = task.files.iter().flat_map(|file| read(file)).collect();
        assert!(rows.iter().flat_map(|row| &row.c).all(|c| levels.contains(c)), "the levels of all windows");
        lock(&self.fits).push(Fit { model: task.model.to_owned(), rows: rows.len() });
        self.meet(task.model);
        if let Some((model, models)) = lock(&self.empties_at).as_ref()
            && model == task.model
            && models.exists()
        {
            fs::remove_dir_all(models).expect("a folder");
        }
        if lock(&self.refused).as_deref() == Some(task.model) {
            return Err(LearnerError::Unlearnable("too dull:\n/srv/files/1.parquet".to_owned()));
        }
        if lock(&self.failing).as_deref() == Some(task.model) {
            return Err(LearnerError::Failed { message: "no memory".to_owned() });
        }
        if lock(&self.empty).as_deref() == Some(task.model) {
            return Ok(());
        }
        let mut counts: BTreeMap<String, [f64; 2]> = BTreeMap::new();
        for row in &rows {
            for key in [row.c.clone().unwrap_or_default(), String::new()] {
                let [all, positives] = counts.entry(key).or_insert([2.0, 1.0]);
                *all += 1.0;
                *positives += f64::from(row.y);
            }
        }
        let noise = if self.varies.load(Relaxed) { self.count.fetch_add(1, Relaxed) as f64 * 1e-6 } else { 0.0 };
        let shares: BTreeMap<String, f64> =
            counts.into_iter().map(|(key, [all, positives])| (key, positives / all + noise)).collect();
        fs::write(task.folder.join("shares.json"), serde_json::to_vec(&shares).expect("JSON")).expect("a file");
        Ok(())
    }

    fn score(&self, models: &[PathBuf], file: &Path, rows: usize) -> Result<Vec<Vec<f64>>, LearnerError> {
        models.iter().for_each(|folder| self.remove_published(folder));
        self.retire(file);
        self.most_files.fetch_max(rows_files(file.parent().expect("a folder")), Relaxed);
        let read = read(file);
        assert_eq!(read.len(), rows);
        Ok(models.iter().map(|folder| Self::probabilities(folder, &read)).collect())
    }

    fn predict(&self, _: &Path, _: &[Map<String, Value>], _: &dyn Fn() -> bool) -> Result<Vec<f64>, LearnerError> {
        Err(LearnerError::Failed { message: "training asks for no prediction".to_owned() })
    }

    fn status(&self) -> LearnerStatus {
        LearnerStatus { workers: 1, busy: 0, idle: 1, waiting: 0, is_unstartable: false, starts: 1, deaths: 0 }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().expect("no test thread panics")
}

/// Returns the number of files of rows in a folder.
fn rows_files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "parquet")).count()
}

fn read(file: &Path) -> Vec<Row> {
    let mut reader = TypedReader::open(File::open(file).expect("a file"), |_| true).expect("Parquet");
    assert_eq!(reader.columns().collect::<Vec<_>>(), ["x", "c", "y"]);
    let mut rows = Vec::new();
    loop {
        let batch = reader.next_batch().expect("rows");
        if batch == 0 {
            return rows;
        }
        for row in 0..batch {
            let x = reader.cell(0, row).map(|cell| match cell {
                TypedCell::Number(x) => x,
                other => panic!("{other:?}"),
            });
            let c = reader.cell(1, row).map(|cell| match cell {
                TypedCell::Text(c) => c.to_owned(),
                other => panic!("{other:?}"),
            });
            let Some(TypedCell::Flag(y)) = reader.cell(2, row) else { panic!("every row has a label") };
            rows.push(Row { x, c, y });
        }
    }
}
