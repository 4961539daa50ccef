//! The activity of each connection. Its requests set it, and the server reads it when it must close a connection.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

/// A clock that is cheap to read. The server sets it every 10 ms.
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

/// The progress of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Working,
    Sending,
    Receiving,
    /// The request has not begun, or it has ended.
    None,
}

impl Phase {
    const IN_USE: [Self; 3] = [Self::Working, Self::Sending, Self::Receiving];
}

#[derive(Debug)]
pub(crate) struct Activity {
    clock: Arc<CoarseClock>,
    /// The number of requests in each phase.
    requests: [AtomicU32; 3],
    /// Clock time of the last change or progress, in milliseconds.
    changed: AtomicU64,
    /// True if bytes arrived while no request was in progress: a request head has begun.
    has_begun: AtomicBool,
    has_answered: AtomicBool,
    /// True for HTTP/2. Bytes between two requests are then not necessarily a request head.
    is_multiplexed: AtomicBool,
    task: OnceLock<AbortHandle>,
}

impl Activity {
    pub(crate) fn new(clock: Arc<CoarseClock>) -> Self {
        let changed = AtomicU64::new(clock.millis());
        let [has_begun, has_answered, is_multiplexed] = [(); 3].map(|()| AtomicBool::new(false));
        let (requests, task) = (Default::default(), OnceLock::new());
        Self { clock, requests, changed, has_begun, has_answered, is_multiplexed, task }
    }

    pub(crate) fn set_task(&self, task: AbortHandle) {
        // A connection has only one task, so this cannot fail.
        let _ = self.task.set(task);
    }

    /// Ends the connection in any phase.
    pub(crate) fn close(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// Returns the phase of the request that is hardest to give up, and the time since the last progress.
    pub(crate) fn state(&self) -> (Phase, Duration) {
        let idle = self.clock.millis().saturating_sub(self.changed.load(Relaxed));
        let in_use = |phase: &Phase| self.requests[*phase as usize].load(Relaxed) > 0;
        let phase = Phase::IN_USE.into_iter().find(in_use).unwrap_or(Phase::None);
        (phase, Duration::from_millis(idle))
    }

    pub(crate) fn set_multiplexed(&self) {
        self.is_multiplexed.store(true, Relaxed);
    }

    /// Returns true if a request head should have arrived by now. Returns false between two requests.
    pub(crate) fn awaits_head(&self) -> bool {
        self.has_begun.load(Relaxed) || !self.has_answered.load(Relaxed)
    }

    /// Records that bytes arrived. Between two requests, they begin a request head.
    pub(crate) fn received(&self) {
        if !self.has_begun.load(Relaxed)
            && !self.is_multiplexed.load(Relaxed)
            && Phase::IN_USE.iter().all(|phase| self.requests[*phase as usize].load(Relaxed) == 0)
        {
            self.touch();
            self.has_begun.store(true, Relaxed);
        }
    }

    fn touch(&self) {
        self.changed.store(self.clock.millis(), Relaxed);
    }
}

/// The phase of one request, counted in the activity of its connection. Ends on drop.
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

    pub(crate) fn is_in(&self, phase: Phase) -> bool {
        self.phase.load(Relaxed) == phase as u8
    }

    /// Records that a part of the body or of the answer was transferred.
    pub(crate) fn record_progress(&self) {
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
