//! Helpers for the integration tests and benchmarks of Windrow.
//!
//! - [`program`](mod@program): the program under test, run to its end or in the background
//! - [`files`]: fixtures, pipeline files, and the files that a run wrote
//! - [`http`](mod@http): requests whose error statuses are answers
//! - [`served`]: a server over a small pipeline
//! - [`plain_learner`]: the same with models of a learner in plain Python
//! - [`topic`]: changes to a topic by other clients
//! - [`kafka`](mod@kafka): clusters of Apache Kafka
//! - [`browser`]: a headless Chromium
//! - [`documents`]: the code blocks of the documents, and commands that are run by bash
//! - [`lessons`]: the commands of docs/lessons.md
//! - [`large`]: a work directory with hundreds of models
//! - [`random`]: random numbers that are the same in each run
//! - `waiting`: conditions with a time limit, and free ports
//!
//! The crate does not depend on Windrow: it finds the program through the environment that Cargo gives to tests and
//! benchmarks.

pub mod browser;
pub mod documents;
pub mod files;
pub mod http;
pub mod kafka;
pub mod large;
pub mod lessons;
pub mod plain_learner;
pub mod program;
pub mod random;
pub mod served;
pub mod topic;
mod waiting;

pub use crate::files::{
    assert_same, assert_whole, batch_rows, copy_folder, dashboard_queries, fixture, fixture_rows, json, root,
    sample_csv, sample_with,
};
pub use crate::http::http;
pub use crate::program::{
    Running, broker, broker_with_topic, command, has, program, python, refused, run_arguments, run_once, succeed, text,
    windrow,
};
pub use crate::waiting::{STEP_TIMEOUT, free_port, pause, wait_until};
