//! The Docker engine of this machine, used by its command line, so that the checks do not use the client under test.

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs `docker`. Returns its standard output, or its standard error if it fails.
pub(crate) fn docker(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// Returns `true` if an engine answers. Skips the test with a message if not.
pub(crate) fn is_available() -> bool {
    match docker(&["version", "--format", "{{.Server.Version}}"]) {
        Ok(_) => true,
        Err(reason) => skip(&format!("no Docker engine ({reason})")),
    }
}

/// Prints that a test is skipped, with the reason. Panics if tests must not be skipped.
#[expect(clippy::print_stderr, reason = "a test that does nothing must not pass in silence")]
pub(crate) fn skip(reason: &str) -> bool {
    let is_required = std::env::var_os("WINDROW_TEST_DOCKER").is_some_and(|value| value == "required");
    assert!(!is_required, "WINDROW_TEST_DOCKER=required, but: {reason}");
    eprintln!("skipped: {reason}");
    false
}

/// Returns the containers that this process started, running or not.
pub(crate) fn containers() -> Vec<String> {
    containers_of(std::process::id())
}

/// Returns the containers that a process started, running or not.
pub(crate) fn containers_of(process: u32) -> Vec<String> {
    let name = format!("name=windrow-redpanda-{process}-");
    let listed = docker(&["ps", "--all", "--quiet", "--filter", "label=windrow=redpanda", "--filter", &name]);
    listed.expect("a list").lines().map(str::to_owned).collect()
}

/// Returns the addresses of a container's published ports, as in `9092/tcp -> 127.0.0.1:49153`.
pub(crate) fn published_ports(container: &str) -> String {
    docker(&["port", container]).expect("ports")
}

/// Waits until no other test uses Docker: each test counts the containers of this process, and removes the layers of
/// its images.
pub(crate) fn exclusive() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
