//! A limit on the total memory of requests or of answers.
//!
//! Claims grow with the bytes that have arrived, so a slow client holds little. The smallest claims need no permits, so
//! small requests never wait. If no permits are left, one claim at a time may exceed the limit. Thus a request that is
//! larger than the whole budget can proceed, and two requests that wait for each other's share both finish.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// The size of a permit in bytes. The first unit of each claim is free, because the number of connections limits these
/// units.
const PERMIT_BYTES: usize = 4 * 1024;

/// A number of bytes that many claims share.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    room: Arc<Semaphore>,
    beyond: Arc<Mutex<()>>,
    waiting: Arc<AtomicUsize>,
}

/// The memory that one request or answer holds. It is released on drop.
#[derive(Debug)]
pub(super) struct Claim {
    budget: Budget,
    units: usize,
    permits: Option<OwnedSemaphorePermit>,
    exclusive: Option<OwnedMutexGuard<()>>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(bytes / PERMIT_BYTES)), beyond: Arc::default(), waiting: Arc::default() }
    }

    pub(super) fn claim(&self) -> Claim {
        Claim { budget: self.clone(), units: 0, permits: None, exclusive: None }
    }
}

impl Claim {
    /// Waits until the claim may hold `bytes` in total.
    pub(super) async fn grow_to(&mut self, bytes: usize) {
        let wanted = units(bytes);
        let more = wanted.saturating_sub(self.units);
        self.units = self.units.max(wanted);
        if more == 0 || self.exclusive.is_some() {
            return;
        }
        let room = Arc::clone(&self.budget.room);
        let some = u32::try_from(more).unwrap_or(u32::MAX);
        let _waiting = WaitingClaim::new(&self.budget.waiting);
        tokio::select! {
            biased;
            Ok(permits) = room.acquire_many_owned(some), if more <= Semaphore::MAX_PERMITS => match &mut self.permits {
                Some(held) => held.merge(permits),
                None => self.permits = Some(permits),
            },
            exclusive = Arc::clone(&self.budget.beyond).lock_owned() => self.exclusive = Some(exclusive),
        }
    }

    /// Returns true if this claim holds memory while other claims wait for some.
    pub(super) fn is_wanted(&self) -> bool {
        (self.permits.is_some() || self.exclusive.is_some()) && self.budget.waiting.load(Ordering::Relaxed) > 0
    }

    /// Releases everything beyond `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let kept = units(bytes);
        self.units = self.units.min(kept);
        self.exclusive = None;
        if let Some(held) = &mut self.permits {
            drop(held.split(held.num_permits().saturating_sub(kept)));
        }
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT_BYTES).saturating_sub(1)
}

/// A guard that counts one waiting claim until it is dropped.
struct WaitingClaim<'a>(&'a AtomicUsize);

impl<'a> WaitingClaim<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for WaitingClaim<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_granted(claim: &mut Claim, bytes: usize) -> bool {
        tokio::select! { biased; () = claim.grow_to(bytes) => true, () = tokio::task::yield_now() => false }
    }

    #[tokio::test]
    async fn claims_share_a_bound_and_one_may_go_beyond() {
        let budget = Budget::new(100 * PERMIT_BYTES);
        let [mut one, mut two, mut three] = [budget.claim(), budget.claim(), budget.claim()];
        assert!(is_granted(&mut one, 61 * PERMIT_BYTES).await);
        assert!(is_granted(&mut two, 41 * PERMIT_BYTES).await);
        assert!(is_granted(&mut one, 500 * PERMIT_BYTES).await, "one goes beyond");
        assert!(is_granted(&mut three, PERMIT_BYTES).await, "what is small does not wait");
        assert!(!one.is_wanted());
        {
            let mut waits = Box::pin(three.grow_to(2 * PERMIT_BYTES));
            let is_granted = tokio::select! { biased; () = &mut waits => true, () = tokio::task::yield_now() => false };
            assert!(!is_granted, "and no other");
            assert!(one.is_wanted() && two.is_wanted());
        }
        assert!(!one.is_wanted());
        one.shrink_to(11 * PERMIT_BYTES);
        let mut three = budget.claim();
        assert!(is_granted(&mut three, 51 * PERMIT_BYTES).await);
        drop((one, two, three));
        assert_eq!(budget.room.available_permits(), 100);
    }
}
