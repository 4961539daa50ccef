//! The check whether a work directory is new, belongs to this run, or belongs to another one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::app::emptying::{self, BATCHES_FOLDER, refuse_half_empty};
use crate::app::keys::changed_keys;
use crate::app::run_file::{KeyChange, Origin, RUN_FILE, RunFile, SettingsChange, unreadable};
use crate::app::workdir_error::WorkdirError;
use windrow_base::files;
use windrow_config::Pipeline;
use windrow_train::{LEARNER_FOLDER, LEARNER_LOCK};
use windrow_windows::{Objects, partials_folder};

/// All names that Windrow creates in a work directory, except those of `run.lock` and of the mark of `--fresh`. Other
/// files in it are not touched.
const WORKDIR_ENTRIES: [&str; 15] = [
    RUN_FILE,
    INTENT_FILE,
    BATCHES_FOLDER,
    "quarantine",
    "models",
    "windows",
    "losses",
    "advice",
    "advice.json",
    "partials",
    "aliases.jsonl",
    "status",
    LEARNER_FOLDER,
    LEARNER_LOCK,
    BROKER_FOLDER,
];
/// The folder of the log of an embedded broker that `run` started.
pub(crate) const BROKER_FOLDER: &str = "broker";
/// The file that exists while a run is prepared for a newer extract.
pub(super) const INTENT_FILE: &str = "growth.json";
/// The keys that may change between two processes of a run. None of them changes a row, a window, or a model that was
/// made before. The solver changes a model only as much as solvers differ, and each model records its solver. The
/// models of a scheme that is added are made from the first window on. Verdicts by earlier rules of acceptance stay.
/// Between `command` and another solver, the solver may not change: models of two kinds are never in one study.
/// The dataset is identified by its content, not by its path.
const CHANGEABLE_KEYS: [&str; 10] = [
    "advise",
    "dataset.path",
    "quarantine",
    "serve",
    "stream.pace",
    "stream.seed",
    "train.accept",
    "train.keep",
    "train.schemes",
    "train.solver",
];

type Result<T, E = WorkdirError> = std::result::Result<T, E>;

/// Checks that the files in a directory were made from this pipeline and dataset. An empty directory passes. Creates
/// nothing, so a run that fails before its first row leaves no trace.
pub(crate) fn compare(workdir: &Path, pipeline: &Pipeline, origin: Option<&Origin<'_>>) -> Result<(), WorkdirError> {
    refuse_unfinished(workdir)?;
    let Some(held) = RunFile::read(workdir)? else { return Ok(()) };
    let changes = changes(&held, pipeline, origin).map_err(unreadable(&workdir.join(RUN_FILE)))?;
    if changes.is_empty() {
        return Ok(());
    }
    let (path, file, second) = (workdir.to_owned(), pipeline.file.clone(), next_to(workdir));
    Err(WorkdirError::Changed { path, changes, file, second, has_store: pipeline.batch.url.is_some() })
}

/// Checks that no preparation for a newer extract was interrupted, and no `--fresh`.
pub(crate) fn refuse_unfinished(workdir: &Path) -> Result<(), WorkdirError> {
    refuse_half_empty(workdir)?;
    let is_unfinished = workdir.join(INTENT_FILE).exists();
    if is_unfinished { Err(WorkdirError::Unfinished { path: workdir.to_owned() }) } else { Ok(()) }
}

/// Checks that the files in an object store were made from this pipeline and dataset.
pub(crate) fn compare_store(objects: &Objects, pipeline: &Pipeline, origin: Option<&Origin<'_>>) -> Result<()> {
    let Some(text) = objects.read(RUN_FILE)? else { return Ok(()) };
    let location = objects.location(RUN_FILE);
    let changes = changes(&RunFile::parse(&text, &location)?, pipeline, origin).map_err(unreadable(&location))?;
    if changes.is_empty() { Ok(()) } else { Err(WorkdirError::StoreChanged { url: objects.url().to_owned(), changes }) }
}

/// Lists the differences between the inputs of a run and the current inputs.
pub(super) fn changes(
    held: &RunFile,
    pipeline: &Pipeline,
    origin: Option<&Origin<'_>>,
) -> Result<Vec<String>, serde_json::Error> {
    let now = serde_json::to_value(pipeline)?;
    let mut changes = differences(&held.pipeline, &now);
    if let Some(origin) = origin {
        if held.newest().zip(origin.dataset).is_some_and(|(held, now)| held.sha256 != now) {
            changes.push(format!("the content of the dataset {} has changed", pipeline.dataset.path.display()));
        }
        let replay = origin.replay.and_then(|replay| serde_json::to_value(replay).ok());
        if let (Some(held), Some(now)) = (&held.replay, &replay) {
            changes.extend(differences(held, now).into_iter().map(|change| format!("replay.{change}")));
        }
    }
    Ok(changes)
}

/// Returns the sha256 of the newest extract of the dataset that the files in a directory were made from, if `run.json`
/// names it.
pub(crate) fn dataset(workdir: &Path) -> Result<Option<String>, WorkdirError> {
    Ok(RunFile::read(workdir)?.and_then(|held| held.newest().map(|newest| newest.sha256.clone())))
}

/// Returns the time at which the run of a directory began, if `run.json` names it.
pub(crate) fn created(workdir: &Path) -> Result<Option<String>, WorkdirError> {
    Ok(RunFile::read(workdir)?.map(|held| held.created))
}

/// Returns the changes of settings since the run of a directory began, oldest first and in words.
pub(crate) fn settings_changes(workdir: &Path) -> Result<Vec<String>, WorkdirError> {
    let changes = RunFile::read(workdir)?.map(|held| held.changes).unwrap_or_default();
    Ok(changes.iter().map(SettingsChange::sentence).collect())
}

/// Checks that a single consumer and a group do not fill the same directory.
pub(crate) fn compare_sharing(workdir: &Path, in_group: bool) -> Result<(), WorkdirError> {
    let is_shared = partials_folder(workdir).is_dir();
    let is_begun = workdir.join("batches/window-00001.json").exists();
    match (is_shared, in_group) {
        (true, false) => Err(WorkdirError::Shared { path: workdir.to_owned() }),
        (false, true) if is_begun => Err(WorkdirError::NotShared { path: workdir.to_owned() }),
        _ => Ok(()),
    }
}

/// Writes `run.json`, if it does not exist yet.
pub(crate) fn describe(workdir: &Path, pipeline: &Pipeline, origin: &Origin<'_>, created: &str) -> Result<()> {
    RunFile::create(workdir, || RunFile::new(pipeline, origin, created))
}

/// Copies `run.json` to an object store. If the store has one already, its inputs must be the same.
pub(crate) fn describe_store(store: &Objects, workdir: &Path, pipeline: &Pipeline, origin: &Origin<'_>) -> Result<()> {
    let path = workdir.join(RUN_FILE);
    let text = fs::read(&path).map_err(|source| WorkdirError::Write { path, source })?;
    if store.create(RUN_FILE, text)? { Ok(()) } else { compare_store(store, pipeline, Some(origin)) }
}

/// Checks that an object store holds no run.
pub(crate) fn refuse_used(objects: &Objects) -> Result<(), WorkdirError> {
    match objects.list()?.keys().any(|name| name == RUN_FILE || name.starts_with("window-")) {
        true => Err(WorkdirError::StoreInUse { url: objects.url().to_owned() }),
        false => Ok(()),
    }
}

/// Removes the temporary files that killed processes have left in a work directory. A file that another process writes
/// stays. A failure is only logged: the files do no harm.
pub(crate) fn remove_abandoned(workdir: &Path) {
    // The learner's folder has files that its own processes write, without a lock.
    let is_ours = |name: &&&str| ![BROKER_FOLDER, LEARNER_FOLDER].contains(*name);
    let folders = WORKDIR_ENTRIES.iter().filter(is_ours).map(|name| workdir.join(name));
    let removed = files::remove_abandoned(workdir).and_then(|_| {
        let mut folders = folders.filter(|path| path.is_dir());
        folders.try_for_each(|folder| files::remove_abandoned_below(&folder))
    });
    if let Some(error) = removed.err().filter(|error| error.kind() != io::ErrorKind::NotFound) {
        tracing::warn!(workdir = %workdir.display(), %error, "cannot remove temporary files");
    }
}

/// Removes a run and no other files. Fails if another process is working in the directory.
pub(crate) fn empty(workdir: &Path) -> Result<(), WorkdirError> {
    emptying::empty(workdir, &WORKDIR_ENTRIES, emptying::remove)
}

/// Returns a path next to a work directory at which nothing exists.
fn next_to(workdir: &Path) -> PathBuf {
    // `.` has no name.
    let whole = workdir.file_name().is_none().then(|| fs::canonicalize(workdir).ok()).flatten();
    let workdir = whole.as_deref().unwrap_or(workdir);
    let name = workdir.file_name().map_or_else(|| "work".into(), |name| name.to_string_lossy());
    let numbered = |number: u32| workdir.with_file_name(format!("{name}-{number}"));
    (2..).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| numbered(2))
}

/// Lists the keys that may not change and whose values differ, as in `window.rows: 1000 before, now 500`.
fn differences(held: &Value, now: &Value) -> Vec<String> {
    let is_below = |rest: &str| rest.is_empty() || rest.starts_with('.');
    let is_free = |key: &str| CHANGEABLE_KEYS.iter().any(|free| key.strip_prefix(free).is_some_and(is_below));
    let is_command = |solver: &Option<Value>| solver.as_ref().is_some_and(|solver| *solver == "command");
    let is_other_kind =
        |change: &KeyChange| change.key == "train.solver" && (is_command(&change.before) || is_command(&change.after));
    let changes = key_changes(held, now);
    changes.iter().filter(|change| !is_free(&change.key) || is_other_kind(change)).map(ToString::to_string).collect()
}

/// Lists the keys whose values differ.
pub(super) fn key_changes(held: &Value, now: &Value) -> Vec<KeyChange> {
    let changes = changed_keys(held, now).into_iter();
    changes.map(|change| KeyChange { key: change.key, before: change.a, after: change.b }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::app::emptying::EMPTYING_FILE;
    use crate::app::run_file::RUN_LOCK;
    use windrow_record::WindowIndex;
    use windrow_stream::growth::Extract;
    use windrow_stream::producer::Replay;
    use windrow_windows::{BatchError, BatchStore};

    fn pipeline(text: &str) -> Pipeline {
        let all = format!(
            "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"y\", at_least = 1 }}\n\
             features = {{ numeric = [\"x\"] }}\n{text}"
        );
        Pipeline::parse(Path::new("p.toml"), &all).expect("a good pipeline")
    }

    #[test]
    fn changes_of_rows_windows_or_models_are_reported_and_others_are_allowed() {
        let folder = tempfile::tempdir().expect("a folder");
        let replay = Replay::default();
        let origin = Origin { dataset: Some("00ff"), replay: Some(&replay) };
        let first = pipeline("window = { rows = 5 }");
        assert!(compare(folder.path(), &first, Some(&origin)).is_ok(), "nothing is there yet");
        describe(folder.path(), &first, &origin, "now").expect("room on the disk");
        let paced =
            pipeline("window = { rows = 5 }\nstream = { seed = 3, pace = { kind = \"fixed\", delay = \"1s\" } }");
        let relearned = pipeline(
            "window = { rows = 5 }\ntrain = { schemes = \"sliding=4\", accept = { min_auc = 0.6 }, solver = \"lbfgs\" }",
        );
        for same in [&first, &paced, &relearned] {
            assert!(compare(folder.path(), same, Some(&origin)).is_ok());
        }
        let limited = Replay { limit: Some(3), ..Replay::default() };
        let cases = [
            (pipeline("window = { rows = 6 }"), origin, "window.rows: 5 before, now 6"),
            (pipeline("window = { parts = 5 }"), origin, "window.rows: 5 before, now not set"),
            (pipeline("window = { rows = 5 }\ntrain = { l2 = 2.0 }"), origin, "train.l2: 1.0 before, now 2.0"),
            (
                pipeline("window = { rows = 5 }\ntrain = { holdout = 0.2 }"),
                origin,
                "train.holdout: 0.1 before, now 0.2",
            ),
            (pipeline("window = { rows = 5 }\ntrain = { threshold = 0.3 }"), origin, "train.threshold: 0.5 before"),
            (
                pipeline(
                    "window = { rows = 5 }\ntrain = { solver = \"command\", holdout = 0.1, command = { run = [\"m\"] } }",
                ),
                origin,
                "train.solver: \"auto\" before, now \"command\"",
            ),
            (first.clone(), Origin { dataset: Some("00fe"), ..origin }, "d.csv has changed"),
            (first.clone(), Origin { replay: Some(&limited), ..origin }, "replay.limit: not set before, now 3"),
        ];
        for (pipeline, origin, expected) in cases {
            let error = compare(folder.path(), &pipeline, Some(&origin)).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
            let second = format!("`windrow run p.toml --workdir {}-2`", folder.path().display());
            assert!(error.contains(&second), "{error}");
        }
    }

    #[test]
    fn temporary_files_of_killed_processes_are_removed_and_no_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let workdir = folder.path();
        remove_abandoned(&workdir.join("none"));
        let places = ["", "windows", "losses", "models/window-1", "advice/losses", "status", "notes", "broker"];
        let left = places.map(|place| workdir.join(place).join(".windrow-abc123.tmp"));
        for path in &left {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, "half").expect("a file");
        }
        let written = files::temp_file_beside(&workdir.join("windows/window-00001.json")).expect("a file");
        remove_abandoned(workdir);
        let kept = left.map(|path| path.exists());
        assert_eq!(kept, [false, false, false, false, false, false, true, true], "notes are not ours");
        assert!(written.path().exists(), "it is being written");
    }

    /// Creates the files of a run.
    fn begin(workdir: &Path) -> BatchStore {
        let origin = Origin { dataset: Some("00ff"), replay: None };
        describe(workdir, &pipeline("window = { rows = 5 }"), &origin, "now").expect("room on the disk");
        let store = BatchStore::open(workdir).expect("a store");
        drop(store.lock().expect("no other process"));
        fs::write(store.manifest_path(WindowIndex::FIRST), "{}").expect("a file");
        fs::create_dir_all(workdir.join("models/window-1")).expect("a folder");
        fs::write(workdir.join("aliases.jsonl"), "").expect("a file");
        store
    }

    #[test]
    fn an_emptied_directory_keeps_its_locks_and_what_is_not_ours() {
        let folder = tempfile::tempdir().expect("a folder");
        let workdir = folder.path();
        empty(workdir).expect("nothing to remove");
        let store = begin(workdir);
        fs::write(workdir.join("notes.txt"), "mine").expect("a file");
        let locks = [workdir.join(RUN_LOCK), workdir.join("batches/.lock")];
        // Processes that wait for the locks have opened their files before.
        let waiting = locks.each_ref().map(|path| fs::File::open(path).expect("a file"));
        empty(workdir).expect("no other process");
        let left = |name: &str| workdir.join(name).exists();
        assert!(left("notes.txt"));
        assert!([RUN_FILE, "models", "aliases.jsonl", EMPTYING_FILE].into_iter().all(|name| !left(name)));
        assert!(store.manifests().expect("a folder").is_empty());
        for (file, path) in waiting.iter().zip(&locks) {
            file.try_lock().expect("free again");
            let other = fs::File::open(path).expect("the same file");
            assert!(matches!(other.try_lock(), Err(fs::TryLockError::WouldBlock)), "{}", path.display());
        }
        assert!(matches!(store.lock(), Err(BatchError::Locked { .. })));
    }

    #[test]
    fn no_process_changes_run_json_while_the_directory_is_emptied() {
        const TIMES: usize = 30;
        let folder = tempfile::tempdir().expect("a folder");
        let workdir = folder.path();
        let is_over = AtomicBool::new(false);
        let came_back = std::thread::scope(|scope| {
            // Ends also if the other thread panics.
            let change = || {
                for _ in 0..20_000 {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let changed = RunFile::update(workdir, |run| {
                        run.extracts.push(Extract::first("00fe", "now"));
                        Some(())
                    });
                    changed.expect("room on the disk");
                }
            };
            scope.spawn(change);
            let emptied = (0..TIMES).map(|_| {
                begin(workdir);
                empty(workdir).expect("no other process");
                workdir.join(RUN_FILE).exists()
            });
            let came_back = emptied.filter(|came_back| *came_back).count();
            is_over.store(true, Ordering::Relaxed);
            came_back
        });
        assert_eq!(came_back, 0);
    }

    #[test]
    fn a_directory_that_is_only_half_empty_belongs_to_no_run() {
        let pipeline = pipeline("window = { rows = 5 }");
        for done in 0..WORKDIR_ENTRIES.len() - 1 {
            let folder = tempfile::tempdir().expect("a folder");
            let workdir = folder.path();
            begin(workdir);
            let mut left = done;
            let interrupted = emptying::empty(workdir, &WORKDIR_ENTRIES, |path| {
                left = left.checked_sub(1).ok_or(io::ErrorKind::Interrupted)?;
                emptying::remove(path)
            });
            assert!(interrupted.is_err(), "after {done} steps");
            let refused = compare(workdir, &pipeline, None).expect_err("half empty").to_string();
            assert!(refused.contains("empty it with `windrow run --fresh`"), "after {done} steps: {refused}");
            empty(workdir).expect("no other process");
            assert!(compare(workdir, &pipeline, None).is_ok(), "after {done} steps");
            assert!(!workdir.join("models").exists() && !workdir.join(EMPTYING_FILE).exists());
        }
    }

    #[test]
    fn a_second_work_directory_is_next_to_the_first_and_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let work = folder.path().join("flights");
        assert_eq!(next_to(&work), folder.path().join("flights-2"));
        fs::create_dir(folder.path().join("flights-2")).expect("a folder");
        assert_eq!(next_to(&work), folder.path().join("flights-3"));
    }

    #[test]
    fn a_run_file_of_another_format_and_a_broken_one_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipeline = pipeline("window = { rows = 5 }");
        fs::write(folder.path().join(RUN_FILE), "{\"format\": 1}").expect("a file");
        let error = compare(folder.path(), &pipeline, None).expect_err("of another format").to_string();
        let expected = "run.json has format 1, but this version of Windrow reads format 4: start again with";
        assert!(error.contains(expected), "{error}");
        fs::write(folder.path().join(RUN_FILE), "{").expect("a file");
        assert!(matches!(compare(folder.path(), &pipeline, None), Err(WorkdirError::Read { .. })));
        assert!(matches!(dataset(folder.path()), Err(WorkdirError::Read { .. })));
    }
}
