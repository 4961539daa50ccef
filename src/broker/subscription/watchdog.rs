//! Notices a consumer that has silently stopped, by asking the broker itself.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use crate::broker::{Connection, topics};
use crate::record::{Offset, Partition};

/// After so long without a message the broker is asked whether there is more.
const STALL: Duration = Duration::from_secs(30);

/// Where a partition was read to, and how far it goes.
type Stuck = (Partition, Offset, Offset);

/// The offset that each partition's next message will have; `None` when the broker did not say.
type Answer = Option<Vec<(Partition, Offset)>>;

/// Asks at most one question at a time, on a thread of its own.
#[derive(Debug)]
pub(super) struct Watchdog {
    stall: Duration,
    /// Since when nothing has been wrong, as far as it saw.
    well: Instant,
    /// Messages that had been handed out then.
    handed: u64,
    question: Option<Receiver<Answer>>,
    /// Where reading stood when it was last taken for stuck: what is still there after a new start is no message.
    revived: Vec<(Partition, Offset)>,
}

impl Default for Watchdog {
    fn default() -> Self {
        Self::new(STALL)
    }
}

impl Watchdog {
    pub(super) fn new(stall: Duration) -> Self {
        Self { stall, well: Instant::now(), handed: 0, question: None, revived: Vec::new() }
    }

    /// A partition that stands still although it goes on, if there is one. `positions` are the next offsets to be handed
    /// out, `handed` counts the messages that were. A broker that does not answer is no stall: reading waits for it.
    pub(super) fn look(
        &mut self,
        connection: &Connection,
        topic: &str,
        positions: &[(Partition, Offset)],
        handed: u64,
    ) -> Option<Stuck> {
        if self.handed != handed {
            (self.well, self.handed) = (Instant::now(), handed);
        }
        if self.well.elapsed() < self.stall {
            self.question = None;
            return None;
        }
        let Some(question) = &self.question else {
            self.question = Some(ask(connection.clone(), topic.to_owned()));
            return None;
        };
        let answer = match question.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Ok(answer) => answer,
            Err(TryRecvError::Disconnected) => None,
        };
        (self.well, self.question) = (Instant::now(), None);
        let highs = answer?;
        if self.revived == positions {
            return None;
        }
        let stuck = positions.iter().find_map(|(partition, position)| {
            let (_, high) = highs.iter().find(|(of, _)| of == partition)?;
            (high > position).then_some((*partition, *position, *high))
        })?;
        self.revived = positions.to_vec();
        Some(stuck)
    }
}

fn ask(connection: Connection, topic: String) -> Receiver<Answer> {
    let (answer, question) = channel();
    std::thread::spawn(move || {
        let highs = topics::look(&connection, &topic).ok();
        let highs = highs.map(|state| state.partitions.iter().map(|state| (state.partition, state.high)).collect());
        // Whoever asked may have stopped waiting.
        let _ = answer.send(highs);
    });
    question
}
