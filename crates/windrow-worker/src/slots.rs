//! The callers that wait for a worker, in the order in which they came.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use windrow_learn::learner::LearnerError;

/// The time between two looks at the stop of the run and at the caller's wish. A free slot is seen at once.
const POLL: Duration = Duration::from_millis(200);

/// The slots of a pool: a caller that has one may use a worker.
#[derive(Debug)]
pub(crate) struct Slots {
    count: usize,
    /// The most callers that wait in the queue with a bound.
    queue: usize,
    poll: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// The callers that wait, in their order. Each has a condition of its own, so that only the first one is woken.
    waiting: VecDeque<Arc<Condvar>>,
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
        Self { count, queue, poll: POLL, state: Mutex::default() }
    }

    /// Waits for a slot.
    ///
    /// # Errors
    /// The run was stopped.
    pub(crate) fn wait(&self, stop: &CancellationToken) -> Result<Slot<'_>, LearnerError> {
        self.wait_for_turn(None, &|| true, &|_| true, stop)
    }

    /// Waits for a slot in the queue with a bound, for a limited time and as long as the caller wants it. `can_run` gets
    /// the number of slots that are taken, and returns false if another one would have no process. It must not use the
    /// slots.
    ///
    /// # Errors
    /// The queue is full, the time has passed, the slot is not wanted any more, or the run was stopped.
    pub(crate) fn wait_in_queue(
        &self,
        limit: Duration,
        is_wanted: &dyn Fn() -> bool,
        can_run: &dyn Fn(usize) -> bool,
        stop: &CancellationToken,
    ) -> Result<Slot<'_>, LearnerError> {
        self.wait_for_turn(Some(limit), is_wanted, can_run, stop)
    }

    fn wait_for_turn(
        &self,
        limit: Option<Duration>,
        is_wanted: &dyn Fn() -> bool,
        can_run: &dyn Fn(usize) -> bool,
        stop: &CancellationToken,
    ) -> Result<Slot<'_>, LearnerError> {
        let began = Instant::now();
        let mut state = self.lock();
        let has_to_wait = state.taken == self.count || !state.waiting.is_empty();
        if limit.is_some() && has_to_wait && state.queued >= self.queue {
            return Err(LearnerError::Busy);
        }
        let ticket = Arc::new(Condvar::new());
        state.waiting.push_back(Arc::clone(&ticket));
        state.queued += usize::from(limit.is_some());
        let end = loop {
            if stop.is_cancelled() {
                break Err(LearnerError::Stopped);
            }
            if !is_wanted() {
                break Err(LearnerError::Unwanted);
            }
            let is_first = state.waiting.front().is_some_and(|first| Arc::ptr_eq(first, &ticket));
            if state.taken < self.count && is_first && can_run(state.taken) {
                state.taken += 1;
                break Ok(Slot { slots: self });
            }
            let left = limit.map_or(self.poll, |limit| limit.saturating_sub(began.elapsed()));
            if left.is_zero() {
                break Err(LearnerError::Busy);
            }
            state = ticket.wait_timeout(state, left.min(self.poll)).unwrap_or_else(PoisonError::into_inner).0;
        };
        state.waiting.retain(|waiting| !Arc::ptr_eq(waiting, &ticket));
        state.queued -= usize::from(limit.is_some());
        // This caller may have been woken for a slot that it does not take, and another slot may be free as well.
        self.wake_next(&state);
        end
    }

    /// Wakes the first caller that waits, if a slot is free.
    fn wake_next(&self, state: &State) {
        if state.taken < self.count
            && let Some(first) = state.waiting.front()
        {
            first.notify_one();
        }
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
        let mut state = self.slots.lock();
        state.taken -= 1;
        self.slots.wake_next(&state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

    /// Returns slots whose callers do not look at the queue by themselves.
    fn without_poll(count: usize) -> Slots {
        Slots { poll: LONG, ..Slots::new(count, 8) }
    }

    #[test]
    fn callers_get_slots_in_their_order() {
        let (slots, stop, order) = (without_poll(1), CancellationToken::new(), Mutex::new(Vec::new()));
        let began = Instant::now();
        thread::scope(|scope| {
            let first = slots.wait(&stop).expect("a free slot");
            for number in 0..4_usize {
                let (slots, stop, order) = (&slots, &stop, &order);
                scope.spawn(move || {
                    let slot = if number.is_multiple_of(2) {
                        slots.wait(stop)
                    } else {
                        slots.wait_in_queue(LONG, &|| true, &|_| true, stop)
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
        assert!(began.elapsed() < LONG, "each caller was woken");
    }

    #[test]
    fn a_free_slot_wakes_only_the_next_caller() {
        let (slots, stop) = (without_poll(2), CancellationToken::new());
        let (looks, began) = (AtomicUsize::new(0), Instant::now());
        thread::scope(|scope| {
            let held = [slots.wait(&stop), slots.wait(&stop)].map(|slot| slot.expect("a free slot"));
            // A caller looks once when it comes, and once when it is woken.
            let look = || looks.fetch_add(1, Ordering::SeqCst) < usize::MAX;
            for number in 1..=8 {
                let (slots, stop) = (&slots, &stop);
                scope.spawn(move || slots.wait_in_queue(LONG, &look, &|_| true, stop).map(drop).expect("a slot"));
                wait_until_waiting(slots, number);
            }
            drop(held);
        });
        assert!(began.elapsed() < LONG, "each caller was woken");
        // The system may wake a caller without a reason, but not each of them for each slot.
        let looks = looks.into_inner();
        assert!((16..=24).contains(&looks), "{looks}");
    }

    #[test]
    fn a_caller_that_leaves_wakes_the_next_one() {
        let (slots, stop, is_wanted) = (without_poll(1), CancellationToken::new(), AtomicBool::new(true));
        let began = Instant::now();
        thread::scope(|scope| {
            let first = slots.wait(&stop).expect("a free slot");
            let second = scope
                .spawn(|| slots.wait_in_queue(LONG, &|| is_wanted.load(Ordering::SeqCst), &|_| true, &stop).map(drop));
            wait_until_waiting(&slots, 1);
            let third = scope.spawn(|| slots.wait(&stop).map(drop));
            wait_until_waiting(&slots, 2);
            is_wanted.store(false, Ordering::SeqCst);
            // The second caller is woken for a slot that it does not want.
            drop(first);
            assert!(matches!(second.join().expect("no panic"), Err(LearnerError::Unwanted)));
            third.join().expect("no panic").expect("a slot");
        });
        assert!(began.elapsed() < LONG, "each caller was woken");
    }

    #[test]
    fn a_caller_does_not_take_a_slot_without_a_process() {
        let (slots, stop) = (without_poll(2), CancellationToken::new());
        let (processes, most, began) = (1, AtomicUsize::new(0), Instant::now());
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let slot = slots.wait_in_queue(LONG, &|| true, &|taken| taken < processes, &stop).expect("a slot");
                    most.fetch_max(slots.in_use().0, Ordering::SeqCst);
                    drop(slot);
                });
            }
        });
        assert_eq!(most.into_inner(), 1, "the second slot stays free");
        assert!(began.elapsed() < LONG, "each caller was woken");
    }

    #[test]
    fn a_full_queue_takes_no_more_callers() {
        let (slots, stop) = (Slots::new(1, 1), CancellationToken::new());
        thread::scope(|scope| {
            let first = slots.wait(&stop).expect("a free slot");
            let second = scope.spawn(|| slots.wait_in_queue(LONG, &|| true, &|_| true, &stop).map(drop));
            wait_until_waiting(&slots, 1);
            assert!(matches!(slots.wait_in_queue(LONG, &|| true, &|_| true, &stop), Err(LearnerError::Busy)));
            drop(first);
            second.join().expect("no panic").expect("a slot");
            let _third = slots.wait_in_queue(LONG, &|| true, &|_| true, &stop).expect("the queue is empty again");
            let late = slots.wait_in_queue(Duration::ZERO, &|| true, &|_| true, &stop);
            assert!(matches!(late, Err(LearnerError::Busy)), "no time is left");
        });
        assert_eq!(slots.in_use(), (0, 0));
    }

    #[test]
    fn a_caller_that_wants_no_slot_leaves_the_queue() {
        let (slots, stop, is_wanted) = (Slots::new(1, 8), CancellationToken::new(), AtomicBool::new(true));
        thread::scope(|scope| {
            let first = slots.wait(&stop).expect("a free slot");
            let second = scope
                .spawn(|| slots.wait_in_queue(LONG, &|| is_wanted.load(Ordering::SeqCst), &|_| true, &stop).map(drop));
            wait_until_waiting(&slots, 1);
            let third = scope.spawn(|| slots.wait_in_queue(LONG, &|| true, &|_| true, &stop).map(drop));
            wait_until_waiting(&slots, 2);
            is_wanted.store(false, Ordering::SeqCst);
            // The only slot is still taken.
            assert!(matches!(second.join().expect("no panic"), Err(LearnerError::Unwanted)));
            assert_eq!(slots.in_use(), (1, 1));
            drop(first);
            third.join().expect("no panic").expect("a slot");
            let left = slots.wait_in_queue(LONG, &|| false, &|_| true, &stop);
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
