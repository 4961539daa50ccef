//! What finds the optimum, and the cluster of the one that is elsewhere.

use serde::Serialize;

/// What finds the optimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// Newton steps or L-BFGS, by what it costs.
    Auto,
    /// Newton steps on the sparse rows.
    Newton,
    /// L-BFGS on the sparse rows.
    Lbfgs,
    /// linfa-logistic (L-BFGS on dense rows).
    Linfa,
    /// Spark's LogisticRegression, on a cluster that reads the rows itself.
    Spark,
}

/// The `[train.spark]` table.
#[derive(Clone, PartialEq, Eq)]
pub struct Spark {
    /// Where its Connect server is, as in `sc://host:15002`; may hold a token.
    pub remote: String,
    /// Where its processes find the folder of batch files, when not where this process does.
    pub batches: Option<String>,
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
