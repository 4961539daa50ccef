//! Commits positions one after the other. The client library may delay an asynchronous commit and send it after a later
//! one. Then the older positions would remain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;

use crate::reader::{self, Context};
use windrow_record::{Offset, Partition};

/// A thread that commits. It ends with its owner, after the commit that it waits for.
#[derive(Debug)]
pub(crate) struct Commits(Sender<CommitOrder>);

pub(crate) struct CommitOrder {
    pub(crate) client: Arc<BaseConsumer<Context>>,
    pub(crate) positions: Vec<(Partition, Offset)>,
    /// Receives the broker's answer.
    pub(crate) answer: Option<Sender<Result<(), KafkaError>>>,
}

impl Commits {
    pub(crate) fn of(topic: &str) -> Self {
        let (sender, orders) = channel();
        let topic = topic.to_owned();
        std::thread::spawn(move || work(&topic, &orders));
        Self(sender)
    }

    /// Hands a commit to the thread, without waiting for it.
    pub(crate) fn order(&self, order: CommitOrder) {
        // The thread ends only after this sender is dropped.
        let _ = self.0.send(order);
    }
}

fn work(topic: &str, orders: &Receiver<CommitOrder>) {
    while let Ok(CommitOrder { mut client, positions, mut answer }) = orders.recv() {
        let mut newest: BTreeMap<Partition, Offset> = positions.into_iter().collect();
        // All orders that arrived while the broker did not answer become one commit.
        while answer.is_none()
            && let Ok(next) = orders.try_recv()
        {
            newest.extend(next.positions);
            (client, answer) = (next.client, next.answer);
        }
        let newest: Vec<(Partition, Offset)> = newest.into_iter().collect();
        let committed = reader::list(topic, &newest).and_then(|list| client.commit(&list, CommitMode::Sync));
        match answer {
            // The receiver may have stopped waiting.
            Some(answer) => drop(answer.send(committed)),
            None => {
                if let Err(error) = committed {
                    tracing::debug!(%error, "positions not committed");
                }
            }
        }
    }
}
