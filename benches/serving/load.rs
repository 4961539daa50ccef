//! Sends requests with wrk, and reads the results.

use std::io::Write as _;
use std::process::Command;

use crate::servers::Server;
use crate::support::peers::{last_line, tool};

/// The requests to send to a server.
#[derive(Debug, Clone)]
pub(crate) struct Load<'a> {
    pub(crate) path: &'a str,
    pub(crate) body: &'a str,
    pub(crate) seconds: u32,
}

/// The results of one measurement.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    /// The median latency in milliseconds.
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

impl Outcome {
    /// Returns the cells of a table's row.
    pub(crate) fn cells(&self, connections: u32, ratio: String) -> [String; 5] {
        let [median, p99] = [self.median, self.p99].map(|milliseconds| format!("{milliseconds:.2}"));
        [connections.to_string(), format!("{:.0}", self.per_second), ratio, median, p99]
    }
}

impl Load<'_> {
    pub(crate) fn for_seconds(self, seconds: u32) -> Self {
        Self { seconds, ..self }
    }

    /// Sends the requests.
    ///
    /// # Errors
    /// wrk is missing, or a peer answers a request with an error.
    ///
    /// # Panics
    /// Windrow answers a request with an error.
    pub(crate) fn run(&self, server: &Server, connections: u32) -> Result<Outcome, String> {
        let wrk = tool("wrk", "wrk")?;
        let mut script = tempfile::Builder::new().suffix(".lua").tempfile().expect("a file");
        let lines = format!(
            "wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = [==[{}]==]\n\
             done = function(summary, latency, requests)\n  local errors = summary.errors\n  io.write(string.format(\
             'FOUND %d %d %f %f %d\\n', summary.requests, summary.duration, latency:percentile(50), \
             latency:percentile(99), errors.connect + errors.read + errors.write + errors.status + errors.timeout))\nend\n",
            self.body
        );
        script.write_all(lines.as_bytes()).expect("room on the disk");
        let output = Command::new(wrk)
            .args(["-t1", &format!("-c{connections}"), &format!("-d{}s", self.seconds), "--timeout", "10s", "-s"])
            .arg(script.path())
            .arg(format!("http://{}{}", server.address, self.path))
            .output()
            .map_err(|error| format!("wrk cannot be run: {error}"))?;
        let output_text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = output_text.lines().find_map(|line| line.strip_prefix("FOUND "));
        let line = line.ok_or_else(|| format!("wrk ended with {}: {}", output.status, last_line(&output.stderr)))?;
        let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().expect("a number")).collect();
        let [requests, micros, median, p99, errors] = numbers[..] else { panic!("wrk printed: {output_text}") };
        if errors > 0.0 || requests == 0.0 {
            let failed = format!("{errors} of {requests} requests to {} failed", self.path);
            assert!(!server.is_windrow, "windrow: {failed}");
            return Err(failed);
        }
        Ok(Outcome {
            requests: requests as u64,
            per_second: requests / micros * 1e6,
            median: median / 1e3,
            p99: p99 / 1e3,
        })
    }
}
