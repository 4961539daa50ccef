//! A learner in Rust that can fail and wait. The probability of a row is a thousandth of its `miles`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Map, Value};
use windrow_learn::learner::{FitTask, Learner, LearnerError, LearnerIdentity, LearnerStatus};

/// The time between two looks at the client of a request that waits.
const POLL: Duration = Duration::from_millis(5);

/// The way in which the learner fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Busy,
    Died,
    Failed,
    Hello,
    Stopped,
    Unstartable,
}

/// A request to the learner.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) folder: PathBuf,
    pub(crate) rows: Vec<Map<String, Value>>,
}

#[derive(Debug, Default)]
struct State {
    asked: Vec<Asked>,
    failure: Option<Failure>,
    /// Requests to the models whose folder has this text in its path wait.
    closed: Option<&'static str>,
    /// The number of requests that were not wanted any more while they waited.
    left: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Fake {
    state: Mutex<State>,
    changed: Condvar,
}

pub(crate) fn identity(digest: &str) -> LearnerIdentity {
    let versions = BTreeMap::from([("trees".to_owned(), "1.0".to_owned())]);
    LearnerIdentity { name: "trees.Trees".to_owned(), versions, digest: digest.to_owned() }
}

impl Fake {
    /// Returns all requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// Returns the number of requests that were not wanted any more while they waited.
    pub(crate) fn left(&self) -> usize {
        self.lock().left
    }

    pub(crate) fn fail(&self, failure: Option<Failure>) {
        self.lock().failure = failure;
    }

    /// Lets requests wait until the learner is opened again.
    pub(crate) fn close(&self) {
        self.close_for("");
    }

    /// Lets requests to one model wait until the learner is opened again.
    pub(crate) fn close_for(&self, model: &'static str) {
        self.lock().closed = Some(model);
    }

    pub(crate) fn open(&self) {
        self.lock().closed = None;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics")
    }
}

impl Learner for Fake {
    fn identity(&self) -> Result<LearnerIdentity, LearnerError> {
        Ok(identity("aa"))
    }

    fn fit(&self, _: &FitTask<'_>) -> Result<(), LearnerError> {
        Err(LearnerError::Stopped)
    }

    fn score(&self, _: &[PathBuf], _: &Path, _: usize) -> Result<Vec<Vec<f64>>, LearnerError> {
        Err(LearnerError::Stopped)
    }

    fn predict(
        &self,
        model: &Path,
        rows: &[Map<String, Value>],
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Vec<f64>, LearnerError> {
        let mut state = self.lock();
        state.asked.push(Asked { folder: model.to_owned(), rows: rows.to_vec() });
        let folder = model.to_string_lossy();
        while state.closed.is_some_and(|closed| folder.contains(closed)) {
            if !is_wanted() {
                state.left += 1;
                return Err(LearnerError::Unwanted);
            }
            state = self.changed.wait_timeout(state, POLL).expect("no thread panics").0;
        }
        match state.failure {
            Some(Failure::Busy) => Err(LearnerError::Busy),
            Some(Failure::Died) => {
                Err(LearnerError::Died { reason: "signal 9".to_owned(), log: vec!["a secret".to_owned()] })
            }
            Some(Failure::Failed) => Err(LearnerError::Failed { message: "a secret".to_owned() }),
            Some(Failure::Hello) => Err(LearnerError::Hello { message: "a secret".to_owned() }),
            Some(Failure::Unstartable) => Err(LearnerError::Unstartable),
            Some(Failure::Stopped) => Err(LearnerError::Stopped),
            None => Ok(rows.iter().map(|row| row["miles"].as_f64().map_or(0.5, |miles| miles / 1000.0)).collect()),
        }
    }

    fn status(&self) -> LearnerStatus {
        let is_unstartable = self.lock().failure == Some(Failure::Unstartable);
        LearnerStatus { workers: 2, busy: 1, idle: 1, waiting: 3, is_unstartable, starts: 5, deaths: 4 }
    }
}
