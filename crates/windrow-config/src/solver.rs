//! The solvers, and the cluster of the one that is remote.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Checked, ensure};

/// The solver that finds the optimum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// `newton` or `lbfgs`, whichever costs less.
    #[default]
    Auto,
    /// Newton steps on the sparse rows.
    Newton,
    /// L-BFGS on the sparse rows.
    Lbfgs,
    /// linfa-logistic: L-BFGS on dense rows.
    Linfa,
    /// Spark's LogisticRegression, on a cluster that reads the batch files itself.
    Spark,
}

/// The cluster of the solver `spark`.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Spark {
    /// The address of a Spark Connect server.
    // It may contain a token.
    #[garde(custom(connect))]
    #[schemars(example = &"sc://host:15002")]
    pub remote: String,
    /// The folder of the batch files as the cluster sees it, if it is not the same as here.
    #[garde(custom(names_a_folder))]
    #[schemars(example = &"/mnt/batches")]
    pub batches: Option<String>,
}

fn connect(remote: &str, (): &()) -> Checked {
    let host = remote.strip_prefix("sc://").map(|rest| rest.split(['/', ';', ':']).next().unwrap_or_default());
    let has_host = host.is_some_and(|host| !host.is_empty());
    ensure(has_host, "must be the address of a Spark Connect server, as in sc://host:15002")
}

fn names_a_folder(batches: &Option<String>, (): &()) -> Checked {
    ensure(batches.as_deref() != Some(""), "names no folder")
}

impl Spark {
    /// The server's address without what may be secret.
    #[must_use]
    pub fn address(&self) -> &str {
        self.remote.split_once("/;").map_or(self.remote.trim_end_matches('/'), |(address, _)| address)
    }
}

impl std::fmt::Debug for Spark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spark").field("remote", &self.address()).field("batches", &self.batches).finish()
    }
}
