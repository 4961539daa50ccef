//! All open connections: how many there may be, and which are closed before their clients do so.
//!
//! Who sends nothing, or takes nothing of an answer, is closed after a while. Where all connections are taken, a new one
//! takes the place of the one that has waited longest for its client, so that a server whose connections are held open
//! by somebody still answers everybody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::api::activity::{Activity, CoarseClock, Phase};
use crate::api::metrics::{CloseReason, Closed, Metrics};
use windrow_config::Serve;

/// How often the clock is set.
const TICK: Duration = Duration::from_millis(10);
/// After so many of them, connections that have waited too long are closed.
const TICKS_A_SWEEP: u32 = 10;
/// A connection that waits for its client for less than this keeps its place. It also bounds how many are accepted where
/// somebody opens one after the other: those that may be open, ten times a second.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// The same for one that does not read its answer: each has cost what the system holds of that.
const SHORTEST_STALL: Duration = Duration::from_millis(500);
/// The same between two requests.
const SHORTEST_IDLE: Duration = Duration::from_secs(1);

/// The open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    serve: Serve,
    clock: Arc<CoarseClock>,
    open: Mutex<Open>,
    /// Told when a connection ends.
    ended: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<Activity>>,
}

/// A connection's place among those that are open, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    pub(crate) activity: Arc<Activity>,
    connections: Arc<Connections>,
}

impl Connections {
    pub(crate) fn new(serve: &Serve, metrics: Arc<Metrics>) -> Self {
        Self {
            serve: serve.clone(),
            clock: Arc::new(CoarseClock::new()),
            open: Mutex::default(),
            ended: Notify::new(),
            metrics,
        }
    }

    /// A place for a new connection: a free one, or else that of a connection that waits for its client; waits itself where
    /// all are being answered.
    pub(crate) async fn admit(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_admit() {
                return place;
            }
            // Also without an end, one may have waited long enough by then.
            let _ = tokio::time::timeout(TICK, self.ended.notified()).await;
        }
    }

    fn try_admit(self: &Arc<Self>) -> Option<Place> {
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
        Some(Place { number, activity, connections: Arc::clone(self) })
    }

    /// Closes the connection that waits longest for its client, to have its file handle.
    pub(crate) fn close_one(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = longest_waiting(&open.connections) {
            self.close(&mut open, number, CloseReason::crowded);
        }
    }

    /// Closes what is left at the end.
    pub(crate) fn close_all(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.connections.values().for_each(|activity| activity.close());
    }

    fn close(&self, open: &mut Open, number: u64, reason: CloseReason) {
        if let Some(activity) = open.connections.remove(&number) {
            activity.close();
            self.metrics.connections.dec();
            self.metrics.closed.get_or_create(&Closed { reason }).inc();
        }
    }

    /// Sets the clock and closes connections that have waited too long, for ever.
    pub(crate) async fn watch(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in (0..TICKS_A_SWEEP).cycle() {
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
                // How long a request may take is held by its own time limit.
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

/// The connection that can best be given up: the one that has waited longest for a head, for a body, or for its answer to
/// be read; where there is none, one that was answered and may ask again. `None` where all are being answered, or moved on a
/// moment ago.
fn longest_waiting(connections: &HashMap<u64, Arc<Activity>>) -> Option<u64> {
    let waiting = connections.iter().filter_map(|(number, activity)| {
        let (phase, waited) = activity.state();
        let (is_awaited, least) = match phase {
            Phase::Working => return None,
            Phase::None if !activity.awaits_head() => (false, SHORTEST_IDLE),
            Phase::Sending => (true, SHORTEST_STALL),
            Phase::None | Phase::Receiving => (true, SHORTEST_WAIT),
        };
        (waited >= least).then_some((is_awaited, waited, *number))
    });
    waiting.max().map(|(.., number)| number)
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was closed for another has given up its place already.
        if open.connections.remove(&self.number).is_some() {
            self.connections.metrics.connections.dec();
        }
        self.connections.ended.notify_one();
    }
}
