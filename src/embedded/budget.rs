//! A bound on the memory that requests or answers take together.
//!
//! Claims grow with what is there, so one that is slow holds little. Where all is taken, one claim at a time may go beyond:
//! so a request that is larger than the whole budget goes alone, and two that wait for each other's share both get through.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// Bytes that are counted as one.
const UNIT: usize = 4 * 1024;

/// A number of bytes that many share.
#[derive(Debug)]
pub(super) struct Budget {
    room: Arc<Semaphore>,
    beyond: Arc<Mutex<()>>,
}

/// What one request or answer takes. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    room: Arc<Semaphore>,
    beyond: Arc<Mutex<()>>,
    units: usize,
    permits: Option<OwnedSemaphorePermit>,
    alone: Option<OwnedMutexGuard<()>>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(bytes / UNIT)), beyond: Arc::default() }
    }

    /// A claim for nothing yet.
    pub(super) fn claim(&self) -> Claim {
        let (room, beyond) = (Arc::clone(&self.room), Arc::clone(&self.beyond));
        Claim { room, beyond, units: 0, permits: None, alone: None }
    }
}

impl Claim {
    /// Waits until so many bytes in all may be taken.
    pub(super) async fn grow_to(&mut self, bytes: usize) {
        let wanted = bytes.div_ceil(UNIT);
        let more = wanted.saturating_sub(self.units);
        self.units = self.units.max(wanted);
        if more == 0 || self.alone.is_some() {
            return;
        }
        let room = Arc::clone(&self.room);
        let some = u32::try_from(more).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            Ok(permits) = room.acquire_many_owned(some), if more <= Semaphore::MAX_PERMITS => match &mut self.permits {
                Some(held) => held.merge(permits),
                None => self.permits = Some(permits),
            },
            alone = Arc::clone(&self.beyond).lock_owned() => self.alone = Some(alone),
        }
    }

    /// Gives back what is beyond so many bytes.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let kept = bytes.div_ceil(UNIT);
        self.units = self.units.min(kept);
        self.alone = None;
        if let Some(held) = &mut self.permits {
            drop(held.split(held.num_permits().saturating_sub(kept)));
        }
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
        let budget = Budget::new(100 * UNIT);
        let [mut one, mut two, mut three] = [budget.claim(), budget.claim(), budget.claim()];
        assert!(is_granted(&mut one, 60 * UNIT).await);
        assert!(is_granted(&mut two, 40 * UNIT).await);
        assert!(is_granted(&mut one, 500 * UNIT).await, "one goes beyond");
        assert!(!is_granted(&mut three, UNIT).await, "and no other");
        one.shrink_to(10 * UNIT);
        let mut three = budget.claim();
        assert!(is_granted(&mut three, 50 * UNIT).await);
        drop((one, two, three));
        assert_eq!(budget.room.available_permits(), 100);
    }
}
