//! The program under test, as a user runs it. No process outlives its test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{STEP_TIMEOUT, free_port};

/// Returns the path of the program under test. Cargo names it to integration tests and benchmarks.
///
/// # Panics
/// The test was not started by Cargo.
pub fn program() -> PathBuf {
    let path = std::env::var_os("CARGO_BIN_EXE_windrow");
    PathBuf::from(path.expect("CARGO_BIN_EXE_windrow is not set; start the test with cargo"))
}

/// Returns a command of Windrow. `broker` without `--data` gets `--ephemeral`, because tests share the current folder.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    if arguments.first() == Some(&"broker") && !arguments.contains(&"--data") {
        command.args(["broker", "--ephemeral"]).args(&arguments[1..]);
    } else {
        command.args(arguments);
    }
    command.stdin(Stdio::null()).env_remove("WINDROW_LOG").env_remove("WINDROW_REDPANDA_IMAGE");
    command
}

/// Runs a command to its end.
///
/// # Panics
/// The program cannot be started.
pub fn windrow(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the binary runs")
}

/// Runs a command that is expected to succeed; returns its standard output.
///
/// # Panics
/// The command fails.
pub fn succeed(arguments: &[&str]) -> String {
    let output = windrow(arguments);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// Runs a command that is expected to end with exit code 1; returns its standard error.
///
/// # Panics
/// The command ends with another exit code.
pub fn refused(arguments: &[&str]) -> String {
    let output = windrow(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

/// Runs a pipeline to the end of its stream, on the embedded broker; returns its standard output.
///
/// # Panics
/// The command fails.
pub fn run_once(file: &str, workdir: impl AsRef<Path>, more: &[&str]) -> String {
    let workdir = workdir.as_ref().display().to_string();
    succeed(&[&run_arguments(file, &workdir)[..], more].concat())
}

/// Returns the arguments by which a pipeline runs to the end of its stream, on the embedded broker.
pub fn run_arguments<'a>(file: &'a str, workdir: &'a str) -> [&'a str; 9] {
    ["run", file, "--once", "--broker", "embedded", "--listen", "127.0.0.1:0", "--workdir", workdir]
}

/// Starts the embedded broker in a process of its own; returns it and its address.
pub fn broker() -> (Running, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let broker = Running::start(&["broker", "--listen", &address]);
    broker.wait_for("broker: embedded");
    (broker, address)
}

/// Starts the embedded broker with the topic of a pipeline file; returns it and its address.
pub fn broker_with_topic(file: &str) -> (Running, String) {
    let (broker, address) = broker();
    succeed(&["topic", "create", file, "--broker", &address]);
    (broker, address)
}

/// Returns bytes as text, with a replacement character for bytes that are not UTF-8.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns whether a tool is installed. Prints a message if it is not.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
pub fn has(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    if !is_there {
        println!("skipped: {tool} is not installed");
    }
    is_there
}

/// Returns the Python interpreter that `WINDROW_TEST_PYTHON` names. It has the packages of
/// `tests/clients/requirements.txt`; `.ci/run` installs one. Prints a message and returns `None` if the variable is not
/// set.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
pub fn python() -> Option<String> {
    let python = std::env::var_os("WINDROW_TEST_PYTHON").and_then(|python| python.into_string().ok());
    if python.is_none() {
        println!("skipped: WINDROW_TEST_PYTHON names no Python with the packages of tests/clients/requirements.txt");
    }
    python
}

/// A command that runs in the background. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: Arc<(Mutex<String>, Condvar)>,
    listeners: [JoinHandle<()>; 2],
}

impl Running {
    /// Starts a command of Windrow.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    /// Starts any command.
    ///
    /// # Panics
    /// The command cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let output = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let listeners = [
            listen(child.stdout.take().expect("piped"), &output),
            listen(child.stderr.take().expect("piped"), &output),
        ];
        Self { child, output, listeners }
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has printed a text; returns the whole line.
    ///
    /// # Panics
    /// The text does not come within [`STEP_TIMEOUT`].
    pub fn wait_for(&self, wanted: &str) -> String {
        let (output, more) = &*self.output;
        let deadline = Instant::now() + STEP_TIMEOUT;
        let mut output = output.lock().expect("no listener panics");
        let mut searched = 0;
        loop {
            if let Some(line) = output[searched..].lines().find(|line| line.contains(wanted)) {
                return line.to_owned();
            }
            searched = output.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program did not print `{wanted}`; it printed:\n{output}");
            output = more.wait_timeout(output, left).expect("no listener panics").0;
        }
    }

    /// Returns everything that the process has printed so far, on both streams.
    ///
    /// # Panics
    /// A listening thread panicked.
    pub fn output(&self) -> String {
        self.output.0.lock().expect("no listener panics").clone()
    }

    /// Sends a signal by its name, as in `KILL`.
    ///
    /// # Panics
    /// The process does not exist.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Returns the exit status, if the process has ended.
    ///
    /// # Panics
    /// The system does not report the state of the process.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child to wait for")
    }

    /// Sends SIGKILL unless the process has ended, and waits for its end.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            self.signal("KILL");
            self.end();
        }
    }

    /// Waits for the end, and until everything that the process printed has been read.
    ///
    /// # Panics
    /// The process does not end within [`STEP_TIMEOUT`].
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + STEP_TIMEOUT;
        loop {
            if let Some(status) = self.ended() {
                self.read_to_end();
                return status;
            }
            assert!(Instant::now() < deadline, "the program does not end; it printed:\n{}", self.output());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Reads the rest of the output. The time limit is needed because a child of the ended process can keep the output
    /// open.
    fn read_to_end(&self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while !self.listeners.iter().all(JoinHandle::is_finished) && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Sends SIGINT, as Ctrl-C does; returns the exit status and how long the end took.
    pub fn interrupt(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        self.signal("INT");
        (self.end(), began.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stream: impl Read + Send + 'static, output: &Arc<(Mutex<String>, Condvar)>) -> JoinHandle<()> {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let (text, more) = &*output;
            let mut text = text.lock().expect("no listener panics");
            text.push_str(&line);
            text.push('\n');
            more.notify_all();
        }
    })
}
