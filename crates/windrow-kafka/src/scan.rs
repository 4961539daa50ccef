//! Reads stretches of a topic once, from beginning to end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::{BrokerError, Connection, Delivery, PollEvent, Subscription};
use windrow_record::{Offset, Partition};

/// The time that a poll waits before `stop` is called again.
const POLL_TIMEOUT: Duration = Duration::from_millis(50);
/// The time without a message after which the broker counts as not answering, if a stretch has not been read to its
/// end.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);

/// A range of offsets of a partition.
#[derive(Debug, Clone, Copy)]
pub struct ScanRange {
    /// The number of the partition.
    pub partition: Partition,
    /// The first offset of the stretch.
    pub from: Offset,
    /// The offset after the last one, at most the end that the broker has reported. Some offsets in the stretch may
    /// have no message; no message is skipped.
    pub until: Offset,
}

/// Visits every message of the stretches, in order within each partition. Returns false if `stop` returned true.
/// Blocks.
///
/// # Errors
/// An error of `visit`, or the broker does not deliver a stretch to its end.
pub fn scan<E: From<BrokerError>>(
    connection: &Connection,
    topic: &str,
    stretches: &[ScanRange],
    stop: &dyn Fn() -> bool,
    mut visit: impl FnMut(&Delivery<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let stretches = stretches.iter().filter(|stretch| stretch.from < stretch.until);
    let mut unread: BTreeMap<Partition, Offset> = stretches.clone().map(|one| (one.partition, one.until)).collect();
    if unread.is_empty() {
        return Ok(true);
    }
    let positions: Vec<(Partition, Offset)> = stretches.map(|stretch| (stretch.partition, stretch.from)).collect();
    let mut subscription = Subscription::assign(connection, topic, topic, &positions)?;
    let mut heard = Instant::now();
    while !unread.is_empty() {
        if stop() {
            return Ok(false);
        }
        match subscription.poll(POLL_TIMEOUT)? {
            Some(PollEvent::Message(delivery)) => {
                heard = Instant::now();
                let (partition, offset) = (delivery.partition(), delivery.offset());
                let Some(until) = unread.get(&partition).copied() else { continue };
                if offset < until {
                    visit(&delivery)?;
                }
                if offset.next() >= until {
                    unread.remove(&partition);
                }
            }
            // These messages were deleted after the stretch was chosen. The rest of the stretch is read.
            Some(PollEvent::Deleted(deleted)) => {
                heard = Instant::now();
                unread.retain(|partition, until| *partition != deleted.partition || deleted.low < *until);
            }
            Some(PollEvent::Assigned(_) | PollEvent::Revoked(_)) => {}
            None => {
                let before = unread.len();
                unread.retain(|partition, _| !subscription.is_at_end(*partition));
                if unread.len() < before {
                    heard = Instant::now();
                }
                subscription.check_topic()?;
                if heard.elapsed() > SILENCE_TIMEOUT {
                    let partitions = unread.into_keys().collect();
                    let (topic, address) = (topic.to_owned(), connection.address().to_owned());
                    return Err(BrokerError::NoAnswer { topic, address, partitions, waited: SILENCE_TIMEOUT }.into());
                }
            }
        }
    }
    Ok(true)
}
