//! Time limits, conditions and ports.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The time limit of each step, longer than any step takes on a busy machine. A test that waits this long has failed.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(120);

/// Waits until a condition holds.
///
/// # Panics
/// The condition does not hold within [`STEP_TIMEOUT`]; the message says `what` was expected.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + STEP_TIMEOUT;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {} s: {what}", STEP_TIMEOUT.as_secs());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Waits for a time, for cases without a condition to wait for.
pub fn pause(millis: u64) {
    std::thread::park_timeout(Duration::from_millis(millis));
}

/// The lowest port that is handed out, and the number of ports. All are below the ports that Linux gives to outgoing
/// connections (from 32,768), so a port stays free until the test uses it.
const PORTS: (u32, u32) = (20_000, 12_000);

/// Returns a port on which nothing listens. No two calls in one process return the same port.
///
/// # Panics
/// All ports are in use.
pub fn free_port() -> u16 {
    static HANDED_OUT: AtomicU32 = AtomicU32::new(0);
    let (lowest, count) = PORTS;
    // Processes that run at the same time begin at different ports.
    let first = std::process::id().wrapping_mul(61) % count;
    loop {
        let number = HANDED_OUT.fetch_add(1, Ordering::Relaxed);
        assert!(number < count, "no port is free");
        let port = u16::try_from(lowest + (first + number) % count).expect("at most 32,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
