//! A process group that does not outlive its owner.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::ending::Ending;

/// A process, and all processes of its group. They are killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Child,
    id: Pid,
    is_killed: bool,
}

impl Group {
    /// Starts a process that leads a new group.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let leader = command.process_group(0).spawn()?;
        let id = Pid::from_child(&leader);
        Ok(Self { leader, id, is_killed: false })
    }

    /// Returns the pipes of the leader. `None` if it was started without them, or if they were taken before.
    pub(crate) fn take_pipes(&mut self) -> Option<(ChildStdin, ChildStdout, ChildStderr)> {
        Some((self.leader.stdin.take()?, self.leader.stdout.take()?, self.leader.stderr.take()?))
    }

    /// Returns the end of the leader, or `None` if it runs or was killed by [`Self::kill`].
    pub(crate) fn ending(&self) -> Option<Ending> {
        if self.is_killed {
            return None;
        }
        // The leader stays a zombie, so that the system gives the number of the group to no other process.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.id), options).ok().flatten().and_then(|status| Ending::of(&status))
    }

    /// Kills all processes of the group, and waits for the end of the leader.
    pub(crate) fn kill(&mut self) {
        if self.is_killed {
            return;
        }
        self.is_killed = true;
        // Fails if the group has no processes any more: the leader has left it, or all have ended.
        let _ = kill_process_group(self.id, Signal::KILL);
        let _ = self.leader.kill();
        let _ = self.leader.wait();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
