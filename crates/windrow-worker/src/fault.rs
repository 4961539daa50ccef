//! The reasons why a request has no result.

use windrow_learn::learner::LearnerError;

/// The reason why a request has no result.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Another attempt would not help.
    Final(LearnerError),
    /// The worker died or was killed. Another worker can try.
    Death(Death),
}

/// The end of a worker.
#[derive(Debug)]
pub(crate) struct Death {
    /// The event, and the task in which it occurred.
    pub(crate) reason: String,
    /// The last lines that the worker printed.
    pub(crate) log: Vec<String>,
}
