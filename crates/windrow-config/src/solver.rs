//! The solvers, the cluster of the remote solver, and the command of a learner outside of this program.

use std::time::Duration;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Checked, DurationText, ensure, positive};

/// The solver that fits the models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// `newton` or `lbfgs`, whichever is estimated to be faster.
    #[default]
    Auto,
    /// Newton's method on sparse rows.
    Newton,
    /// L-BFGS on sparse rows.
    Lbfgs,
    /// L-BFGS on dense rows, by linfa-logistic.
    Linfa,
    /// `LogisticRegression` of Spark, on a cluster that reads the batch files itself.
    Spark,
    /// A program of your own, which fits models of any kind and predicts with them.
    Command,
}

impl Solver {
    /// Returns the share of rows that is held out if the pipeline file does not name one. A learner outside of this program
    /// may be slow, and a first fit without these rows doubles its work.
    pub(crate) fn default_holdout(self) -> f64 {
        if self == Self::Command { 0.0 } else { 0.1 }
    }
}

/// The most processes of a learner.
const MAX_WORKERS: usize = 64;

/// The learner of the solver `command`: a program that fits models to files and predicts with them. `run`, `train`, `advise` and
/// `serve` start it; `check` and `init` never do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct LearnerCommand {
    /// The program and its arguments. It runs in the folder of the pipeline file, so paths are relative to this folder.
    #[garde(custom(program))]
    #[schemars(example = vec!["python3", "model.py"])]
    pub run: Vec<String>,
    /// The number of its processes, from 1 to 64. By default, one for each core.
    #[garde(inner(custom(worker_count)))]
    #[schemars(range(min = 1, max = 64), example = 2)]
    pub workers: Option<usize>,
    /// The time limit of one fit, and of scoring one window.
    #[serde(default = "ten_minutes", with = "humantime_serde")]
    #[garde(custom(positive))]
    #[schemars(with = "DurationText", example = &"30m")]
    pub timeout: Duration,
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

fn program(run: &[String], (): &()) -> Checked {
    let is_named = run.first().is_some_and(|program| !program.is_empty());
    ensure(is_named, "must be a program and its arguments, as in [\"python3\", \"model.py\"]")?;
    ensure(run.iter().all(|part| !part.contains('\0')), "must not contain a zero character")
}

fn worker_count(workers: &usize, (): &()) -> Checked {
    ensure((1..=MAX_WORKERS).contains(workers), format!("must be a whole number from 1 to {MAX_WORKERS}"))
}

/// The Spark cluster of the solver `spark`.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Spark {
    /// The address of a Spark Connect server.
    // It may contain a token.
    #[garde(custom(connect))]
    #[schemars(example = &"sc://host:15002")]
    pub remote: String,
    /// The path of the batch files on the cluster, if it differs from the path on this machine.
    #[garde(custom(check_folder))]
    #[schemars(example = &"/mnt/batches")]
    pub batches: Option<String>,
}

fn connect(remote: &str, (): &()) -> Checked {
    let host = remote.strip_prefix("sc://").map(|rest| rest.split(['/', ';', ':']).next().unwrap_or_default());
    let has_host = host.is_some_and(|host| !host.is_empty());
    ensure(has_host, "must be the address of a Spark Connect server, as in sc://host:15002")
}

fn check_folder(batches: &Option<String>, (): &()) -> Checked {
    ensure(batches.as_deref() != Some(""), "must not be empty")
}

impl Spark {
    /// Returns the server's address without its parameters, which may contain secrets.
    pub fn address(&self) -> &str {
        self.remote.split_once("/;").map_or(self.remote.trim_end_matches('/'), |(address, _)| address)
    }
}

impl std::fmt::Debug for Spark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spark").field("remote", &self.address()).field("batches", &self.batches).finish()
    }
}
