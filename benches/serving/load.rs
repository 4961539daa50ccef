//! wrk, and what it says.

use std::io::Write as _;
use std::process::Command;

use crate::servers::Server;

/// What is asked of a server.
#[derive(Debug, Clone)]
pub(crate) struct Load<'a> {
    pub(crate) path: &'a str,
    pub(crate) body: &'a str,
    pub(crate) seconds: u32,
}

/// How a server did.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    /// In milliseconds.
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

impl Load<'_> {
    pub(crate) fn for_seconds(self, seconds: u32) -> Self {
        Self { seconds, ..self }
    }

    pub(crate) fn run(&self, server: &Server, connections: u32) -> Outcome {
        let mut script = tempfile::Builder::new().suffix(".lua").tempfile().expect("a file");
        let lines = format!(
            "wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = [==[{}]==]\n\
             done = function(summary, latency, requests)\n  local errors = summary.errors\n  io.write(string.format(\
             'FOUND %d %d %f %f %d\\n', summary.requests, summary.duration, latency:percentile(50), \
             latency:percentile(99), errors.connect + errors.read + errors.write + errors.status + errors.timeout))\nend\n",
            self.body
        );
        script.write_all(lines.as_bytes()).expect("room on the disk");
        let output = Command::new("wrk")
            .args(["-t1", &format!("-c{connections}"), &format!("-d{}s", self.seconds), "--timeout", "10s", "-s"])
            .arg(script.path())
            .arg(format!("http://{}{}", server.address, self.path))
            .output()
            .expect("wrk is on the path (Debian: apt-get install wrk)");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line =
            said.lines().find_map(|line| line.strip_prefix("FOUND ")).unwrap_or_else(|| panic!("wrk said: {said}"));
        let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().expect("a number")).collect();
        let [requests, micros, median, p99, errors] = numbers[..] else { panic!("wrk said: {said}") };
        assert!(errors == 0.0, "{} of {requests} requests to {} failed", errors, self.path);
        Outcome { requests: requests as u64, per_second: requests / micros * 1e6, median: median / 1e3, p99: p99 / 1e3 }
    }
}
