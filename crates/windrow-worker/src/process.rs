//! One process of a learner: its three pipes, and the time limits of its answers.
//!
//! Three threads serve the pipes, so that a process that neither reads nor writes blocks none of the callers. They end
//! with the process.

use std::io::{self, BufReader, Read, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::ending::Ending;
use crate::group::Group;
use crate::lines::{Part, read_line, skip_line};
use crate::log::{Log, MAX_LINE_BYTES};
use crate::protocol::{Answer, MAX_LINE, read_answer};
use crate::settings::Settings;

/// The number of lines that wait for a caller. A process that prints more of them has to wait.
const WAITING_LINES: usize = 4;
/// The time between two looks at the process and at the stop of the run. An answer is seen at once.
const POLL: Duration = Duration::from_millis(50);
/// The time in which a process ends after it has closed its standard output.
const END: Duration = Duration::from_secs(2);
/// The time in which the last lines of a killed process are read.
const LAST_LINES: Duration = Duration::from_millis(500);
const SHORT: Duration = Duration::from_millis(2);

/// One process of a learner. It is killed, with its children, when this value is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    group: Group,
    /// The lines for its standard input, which is closed if this is `None`.
    requests: Option<Sender<Vec<u8>>>,
    printed: Receiver<Printed>,
    /// A channel that is disconnected when both outputs have been read to their ends.
    readers: Receiver<()>,
    log: Arc<Log>,
}

/// A line of standard output that may be an answer.
#[derive(Debug)]
enum Printed {
    Object(String),
    TooLong,
}

/// The reason why a process did not answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The run was stopped.
    Stopped,
    /// The learner was silent for too long.
    Late,
    /// The process of the learner ended.
    Ended(Ending),
    /// The learner did something else. The text continues a sentence about it.
    Wrong(String),
}

impl Process {
    /// Starts a learner under its supervisor.
    pub(crate) fn start(settings: &Settings) -> io::Result<Self> {
        let mut command = Command::new(&settings.supervisor);
        command.args(["worker", "--"]).args(&settings.command).current_dir(&settings.folder);
        command.env_clear();
        for (name, value) in &settings.environment {
            command.env(name, value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = Group::start(&mut command)?;
        let (input, output, errors) = group.take_pipes().ok_or_else(|| io::Error::other("the pipes are missing"))?;
        let log = Arc::new(Log::default());
        let (requests, sent) = mpsc::channel();
        let (objects, printed) = mpsc::sync_channel(WAITING_LINES);
        let (is_reading, readers) = mpsc::channel();
        spawn("learner-in", move || send(&sent, input))?;
        let (kept, held) = (Arc::clone(&log), Sender::clone(&is_reading));
        spawn("learner-out", move || {
            read_output(output, &objects, &kept);
            drop(held);
        })?;
        let kept = Arc::clone(&log);
        spawn("learner-log", move || {
            read_log(errors, &kept);
            drop(is_reading);
        })?;
        Ok(Self { group, requests: Some(requests), printed, readers, log })
    }

    /// Sends a request and waits for its answer. Other lines are added to the log.
    pub(crate) fn ask(
        &mut self,
        id: u64,
        line: Vec<u8>,
        limit: Duration,
        stop: &CancellationToken,
    ) -> Result<Answer, Unanswered> {
        self.discard()?;
        if let Some(requests) = &self.requests {
            // Fails if the process reads no more. The loop below finds that out.
            let _ = requests.send(line);
        }
        let (began, mut has_ended) = (Instant::now(), false);
        loop {
            if stop.is_cancelled() {
                return Err(Unanswered::Stopped);
            }
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(Unanswered::Late);
            }
            match self.printed.recv_timeout(left.min(POLL)) {
                Ok(Printed::Object(line)) => match read_answer(&line, id) {
                    Some(answer) => return answer.map_err(Unanswered::Wrong),
                    None => self.log.push(line.as_bytes()),
                },
                Ok(Printed::TooLong) => return Err(too_long()),
                Err(RecvTimeoutError::Disconnected) => return Err(self.closed()),
                // The supervisor is gone, and the learner's output may still be open.
                Err(RecvTimeoutError::Timeout) if has_ended => return Err(self.closed()),
                // The last line of a process that has ended may be on its way.
                Err(RecvTimeoutError::Timeout) => has_ended = self.has_ended(),
            }
        }
    }

    /// Adds the lines to the log that were printed after the last answer. It takes at most as many lines as can wait,
    /// because a learner may print without end. The others are not the answer to a later request.
    fn discard(&mut self) -> Result<(), Unanswered> {
        for _ in 0..=WAITING_LINES {
            match self.printed.try_recv() {
                Ok(Printed::Object(line)) => self.log.push(line.as_bytes()),
                Ok(Printed::TooLong) => return Err(too_long()),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(self.closed()),
            }
        }
        Ok(())
    }

    /// Returns the reason why standard output is at its end.
    fn closed(&self) -> Unanswered {
        let began = Instant::now();
        loop {
            if let Some(ending) = self.group.ending() {
                return Unanswered::Ended(ending.of_supervised());
            }
            if began.elapsed() > END {
                return Unanswered::Wrong("closed its standard output".to_owned());
            }
            thread::sleep(SHORT);
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.group.ending().is_some()
    }

    /// Closes standard input, which ends the process.
    pub(crate) fn close(&mut self) {
        self.requests = None;
    }

    /// Kills the process with its children. Returns the last lines that it printed.
    pub(crate) fn kill(&mut self) -> Vec<String> {
        self.group.kill();
        let began = Instant::now();
        let left = || LAST_LINES.saturating_sub(began.elapsed());
        // The reader of standard output waits if its lines are not taken.
        while !left().is_zero() && self.printed.recv_timeout(left()).is_ok() {}
        let _ = self.readers.recv_timeout(left());
        self.log.lines()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.log.close();
    }
}

fn too_long() -> Unanswered {
    Unanswered::Wrong("printed a line of more than 1 MiB".to_owned())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Writes requests to standard input, and closes it after the last one.
fn send(requests: &Receiver<Vec<u8>>, mut input: ChildStdin) {
    for line in requests {
        if input.write_all(&line).is_err() {
            return;
        }
    }
}

/// Reads standard output. Lines that cannot be answers are added to the log.
fn read_output(output: impl Read, objects: &SyncSender<Printed>, log: &Log) {
    let (mut output, mut line) = (BufReader::new(output), Vec::new());
    loop {
        let printed = match read_line(&mut output, &mut line, MAX_LINE) {
            Ok(Part::Line) if line.trim_ascii_start().first() == Some(&b'{') => {
                Printed::Object(String::from_utf8_lossy(&line).into_owned())
            }
            Ok(Part::Line) if !log.is_closed() => {
                log.push(&line);
                continue;
            }
            Ok(Part::Cut) => Printed::TooLong,
            Ok(Part::Line | Part::End) | Err(_) => return,
        };
        let is_last = matches!(printed, Printed::TooLong);
        // Fails if the process was killed.
        if objects.send(printed).is_err() || is_last {
            return;
        }
    }
}

/// Reads standard error into the log.
fn read_log(errors: impl Read, log: &Log) {
    let (mut errors, mut line) = (BufReader::new(errors), Vec::new());
    while !log.is_closed() {
        match read_line(&mut errors, &mut line, MAX_LINE_BYTES) {
            Ok(Part::Line) => log.push(&line),
            Ok(Part::Cut) => {
                log.push(&line);
                if skip_line(&mut errors).is_err() {
                    return;
                }
            }
            Ok(Part::End) | Err(_) => return,
        }
    }
}
