//! Reads stretches of a topic from their beginnings to their ends, once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::{BrokerError, Connection, Delivery, Subscription, Turn};
use windrow_record::{Offset, Partition};

/// How long a poll waits before it is asked whether to stop.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// A broker that hands out nothing for so long, before the end that it told, does not answer.
const SILENCE: Duration = Duration::from_secs(60);

/// A part of a partition.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Which partition.
    pub partition: Partition,
    /// The first offset.
    pub from: Offset,
    /// The one behind the last. The broker has told it: an offset below it may be no message, and none is left out.
    pub until: Offset,
}

/// Visits every message of these stretches, each partition's in order; `false` when it was told to stop. Blocks.
///
/// # Errors
/// What `visit` gives, and when the broker does not hand out a stretch to its end.
pub fn scan<E: From<BrokerError>>(
    connection: &Connection,
    topic: &str,
    stretches: &[Stretch],
    stop: &dyn Fn() -> bool,
    mut visit: impl FnMut(&Delivery<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let stretches = stretches.iter().filter(|stretch| stretch.from < stretch.until);
    let mut unread: BTreeMap<Partition, Offset> =
        stretches.clone().map(|stretch| (stretch.partition, stretch.until)).collect();
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
        match subscription.poll(POLL_WAIT)? {
            Some(Turn::Message(delivery)) => {
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
            // Deleted since its bounds were told: what is left is read.
            Some(Turn::Deleted(deleted)) => {
                heard = Instant::now();
                unread.retain(|partition, until| *partition != deleted.partition || deleted.low < *until);
            }
            Some(Turn::Assigned(_) | Turn::Revoked(_)) => {}
            None => {
                let before = unread.len();
                unread.retain(|partition, _| !subscription.is_at_end(*partition));
                if unread.len() < before {
                    heard = Instant::now();
                }
                subscription.look_after()?;
                if heard.elapsed() > SILENCE {
                    let partitions = unread.into_keys().collect();
                    let (topic, address) = (topic.to_owned(), connection.address().to_owned());
                    return Err(BrokerError::Silent { topic, address, partitions, waited: SILENCE }.into());
                }
            }
        }
    }
    Ok(true)
}
