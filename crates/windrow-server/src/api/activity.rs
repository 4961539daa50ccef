//! What each connection is doing: set by its requests, read by the server when it must close one.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

/// A clock that is read often and set a few times a second.
#[derive(Debug)]
pub(crate) struct CoarseClock {
    began: Instant,
    millis: AtomicU64,
}

impl CoarseClock {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), millis: AtomicU64::new(0) }
    }

    pub(crate) fn set(&self) {
        self.millis.store(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    fn millis(&self) -> u64 {
        self.millis.load(Relaxed)
    }
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Its answer is being made.
    Working,
    /// Its answer is being sent.
    Sending,
    /// Its body is being read.
    Receiving,
    /// It is over, or has not begun.
    None,
}

impl Phase {
    const IN_USE: [Self; 3] = [Self::Working, Self::Sending, Self::Receiving];
}

/// What one connection is doing.
#[derive(Debug)]
pub(crate) struct Activity {
    clock: Arc<CoarseClock>,
    /// How many requests are in each phase.
    requests: [AtomicU32; 3],
    /// When anything last changed or moved on, by the clock.
    changed: AtomicU64,
    /// Whether bytes arrived while no request was under way: a request's head has begun.
    has_begun: AtomicBool,
    /// Whether a request was ever answered.
    has_answered: AtomicBool,
    /// Whether it speaks HTTP/2, where bytes between two requests need not be a head.
    is_multiplexed: AtomicBool,
    /// Ends the connection's task.
    task: OnceLock<AbortHandle>,
}

impl Activity {
    pub(crate) fn new(clock: Arc<CoarseClock>) -> Self {
        let changed = AtomicU64::new(clock.millis());
        let [has_begun, has_answered, is_multiplexed] = [(); 3].map(|()| AtomicBool::new(false));
        Self {
            clock,
            requests: Default::default(),
            changed,
            has_begun,
            has_answered,
            is_multiplexed,
            task: OnceLock::new(),
        }
    }

    /// Tells which task serves the connection.
    pub(crate) fn set_task(&self, task: AbortHandle) {
        // It is served by one.
        let _ = self.task.set(task);
    }

    /// Ends the connection, whatever it is doing.
    pub(crate) fn close(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// How the connection stands, and since when: as its request that is hardest to give up.
    pub(crate) fn state(&self) -> (Phase, Duration) {
        let idle = self.clock.millis().saturating_sub(self.changed.load(Relaxed));
        let in_use = |phase: &Phase| self.requests[*phase as usize].load(Relaxed) > 0;
        let phase = Phase::IN_USE.into_iter().find(in_use).unwrap_or(Phase::None);
        (phase, Duration::from_millis(idle))
    }

    /// Tells that the connection speaks HTTP/2.
    pub(crate) fn set_multiplexed(&self) {
        self.is_multiplexed.store(true, Relaxed);
    }

    /// Whether a request's head is awaited that should be there by now, rather than whatever the client asks next.
    pub(crate) fn awaits_head(&self) -> bool {
        self.has_begun.load(Relaxed) || !self.has_answered.load(Relaxed)
    }

    /// Bytes arrived.
    pub(crate) fn received(&self) {
        if !self.has_begun.load(Relaxed)
            && !self.is_multiplexed.load(Relaxed)
            && Phase::IN_USE.iter().all(|phase| self.requests[*phase as usize].load(Relaxed) == 0)
        {
            self.touch();
            self.has_begun.store(true, Relaxed);
        }
    }

    /// Something moved on.
    fn touch(&self) {
        self.changed.store(self.clock.millis(), Relaxed);
    }
}

/// How far one request has come, for its connection; over when this is dropped.
#[derive(Debug)]
pub(crate) struct RequestPhase {
    activity: Arc<Activity>,
    phase: AtomicU8,
}

impl RequestPhase {
    pub(crate) fn begin(activity: Arc<Activity>) -> Self {
        let phase = Self { activity, phase: AtomicU8::new(Phase::None as u8) };
        phase.set(Phase::Working);
        phase.activity.has_begun.store(false, Relaxed);
        phase
    }

    pub(crate) fn set(&self, phase: Phase) {
        let before = self.phase.swap(phase as u8, Relaxed);
        if let Some(requests) = self.activity.requests.get(phase as usize) {
            requests.fetch_add(1, Relaxed);
        }
        if let Some(requests) = self.activity.requests.get(usize::from(before)) {
            requests.fetch_sub(1, Relaxed);
        }
        if phase == Phase::None {
            self.activity.has_answered.store(true, Relaxed);
        }
        self.activity.touch();
    }

    pub(crate) fn is(&self, phase: Phase) -> bool {
        self.phase.load(Relaxed) == phase as u8
    }

    /// A part of the body or of the answer has passed.
    pub(crate) fn moved_on(&self) {
        self.activity.touch();
    }
}

impl Drop for RequestPhase {
    fn drop(&mut self) {
        if *self.phase.get_mut() != Phase::None as u8 {
            self.set(Phase::None);
        }
    }
}
