//! The lock that a process holds while it begins to make models of a learner.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::mem;
use std::path::Path;
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The interval at which the lock of another process and the stop of the run are looked at.
const POLL: Duration = Duration::from_millis(100);

/// The lock, or the reason why there is none.
#[derive(Debug)]
pub(super) enum StartLock {
    /// It is held until the file is closed.
    Held { _file: File },
    /// The file system has no locks.
    Missing,
    /// The run was stopped while another process held it.
    Stopped,
}

/// Waits for the lock. The process that holds it may be removing large folders.
pub(super) fn lock(path: &Path, stop: &CancellationToken) -> io::Result<StartLock> {
    // NFS locks only files that are open for writing.
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
    let mut is_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(StartLock::Held { _file: file }),
            Err(TryLockError::Error(error)) => {
                tracing::warn!(path = %path.display(), %error, "cannot lock a file");
                return Ok(StartLock::Missing);
            }
            Err(TryLockError::WouldBlock) if stop.is_cancelled() => return Ok(StartLock::Stopped),
            Err(TryLockError::WouldBlock) => {
                if !mem::replace(&mut is_told, true) {
                    tracing::warn!(path = %path.display(), "waits for another process that begins to use the learner");
                }
                thread::sleep(POLL);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_waits_for_another_one_until_the_run_is_stopped() {
        let work = tempfile::tempdir().expect("a folder");
        let path = work.path().join("lock");
        let take = |stop: &CancellationToken| lock(&path, stop).expect("a file");
        let (stop, running) = (CancellationToken::new(), CancellationToken::new());
        let first = take(&running);
        assert!(matches!(first, StartLock::Held { .. }), "{first:?}");
        thread::scope(|scope| {
            let [stopped, waiting] = [&stop, &running].map(|stop| scope.spawn(move || take(stop)));
            stop.cancel();
            let stopped = stopped.join().expect("no panic");
            assert!(matches!(stopped, StartLock::Stopped), "{stopped:?}");
            assert!(!waiting.is_finished(), "the first one still has the lock");
            drop(first);
            let second = waiting.join().expect("no panic");
            assert!(matches!(second, StartLock::Held { .. }), "{second:?}");
        });
    }
}
