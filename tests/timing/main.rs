//! The integration tests that run one at a time: they measure time or memory, hold thousands of connections, or need a
//! fixed port.
//!
//! Each test calls [`exclusive`] first, so that no two of them overlap, whatever `--test-threads` is; `it::tidy` checks
//! that each test does so. Cargo runs test binaries one after the other, so the tests of `it` never run at the same
//! time either.

mod bounds;
#[cfg(feature = "embedded")]
mod broker_faults;
mod clock;
mod guard;
mod health;
mod https;
mod ports;
mod serving;
mod shutdown;
mod storm;
mod torture;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits until no other test of this binary runs. No other test starts until the guard is dropped.
fn exclusive() -> MutexGuard<'static, ()> {
    static RUNNING: Mutex<()> = Mutex::new(());
    // A poisoned lock only means that another test has panicked.
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
