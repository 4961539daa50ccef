//! The callers that wait for a worker, in the order in which they came.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use windrow_learn::learner::LearnerError;

/// The time between two looks at the stop of the run and at the caller's wish. A free slot is seen at once.
const POLL: Duration = Duration::from_millis(50);

/// The slots of a pool: a caller that has one may use a worker.
#[derive(Debug)]
pub(crate) struct Slots {
    count: usize,
    /// The most callers that wait in the queue with a bound.
    queue: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    last_ticket: u64,
    waiting: VecDeque<u64>,
    /// The number of waiting callers in the queue with a bound.
    queued: usize,
}

/// A slot. It is free again when this value is dropped.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    slots: &'a Slots,
}

impl Slots {
    pub(crate) fn new(count: usize, queue: usize) -> Self {
        Self { count, queue, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Waits for a slot.
    ///
    /// # Errors
    /// The run was stopped.
    pub(crate) fn wait(&self, stop: &CancellationToken) -> Result<Slot<'_>, LearnerError> {
        self.wait_for_turn(None, &|| true, stop)
    }

    /// Waits for a slot in the queue with a bound, for a limited time and as long as the caller wants it.
    ///
    /// # Errors
    /// The queue is full, the time has passed, the slot is not wanted any more, or the run was stopped.
    pub(crate) fn wait_in_queue(
        &self,
        limit: Duration,
        is_wanted: &dyn Fn() -> bool,
        stop: &CancellationToken,
    ) -> Result<Slot<'_>, LearnerError> {
        self.wait_for_turn(Some(limit), is_wanted, stop)
    }

    fn wait_for_turn(
        &self,
        limit: Option<Duration>,
        is_wanted: &dyn Fn() -> bool,
        stop: &CancellationToken,
    ) -> Result<Slot<'_>, LearnerError> {
        let began = Instant::now();
        let mut state = self.lock();
        let has_to_wait = state.taken == self.count || !state.waiting.is_empty();
        if limit.is_some() && has_to_wait && state.queued >= self.queue {
            return Err(LearnerError::Busy);
        }
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.waiting.push_back(ticket);
        state.queued += usize::from(limit.is_some());
        let end = loop {
            if stop.is_cancelled() {
                break Err(LearnerError::Stopped);
            }
            if !is_wanted() {
                break Err(LearnerError::Unwanted);
            }
            if state.taken < self.count && state.waiting.front() == Some(&ticket) {
                state.taken += 1;
                break Ok(Slot { slots: self });
            }
            if limit.is_some_and(|limit| began.elapsed() >= limit) {
                break Err(LearnerError::Busy);
            }
            state = self.changed.wait_timeout(state, POLL).unwrap_or_else(PoisonError::into_inner).0;
        };
        state.waiting.retain(|waiting| *waiting != ticket);
        state.queued -= usize::from(limit.is_some());
        drop(state);
        // Another slot may be free for the next caller.
        self.changed.notify_all();
        end
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns the number of slots that are taken, and the number of callers that wait.
    pub(crate) fn in_use(&self) -> (usize, usize) {
        let state = self.lock();
        (state.taken, state.waiting.len())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.lock().taken -= 1;
        self.slots.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn wait_until_waiting(slots: &Slots, count: usize) {
        let began = Instant::now();
        while slots.in_use().1 < count {
            assert!(began.elapsed() < LONG, "{:?}", slots.in_use());
            thread::yield_now();
        }
    }

    #[test]
    fn callers_get_slots_in_their_order() {
        let (slots, stop, order) = (Slots::new(1, 8), CancellationToken::new(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            let first = slots.wait(&stop).expect("a free slot");
            for number in 0..4_usize {
                let (slots, stop, order) = (&slots, &stop, &order);
                scope.spawn(move || {
                    let slot = if number.is_multiple_of(2) {
                        slots.wait(stop)
                    } else {
                        slots.wait_in_queue(LONG, &|| true, stop)
                    };
                    let _slot = slot.expect("a slot");
                    order.lock().expect("no panic").push(number);
                });
                wait_until_waiting(slots, number + 1);
            }
            drop(first);
        });
        assert_eq!(order.into_inner().expect("no panic"), [0, 1, 2, 3]);
        assert_eq!(slots.in_use(), (0, 0));
    }

    #[test]
    fn a_full_queue_takes_no_more_callers() {
        let (slots, stop) = (Slots::new(1, 1), CancellationToken::new());
        thread::scope(|scope| {
            let first = slots.wait(&stop).expect("a free slot");
            let second = scope.spawn(|| slots.wait_in_queue(LONG, &|| true, &stop).map(drop));
            wait_until_waiting(&slots, 1);
            assert!(matches!(slots.wait_in_queue(LONG, &|| true, &stop), Err(LearnerError::Busy)));
            drop(first);
            second.join().expect("no panic").expect("a slot");
            let _third = slots.wait_in_queue(LONG, &|| true, &stop).expect("the queue is empty again");
            let late = slots.wait_in_queue(Duration::ZERO, &|| true, &stop);
            assert!(matches!(late, Err(LearnerError::Busy)), "no time is left");
        });
        assert_eq!(slots.in_use(), (0, 0));
    }

    #[test]
    fn a_caller_that_wants_no_slot_leaves_the_queue() {
        let (slots, stop, is_wanted) = (Slots::new(1, 8), CancellationToken::new(), AtomicBool::new(true));
        thread::scope(|scope| {
            let first = slots.wait(&stop).expect("a free slot");
            let second =
                scope.spawn(|| slots.wait_in_queue(LONG, &|| is_wanted.load(Ordering::SeqCst), &stop).map(drop));
            wait_until_waiting(&slots, 1);
            let third = scope.spawn(|| slots.wait_in_queue(LONG, &|| true, &stop).map(drop));
            wait_until_waiting(&slots, 2);
            is_wanted.store(false, Ordering::SeqCst);
            // The only slot is still taken.
            assert!(matches!(second.join().expect("no panic"), Err(LearnerError::Unwanted)));
            assert_eq!(slots.in_use(), (1, 1));
            drop(first);
            third.join().expect("no panic").expect("a slot");
            let left = slots.wait_in_queue(LONG, &|| false, &stop);
            assert!(matches!(left, Err(LearnerError::Unwanted)), "also if a slot is free");
        });
        assert_eq!(slots.in_use(), (0, 0));
    }

    #[test]
    fn a_stop_ends_all_waits() {
        let (slots, stop) = (Slots::new(1, 1), CancellationToken::new());
        thread::scope(|scope| {
            let _first = slots.wait(&stop).expect("a free slot");
            let second = scope.spawn(|| slots.wait(&stop).map(drop));
            wait_until_waiting(&slots, 1);
            stop.cancel();
            assert!(matches!(second.join().expect("no panic"), Err(LearnerError::Stopped)));
        });
        assert!(matches!(slots.wait(&stop), Err(LearnerError::Stopped)));
    }
}
