//! Learners whose host, supervisor or pool ends: none of their processes lives on.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::worker::{LEARNER, LONG, LOOP, SHORT, Trial, died, is_locked};
use windrow_testing::{Running, command, has, program, text, wait_until};

/// A child that ignores signals and has all files of the learner.
const CHILD: &str = "if os.fork() == 0:\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(600)\n";
/// A learner that ignores SIGTERM and the end of its standard input.
const STUBBORN: &str = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                        class Endless:\n    def __iter__(self):\n        \
                        while True:\n            yield from iter(sys.__stdin__.readline, '')\n            time.sleep(0.01)\n\
                        sys.stdin = Endless()\n";

/// Returns the number in a file of a trial, as soon as the file is whole.
fn process_id(path: &Path) -> Pid {
    let mut id = None;
    wait_until("the learner has written a process id", || {
        let line = fs::read_to_string(path).unwrap_or_default();
        id = line.strip_suffix('\n').and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
        id.is_some()
    });
    id.expect("it was waited for")
}

fn kill(id: Pid) {
    kill_process(id, Signal::KILL).expect("the process lives");
}

#[test]
fn children_of_a_learner_end_with_the_pool() {
    let Some(trial) = Trial::new(CHILD, LONG) else { return };
    assert_eq!(trial.predict().expect("probabilities"), [0.25, 0.5]);
    assert_eq!(trial.counts(), (1, 0));
    trial.end();
}

#[test]
fn children_of_a_learner_that_crashes_end_before_the_next_attempt() {
    // The second process waits until no child of the first one lives.
    let changes = "def predict(request):\n    if is_first('crashed'):\n        if os.fork() == 0: time.sleep(600)\n        \
                   os._exit(3)\n    fcntl.flock(alive, fcntl.LOCK_UN)\n    probe = open('alive')\n    \
                   fcntl.flock(probe, fcntl.LOCK_EX)\n    say(request, probabilities=[0.25, 0.5])\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    trial.predict().expect("only the second process lives");
    assert_eq!(trial.counts(), (2, 1));
    trial.end();
}

#[test]
fn a_learner_that_ignores_its_end_is_killed() {
    let Some(trial) = Trial::new(STUBBORN, LONG) else { return };
    assert_eq!(trial.predict().expect("probabilities"), [0.25, 0.5]);
    trial.end();
}

#[test]
fn a_learner_that_ended_without_a_request_is_replaced() {
    let changes = "with open('id', 'w') as file: print(os.getpid(), file=file)\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    trial.predict().expect("probabilities");
    kill(process_id(&trial.path("id")));
    wait_until("the learner has ended", || !trial.is_alive());
    assert_eq!(trial.predict().expect("another process answers"), [0.25, 0.5]);
    assert_eq!(trial.counts().0, 2);
}

#[test]
fn a_learner_whose_supervisor_is_killed_is_replaced() {
    let changes = format!(
        "{STUBBORN}def predict(request):\n    if is_first('killed'):\n        \
         with open('id', 'w') as file: print(os.getppid(), file=file)\n        time.sleep(600)\n    \
         say(request, probabilities=[0.25, 0.5])\n"
    );
    let Some(trial) = Trial::new(&changes, LONG) else { return };
    thread::scope(|scope| {
        let prediction = scope.spawn(|| trial.predict());
        kill(process_id(&trial.path("id")));
        assert_eq!(prediction.join().expect("no panic").expect("another process answers"), [0.25, 0.5]);
    });
    assert_eq!(trial.counts(), (2, 1));
    trial.end();
}

#[test]
fn a_learner_that_stops_its_supervisor_is_killed_after_its_time() {
    let changes = "def predict(request):\n    os.kill(os.getppid(), signal.SIGSTOP)\n    time.sleep(600)\n";
    let Some(trial) = Trial::new(changes, SHORT) else { return };
    let (reason, _) = died(trial.predict());
    assert_eq!(reason, "it did not answer within 300ms during a prediction");
    trial.end();
}

/// Starts a host that starts a learner under a supervisor, and kills the host.
fn kill_host(changes: &str) {
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let end = "print('begun', flush=True)\n";
    fs::write(folder.path().join("learner.py"), [LEARNER, changes, end, LOOP].concat()).expect("a file");
    // More than the pipes hold, for a learner that does not read.
    let script = "import subprocess, sys, time\n\
                  learner = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n\
                  learner.stdin.write(b'{\"id\": 1, \"method\": \"hello\"}\\n')\n\
                  learner.stdin.write(b'{\"id\": 2, \"method\": \"hello\", \"more\": \"' + b'x' * 900000 + b'\"}\\n')\n\
                  learner.stdin.flush()\n\
                  print('written', flush=True)\n\
                  time.sleep(600)\n";
    let mut host = Command::new("python3");
    host.args(["-c", script]).arg(program()).args(["worker", "--", "python3", "learner.py"]);
    let mut host = Running::spawn(host.current_dir(folder.path()).stdin(Stdio::null()));
    host.wait_for("begun");
    host.wait_for("written");
    let alive = folder.path().join("alive");
    assert!(is_locked(&alive));
    host.kill();
    wait_until("all processes of the learner have ended", || !is_locked(&alive));
}

#[test]
fn a_learner_ends_with_a_host_that_is_killed() {
    kill_host("");
}

#[test]
fn the_child_of_a_learner_that_ends_by_itself_ends_with_a_host_that_is_killed() {
    kill_host(CHILD);
}

#[test]
fn a_learner_that_ignores_its_end_and_its_child_end_with_a_host_that_is_killed() {
    kill_host(&[CHILD, STUBBORN].concat());
}

#[test]
fn a_learner_that_does_not_read_ends_with_a_host_that_is_killed() {
    kill_host("print('begun', flush=True)\ntime.sleep(600)\n");
}

#[test]
fn a_supervisor_has_the_exit_code_of_its_command() {
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let supervised = |program: &str, arguments: &[&str]| {
        let mut supervisor = command(&["worker", "--", program]);
        supervisor.args(arguments).current_dir(folder.path()).output().expect("the binary runs")
    };
    let python = |script: &str| supervised("python3", &["-c", script]);
    assert_eq!(python("raise SystemExit(3)").status.code(), Some(3));
    assert_eq!(python("import os; os.kill(os.getpid(), 9)").status.code(), Some(137));
    let output = python("print('printed')");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "printed\n"));
    let output = supervised("no-such-command", &[]);
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).starts_with("no-such-command: No such file"), "{}", text(&output.stderr));
    let alive = folder.path().join("alive");
    assert_eq!(python(&[LEARNER, CHILD, "os._exit(4)\n"].concat()).status.code(), Some(4));
    wait_until("the child has ended", || !is_locked(&alive));
    // Standard input has ended: a learner that goes on is killed, and its supervisor with it.
    let output = python(&[LEARNER, STUBBORN, LOOP].concat());
    assert_eq!(output.status.code(), None, "{}", output.status);
    wait_until("the learner has ended", || !is_locked(&alive));
}
