//! Learners in processes of their own, written in Python: `hostile` has those that crash, hang and lie, `outlived`
//! those whose host, supervisor or pool ends.

mod hostile;
mod outlived;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use windrow_learn::learner::{
    FitTask, Learner as _, LearnerError, LearnerFeature, LearnerIdentity, LearnerKind, LearnerSchema, inspect_folder,
};
use windrow_testing::{has, program, wait_until};
use windrow_worker::{Limits, Pool, Settings};

/// A learner that answers every request. As long as the process or a child lives, the file `alive` is locked.
const LEARNER: &str = r#"
import fcntl, json, os, signal, struct, sys, time

alive = open("alive", "w")
fcntl.flock(alive, fcntl.LOCK_SH)

def is_first(name):
    try:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False

def say(request, **result):
    print(json.dumps({"id": request["id"], "result": result}), flush=True)

def fail(request, kind, message):
    print(json.dumps({"id": request["id"], "error": {"kind": kind, "message": message}}), flush=True)

def hello(request, protocol=1, digest="d" * 64):
    say(request, protocol=protocol, name="test.Learner", versions={"python": "3"}, digest=digest)

def fit(request):
    with open(os.path.join(request["folder"], "model.json"), "w") as file:
        json.dump(request, file)
    say(request)

def score(request):
    with open(request["out"], "xb") as out:
        for number in range(len(request["models"])):
            out.write(struct.pack("<3d", 0.25, 0.5, number / 2))
    say(request, rows=3)

def predict(request):
    say(request, probabilities=[row["distance"] / 1000 for row in request["rows"]])
"#;

/// The loop of the learner, after all changes.
const LOOP: &str = r#"
for line in sys.stdin:
    request = json.loads(line)
    globals()[request["method"]](request)
"#;

/// A time limit that is never reached.
const LONG: Duration = Duration::from_secs(60);
/// The limit for a learner that does not answer.
const SHORT: Duration = Duration::from_millis(300);

/// A pool with a learner in Python, in a folder of its own.
pub(crate) struct Trial {
    pub(crate) pool: Pool,
    stop: CancellationToken,
    folder: TempDir,
}

impl Trial {
    /// Makes a pool of one worker, with a learner that is changed by `changes`. Returns `None` without Python.
    pub(crate) fn new(changes: &str, limit: Duration) -> Option<Self> {
        Self::with(changes, |settings| {
            settings.limits = Limits { hello: LONG, fit: limit, score: limit, predict: limit };
        })
    }

    pub(crate) fn with(changes: &str, set: impl FnOnce(&mut Settings)) -> Option<Self> {
        if !has("python3") {
            return None;
        }
        let (folder, stop) = (tempfile::tempdir().expect("a folder"), CancellationToken::new());
        fs::write(folder.path().join("learner.py"), [LEARNER, changes, LOOP].concat()).expect("a file");
        let distance = LearnerFeature { name: "distance".to_owned(), kind: LearnerKind::Number, codes: None };
        let mut settings = Settings {
            supervisor: program(),
            command: ["python3", "learner.py"].map(str::to_owned).to_vec(),
            folder: folder.path().to_owned(),
            scratch: folder.path().to_owned(),
            environment: std::env::vars_os().collect(),
            schema: LearnerSchema { target: "late".to_owned(), features: vec![distance] },
            workers: Some(1),
            limits: Limits::new(LONG),
            stop: stop.clone(),
        };
        set(&mut settings);
        Some(Self { pool: Pool::new(settings), stop, folder })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Fits a model into a new folder.
    pub(crate) fn fit(&self) -> Result<(), LearnerError> {
        let (folder, levels) = (self.path("model"), BTreeMap::new());
        fs::create_dir(&folder).expect("a new folder");
        let files = [self.path("window-1.parquet")];
        self.pool.fit(&FitTask { files: &files, levels: &levels, folder: &folder, seed: 7, model: "cumulative-1" })
    }

    /// Scores three rows with two models.
    pub(crate) fn score(&self) -> Result<Vec<Vec<f64>>, LearnerError> {
        let models = ["model", "other"].map(|name| self.path(name));
        self.pool.score(&models, &self.path("window-2.parquet"), 3)
    }

    /// Predicts two rows. The answer is 0.25 and 0.5.
    pub(crate) fn predict(&self) -> Result<Vec<f64>, LearnerError> {
        let rows = [250, 500].map(|distance| Map::from_iter([("distance".to_owned(), Value::from(distance))]));
        self.pool.predict(&self.path("model"), &rows, &|| true)
    }

    /// Returns the number of processes that were started, and the number of those that failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let status = self.pool.status();
        (status.starts, status.deaths)
    }

    /// Returns true if a learner or a child of one lives.
    pub(crate) fn is_alive(&self) -> bool {
        is_locked(&self.path("alive"))
    }

    /// Ends the pool, and checks that no process of the learner lives.
    pub(crate) fn end(self) {
        let Self { pool, folder, .. } = self;
        drop(pool);
        wait_until("all processes have ended", || !is_locked(&folder.path().join("alive")));
    }
}

/// Returns true if a process has locked a file.
pub(crate) fn is_locked(path: &std::path::Path) -> bool {
    File::open(path).expect("the learner has made it").try_lock().is_err()
}

/// Returns the reason why a learner died, and the end of its log.
pub(crate) fn died<T: std::fmt::Debug>(result: Result<T, LearnerError>) -> (String, Vec<String>) {
    match result {
        Err(LearnerError::Died { reason, log }) => (reason, log),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_learner_fits_scores_and_predicts() {
    let Some(trial) = Trial::new("", LONG) else { return };
    assert_eq!(trial.counts(), (0, 0), "no process runs before it is needed");
    let identity = trial.pool.identity().expect("an answer");
    assert_eq!((identity.name.as_str(), identity.digest.len()), ("test.Learner", 64));
    trial.fit().expect("a model");
    let model = fs::read(trial.path("model/model.json")).expect("a file");
    let request: Value = serde_json::from_slice(&model).expect("JSON");
    assert_eq!(
        request,
        json!({
            "id": 2, "method": "fit", "model": "cumulative-1", "files": [trial.path("window-1.parquet")], "levels": {},
            "folder": trial.path("model"), "seed": 7,
        })
    );
    assert_eq!(inspect_folder(&trial.path("model")).expect("a model").files, 1);
    assert_eq!(trial.score().expect("scores"), [[0.25, 0.5, 0.0], [0.25, 0.5, 0.5]]);
    assert_eq!(trial.predict().expect("probabilities"), [0.25, 0.5]);
    assert_eq!(trial.pool.predict(&trial.path("model"), &[], &|| true).expect("nothing"), [0.0; 0]);
    assert_eq!(trial.pool.score(&[trial.path("model")], &trial.path("empty"), 0).expect("nothing"), [[0.0; 0]]);
    let status = trial.pool.status();
    assert_eq!((status.workers, status.busy, status.idle, status.starts, status.deaths), (1, 0, 1, 1, 0));
    let mut left: Vec<_> = fs::read_dir(trial.folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("a readable folder").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["alive", "learner.py", "model"], "files of scores are removed");
    assert!(trial.is_alive());
    trial.end();
}

/// The learner is run in the folder of its pipeline, and paths of work directories are relative to that of Windrow.
#[test]
fn scores_are_found_in_a_folder_with_a_relative_path() {
    let relative = |settings: &mut Settings| {
        let here = std::env::current_dir().expect("a folder");
        let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
        settings.scratch = up.join(settings.scratch.strip_prefix("/").expect("an absolute path"));
    };
    let Some(trial) = Trial::with("", relative) else { return };
    assert_eq!(trial.score().expect("scores"), [[0.25, 0.5, 0.0], [0.25, 0.5, 0.5]]);
    trial.end();
}

#[test]
fn a_learner_gets_the_environment_without_secrets() {
    let changes = "json.dump(dict(os.environ), open('environment.json', 'w'))\n";
    let given = ["KEPT", "WINDROW_API_KEYS", "AWS_SECRET_ACCESS_KEY", "KAFKA_PASSWORD", "OMP_NUM_THREADS"];
    let Some(trial) = Trial::with(changes, |settings| {
        settings.environment.extend(given.map(|name| (OsString::from(name), OsString::from("given"))));
        // More processes than cores, so that each has one thread.
        settings.workers = Some(10_000);
    }) else {
        return;
    };
    trial.pool.identity().expect("an answer");
    let text = fs::read_to_string(trial.path("environment.json")).expect("a file");
    let found: BTreeMap<String, String> = serde_json::from_str(&text).expect("JSON");
    let values = given.map(|name| found.get(name).map(String::as_str));
    assert_eq!(values, [Some("given"), None, None, None, Some("1")]);
    assert_eq!((found["PYTHONHASHSEED"].as_str(), found["LOKY_MAX_CPU_COUNT"].as_str()), ("0", "1"));
    assert!(found.contains_key("PATH"));
}

#[test]
fn a_reported_error_is_not_tried_again() {
    let changes = "def fit(request):\n    fail(request, 'unlearnable', 'one class')\n\
                   def score(request):\n    fail(request, 'failed', 'no such model')\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    assert!(matches!(trial.fit(), Err(LearnerError::Unlearnable(reason)) if reason == "one class"));
    assert!(matches!(trial.score(), Err(LearnerError::Failed { message }) if message == "no such model"));
    assert_eq!(trial.predict().expect("the same process answers"), [0.25, 0.5]);
    assert_eq!(trial.counts(), (1, 0));
}

#[test]
fn workers_answer_at_the_same_time() {
    // Each of two processes waits for the other one.
    let changes = "def fit(request):\n    open('fit-' + request['model'], 'w').close()\n    \
                   while not (os.path.exists('fit-a') and os.path.exists('fit-b')): time.sleep(0.01)\n    \
                   open(os.path.join(request['folder'], 'model'), 'w').close()\n    say(request)\n";
    let Some(trial) = Trial::with(changes, |settings| settings.workers = Some(2)) else { return };
    thread::scope(|scope| {
        let fits = ["a", "b"].map(|model| {
            let (trial, folder) = (&trial, trial.path(model));
            fs::create_dir(&folder).expect("a new folder");
            scope.spawn(move || {
                let levels = BTreeMap::new();
                trial.pool.fit(&FitTask { files: &[], levels: &levels, folder: &folder, seed: 7, model })
            })
        });
        for fit in fits {
            fit.join().expect("no panic").expect("a model");
        }
    });
    assert_eq!(trial.counts(), (2, 0));
    trial.end();
}

#[test]
fn predictions_wait_in_a_queue_with_a_bound() {
    let changes = "def predict(request):\n    while not os.path.exists('go'): time.sleep(0.01)\n    \
                   say(request, probabilities=[0.25, 0.5])\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    thread::scope(|scope| {
        // One is answered, and 32 wait for the only worker.
        let waiting: Vec<_> = (0..33).map(|_| scope.spawn(|| trial.predict())).collect();
        wait_until("the queue is full", || trial.pool.status().waiting == 32);
        let refused = trial.predict();
        fs::write(trial.path("go"), "").expect("a file");
        assert!(matches!(refused, Err(LearnerError::Busy)), "{refused:?}");
        for prediction in waiting {
            assert_eq!(prediction.join().expect("no panic").expect("probabilities"), [0.25, 0.5]);
        }
    });
    assert_eq!(trial.counts(), (1, 0));
}

#[test]
fn a_prediction_that_is_not_wanted_any_more_is_not_asked() {
    let changes = "whole_predict = predict\n\
                   def predict(request):\n    open('asked', 'a').write('x')\n    \
                   while not os.path.exists('go'): time.sleep(0.01)\n    whole_predict(request)\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    let rows = [Map::from_iter([("distance".to_owned(), Value::from(250))])];
    let is_wanted = AtomicBool::new(true);
    thread::scope(|scope| {
        let first = scope.spawn(|| trial.predict());
        wait_until("the first prediction is asked", || trial.path("asked").exists());
        let left =
            scope.spawn(|| trial.pool.predict(&trial.path("model"), &rows, &|| is_wanted.load(Ordering::SeqCst)));
        wait_until("the second one waits", || trial.pool.status().waiting == 1);
        is_wanted.store(false, Ordering::SeqCst);
        // The only process is still busy.
        let left = left.join().expect("no panic");
        assert!(matches!(left, Err(LearnerError::Unwanted)), "{left:?}");
        assert_eq!(trial.pool.status().waiting, 0);
        fs::write(trial.path("go"), "").expect("a file");
        assert_eq!(first.join().expect("no panic").expect("probabilities"), [0.25, 0.5]);
    });
    assert_eq!(trial.predict().expect("the same process answers"), [0.25, 0.5]);
    assert_eq!(fs::read_to_string(trial.path("asked")).expect("a file"), "xx");
    assert_eq!(trial.counts(), (1, 0));
    trial.end();
}

#[test]
fn a_pool_of_a_known_learner_refuses_another_one() {
    let mut given = None;
    let Some(trial) = Trial::with("", |settings| given = Some(settings.clone())) else { return };
    let settings = given.expect("the settings of the trial");
    let known = trial.pool.identity().expect("an answer");
    let rows = [Map::from_iter([("distance".to_owned(), Value::from(250))])];
    let pool = Pool::of_known(settings.clone(), known.clone());
    assert_eq!(pool.identity().expect("it is known"), known);
    assert_eq!(pool.status().starts, 0, "no process is started for it");
    assert_eq!(pool.predict(&trial.path("model"), &rows, &|| true).expect("probabilities"), [0.25]);
    assert_eq!(pool.status().starts, 1);
    let pool = Pool::of_known(settings, LearnerIdentity { digest: "e".repeat(64), ..known });
    let refused = pool.predict(&trial.path("model"), &rows, &|| true);
    assert!(matches!(&refused, Err(LearnerError::Hello { message }) if message.contains("has changed")), "{refused:?}");
}

#[test]
fn predictions_share_the_process_that_runs_if_no_other_one_starts() {
    let changes = "whole_hello, whole_predict = hello, predict\n\
                   def hello(request):\n    if not is_first('started'): sys.exit('no memory')\n    whole_hello(request)\n\
                   def predict(request):\n    open('asked', 'a').close()\n    \
                   while not os.path.exists('go'): time.sleep(0.01)\n    whole_predict(request)\n";
    let Some(trial) = Trial::with(changes, |settings| settings.workers = Some(2)) else { return };
    thread::scope(|scope| {
        let first = scope.spawn(|| trial.predict());
        wait_until("the first process is asked", || trial.path("asked").exists());
        let others: Vec<_> = (0..8).map(|_| scope.spawn(|| trial.predict())).collect();
        wait_until("a second process has failed, and all others wait", || {
            let status = trial.pool.status();
            status.deaths > 0 && status.waiting == 8
        });
        assert!(!trial.pool.status().is_unstartable, "one process runs");
        fs::write(trial.path("go"), "").expect("a file");
        for prediction in others.into_iter().chain([first]) {
            assert_eq!(prediction.join().expect("no panic").expect("probabilities"), [0.25, 0.5]);
        }
    });
    trial.end();
}

#[test]
fn a_learner_that_cannot_be_started_is_not_started_by_each_prediction() {
    let Some(trial) = Trial::with("", |settings| settings.command = vec!["no-such-learner".to_owned()]) else { return };
    let began = Instant::now();
    assert!(matches!(trial.predict(), Err(LearnerError::Start { .. })));
    let mut refused = 0;
    for _ in 0..200 {
        match trial.predict() {
            Err(LearnerError::Unstartable) => refused += 1,
            other => assert!(matches!(other, Err(LearnerError::Start { .. })), "{other:?}"),
        }
    }
    let (starts, deaths) = trial.counts();
    assert_eq!((starts + refused, deaths), (201, 0));
    assert!(starts <= 1 + began.elapsed().as_secs(), "a second or more is between two starts: {starts}");
    wait_until("the wait has passed", || !trial.pool.status().is_unstartable);
    assert!(matches!(trial.predict(), Err(LearnerError::Start { .. })));
    // At least two starts have failed, so the wait is two seconds or more.
    assert!(trial.pool.status().is_unstartable);
    // A fit does not wait.
    assert!(matches!(trial.fit(), Err(LearnerError::Start { .. })));
}

#[test]
fn a_stop_ends_requests_and_processes() {
    let changes = "def fit(request):\n    open('begun', 'w').close()\n    time.sleep(600)\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    thread::scope(|scope| {
        let fit = scope.spawn(|| trial.fit());
        wait_until("the fit has begun", || trial.path("begun").exists());
        trial.stop.cancel();
        let result = fit.join().expect("no panic");
        assert!(matches!(result, Err(LearnerError::Stopped)), "{result:?}");
    });
    wait_until("the learner has ended", || !trial.is_alive());
    assert!(matches!(trial.predict(), Err(LearnerError::Stopped)));
    assert_eq!(trial.counts(), (1, 0));
}
