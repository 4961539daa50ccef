//! The workers of a learner.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{mem, thread};

use serde_json::{Map, Value};

use crate::environment;
use crate::fault::Fault;
use crate::restarts::Restarts;
use crate::settings::Settings;
use crate::slots::Slots;
use crate::worker::Worker;
use windrow_learn::learner::{FitTask, Learner, LearnerError, LearnerIdentity, LearnerStatus};

/// The number of predictions that wait for each worker. At ten milliseconds each, the last one waits a third of a
/// second.
const QUEUE_PER_WORKER: usize = 32;
/// The most predictions that wait for all workers together. Each one blocks a thread, and the async runtime has 512 for
/// all its blocking work.
const MAX_QUEUE: usize = 256;
/// The time in which idle workers end by themselves. Their supervisors kill them a little earlier.
const END: Duration = Duration::from_secs(3);
const SHORT: Duration = Duration::from_millis(2);

/// The workers of a learner. They are started when they are needed, and end with the pool.
///
/// Each method of [`Learner`] blocks its thread until a worker has answered. A fit or a file of scores waits for a free
/// worker, however long that takes. A prediction waits in a queue with a bound.
#[derive(Debug)]
pub struct Pool {
    settings: Settings,
    slots: Slots,
    idle: Mutex<Vec<Worker>>,
    /// The first answer to `hello`, or that of another pool.
    identity: Mutex<Option<LearnerIdentity>>,
    restarts: Restarts,
    starts: AtomicU64,
    deaths: AtomicU64,
}

impl Pool {
    /// Creates a pool. No process is started yet.
    pub fn new(settings: Settings) -> Self {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = settings.workers.unwrap_or(cores).max(1);
        let threads = (cores / workers).max(1);
        let environment = environment::for_learner(settings.environment, threads);
        // The learner is run in another folder, and writes its scores there.
        let scratch = absolute(&settings.scratch);
        Self {
            settings: Settings { environment, scratch, ..settings },
            slots: Slots::new(workers, workers.saturating_mul(QUEUE_PER_WORKER).min(MAX_QUEUE)),
            idle: Mutex::default(),
            identity: Mutex::default(),
            restarts: Restarts::default(),
            starts: AtomicU64::new(0),
            deaths: AtomicU64::new(0),
        }
    }

    /// Creates a pool of a learner that has reported itself to another pool. A process of another learner is refused.
    pub fn of_known(settings: Settings, identity: LearnerIdentity) -> Self {
        let pool = Self::new(settings);
        *lock(&pool.identity) = Some(identity);
        pool
    }

    /// Hands a task to a worker, and to another one if the first one dies. The caller has a slot.
    fn run<T>(&self, task: impl FnMut(&mut Worker) -> Result<T, Fault>) -> Result<T, LearnerError> {
        self.run_if(&|| true, task)
    }

    /// The same as [`Self::run`]. No process is started if `may_start` returns false.
    fn run_if<T>(
        &self,
        may_start: &dyn Fn() -> bool,
        mut task: impl FnMut(&mut Worker) -> Result<T, Fault>,
    ) -> Result<T, LearnerError> {
        let mut is_second = false;
        loop {
            let death = match self.attempt(may_start, is_second, &mut task) {
                Ok(result) => return Ok(result),
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Death(death)) => death,
            };
            self.deaths.fetch_add(1, Ordering::Relaxed);
            if is_second {
                return Err(LearnerError::Died { reason: death.reason, log: death.log });
            }
            let last = death.log.last().map_or("", String::as_str);
            tracing::warn!(reason = %death.reason, last_line = %last, "a learner failed; it is tried again if possible");
            is_second = true;
        }
    }

    fn attempt<T>(
        &self,
        may_start: &dyn Fn() -> bool,
        is_second: bool,
        task: &mut impl FnMut(&mut Worker) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let start = || if may_start() { self.start() } else { Err(Fault::Final(LearnerError::Unstartable)) };
        let mut worker = self.take_idle().map_or_else(start, Ok)?;
        let was_new = worker.is_new();
        let result = task(&mut worker);
        // A worker that was stopped is still at work, and one that died is of no use. They are killed here.
        let is_alive = match &result {
            Ok(_) => true,
            Err(Fault::Final(error)) => matches!(
                error,
                LearnerError::Unlearnable(_)
                    | LearnerError::Failed { .. }
                    | LearnerError::Unsent { .. }
                    | LearnerError::Unwanted
            ),
            Err(Fault::Death(_)) => false,
        };
        // An answer to `hello` does not show that a worker can do its work: its first task does. But a task that ends two
        // workers shows nothing about other tasks.
        if was_new && !worker.is_new() {
            match &result {
                Err(Fault::Death(_)) if is_second => {}
                Err(Fault::Death(_)) => self.restarts.fail(worker.began(), Instant::now()),
                _ if is_alive => self.restarts.succeed(worker.began()),
                _ => {}
            }
        }
        if is_alive {
            lock(&self.idle).push(worker);
        }
        result
    }

    /// Returns an idle worker that runs.
    fn take_idle(&self) -> Option<Worker> {
        loop {
            let worker = lock(&self.idle).pop()?;
            if !worker.has_ended() {
                return Some(worker);
            }
            tracing::warn!("a learner ended while it had nothing to do");
        }
    }

    fn start(&self) -> Result<Worker, Fault> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let started = self.start_known();
        if started.is_err() {
            self.restarts.fail(began, Instant::now());
        }
        started
    }

    /// Starts a process. It must be the same learner as the earlier ones.
    fn start_known(&self) -> Result<Worker, Fault> {
        let (worker, identity) = Worker::start(&self.settings)?;
        let mut known = lock(&self.identity);
        if let Some(first) = known.as_ref().filter(|first| **first != identity) {
            let message = format!(
                "the learner has changed while it was in use: it was {}, and is {} now; start the command again",
                named(first),
                named(&identity)
            );
            return Err(Fault::Final(LearnerError::Hello { message }));
        }
        *known = Some(identity);
        Ok(worker)
    }

    /// Returns true if a caller that has a slot is not the only one, or if a worker is idle.
    fn has_others(&self) -> bool {
        // A caller may take the idle worker after the slots were looked at. It has a slot by then.
        self.slots.in_use().0 > 1 || !lock(&self.idle).is_empty() || self.slots.in_use().0 > 1
    }

    fn known_identity(&self) -> Option<LearnerIdentity> {
        lock(&self.identity).clone()
    }
}

impl Learner for Pool {
    fn identity(&self) -> Result<LearnerIdentity, LearnerError> {
        if let Some(identity) = self.known_identity() {
            return Ok(identity);
        }
        let _slot = self.slots.wait(&self.settings.stop)?;
        self.run(|_| Ok(()))?;
        // The identity is known after the first start.
        self.known_identity().ok_or(LearnerError::Stopped)
    }

    fn fit(&self, task: &FitTask<'_>) -> Result<(), LearnerError> {
        let (files, folder) = (absolute_all(task.files), absolute(task.folder));
        let task = FitTask { files: &files, folder: &folder, ..*task };
        let _slot = self.slots.wait(&self.settings.stop)?;
        let mut is_used = false;
        self.run(|worker| {
            if is_used {
                worker.empty(&folder)?;
            }
            is_used = true;
            worker.fit(&task, &self.settings)
        })
    }

    fn score(&self, models: &[PathBuf], file: &Path, rows: usize) -> Result<Vec<Vec<f64>>, LearnerError> {
        if models.is_empty() || rows == 0 {
            return Ok(vec![Vec::new(); models.len()]);
        }
        let (models, file) = (absolute_all(models), absolute(file));
        let _slot = self.slots.wait(&self.settings.stop)?;
        self.run(|worker| worker.score(&models, &file, rows, &self.settings))
    }

    fn predict(
        &self,
        model: &Path,
        rows: &[Map<String, Value>],
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Vec<f64>, LearnerError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let (model, began, limit) = (absolute(model), Instant::now(), self.settings.limits.predict);
        // While no further process may be started, all callers share those that run. The first one reports that none runs.
        let can_run = |taken| taken == 0 || !lock(&self.idle).is_empty() || !self.restarts.is_waiting(Instant::now());
        let is_asked = Cell::new(false);
        // After a death, a request is tried once more without a wait.
        let may_start = || is_asked.get() || self.restarts.may_start(Instant::now());
        loop {
            let left = limit.saturating_sub(began.elapsed());
            let _slot = self.slots.wait_in_queue(left, is_wanted, &can_run, &self.settings.stop)?;
            let result = self.run_if(&may_start, |worker| {
                // The start of the worker may have taken long.
                if !is_wanted() {
                    return Err(Fault::Final(LearnerError::Unwanted));
                }
                is_asked.set(true);
                worker.predict(&model, rows, &self.settings)
            });
            // If no process could be started for the request, one that runs can answer it.
            let is_unstarted = matches!(
                result,
                Err(LearnerError::Start { .. } | LearnerError::Hello { .. } | LearnerError::Unstartable)
            );
            if !is_unstarted || !self.has_others() {
                return result;
            }
            is_asked.set(false);
        }
    }

    fn status(&self) -> LearnerStatus {
        let (busy, waiting) = self.slots.in_use();
        let idle = lock(&self.idle).len();
        // A caller may have taken the idle worker since.
        let is_idle = busy == 0 && idle == 0 && self.slots.in_use().0 == 0;
        LearnerStatus {
            workers: self.slots.count(),
            busy,
            idle,
            waiting,
            is_unstartable: is_idle && self.restarts.is_waiting(Instant::now()),
            starts: self.starts.load(Ordering::Relaxed),
            deaths: self.deaths.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut idle = mem::take(self.idle.get_mut().unwrap_or_else(PoisonError::into_inner));
        idle.iter_mut().for_each(Worker::close);
        let began = Instant::now();
        while !idle.iter().all(Worker::has_ended) && began.elapsed() < END {
            thread::sleep(SHORT);
        }
        // Those that still run are killed when `idle` is dropped.
    }
}

fn named(identity: &LearnerIdentity) -> String {
    let versions: Vec<String> = identity.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    format!("{} with digest {} ({})", identity.name, identity.digest, versions.join(", "))
}

/// Returns an absolute path: the learner is run in another folder.
fn absolute(path: &Path) -> PathBuf {
    // Fails only if the path is empty or there is no current folder.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn absolute_all(paths: &[PathBuf]) -> Vec<PathBuf> {
    paths.iter().map(|path| absolute(path)).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
