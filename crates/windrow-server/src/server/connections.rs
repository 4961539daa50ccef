//! All open connections: their number is limited, and the server closes those that wait too long.
//!
//! A connection is closed after a timeout if its client sends nothing or does not read its answer. If the limit is
//! reached, a new connection replaces the one that has waited longest for its client. A client that holds connections
//! open therefore does not block others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::activity::{Activity, CoarseClock, Phase};
use crate::metrics::{CloseLabels, CloseReason, Metrics};
use windrow_config::Serve;

/// Interval at which the clock is set.
const TICK: Duration = Duration::from_millis(10);
/// Clock ticks between two sweeps. A sweep closes connections that have waited too long.
const TICKS_PER_SWEEP: u32 = 10;
/// A connection that waits for its client for less time than this cannot be replaced. This also limits how fast a
/// client can open connections: at most ten times the limit of connections per second.
const MIN_WAIT: Duration = Duration::from_millis(100);
/// The same for a client that does not read its answer. It is longer, because the system holds a send buffer for each
/// of these connections.
const MIN_STALL: Duration = Duration::from_millis(500);
/// The same for a connection between two requests.
const MIN_IDLE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Connections {
    serve: Serve,
    clock: Arc<CoarseClock>,
    open: Mutex<OpenConnections>,
    ended: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    next: u64,
    connections: HashMap<u64, Arc<Activity>>,
}

/// A connection's slot among the open connections. It is released on drop.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    number: u64,
    pub(crate) activity: Arc<Activity>,
    connections: Arc<Connections>,
}

impl Connections {
    pub(crate) fn new(serve: &Serve, metrics: Arc<Metrics>) -> Self {
        let clock = Arc::new(CoarseClock::new());
        Self { serve: serve.clone(), clock, open: Mutex::default(), ended: Notify::new(), metrics }
    }

    /// Returns a slot for a new connection. If no slot is free, closes the connection that has waited longest for its
    /// client. If all requests are being answered, waits.
    pub(crate) async fn admit(self: &Arc<Self>) -> ConnectionSlot {
        loop {
            if let Some(slot) = self.try_admit() {
                return slot;
            }
            // The timeout is needed because a connection may have waited long enough without any other ending.
            let _ = tokio::time::timeout(TICK, self.ended.notified()).await;
        }
    }

    fn try_admit(self: &Arc<Self>) -> Option<ConnectionSlot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.connections.len() >= self.serve.connections {
            let waits_longest = longest_waiting(&open.connections)?;
            self.close(&mut open, waits_longest, CloseReason::crowded);
        }
        let number = open.next;
        open.next += 1;
        let activity = Arc::new(Activity::new(Arc::clone(&self.clock)));
        open.connections.insert(number, Arc::clone(&activity));
        self.metrics.connections.inc();
        Some(ConnectionSlot { number, activity, connections: Arc::clone(self) })
    }

    /// Closes the connection that has waited longest for its client, to free its file handle.
    pub(crate) fn close_one(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = longest_waiting(&open.connections) {
            self.close(&mut open, number, CloseReason::crowded);
        }
    }

    pub(crate) fn close_all(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.connections.values().for_each(|activity| activity.close());
    }

    fn close(&self, open: &mut OpenConnections, number: u64, reason: CloseReason) {
        if let Some(activity) = open.connections.remove(&number) {
            activity.close();
            self.metrics.connections.dec();
            self.metrics.closed.get_or_create(&CloseLabels { reason }).inc();
        }
    }

    /// Sets the clock and closes connections that have waited too long. Never returns.
    pub(crate) async fn watch(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in (0..TICKS_PER_SWEEP).cycle() {
            ticks.tick().await;
            self.clock.set();
            if tick == 0 {
                self.sweep();
            }
        }
    }

    fn sweep(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let late = open.connections.iter().filter_map(|(number, activity)| {
            let reason = match activity.state() {
                (Phase::Sending, waited) => (waited > self.serve.send_timeout).then_some(CloseReason::slow_reader),
                (Phase::None, waited) if activity.awaits_head() => {
                    (waited > self.serve.head_timeout).then_some(CloseReason::slow_head)
                }
                (Phase::None, waited) => (waited > self.serve.idle_timeout).then_some(CloseReason::idle),
                // The time limit of the request applies here.
                (Phase::Receiving | Phase::Working, _) => None,
            };
            reason.map(|reason| (*number, reason))
        });
        let late: Vec<_> = late.collect();
        for (number, reason) in late {
            self.close(&mut open, number, reason);
        }
    }
}

/// Returns the connection that can best be closed. Prefers the one that has waited longest for a head, for a body, or
/// for its answer to be read. If no connection waits for these, returns the one that has been idle longest. Returns
/// `None` if all are being answered or made progress a moment ago.
fn longest_waiting(connections: &HashMap<u64, Arc<Activity>>) -> Option<u64> {
    let waiting = connections.iter().filter_map(|(number, activity)| {
        let (phase, waited) = activity.state();
        let (is_awaited, least) = match phase {
            Phase::Working => return None,
            Phase::None if !activity.awaits_head() => (false, MIN_IDLE),
            Phase::Sending => (true, MIN_STALL),
            Phase::None | Phase::Receiving => (true, MIN_WAIT),
        };
        (waited >= least).then_some((is_awaited, waited, *number))
    });
    waiting.max().map(|(.., number)| number)
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        // A connection that the server closed has already released its slot.
        if open.connections.remove(&self.number).is_some() {
            self.connections.metrics.connections.dec();
        }
        self.connections.ended.notify_one();
    }
}
