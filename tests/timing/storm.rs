//! A server under attack while a correct client sends requests. The attacks are slow heads, slow bodies, slow readers,
//! half-closed sockets, HTTP/2 resets, giant and deep bodies, and more connections than the server accepts.
//!
//! `just storm` runs for a minute with 10,000 connections on the optimised build, and also checks the correct client's
//! times. Without it the test is short, and checks what does not depend on the machine: no answer is lost, and memory
//! stays bounded.

mod attacks;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use windrow_testing::served::{row, server};
use windrow_testing::{STEP_TIMEOUT, http};

use crate::exclusive;
use crate::storm::attacks::{ATTACKS, Target};

/// The maximum resident memory of the server, in bytes.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;
/// The maximum ratio of the correct client's 99th percentile under attack to that without, checked by `just storm`.
const MAX_SLOWDOWN: f64 = 10.0;
/// The full name of the test that attacks. This program starts itself with this name.
const ATTACK: &str = "storm::attack";
/// The interval between two requests of the correct client.
const REQUEST_INTERVAL: Duration = Duration::from_millis(2);

#[test]
#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a person who asked for the storm reads its figures"
)]
fn a_good_client_is_answered_during_an_attack() {
    let _exclusive = exclusive();
    let asked = std::env::var("WINDROW_STORM_SECONDS").ok().and_then(|text| text.parse::<u64>().ok());
    let (seconds, connections) = asked.map_or((2, 1_500), |seconds| (seconds, 10_000));
    let folder = tempfile::tempdir().expect("a folder");
    let (server, url) = server(folder.path());
    let target = Arc::new(Target::new(url.trim_start_matches("http://"), connections));

    let is_over = Arc::new(AtomicBool::new(false));
    let watching = std::thread::spawn({
        let (is_over, process) = (Arc::clone(&is_over), server.id());
        move || most_memory(process, &is_over)
    });
    let quiet = good_client(&target, Duration::from_secs(seconds.div_ceil(4)));
    println!("quiet: {quiet}");
    let mut slowest: f64 = 1.0;
    let only = std::env::var("WINDROW_STORM_ATTACK").ok();
    for (name, _) in ATTACKS.into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| only == name)) {
        let attackers = Attackers::start(name, &target);
        // The attack must have started before the measurement.
        std::thread::park_timeout(Duration::from_millis(500));
        let good = good_client(&target, Duration::from_secs(seconds.div_ceil(2)));
        drop(attackers);
        println!("{name}: {good}");
        slowest = slowest.max(good.p99.as_secs_f64() / quiet.p99.as_secs_f64());
    }
    is_over.store(true, Relaxed);
    let memory = watching.join().expect("a number");
    println!("at most {} MiB of memory; the good client's p99 at most {slowest:.1} times the quiet one", memory >> 20);
    assert!(memory < MAX_MEMORY, "{} MiB", memory >> 20);
    // Times mean nothing on a machine that also runs other tests.
    assert!(asked.is_none() || slowest < MAX_SLOWDOWN, "{slowest:.1} times slower");
    assert_eq!(http("GET", &format!("{url}/health/ready"), None).0, 200);
}

/// One attack, in a separate process. Real attackers use other machines. So here they get only the processor time that
/// the server and the correct client leave, if the system supports it (`chrt`, of util-linux).
struct Attackers(Child);

impl Attackers {
    fn start(name: &str, target: &Target) -> Self {
        let program = std::env::current_exe().expect("this program");
        let start = |mut command: Command| {
            command
                .args(["--ignored", "--exact", ATTACK, "--nocapture"])
                .env("WINDROW_STORM_ATTACK", name)
                .env("WINDROW_STORM_TARGET", format!("{} {}", target.address, target.connections))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        };
        let mut idle = Command::new("chrt");
        idle.args(["--idle", "0"]).arg(&program);
        Self(start(idle).or_else(|_| start(Command::new(&program))).expect("an attack"))
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The test that [`Attackers`] start.
#[test]
#[ignore = "attacks what WINDROW_STORM_TARGET names until it is killed"]
#[expect(clippy::disallowed_methods, reason = "its environment sets what it does")]
fn attack() {
    let (name, target) = (std::env::var("WINDROW_STORM_ATTACK"), std::env::var("WINDROW_STORM_TARGET"));
    let (Ok(name), Ok(target)) = (name, target) else { return };
    let (address, connections) = target.split_once(' ').expect("an address and a number");
    let target = Target::new(address, connections.parse().expect("a number"));
    let (_, attack) = ATTACKS.into_iter().find(|(known, _)| *known == name).expect("an attack");
    attack(&target, &AtomicBool::new(true));
}

/// The latencies that the correct client measured.
struct Times {
    requests: usize,
    median: Duration,
    p99: Duration,
    slowest: Duration,
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { requests, median, p99, slowest } = self;
        write!(f, "{requests} requests, median {median:.1?}, p99 {p99:.1?}, slowest {slowest:.1?}")
    }
}

/// Requests predictions on one kept connection and the server's health on new ones. Every request must be answered.
fn good_client(target: &Target, span: Duration) -> Times {
    let body = row().to_string();
    let predict = format!(
        "POST /v1/models/latest/predict HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        target.address,
        body.len()
    );
    let mut kept = connect(target);
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < span {
        let sent = Instant::now();
        ask(&mut kept, &predict, "a prediction");
        times.push(sent.elapsed());
        if times.len() % 10 == 0 {
            let mut fresh = connect(target);
            ask(&mut fresh, &format!("GET /health/live HTTP/1.1\r\nhost: {}\r\n\r\n", target.address), "its health");
        }
        std::thread::park_timeout(REQUEST_INTERVAL);
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Times { requests: times.len(), median: at(0.5), p99: at(0.99), slowest: at(1.0) }
}

fn connect(target: &Target) -> TcpStream {
    let stream = TcpStream::connect(&target.address).expect("it listens");
    stream.set_read_timeout(Some(STEP_TIMEOUT)).expect("a limit");
    stream.set_nodelay(true).expect("a socket");
    stream
}

fn ask(stream: &mut TcpStream, request: &str, what: &str) {
    stream.write_all(request.as_bytes()).unwrap_or_else(|error| panic!("{what} was not taken: {error}"));
    let mut answer = [0; 4096];
    let mut length = 0;
    loop {
        let read = stream.read(&mut answer[length..]).unwrap_or_else(|error| panic!("{what} was lost: {error}"));
        assert!(read > 0, "{what} was lost: the connection was closed");
        length += read;
        let text = String::from_utf8_lossy(&answer[..length]);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("HTTP/1.1 200 "), "{what}: {text}");
        let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body.len() >= wanted.expect("an answer of a known length") {
            return;
        }
    }
}

/// Returns the highest resident memory of a process in bytes, until `is_over` is set.
fn most_memory(process: u32, is_over: &AtomicBool) -> u64 {
    let mut most = 0;
    while !is_over.load(Relaxed) {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default();
        most = most.max(kib * 1024);
        std::thread::park_timeout(Duration::from_millis(20));
    }
    most
}
