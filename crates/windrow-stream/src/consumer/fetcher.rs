//! Reads the topic on a thread of its own, and passes many messages at once: what is done with them does not delay
//! the reading of the next.

use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use windrow_base::telemetry::Progress;
use windrow_kafka::{BrokerError, Deleted, Delivery, Subscription, TopicState, Turn};
use windrow_record::{Envelope, Offset, Partition, RowNumber};

/// How long a poll waits before the fetcher looks whether it is asked for something else.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// So many messages, or so many bytes, are handed over at once.
const MESSAGES: usize = 1024;
const BYTES: usize = 256 * 1024;
/// How often the number of unread messages is renewed, and an outage looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long the broker may take to answer the last commit; the manifests do not depend on it.
const COMMIT_PATIENCE: Duration = Duration::from_secs(1);

/// Messages in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    bytes: Vec<u8>,
    /// The names of replays that the messages bear.
    runs: Vec<String>,
    all: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    partition: Partition,
    offset: Offset,
    kind: Kind,
    /// Where its value ends; it begins where the one before ends.
    end: usize,
}

#[derive(Debug)]
enum Kind {
    Row { row: RowNumber, run: Option<usize> },
    Foreign,
    End { run: Option<usize>, first: RowNumber, rows: Option<u64> },
    Unreadable { header: String },
}

/// A message as it is handed to the writer.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    /// What its headers say; the text of one that cannot be read.
    pub(crate) envelope: Result<Envelope<'a>, String>,
    pub(crate) value: &'a [u8],
}

impl<'a> Incoming<'a> {
    pub(crate) fn of(delivery: &'a Delivery<'_>) -> Self {
        let (partition, offset) = (delivery.partition(), delivery.offset());
        Self { partition, offset, envelope: delivery.envelope(), value: delivery.value() }
    }
}

impl Messages {
    fn push(&mut self, delivery: &Delivery<'_>) {
        let kind = match delivery.envelope() {
            Ok(Envelope::Row { row, run }) => Kind::Row { row, run: run.map(|run| self.run(run)) },
            Ok(Envelope::Foreign) => Kind::Foreign,
            Ok(Envelope::End { run, first, rows }) => Kind::End { run: run.map(|run| self.run(run)), first, rows },
            Err(header) => Kind::Unreadable { header },
        };
        self.bytes.extend_from_slice(delivery.value());
        let (partition, offset, end) = (delivery.partition(), delivery.offset(), self.bytes.len());
        self.all.push(Message { partition, offset, kind, end });
    }

    /// The place of a replay's name among those that came; nearly always the one before.
    fn run(&mut self, run: &str) -> usize {
        self.runs.iter().rposition(|known| known == run).unwrap_or_else(|| {
            self.runs.push(run.to_owned());
            self.runs.len() - 1
        })
    }

    fn is_full(&self) -> bool {
        self.all.len() >= MESSAGES || self.bytes.len() >= BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Incoming<'_>> {
        let mut begin = 0;
        self.all.iter().map(move |message| {
            let run = |run: &Option<usize>| run.and_then(|run| self.runs.get(run)).map(String::as_str);
            let envelope = match &message.kind {
                Kind::Row { row, run: of } => Ok(Envelope::Row { row: *row, run: run(of) }),
                Kind::Foreign => Ok(Envelope::Foreign),
                Kind::End { run: of, first, rows } => Ok(Envelope::End { run: run(of), first: *first, rows: *rows }),
                Kind::Unreadable { header } => Err(header.clone()),
            };
            let value = &self.bytes[begin..message.end];
            begin = message.end;
            Incoming { partition: message.partition, offset: message.offset, envelope, value }
        })
    }

    fn clear(&mut self) {
        // A single large message does not keep its memory.
        if self.bytes.capacity() > 4 * BYTES {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.runs.clear();
        self.all.clear();
    }
}

/// What the fetcher reports, in the order in which it happened.
#[derive(Debug)]
pub(crate) enum Fetched {
    Messages(Messages),
    /// The broker has no more of this partition than was handed over.
    AtEnd(Partition),
    /// Messages that the broker has deleted; reading goes on behind them.
    Deleted(Deleted),
    /// How the topic stands.
    Topic(TopicState),
    /// The broker says, when it is asked again, that all partitions have been read to their ends.
    Through,
    Failed(BrokerError),
}

/// What the fetcher is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    /// Positions that the broker may know.
    Commit(Vec<(Partition, Offset)>),
    /// The same for the last time.
    CommitLast(Vec<(Partition, Offset)>),
    /// A further partition is to be read.
    Add(Partition, Offset),
    /// To say when everything has been read to its end.
    TellEnd,
    /// A place for further messages.
    Reuse(Messages),
}

/// The fetcher at work. It ends when nobody listens or asks any more.
pub(crate) struct Fetcher {
    pub(crate) subscription: Subscription,
    pub(crate) progress: Progress,
    pub(crate) fetched: SyncSender<Fetched>,
    pub(crate) requests: Receiver<Request>,
}

/// Nobody listens any more.
struct Unheard;

impl Fetcher {
    pub(crate) fn work(mut self) {
        // Whoever has stopped listening knows why.
        let _ = self.fetch();
    }

    fn fetch(&mut self) -> Result<(), Unheard> {
        let mut free: Vec<Messages> = Vec::new();
        let mut is_end_wanted = false;
        let mut last_look = Instant::now();
        loop {
            loop {
                match self.requests.try_recv() {
                    Ok(Request::Reuse(messages)) => free.push(messages),
                    Ok(Request::TellEnd) => is_end_wanted = true,
                    Ok(request) => self.answer(request)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            let mut messages = free.pop().unwrap_or_default();
            messages.clear();
            let turn = self.fill(&mut messages)?;
            if messages.is_empty() {
                free.push(messages);
            } else {
                self.send(Fetched::Messages(messages))?;
            }
            if let Some(deleted) = turn {
                self.send(Fetched::Deleted(deleted))?;
            }
            for partition in self.subscription.take_ends() {
                // A message may have come behind it meanwhile.
                if self.subscription.is_at_end(partition) {
                    self.send(Fetched::AtEnd(partition))?;
                }
            }
            if last_look.elapsed() > LOOK_INTERVAL {
                last_look = Instant::now();
                self.progress.counters().lag.set(self.subscription.lag());
                let outcome = if is_end_wanted { self.look_for_end() } else { self.look_at_topic() };
                match self.checked(outcome)? {
                    None => {}
                    Some(fetched) => {
                        is_end_wanted &= !matches!(fetched, Fetched::Through);
                        self.send(fetched)?;
                    }
                }
            }
        }
    }

    fn look_for_end(&mut self) -> Result<Option<Fetched>, BrokerError> {
        Ok(self.subscription.is_through()?.then_some(Fetched::Through))
    }

    fn look_at_topic(&mut self) -> Result<Option<Fetched>, BrokerError> {
        Ok(self.subscription.look_after()?.map(Fetched::Topic))
    }

    /// Takes the messages that are there, and waits for the first.
    fn fill(&mut self, messages: &mut Messages) -> Result<Option<Deleted>, Unheard> {
        while !messages.is_full() {
            let wait = if messages.is_empty() { POLL_WAIT } else { Duration::ZERO };
            let turn = match self.subscription.poll(wait) {
                Ok(turn) => turn,
                Err(error) => {
                    // What came before it comes before it.
                    let before = std::mem::take(messages);
                    self.send(Fetched::Messages(before))?;
                    return self.checked(Err(error));
                }
            };
            match turn {
                Some(Turn::Message(delivery)) => messages.push(&delivery),
                Some(Turn::Deleted(deleted)) => return Ok(Some(deleted)),
                Some(Turn::Assigned(_) | Turn::Revoked(_)) | None => break,
            }
        }
        Ok(None)
    }

    fn answer(&mut self, request: Request) -> Result<(), Unheard> {
        match request {
            Request::Commit(positions) => {
                if let Err(error) = self.subscription.commit(&positions) {
                    tracing::warn!(%error, "offsets not committed");
                }
                Ok(())
            }
            Request::CommitLast(positions) => {
                if let Err(error) = self.subscription.commit_last(&positions, COMMIT_PATIENCE) {
                    tracing::warn!(%error, "offsets not committed");
                }
                Err(Unheard)
            }
            Request::Add(partition, from) => {
                let added = self.subscription.add(partition, from);
                self.checked(added)
            }
            Request::TellEnd | Request::Reuse(_) => Ok(()),
        }
    }

    fn send(&self, fetched: Fetched) -> Result<(), Unheard> {
        self.fetched.send(fetched).map_err(|_| Unheard)
    }

    fn checked<T>(&self, outcome: Result<T, BrokerError>) -> Result<T, Unheard> {
        outcome.map_err(|error| {
            let _ = self.fetched.send(Fetched::Failed(error));
            Unheard
        })
    }
}

/// The ends of the channels that the consumer holds.
pub(crate) struct Fetching {
    pub(crate) fetched: Receiver<Fetched>,
    pub(crate) requests: Sender<Request>,
}

impl Fetching {
    /// The last report of a fetcher that has ended says why.
    pub(crate) fn ask(&self, request: Request) {
        let _ = self.requests.send(request);
    }
}
