//! The real binary, run as people run it: a folder of its own for each test, and an end for every process.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine; a test that comes so far has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The sample's pipeline with another window policy and `[stream]` table; gives the file.
pub(crate) fn sample_with(folder: &Path, window: &str, stream: &str) -> String {
    let pipeline = std::fs::read_to_string(fixture("flights-sample.toml")).expect("a fixture");
    let dataset = fixture("flights-sample.csv.zst").display().to_string();
    let pipeline = pipeline.replace("flights-sample.csv.zst", &dataset).replace("parts = 3", window);
    let file = folder.join("pipeline.toml");
    std::fs::write(&file, format!("{pipeline}\n[stream]\n{stream}\n")).expect("a file");
    file.display().to_string()
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    if arguments.first() == Some(&"broker") && !arguments.contains(&"--data") {
        // Tests run side by side in one folder.
        command.args(["broker", "--ephemeral"]).args(&arguments[1..]);
    } else {
        command.args(arguments);
    }
    command.stdin(Stdio::null()).env_remove("WINDROW_LOG").env_remove("WINDROW_REDPANDA_IMAGE");
    command
}

/// Runs a command to its end.
pub(crate) fn windrow(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the binary runs")
}

/// Runs a command that is expected to succeed; gives its standard output.
pub(crate) fn succeed(arguments: &[&str]) -> String {
    let output = windrow(arguments);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The Python that `WINDROW_TEST_PYTHON` names, which has what `tests/clients/requirements.txt` lists; `.ci/run` makes one.
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn python() -> Option<String> {
    let python = std::env::var("WINDROW_TEST_PYTHON").ok();
    if python.is_none() {
        println!("skipped: WINDROW_TEST_PYTHON names no Python with the packages of tests/clients/requirements.txt");
    }
    python
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// A command that goes on while the test does.
pub(crate) struct Running {
    child: Child,
    said: Arc<(Mutex<String>, Condvar)>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let said = Arc::new((Mutex::new(String::new()), Condvar::new()));
        listen(child.stdout.take().expect("piped"), &said);
        listen(child.stderr.take().expect("piped"), &said);
        Self { child, said }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has said a text; gives the whole line.
    pub(crate) fn wait_for(&self, wanted: &str) -> String {
        let (said, more) = &*self.said;
        let deadline = Instant::now() + LIMIT;
        let mut said = said.lock().expect("no listener panics");
        loop {
            if let Some(line) = said.lines().find(|line| line.contains(wanted)) {
                return line.to_owned();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "`{wanted}` was not said; this was:\n{said}");
            said = more.wait_timeout(said, left).expect("no listener panics").0;
        }
    }

    pub(crate) fn said(&self) -> String {
        self.said.0.lock().expect("no listener panics").clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child to wait for")
    }

    /// SIGKILL, where it has not ended by itself.
    pub(crate) fn kill(&mut self) {
        if self.ended().is_none() {
            self.signal("KILL");
            self.end();
        }
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child to wait for") {
                return status;
            }
            assert!(Instant::now() < deadline, "does not end; it said:\n{}", self.said());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Ctrl-C, and how long it took to end.
    pub(crate) fn interrupt(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        self.signal("INT");
        (self.end(), began.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stream: impl Read + Send + 'static, said: &Arc<(Mutex<String>, Condvar)>) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let (text, more) = &*said;
            let mut text = text.lock().expect("no listener panics");
            text.push_str(&line);
            text.push('\n');
            more.notify_all();
        }
    });
}

/// The rows of all batch files, one behind the other, without their header lines.
pub(crate) fn batch_rows(workdir: &Path) -> Vec<u8> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(workdir.join("batches"))
        .expect("a batches folder")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .collect();
    paths.sort();
    let mut rows = Vec::new();
    for path in paths {
        let file = std::fs::read(&path).expect("a batch file");
        let header = file.iter().position(|byte| *byte == b'\n').expect("a header line") + 1;
        rows.extend_from_slice(&file[header..]);
    }
    rows
}

/// Says where two files part, instead of printing both.
pub(crate) fn assert_same(stored: &[u8], expected: &[u8]) {
    let (stored, expected) = (text(stored), text(expected));
    let (rows, wanted) = (stored.lines().count(), expected.lines().count());
    let parts = stored.lines().zip(expected.lines()).position(|(a, b)| a != b);
    assert_eq!(parts.map(|line| stored.lines().nth(line)), None, "row {parts:?} differs; {rows} of {wanted} rows");
    assert_eq!(rows, wanted);
    assert_eq!(stored.len(), expected.len());
}

/// The rows of a zstd-compressed fixture, without its header line.
pub(crate) fn fixture_rows(name: &str) -> Vec<u8> {
    let file = std::fs::read(fixture(name)).expect("a fixture");
    let file = zstd::decode_all(&file[..]).expect("a zstd file");
    let header = file.iter().position(|byte| *byte == b'\n').expect("a header line") + 1;
    file[header..].to_vec()
}

pub(crate) fn json(path: &Path) -> serde_json::Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Asks over HTTP; gives status, content type and body. An error status is an answer too.
pub(crate) fn http(method: &str, url: &str, body: Option<&str>) -> (u16, String, String) {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT)).build(),
    );
    let mut response = match (method, body) {
        ("GET", _) => agent.get(url).call(),
        (_, body) => agent.post(url).header("content-type", "application/json").send(body.unwrap_or_default()),
    }
    .unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap_or_default().to_owned());
    let body = response.body_mut().read_to_string().expect("a readable body");
    (response.status().as_u16(), kind.unwrap_or_default(), body)
}
