//! The commands of docs/lessons.md, run as a class would type them.

use crate::documents::{block, shell};
use crate::{fixture, free_port, text};

/// Runs the commands of a lesson in a new folder; returns what they print on both streams.
///
/// # Panics
/// A command fails.
pub fn lesson(number: usize) -> String {
    let script = block("docs/lessons.md", &format!("mkdir -p lessons/{number} "), &[]);
    let (fixtures, port) = (fixture("").display().to_string(), free_port().to_string());
    let mut script = script.replace("../../fixtures/", &fixtures).replace("9092", &port);
    // The broker listens on a free port instead of the usual one, so the commands need its address.
    for command in ["topic create flights.toml", "produce flights.toml", "consume flights.toml"] {
        script = script.replace(command, &format!("{command} --broker 127.0.0.1:{port}"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    // Processes that a lesson leaves running are killed at its end.
    let script = format!("exec 2>&1\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");
    let output = shell(folder.path(), &script).output().expect("bash runs");
    let output_text = text(&output.stdout);
    assert!(output.status.success(), "lesson {number}: {}\n{output_text}", output.status);
    output_text
}
