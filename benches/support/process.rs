//! The processes that are measured: Windrow's commands and its broker, with their time and memory.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub(crate) const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// The embedded broker in a process of its own.
pub(crate) struct Broker {
    pub(crate) process: Child,
    pub(crate) address: String,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let address = free_address();
        let process = windrow(&["broker", "--ephemeral", "--listen", &address]).spawn().expect("the binary runs");
        let deadline = Instant::now() + RUN_TIMEOUT;
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < deadline, "the broker does not answer at {address}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, address }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns an address on loopback whose port is currently free.
pub(crate) fn free_address() -> String {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    format!("127.0.0.1:{port}")
}

/// Returns a command of Windrow's binary, without input and output.
pub(crate) fn windrow(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Returns the wall-clock time and the peak resident memory (MiB) of a command of Windrow.
///
/// # Panics
/// The command fails. The message, which ends the benchmark, holds the command's output.
pub(crate) fn timed(arguments: &[&str]) -> (Duration, u64) {
    let errors = tempfile::tempfile().expect("a file");
    let mut command = windrow(arguments);
    command.stderr(errors.try_clone().expect("a file"));
    let began = Instant::now();
    let mut process = command.spawn().expect("the binary runs");
    let mut peak = 0;
    loop {
        peak = peak.max(peak_memory(&process));
        if let Some(status) = process.try_wait().expect("a child to wait for") {
            let took = began.elapsed();
            expect_success(arguments, status, errors);
            return (took, peak);
        }
        assert!(began.elapsed() < RUN_TIMEOUT, "windrow {arguments:?} does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn expect_success(arguments: &[&str], status: ExitStatus, mut errors: File) {
    let mut output = String::new();
    if !status.success() {
        errors.rewind().and_then(|()| errors.read_to_string(&mut output)).expect("a readable file");
    }
    assert!(status.success(), "windrow {arguments:?} failed ({status}):\n{output}");
}

/// Creates the topic of a pipeline file.
pub(crate) fn create_topic(file: &str, address: &str) {
    timed(&["topic", "create", file, "--broker", address]);
}

/// Runs a pipeline to its end, so that its batch files and models are in `workdir`.
pub(crate) fn run_once(file: &str, workdir: &Path, more: &[&str]) {
    let workdir_text = workdir.display().to_string();
    let run = ["run", file, "--once", "--broker", "embedded", "--workdir", &workdir_text, "--listen", "127.0.0.1:0"];
    timed(&[&run[..], more].concat());
}

/// Removes the models, reports, losses, advice and aliases of a work directory, so that they are made again.
pub(crate) fn forget_models(workdir: &Path) {
    let folders = ["models", "windows", "losses", "advice"].map(|made| fs::remove_dir_all(workdir.join(made)));
    for removed in folders.into_iter().chain([fs::remove_file(workdir.join("aliases.jsonl"))]) {
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => panic!("{}: {error}", workdir.display()),
            _ => {}
        }
    }
}

/// Returns the largest resident size of a process so far, in MiB; 0 after it has ended.
pub(crate) fn peak_memory(process: &Child) -> u64 {
    status_mib(process.id(), "VmHWM:")
}

/// Returns the current resident size of a process, in MiB; 0 after it has ended.
pub(crate) fn resident_memory(process: &Child) -> u64 {
    status_mib(process.id(), "VmRSS:")
}

fn status_mib(process: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}
