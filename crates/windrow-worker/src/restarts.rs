//! The wait before the next start of a learner whose last start failed. A process that dies in its first task counts as
//! a start that failed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The wait after the first start that fails. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The failed starts of a learner. A program that cannot be started would otherwise be started by each request.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    failed: Mutex<Option<Failed>>,
}

/// The last start that failed. No later one has succeeded.
#[derive(Debug, Clone, Copy)]
struct Failed {
    at: Instant,
    wait: Duration,
    /// The time before which no process is started.
    next: Instant,
}

impl Restarts {
    /// Returns true if a process may be started now. Only one caller may start one in each wait.
    pub(crate) fn may_start(&self, now: Instant) -> bool {
        let mut failed = self.lock();
        let Some(last) = failed.as_mut() else { return true };
        if now < last.next {
            return false;
        }
        last.next = now + last.wait;
        true
    }

    /// Returns true if no process may be started now.
    pub(crate) fn is_waiting(&self, now: Instant) -> bool {
        self.lock().is_some_and(|last| now < last.next)
    }

    /// Records a start that failed. Of several that began at the same time, the first one counts.
    pub(crate) fn fail(&self, began: Instant, now: Instant) {
        let mut failed = self.lock();
        let wait = match *failed {
            Some(last) if began <= last.at => return,
            Some(last) => (last.wait * 2).min(MAX_WAIT),
            None => FIRST_WAIT,
        };
        *failed = Some(Failed { at: now, wait, next: now + wait });
    }

    /// Records a start that succeeded. One from before the last failure shows nothing about starts after it.
    pub(crate) fn succeed(&self, began: Instant) {
        let mut failed = self.lock();
        if failed.is_some_and(|last| last.at <= began) {
            *failed = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Failed>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_half_a_minute() {
        let (restarts, mut now) = (Restarts::default(), Instant::now());
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            assert!(restarts.may_start(now), "{seconds}");
            let began = now;
            now += Duration::from_millis(100);
            restarts.fail(began, now);
            let wait = Duration::from_secs(seconds);
            let soon = now + wait - Duration::from_millis(1);
            assert!(restarts.is_waiting(soon) && !restarts.may_start(soon), "{seconds}");
            now += wait;
            assert!(!restarts.is_waiting(now), "{seconds}");
        }
        restarts.succeed(now - Duration::from_secs(60));
        assert!(restarts.may_start(now) && !restarts.may_start(now), "it began before the last failure");
        restarts.succeed(now);
        assert!(restarts.may_start(now) && restarts.may_start(now));
        restarts.fail(now, now);
        assert!(restarts.may_start(now + FIRST_WAIT), "it begins again with the shortest wait");
    }

    #[test]
    fn one_caller_starts_a_process_after_the_wait() {
        let (restarts, now) = (Restarts::default(), Instant::now());
        let soon = now + Duration::from_millis(100);
        // Two starts at the same time are one failure.
        restarts.fail(now, soon);
        restarts.fail(now, soon + Duration::from_millis(1));
        let next = soon + FIRST_WAIT;
        assert!(restarts.may_start(next));
        assert!(!restarts.may_start(next), "another caller has begun");
        assert!(restarts.may_start(next + FIRST_WAIT), "its start is not waited for longer than the wait");
    }
}
