//! The solvers, and the cluster of the remote solver.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Checked, ensure};

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
