//! The process between the host and a learner.
//!
//! It leads a process group, in which the learner and its children are. Its standard input is a pipe from the host, and
//! ends when the host ends, in whatever way: the operating system closes the pipes of a killed process. The supervisor
//! then kills the group, so that no learner outlives the host.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgid, getpgrp, getpid, getppid, kill_process, kill_process_group, setpgid,
    waitid,
};
use rustix::stdio::{dup2_stderr, dup2_stdout};

use crate::ending::Ending;

/// The exit code of a supervisor whose command does not exist, as that of a shell.
pub(crate) const NOT_FOUND: u8 = 127;
/// The exit code of a supervisor that cannot start its command for another reason, as that of a shell.
pub(crate) const NOT_STARTED: u8 = 126;
/// The time in which a learner can end by itself after its standard input has ended.
const GRACE: Duration = Duration::from_secs(2);
/// The most bytes that are passed on at a time.
const CHUNK: usize = 64 * 1024;

/// Runs a learner until it ends or the host has gone. Returns the exit code of the learner, or 128 and the number of
/// the signal that ended it.
///
/// This process becomes the leader of a process group. It passes its standard input on to the learner, and leaves its
/// standard output and standard error to it. At the end, all other processes of the group are killed. If the host has
/// gone, this process is killed with them.
///
/// # Errors
/// The command cannot be started. [`exit_code`] has the exit code for the error.
pub fn supervise(command: &[OsString]) -> io::Result<u8> {
    let [program, arguments @ ..] = command else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "there is no command to run"));
    };
    let host = getppid();
    if getpgrp() != getpid() {
        setpgid(None, None)?;
    }
    let mut learner = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn()?;
    let id = Pid::from_child(&learner);
    let killed = Arc::new(AtomicBool::new(false));
    let ending = watch(&mut learner, id, Arc::clone(&killed)).and_then(|()| wait(id));
    // If the learner was killed because the host has gone, this process ends with the group.
    kill_others(host.filter(|_| !killed.load(Ordering::SeqCst)));
    ending.map(Ending::exit_code)
}

/// Returns the exit code of a supervisor that could not start its command.
pub fn exit_code(error: &io::Error) -> u8 {
    if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_STARTED }
}

/// Passes standard input on to the learner, and kills the group some time after its end. `killed` says that it did.
fn watch(learner: &mut Child, id: Pid, killed: Arc<AtomicBool>) -> io::Result<()> {
    let input = learner.stdin.take().ok_or_else(|| io::Error::other("the pipe to the learner is missing"))?;
    // Two threads: if the learner does not read, the end of standard input must still be seen. The host sends one
    // request at a time, so at most one request is in the channel.
    let (chunks, received) = mpsc::channel();
    spawn("deliver", move || deliver(&received, input))?;
    spawn("watch", move || {
        read_input(&chunks);
        // The learner's standard input ends after the last chunk.
        drop(chunks);
        thread::sleep(GRACE);
        // Before the learner is killed, because `supervise` goes on when the learner has ended.
        killed.store(true, Ordering::SeqCst);
        kill_all(id);
    })?;
    leave_output();
    Ok(())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Reads standard input to its end.
fn read_input(chunks: &Sender<Vec<u8>>) {
    let (mut input, mut buffer) = (io::stdin().lock(), vec![0; CHUNK]);
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                // Fails if the learner has closed its standard input.
                let _ = chunks.send(buffer[..length].to_vec());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn deliver(chunks: &Receiver<Vec<u8>>, mut input: ChildStdin) {
    for chunk in chunks {
        if input.write_all(&chunk).is_err() {
            return;
        }
    }
}

/// Closes this process's standard output and standard error, so that the host sees when the learner closes its own.
fn leave_output() {
    // If it fails, the host waits for the end of the learner.
    if let Ok(nowhere) = OpenOptions::new().write(true).open("/dev/null") {
        let _ = dup2_stdout(&nowhere);
        let _ = dup2_stderr(&nowhere);
    }
}

/// Waits for the end of the learner.
fn wait(id: Pid) -> io::Result<Ending> {
    loop {
        // The learner stays a zombie, so that the system gives its number to no other process, which `kill_all` would
        // kill.
        match waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(status) => {
                if let Some(ending) = status.and_then(|status| Ending::of(&status)) {
                    return Ok(ending);
                }
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills the other processes of the group. This process moves to the group of the host first, to survive with its exit
/// code. Without a host, or if the host has gone, it is killed, too.
fn kill_others(host: Option<Pid>) {
    // If the host has gone, the parent is another process. The first process of a system can have group 0, for which
    // `getpgid` panics in a development build.
    if let Some(outside) = host.filter(|_| getppid() == host).and_then(|host| getpgid(Some(host)).ok()) {
        let _ = setpgid(None, Some(outside));
    }
    let _ = kill_process_group(getpid(), Signal::KILL);
}

/// Kills the learner and all processes of the group, with this one.
fn kill_all(learner: Pid) {
    // The learner may have made a group of its own.
    let _ = kill_process(learner, Signal::KILL);
    let _ = kill_process_group(learner, Signal::KILL);
    let _ = kill_process_group(getpid(), Signal::KILL);
}
