//! Blocking work on threads of its own, a few tasks at a time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Runs the tasks 0 to `tasks` - 1 on `threads` threads, in this order. Returns the results in the order of the tasks. After
/// a failure, no further task begins, and the first failure is returned.
pub(crate) fn in_parallel<T: Send, E: Send>(
    threads: usize,
    tasks: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let (next, is_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<(usize, Result<T, E>)>> = Mutex::new(Vec::with_capacity(tasks));
    let run = || {
        while !is_failed.load(Relaxed) {
            let task = next.fetch_add(1, Relaxed);
            if task >= tasks {
                break;
            }
            let result = work(task);
            if result.is_err() {
                is_failed.store(true, Relaxed);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).push((task, result));
        }
    };
    thread::scope(|scope| {
        // The calling thread is one of them.
        for _ in 1..threads.min(tasks) {
            scope.spawn(run);
        }
        run();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(task, _)| *task);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn tasks_run_at_once_and_their_results_are_in_order() {
        // Three tasks that wait for each other end only if they run at once.
        let meeting = Barrier::new(3);
        let found = in_parallel::<_, ()>(3, 9, |task| {
            meeting.wait();
            Ok(task * task)
        });
        assert_eq!(found, Ok(vec![0, 1, 4, 9, 16, 25, 36, 49, 64]));
        assert_eq!(in_parallel::<usize, ()>(3, 0, Ok), Ok(Vec::new()));
    }

    #[test]
    fn no_task_begins_after_a_failure() {
        let begun = AtomicUsize::new(0);
        let found: Result<Vec<usize>, usize> = in_parallel(1, 9, |task| {
            begun.fetch_add(1, Relaxed);
            if task == 4 { Err(task) } else { Ok(task) }
        });
        assert_eq!((found, begun.into_inner()), (Err(4), 5));
    }
}
