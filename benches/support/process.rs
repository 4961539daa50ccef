//! What the benchmarks share: the broker in a process of its own, pipeline files, and what a process took.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const LIMIT: Duration = Duration::from_secs(600);

pub(crate) struct Broker {
    pub(crate) process: Child,
    pub(crate) address: String,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let address = format!("127.0.0.1:{port}");
        let process = windrow(&["broker", "--ephemeral", "--listen", &address]).spawn().expect("the binary runs");
        let deadline = Instant::now() + LIMIT;
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < deadline, "the broker does not come up");
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

pub(crate) fn windrow(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A pipeline file for a dataset and a topic of that name, which is made too.
pub(crate) fn pipeline(address: &str, folder: &Path, dataset: &Path, name: &str) -> String {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flights.toml");
    let pipeline = fs::read_to_string(fixture)
        .expect("the flights pipeline")
        .replace("flights.csv.zst", &dataset.display().to_string())
        .replace("partitions = 1", &format!("topic = \"{name}\""))
        .replace("pace = { kind = \"exponential\", mean = \"75us\" }", "pace = { kind = \"none\" }");
    let file = folder.join(format!("{name}.toml"));
    fs::write(&file, pipeline).expect("a file");
    let file = file.display().to_string();
    let created = windrow(&["topic", "create", &file, "--broker", address]).status().expect("the binary runs");
    assert!(created.success());
    file
}

/// Wall-clock time and peak resident memory (MiB) of a command.
pub(crate) fn timed(arguments: &[&str]) -> (Duration, u64) {
    let began = Instant::now();
    let mut process = windrow(arguments).spawn().expect("the binary runs");
    let mut peak = 0;
    loop {
        peak = peak.max(peak_memory(&process));
        if let Some(status) = process.try_wait().expect("a child to wait for") {
            assert!(status.success(), "{arguments:?}: {status}");
            return (began.elapsed(), peak);
        }
        assert!(began.elapsed() < LIMIT, "{arguments:?} does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the kernel says of a process's largest resident size so far, in MiB; 0 once it has ended.
pub(crate) fn peak_memory(process: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}
