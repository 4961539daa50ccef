//! The `windrow` command: the wiring of the stages, and the command line.
//!
//! Replays a dataset through a Kafka-compatible broker as if it were live, and cuts the stream into batch files. Trains
//! a logistic regression model on every batch and on all batches so far, and serves each model on its own endpoint.
//!
//! - `app` makes the parts that a process needs, runs its stages concurrently and ends them together.
//! - `cli` reads arguments and the environment, prints, and chooses the exit code.
//!
//! Everything else is in the crates under `crates/`; ARCHITECTURE.md has the map.

mod app;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
